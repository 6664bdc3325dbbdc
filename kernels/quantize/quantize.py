"""QUANTIZE: float32 to codes, and codes of one scale to codes of another (requantization)."""

from __future__ import annotations

import math

import numpy as np

from ...schema import TensorType
from ...schema.deferred import dataclass
from ..activation_range import type_range
from ..activations.lookup import lower_table, tabulate
from ..checks import checked_multiplier, require_arity, require_quantized
from ..elementwise.lowering import rescaling_fields
from ..fixed_point import multiply_by_quantized_multiplier, round_half_away
from ..operator import Field, Input, Instruction, Kernel, Node, Output, Prepared
from ..profiles import Profile, Rounding
from .channels import Affine, affine
from .conversion import to_int32

_EIGHT_BITS = (TensorType.INT8, TensorType.UINT8)

_TARGETS = {
    TensorType.FLOAT32: (TensorType.INT8, TensorType.UINT8, TensorType.INT16, TensorType.INT4),
    TensorType.INT8: _EIGHT_BITS,
    TensorType.UINT8: _EIGHT_BITS,
    TensorType.INT16: (TensorType.INT8, TensorType.INT16, TensorType.INT32),
    TensorType.INT32: (TensorType.INT8, TensorType.INT16),
}


@dataclass(frozen=True)
class Quantize(Prepared):
    """From float32 to codes: the output's parameters, its data type and the range of its codes."""

    output: Affine
    dtype: np.dtype
    code_min: int
    code_max: int


@dataclass(frozen=True)
class Requantize(Prepared):
    """From codes to codes: ``output_zero_point + (code - input_zero_point) * multiplier * 2**(shift - 31)``."""

    input_zero_point: int
    output_zero_point: int
    multiplier: int
    shift: int
    rounding: Rounding
    dtype: np.dtype
    code_min: int
    code_max: int


def prepare(node: Node, profile: Profile) -> Quantize | Requantize:
    """Prepare QUANTIZE.

    Notes
    -----
    Source: ``Prepare`` in ``kernels/quantize.cc``; the ratio of the scales is a float64.
    """
    require_arity(node, 1)
    source, target = node.input(0), node.output()
    if target.type not in _TARGETS[source.type]:
        raise node.unsupported(
            f"{source.type.name.lower()} to " + ", ".join(t.name.lower() for t in _TARGETS[source.type])
        )
    low, high = type_range(target.type)
    if source.type is TensorType.FLOAT32:
        parameters = affine(node, target, source.shape)
        if target.type is TensorType.INT4 and parameters.axis is not None:
            raise node.unsupported("one scale for int4")
        node.require(
            bool(np.all(np.isfinite(parameters.scale)) and np.all(parameters.scale > 0)), "positive output scales"
        )
        return Quantize((source.shape,), parameters, target.dtype, low, high)
    require_quantized(node, source, target)
    if source.type is target.type is TensorType.INT16:
        node.require(source.zero_point == target.zero_point == 0, "zero points of 0")
    rounding = profile.rounding_of(node.name)
    multiplier, shift = checked_multiplier(node, float(source.scale) / float(target.scale), rounding)
    zero_points = source.zero_point, target.zero_point
    return Requantize((source.shape,), *zero_points, multiplier, shift, rounding, target.dtype, low, high)


def evaluate(prepared: Quantize | Requantize, x: np.ndarray) -> np.ndarray:
    """Quantize float32, or requantize codes, of any shape."""
    if isinstance(prepared, Quantize):
        return quantize(prepared, x)
    return requantize(prepared, x)


def quantize(prepared: Quantize, x: np.ndarray) -> np.ndarray:
    """Return ``round(x / scale) + zero_point``, clamped; the division is in float32, halves round away from zero.

    Notes
    -----
    Source: ``AffineQuantize`` in ``kernels/internal/reference/quantize.h`` and ``PerChannelQuantize``. Quotients
    beyond int32, and NaN, become -2**31, and the addition wraps: with a negative zero point they leave as the
    greatest code (quirk).
    """
    scale, zero_point = prepared.output.along(x.ndim)
    with np.errstate(over="ignore", invalid="ignore"):
        codes = to_int32(round_half_away(x / scale)) + zero_point
    return np.asarray(np.clip(codes, prepared.code_min, prepared.code_max), prepared.dtype)


def requantize(prepared: Requantize, x: np.ndarray) -> np.ndarray:
    """Rescale codes; int32 differences and sums wrap.

    Notes
    -----
    Source: ``Requantize`` in ``kernels/internal/reference/requantize.h``. Its short cut for int8 and uint8 of one
    scale, ``code ^ 0x80``, is the same number: multiplier 2**30 with shift 1 is exactly 1.
    """
    difference = (x.astype(np.int64) - prepared.input_zero_point).astype(np.int32)
    scaled = multiply_by_quantized_multiplier(difference, prepared.multiplier, prepared.shift, prepared.rounding)
    codes = (scaled.astype(np.int64) + prepared.output_zero_point).astype(np.int32)
    return np.asarray(np.clip(codes, prepared.code_min, prepared.code_max), prepared.dtype)


def lower(prepared: Quantize | Requantize, node: Node) -> Instruction | None:
    """Lower per-tensor float32 to ``quantize8`` or ``quantize16``, codes to codes of their own size by table."""
    source, target = node.input(0), node.output()
    size = math.prod(source.shape)
    wide = target.type is TensorType.INT16
    if size == 0:
        return None
    if isinstance(prepared, Requantize):
        if source.dtype.itemsize == target.dtype.itemsize <= 2:
            return lower_table(tabulate(requantize, prepared, source), node)
        return _lower_requantization(prepared, node, size)
    if not (wide or target.type in _EIGHT_BITS) or prepared.output.axis is not None:
        return None
    return Instruction(
        "quantize16" if wide else "quantize8",
        {
            "input": Input(0, 4 * size),
            "output": Output(0, 2 * size if wide else size),
            "size": size,
            "scale": float(prepared.output.scale[0]),
            "zero_point": int(prepared.output.zero_point[0]),
            "code_min": prepared.code_min,
            "code_max": prepared.code_max,
            **({} if wide else {"sign_flip": 128 if target.type is TensorType.INT8 else 0}),
            "part": 0,
            "parts": 1,
        },
    )


def _lower_requantization(prepared: Requantize, node: Node, size: int) -> Instruction | None:
    """Lower codes that become wider or narrower to ``requantize``; from 8 bits they stay with ``evaluate``."""
    source, target = node.input(0), node.output()
    if source.dtype.itemsize == 1 or target.dtype.itemsize > 4:
        return None
    double = prepared.rounding is Rounding.DOUBLE
    fields: dict[str, Field] = {
        "input": Input(0, source.dtype.itemsize * size),
        "output": Output(0, target.dtype.itemsize * size),
        "size": size,
        "input_width": source.dtype.itemsize,
        "output_width": target.dtype.itemsize,
        "input_zero_point": prepared.input_zero_point,
        "output_left_shift": max(prepared.shift, 0) if double else 0,
        "output_zero_point": prepared.output_zero_point,
        "code_min": prepared.code_min,
        "code_max": prepared.code_max,
    }
    rescaling = rescaling_fields("output", prepared.multiplier, prepared.shift, prepared.rounding)
    return Instruction("requantize", {**fields, **rescaling})


KERNELS = (Kernel("QUANTIZE", (1, 6), tuple(_TARGETS), prepare, evaluate, lower),)
