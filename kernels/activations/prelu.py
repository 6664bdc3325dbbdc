"""PRELU: what is negative is multiplied by an alpha of its own, usually one per channel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ..activation_range import type_range
from ..broadcast import broadcast_shape
from ..checks import checked_multiplier, require_arity, require_quantized, require_same_type
from ..elementwise.lowering import broadcast_fields, is_lowerable, lower_float_arithmetic, rescaling_fields, sized
from ..fixed_point import multiply_by_quantized_multiplier, output_codes
from ..operator import Field, Instruction, Kernel, Node, Prepared
from ..profiles import Profile, Rounding


@dataclass(frozen=True)
class FloatPrelu(Prepared):
    """PRELU in float32."""


@dataclass(frozen=True)
class QuantizedPrelu(Prepared):
    """PRELU of codes.

    ``positive_multiplier`` and ``positive_shift`` rescale what is not negative, ``negative_multiplier`` and
    ``negative_shift`` the product of what is negative with alpha. ``alpha_by_bytes``: alpha is int16, and the
    reference takes the bytes it begins with for its elements (a defect that ``litert`` reproduces).
    """

    input_zero_point: int
    alpha_zero_point: int
    positive_multiplier: int
    positive_shift: int
    negative_multiplier: int
    negative_shift: int
    output_zero_point: int
    output_min: int
    output_max: int
    rounding: Rounding
    alpha_by_bytes: bool = False


def prepare(node: Node, profile: Profile) -> FloatPrelu | QuantizedPrelu:
    """Prepare PRELU; alpha broadcasts to the shape of the input, and is int8 or int16 where that is int16.

    Notes
    -----
    Source: ``PreluPrepare`` in ``kernels/activations.cc``; the real multipliers are float32.
    """
    require_arity(node, 2)
    source, alpha, target = tensors = node.input(0), node.input(1), node.output()
    require_same_type(node, source, target)
    if source.type is not TensorType.INT16 or alpha.type is not TensorType.INT8:
        require_same_type(node, *tensors)
    shape = broadcast_shape(node, source.shape, alpha.shape)
    node.require(shape == source.shape, "an alpha that broadcasts to the input's shape")
    if source.type is TensorType.FLOAT32:
        return FloatPrelu((shape,))
    require_quantized(node, *tensors)
    rounding = profile.rounding_of(node.name)
    with np.errstate(all="ignore"):
        positive = source.scale / target.scale
        negative = source.scale * alpha.scale / target.scale
    return QuantizedPrelu(
        (shape,),
        source.zero_point,
        alpha.zero_point,
        *checked_multiplier(node, positive, rounding),
        *checked_multiplier(node, negative, rounding),
        target.zero_point,
        *type_range(target.type),
        rounding,
        alpha_by_bytes=alpha.type is TensorType.INT16 and profile.reproduces_quirks,
    )


def evaluate(prepared: FloatPrelu | QuantizedPrelu, x: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Multiply what is negative by alpha; the result has shape and type of ``x``.

    Notes
    -----
    Source: ``ApplyPrelu`` in ``kernels/activations.cc`` and ``kernels/internal/reference/prelu.h``.
    """
    if isinstance(prepared, FloatPrelu):
        with np.errstate(all="ignore"):
            return np.where(x >= 0, x, x * alpha)
    p = prepared
    alpha = codes_of_alpha(p, alpha)
    centered = x.astype(np.int32) - np.int32(p.input_zero_point)
    product = centered * (alpha.astype(np.int32) - np.int32(p.alpha_zero_point))
    positive = multiply_by_quantized_multiplier(centered, p.positive_multiplier, p.positive_shift, p.rounding)
    negative = multiply_by_quantized_multiplier(product, p.negative_multiplier, p.negative_shift, p.rounding)
    codes = np.where(centered >= 0, positive, negative)
    return output_codes(codes, p.output_zero_point, p.output_min, p.output_max, x.dtype)


def codes_of_alpha(prepared: QuantizedPrelu, alpha: np.ndarray) -> np.ndarray:
    """Return alpha as the reference reads it."""
    if not prepared.alpha_by_bytes:
        return alpha
    return np.ascontiguousarray(alpha).view(np.int8).ravel()[: alpha.size].reshape(alpha.shape)


def lower(prepared: FloatPrelu | QuantizedPrelu, node: Node) -> Instruction | None:
    """Lower codes to ``prelu8`` or, where alpha is known, ``prelu16``; float32 to ``arithmetic_float32``."""
    shape = prepared.output_shape
    if isinstance(prepared, FloatPrelu):
        return lower_float_arithmetic(node, shape)
    wide, alpha = node.input(0).type is TensorType.INT16, node.input(1).value
    if not is_lowerable(node, shape) or (wide and alpha is None):
        return None
    p, double = prepared, prepared.rounding is Rounding.DOUBLE
    own: dict[str, Field] = {
        "positive_left_shift": max(p.positive_shift, 0) if double else 0,
        "output_left_shift": max(p.negative_shift, 0) if double else 0,
        "output_zero_point": p.output_zero_point,
        "activation_min": p.output_min,
        "activation_max": p.output_max,
    }
    rescalings = {
        **rescaling_fields("positive", p.positive_multiplier, p.positive_shift, p.rounding),
        **rescaling_fields("output", p.negative_multiplier, p.negative_shift, p.rounding),
    }
    zero_points = (p.input_zero_point, p.alpha_zero_point)
    fields = {**own, **rescalings, **broadcast_fields(node, shape, zero_points)}
    if wide and alpha is not None:
        fields["input2"] = codes_of_alpha(p, alpha).astype(np.int16)
    return Instruction(sized("prelu", node), fields)


_TYPES = (TensorType.FLOAT32, TensorType.INT8, TensorType.UINT8, TensorType.INT16)

KERNELS = (Kernel("PRELU", (1, 1), _TYPES, prepare, evaluate, lower),)
