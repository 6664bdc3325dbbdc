"""Whether an operator meets a quirk of the reference: the conditions of the table in :mod:`q31.kernels.quirks`.

Each takes the node and what its ``prepare`` made of it. Where values decide that are not known beforehand, the
answer is that the operator may meet it.
"""

from __future__ import annotations

import math

import numpy as np

from ..schema import ActivationFunctionType, TensorType
from .activations.interpolation import Interpolated
from .convolution.hybrid_matmul import HybridBatchMatMul
from .convolution.prepared import HybridConv2D, HybridDepthwiseConv2D, HybridFullyConnected
from .custom.detection_postprocess import DetectionPostprocess
from .elementwise.add_sub import QuantizedSum
from .elementwise.binary import FloorDiv
from .elementwise.comparisons import QuantizedComparison
from .elementwise.div import QuantizedQuotient
from .elementwise.roots import QuantizedRsqrt
from .operator import Node, Prepared
from .quantize.quantize import Quantize
from .recurrent.svdf import SVDF
from .reduce.mean import QuantizedMean
from .reduce.sum_prod import QuantizedReduction

_SIMD_BLOCK = 8
_GEMV_BLOCK = 16
_LARGEST_INT32 = 2**31 - 1
_RSQRT_SPARE_BITS = 20


def rounds_in_blocks(node: Node, prepared: Prepared) -> bool:
    """Hybrid, with at least eight activations quantized together."""
    if isinstance(prepared, HybridFullyConnected):
        return prepared.quirks and prepared.depth >= _SIMD_BLOCK
    if isinstance(prepared, (HybridConv2D, HybridDepthwiseConv2D)):
        return prepared.quirks and math.prod(node.input(0).shape[1:]) >= _SIMD_BLOCK
    return isinstance(prepared, HybridBatchMatMul) and prepared.quirks and prepared.x_shape[-1] >= _SIMD_BLOCK


