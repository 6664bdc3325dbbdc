"""SUM and REDUCE_PROD over any axes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ..activation_range import type_range
from ..checks import checked_multiplier, require_quantized
from ..fixed_point import multiply_by_quantized_multiplier, multiply_int64_by_quantized_multiplier, output_codes
from ..operator import Instruction, Kernel, Node
from ..profiles import Profile, Rounding
from .lowering import lower_float_sum, lower_sum_of_codes
from .reductions import CODES, PLAIN, Reduction, prepare_reduction, require_same_quantization, rows_of, with_start


@dataclass(frozen=True)
class QuantizedReduction(Reduction):
    """A sum or product of codes.

    Parameters
    ----------
    input_zero_point, output_zero_point, output_min, output_max : of the codes.
    multiplier, shift : rescale a sum to the output, or a product after each of its factors.
    rounding : of a sum's rescaling.
    as_uint8 : the reference's defect in SUM of int8, see :func:`_sum_as_uint8`.
    """

    input_zero_point: int
    output_zero_point: int
    output_min: int
    output_max: int
    multiplier: int
    shift: int
    rounding: Rounding
    as_uint8: bool = False


def _quantized(node: Node, plain: Reduction, real: float, rounding: Rounding, as_uint8: bool) -> QuantizedReduction:
    source, target = node.input(0), node.output()
    low, high = (0, 255) if as_uint8 else type_range(target.type)
    multiplier, shift = checked_multiplier(node, real, rounding)
    points = (source.zero_point, target.zero_point)
    where = (plain.output_shapes, plain.axes, plain.count, plain.whole)
    return QuantizedReduction(*where, *points, low, high, multiplier, shift, rounding, as_uint8)


def prepare_sum(node: Node, profile: Profile) -> Reduction:
    """Prepare SUM.

    Notes
    -----
    Source: ``PrepareMeanOrSum`` in ``kernels/reduce.cc``.
    """
    plain = prepare_reduction(node)
    source, target = node.input(0), node.output()
    if source.type not in CODES:
        return plain
    require_quantized(node, source, target)
    as_uint8 = profile.reproduces_quirks and source.type is TensorType.INT8
    real = float(source.scale) / float(target.scale)
    return _quantized(node, plain, real, profile.rounding_of(node.name), as_uint8)


def prepare_prod(node: Node, profile: Profile) -> Reduction:
    """Prepare REDUCE_PROD; integers without a scale are multiplied as integers.

    Notes
    -----
    Source: ``PrepareProd`` and ``GetQuantProdScaling`` in ``kernels/reduce.cc``: each factor is rescaled by the
    n-th root of the output's scale, so that no product leaves its range.
    """
    plain = prepare_reduction(node)
    source, target = node.input(0), node.output()
    if not source.quantized:
        require_same_quantization(node)
        return plain
    if source.type not in (TensorType.INT8, TensorType.INT16):
        raise node.unsupported("a scale with int8 and int16 only")
    require_quantized(node, source, target)
    size = math.prod(source.shape)
    node.require(size > 0, "at least one element")
    real = float(source.scale) / math.pow(float(target.scale), 1 / plain.count)
    return _quantized(node, plain, real, profile.rounding_of(node.name), False)


def _sum_as_uint8(x: np.ndarray) -> np.ndarray:
    """Return int8 codes as uint8.

    Quirk: the reference's SUM of int8 reads the bytes as uint8 (-1 counts as 255), while the zero points stay those
    of int8, clamps the result to 0..255 and writes its byte.
    """
    return x.view(np.uint8)


def evaluate_sum(prepared: Reduction, x: np.ndarray, axes: np.ndarray | None = None) -> np.ndarray:
    """Add up: float32 from left to right, integers wrapping, codes in int32 with one rescaling.

    Notes
    -----
    Source: ``EvalSum`` in ``kernels/reduce.cc``, ``QuantizedMeanOrSum`` in ``kernels/internal/reference/reduce.h``.
    SUM of int16 leaves half of the output unwritten in the reference; here it is what the definition says.
    """
    shape = prepared.output_shape
    if isinstance(prepared, QuantizedReduction):
        return _evaluate_quantized_sum(prepared, np.ascontiguousarray(x))
    rows = rows_of(prepared, x)
    if x.dtype != np.float32:
        return rows.sum(axis=1, dtype=x.dtype).reshape(shape)
    with np.errstate(all="ignore"):
        return np.add.accumulate(with_start(prepared, rows, 0.0), axis=1)[:, -1].reshape(shape)


def _evaluate_quantized_sum(prepared: QuantizedReduction, x: np.ndarray) -> np.ndarray:
    if x.size == 0:
        return np.zeros(prepared.output_shape, x.dtype)
    codes = _sum_as_uint8(x) if prepared.as_uint8 else x
    sums = rows_of(prepared, codes).sum(axis=1, dtype=np.int64).astype(np.int32).astype(np.int64)
    centred = (sums - prepared.input_zero_point * prepared.count).astype(np.int32)
    scaled = multiply_by_quantized_multiplier(centred, prepared.multiplier, prepared.shift, prepared.rounding)
    limits = (prepared.output_min, prepared.output_max)
    summed = output_codes(scaled, prepared.output_zero_point, *limits, codes.dtype)
    return summed.view(x.dtype).reshape(prepared.output_shape)


def lower_sum(prepared: Reduction, node: Node) -> Instruction | None:
    """Lower sums of codes and of float32; empty tensors and other types stay with ``evaluate``."""
    if isinstance(prepared, QuantizedReduction):
        points = (prepared.input_zero_point, prepared.output_zero_point)
        rescaling = (prepared.multiplier, prepared.shift, prepared.rounding)
        limits = (prepared.output_min, prepared.output_max)
        return lower_sum_of_codes(node, prepared.axes, points, rescaling, limits, prepared.as_uint8)
    if node.input(0).type is TensorType.FLOAT32:
        return lower_float_sum(node, prepared.axes, 0, prepared.whole)
    return None


def evaluate_prod(prepared: Reduction, x: np.ndarray, axes: np.ndarray | None = None) -> np.ndarray:
    """Multiply: float32 from left to right, integers wrapping, codes with a rescaling after each factor.

    Notes
    -----
    Source: ``EvalProd`` in ``kernels/reduce.cc``, ``QuantizedReduceProd`` in ``kernels/internal/reference/reduce.h``.
    """
    shape, rows = prepared.output_shape, rows_of(prepared, x)
    if not isinstance(prepared, QuantizedReduction):
        if x.dtype == np.bool_:
            return rows.all(axis=1).reshape(shape)
        if x.dtype != np.float32:
            return rows.prod(axis=1, dtype=x.dtype).reshape(shape)
        with np.errstate(all="ignore"):
            return np.multiply.accumulate(with_start(prepared, rows, 1.0), axis=1)[:, -1].reshape(shape)
    centred = rows.astype(np.int64) - prepared.input_zero_point
    product = centred[:, 0].astype(np.int32)
    for factor in centred[:, 1:].T:
        product = _rescale(prepared, product.astype(np.int64) * factor)
    product = _rescale(prepared, product.astype(np.int64))
    limits = (prepared.output_min, prepared.output_max)
    return output_codes(product, prepared.output_zero_point, *limits, x.dtype).reshape(shape)


def _rescale(prepared: QuantizedReduction, product: np.ndarray) -> np.ndarray:
    return multiply_int64_by_quantized_multiplier(product, prepared.multiplier, prepared.shift)


_TYPES = (*PLAIN, *CODES)

KERNELS = (
    Kernel("SUM", (1, 2), _TYPES, prepare_sum, evaluate_sum, lower_sum, values=(1,)),
    Kernel("REDUCE_PROD", (1, 2), (*_TYPES, TensorType.BOOL), prepare_prod, evaluate_prod, values=(1,)),
)
