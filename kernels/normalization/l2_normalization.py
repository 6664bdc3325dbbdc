"""L2_NORMALIZATION: each vector along the last axis divided by its length. float32, int8 and uint8."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...schema import ActivationFunctionType, TensorType
from ...schema.options import L2NormOptions
from ..checks import options_of, require_arity, require_quantized, require_same_type
from ..fixed_point import multiply_by_quantized_multiplier
from ..inverse_square_root import inverse_square_root
from ..operator import Field, Input, Instruction, Kernel, Node, Output, Prepared
from ..profiles import Profile, Rounding

_TYPES = (TensorType.FLOAT32, TensorType.UINT8, TensorType.INT8)
_SHORTEST = np.float32(1e-6)
_OUTPUT_BITS = 7  # the output's scale is 1/128


@dataclass(frozen=True)
class L2Normalization(Prepared):
    """A normalization; the zero points and the rounding are those of codes."""

    input_zero_point: int
    output_zero_point: int
    rounding: Rounding


def prepare(node: Node, profile: Profile) -> L2Normalization:
    """Prepare L2_NORMALIZATION.

    Notes
    -----
    Source: ``Prepare`` in ``kernels/l2norm.cc``.
    """
    require_arity(node, 1)
    source, target = node.input(0), node.output()
    require_same_type(node, source, target)
    node.require(len(source.shape) >= 1, "an input of rank 1 at least")
    activation = options_of(node, L2NormOptions).fused_activation_function
    node.require(activation is ActivationFunctionType.NONE, "no fused activation")
    if source.type is not TensorType.FLOAT32:
        require_quantized(node, source)
        zero_point = 128 if source.type is TensorType.UINT8 else 0
        fits = target.scale == np.float32(1 / 128) and target.zero_point == zero_point
        node.require(fits, f"an output of scale 1/128 and zero point {zero_point}")
    return L2Normalization((source.shape,), source.zero_point, target.zero_point, profile.rounding_of(node.name))


def evaluate(prepared: L2Normalization, x: np.ndarray) -> np.ndarray:
    """Divide each vector by its length; shape and type of ``x``.

    Notes
    -----
    Source: ``L2Normalization`` in ``kernels/internal/reference/l2normalization.h`` (float32, uint8) and
    ``reference/integer_ops/l2normalization.h`` (int8). float32 lengths are at least 1e-6.
    """
    rows = x.reshape(math.prod(x.shape[:-1]), x.shape[-1])
    if x.size == 0:
        return x.copy()
    if x.dtype == np.float32:
        with np.errstate(all="ignore"):
            length = np.sqrt(np.add.accumulate(rows * rows, axis=1)[:, -1:])
            at_least = np.where(length < _SHORTEST, _SHORTEST, length)
            return (rows / at_least).reshape(x.shape)
    centred = rows.astype(np.int64) - prepared.input_zero_point
    lengths = (centred * centred).sum(axis=1).astype(np.int32)
    inverses = [inverse_square_root(int(length)) for length in lengths]
    multiplier, shift = (np.array(column, np.int64)[:, None] for column in zip(*inverses, strict=True))
    if x.dtype == np.uint8:
        scaled = multiply_by_quantized_multiplier(128 * centred, multiplier, shift, prepared.rounding)
    else:
        scaled = multiply_by_quantized_multiplier(centred, multiplier, shift + _OUTPUT_BITS, prepared.rounding)
    limits = np.iinfo(x.dtype)
    codes = scaled.astype(np.int64) + prepared.output_zero_point
    return np.clip(codes, limits.min, limits.max).astype(x.dtype).reshape(x.shape)


def lower(prepared: L2Normalization, node: Node) -> Instruction | None:
    """Lower codes to ``l2_normalization8``."""
    source = node.input(0)
    size = math.prod(source.shape)
    if source.type is TensorType.FLOAT32 or size == 0:
        return None
    is_int8 = source.type is TensorType.INT8
    flip = 128 if is_int8 else 0
    limits = np.iinfo(source.dtype)
    fields: dict[str, Field] = {
        "input": Input(0, size),
        "output": Output(0, size),
        "rows": size // source.shape[-1],
        "depth": source.shape[-1],
        "sign_flip": flip,
        "input_zero_point": prepared.input_zero_point + flip,
        "output_zero_point": prepared.output_zero_point,
        "factor": 1 if is_int8 else 128,
        "shift": _OUTPUT_BITS if is_int8 else 0,
        "single": int(prepared.rounding is Rounding.SINGLE),
        "code_min": int(limits.min),
        "code_max": int(limits.max),
    }
    return Instruction("l2_normalization8", fields)


KERNELS = (Kernel("L2_NORMALIZATION", (1, 2), _TYPES, prepare, evaluate, lower),)