def _in_whole_blocks(node: Node) -> np.ndarray | None:
    """Return the weights (units, columns) in whole blocks of 16 columns; None where they are not constant."""
    weights = node.input(1).value
    if weights is None:
        return None
    if node.name == "BATCH_MATMUL":
        weights = weights if node.options.adj_y else weights.swapaxes(-1, -2)
        weights = weights.reshape(math.prod(weights.shape[:-1]), weights.shape[-1])
    rows = weights.reshape(len(weights), math.prod(weights.shape[1:]))
    return rows[:, : rows.shape[1] // _GEMV_BLOCK * _GEMV_BLOCK]


def negates_minus_128(node: Node, prepared: Prepared) -> bool:
    """Hybrid, with a weight of -128 in a whole block of 16 columns; some of CONV_2D take another product."""
    if isinstance(prepared, HybridConv2D):
        if not prepared.quirks or prepared.asymmetric or node.input(1).shape[0] % 4 == 0:
            return False
    elif not isinstance(prepared, HybridFullyConnected) or not prepared.quirks:
        return False
    weights = _in_whole_blocks(node)
    return weights is None or bool(np.any(weights == -128))


def wraps_row_sums(node: Node, prepared: Prepared) -> bool:
    """Hybrid with zero points, with weights whose sums in eight lanes leave int16."""
    if not isinstance(prepared, (HybridFullyConnected, HybridBatchMatMul)):
        return False
    if not prepared.quirks or not prepared.asymmetric:
        return False
    weights = _in_whole_blocks(node)
    if weights is None:
        return True
    lanes = weights.reshape(len(weights), -1, _GEMV_BLOCK // 2, 2).sum(axis=(1, 3), dtype=np.int64)
    return bool(np.any(lanes != lanes.astype(np.int16)))


def forgets_batch_strides(node: Node, prepared: Prepared) -> bool:
    """Hybrid products of matrices along two leading axes or more."""
    if not isinstance(prepared, HybridBatchMatMul) or not prepared.quirks:
        return False
    shapes = (prepared.x_shape[:3], *((prepared.y_shape[:3],) if prepared.asymmetric else ()))
    return any(sum(size > 1 for size in shape) > 1 for shape in shapes)


def drops_left_shift(node: Node, prepared: Prepared) -> bool:
    """SUB of codes with an output multiplier above 1."""
    return isinstance(prepared, QuantizedSum) and prepared.ignores_left_shift


def needs_left_shift(node: Node, prepared: Prepared) -> bool:
    """ADD of codes with an output multiplier of 1 or more, or SUB with exactly 1."""
    return isinstance(prepared, QuantizedSum) and prepared.output_shift > 0 and not prepared.ignores_left_shift


def sums_as_uint8(node: Node, prepared: Prepared) -> bool:
    """SUM of int8."""
    return isinstance(prepared, QuantizedReduction) and prepared.as_uint8


def sums_int16(node: Node, prepared: Prepared) -> bool:
    """SUM of int16 codes."""
    return isinstance(prepared, QuantizedReduction) and node.input(0).type is TensorType.INT16


def wraps_mean(node: Node, prepared: Prepared) -> bool:
    """MEAN of so many codes that their sum may leave int32."""
    if not isinstance(prepared, QuantizedMean):
        return False
    largest = {TensorType.INT8: 128, TensorType.UINT8: 255}.get(node.input(0).type, 32768)
    return prepared.count * largest > _LARGEST_INT32


def quantizes_float(node: Node, prepared: Prepared) -> bool:
    """QUANTIZE of float32: whether values are so large is known at run time only."""
    return isinstance(prepared, Quantize)


def concatenates_beyond_int32(node: Node, prepared: Prepared) -> bool:
    """CONCATENATION of uint8 codes that are more than 2**31 steps of the output's scale."""
    target = node.output()
    if target.type is not TensorType.UINT8 or not target.scale > 0:
        return False
    sources = (node.input(index) for index in range(len(node.inputs)))
    return any(float(one.scale) * (255 - one.zero_point) / float(target.scale) > _LARGEST_INT32 for one in sources)


def tabulates_beyond_int32(node: Node, prepared: Prepared) -> bool:
    """Tabulated uint8 codes whose greatest value is more than 2**31 steps of the output's scale."""
    source, target = node.input(0), node.output()
    if target.type is not TensorType.UINT8 or not target.scale > 0:
        return False
    greatest = float(source.scale) * (255 - source.zero_point) if node.name == "GELU" else 1.0
    return greatest / float(target.scale) > _LARGEST_INT32


def clamps_unsigned_at_minus_one(node: Node, prepared: Prepared) -> bool:
    """uint32 with the fused activation RELU_N1_TO_1."""
    activation = getattr(node.options, "fused_activation_function", None)
    return node.input(0).type is TensorType.UINT32 and activation is ActivationFunctionType.RELU_N1_TO_1


def negates_codes(node: Node, prepared: Prepared) -> bool:
    """NEG of a quantized tensor whose codes are not their values' own negatives: zero points, or unequal scales."""
    source, target = node.input(0), node.output()
    if not source.quantized:
        return False
    symmetric = source.zero_point == target.zero_point == 0
    return not symmetric or source.scale != target.scale


def jumps_in_int16(node: Node, prepared: Prepared) -> bool:
    """Tabulate int16 codes with a jump between two samples that leaves int16."""
    if not isinstance(prepared, Interpolated):
        return False
    return bool(np.any(np.abs(np.diff(prepared.table.astype(np.int32))) > 2**15 - 1))


def shifts_rsqrt_beyond_31(node: Node, prepared: Prepared) -> bool:
    """RSQRT of int8 whose output scale is so large."""
    return isinstance(prepared, QuantizedRsqrt) and prepared.wraps_shifts and prepared.shift - _RSQRT_SPARE_BITS < -31


def is_integer_svdf(node: Node, prepared: Prepared) -> bool:
    """SVDF of int8."""
    return isinstance(prepared, SVDF)


def dequantizes_by_lanes(node: Node, prepared: Prepared) -> bool:
    """Read at least eight scores in uint8."""
    if not isinstance(prepared, DetectionPostprocess) or prepared.score_codes is None:
        return False
    return prepared.whole_lanes_in_float32 and math.prod(node.input(1).shape) >= _SIMD_BLOCK


def compares_in_256ths(node: Node, prepared: Prepared) -> bool:
    """Compare codes of two scales, or of one that is finer than 1/256."""
    first, second = node.input(0).scale, node.input(1).scale
    return isinstance(prepared, QuantizedComparison) and bool(first != second or first * 256 < 1)


def compares_scales_above_1(node: Node, prepared: Prepared) -> bool:
    """Compare codes of which one has a scale above 1."""
    wraps = isinstance(prepared, QuantizedComparison) and prepared.wraps_shifts
    return wraps and bool(max(node.input(0).scale, node.input(1).scale) > 1)


def compares_scale_of_1(node: Node, prepared: Prepared) -> bool:
    """Compare codes of which one has the scale 1."""
    return isinstance(prepared, QuantizedComparison) and 1 in (node.input(0).scale, node.input(1).scale)


def compares_int16_codes(node: Node, prepared: Prepared) -> bool:
    """Compare int16 codes of two scales as numbers."""
    first, second = node.input(0), node.input(1)
    return first.type is TensorType.INT16 and first.scale != second.scale


def compares_int16_numbers(node: Node, prepared: Prepared) -> bool:
    """Compare int16 without a scale."""
    return node.input(0).type is TensorType.INT16 and not node.input(0).quantized


def divides_beyond_31(node: Node, prepared: Prepared) -> bool:
    """Divide codes, with an output multiplier not so large that even a dividend of 0 is shifted by less."""
    bits = 16 if node.input(0).type is TensorType.INT16 else 8
    return isinstance(prepared, QuantizedQuotient) and prepared.wraps_shifts and prepared.output_shift < bits


def takes_codes_of_several_scales(node: Node, prepared: Prepared) -> bool:
    """Treat codes of several scales or zero points as numbers."""
    return len({(one.scale, one.zero_point) for one in (node.input(0), node.input(1), node.output())}) > 1


def raises_int32(node: Node, prepared: Prepared) -> bool:
    """Raise int32 to a power; whether it fits is known at run time only."""
    return node.input(0).type is TensorType.INT32


def holds_flat_positions_only(node: Node, prepared: Prepared) -> bool:
    """Pick or write by indices of several axes; whether one is out of bounds is known at run time only."""
    indices = node.input(1 if node.name == "GATHER_ND" else 0)
    return getattr(prepared, "flat_bounds", False) and indices.shape[-1] > 1


def dequantizes_uint8_rows(node: Node, prepared: Prepared) -> bool:
    """Pick rows of a uint8 table as float32."""
    return node.input(1).type is TensorType.UINT8 and getattr(prepared, "codes", None) == np.int8


def saturates_in_blocks(node: Node, prepared: Prepared) -> bool:
    """Divide at least eight int8 or int16; whether one is the least by -1 is known at run time only."""
    return isinstance(prepared, FloorDiv) and prepared.elements_in_blocks > 0


def reconsiders_selected(node: Node, prepared: Prepared) -> bool:
    """Select boxes; whether one is selected twice is known at run time only."""
    return bool(getattr(prepared, "reconsiders_selected", False))


def has_nan_to_compare(node: Node, prepared: Prepared) -> bool:
    """ARG_MAX or ARG_MIN of float32: whether there are NaN is known at run time only."""
    return node.input(0).type is TensorType.FLOAT32


def always(node: Node, prepared: Prepared) -> bool:
    """Wherever the operator runs."""
    return True


def never(node: Node, prepared: Prepared) -> bool:
    """Nowhere: ``prepare`` refuses such a node."""
    return False
