"""Quirks of the products: convolutions, FULLY_CONNECTED and BATCH_MATMUL."""

from __future__ import annotations

import math

import numpy as np

from ..convolution.batch_matmul import QuantizedBatchMatMul
from ..convolution.hybrid_matmul import HybridBatchMatMul
from ..convolution.prepared import (
    EmptyFullyConnected,
    HybridConv2D,
    HybridDepthwiseConv2D,
    HybridFullyConnected,
    HybridTransposeConv,
    QuantizedConv2D,
    QuantizedDepthwiseConv2D,
    QuantizedFullyConnected,
)
from ..convolution.sparse_weights import has_sparse_kernel, wrapping_pairs
from ..operator import Node, Prepared, TensorSpec
from ..quirk import Quirk, Treatment
from .condition import never
from .recurrent import RECURRENT, RECURRENT_CODE, hybrid_matrices, is_hybrid

_SIMD_BLOCK = 8
_GEMV_BLOCK = 16


def rounds_in_blocks(node: Node, prepared: Prepared) -> bool:
    """Hybrid, with at least eight activations quantized together."""
    if isinstance(prepared, HybridFullyConnected):
        return prepared.quirks and prepared.depth >= _SIMD_BLOCK
    if isinstance(prepared, HybridTransposeConv):
        return prepared.quirks and math.prod(node.input(2).shape[1:]) >= _SIMD_BLOCK
    if isinstance(prepared, (HybridConv2D, HybridDepthwiseConv2D)):
        return prepared.quirks and math.prod(node.input(0).shape[1:]) >= _SIMD_BLOCK
    if is_hybrid(prepared):
        return any(spec.shape[1] >= _SIMD_BLOCK for spec in hybrid_matrices(node))
    return isinstance(prepared, HybridBatchMatMul) and prepared.quirks and prepared.x_shape[-1] >= _SIMD_BLOCK


def quantizes_activations(node: Node, prepared: Prepared) -> bool:
    """Hybrid; whether the scale has an inverse is up to the activations."""
    kinds = (HybridConv2D, HybridDepthwiseConv2D, HybridTransposeConv, HybridFullyConnected, HybridBatchMatMul)
    return is_hybrid(prepared) or (isinstance(prepared, kinds) and prepared.quirks)


def _in_whole_blocks(node: Node, spec: TensorSpec) -> np.ndarray | None:
    """Return the weights (units, columns) in whole blocks of 16 columns; None where they are not constant."""
    weights = spec.value
    if weights is None:
        return None
    if weights.dtype == np.uint8:
        weights = weights.view(np.int8)
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
    elif not is_hybrid(prepared) and (not isinstance(prepared, HybridFullyConnected) or not prepared.quirks):
        return False
    matrices = hybrid_matrices(node) if is_hybrid(prepared) else (node.input(1),)
    blocks = [_in_whole_blocks(node, spec) for spec in matrices]
    return any(weights is None or bool(np.any(weights == -128)) for weights in blocks)


def reads_uint8_as_int8(node: Node, prepared: Prepared) -> bool:
    """Hybrid, with uint8 weights."""
    return (
        isinstance(prepared, (HybridConv2D, HybridFullyConnected))
        and prepared.quirks
        and prepared.filter_zero_point is not None
    )


def reads_otherwise(node: Node, prepared: Prepared) -> bool:
    """Whether a tensor is read in another type than its own."""
    kinds = (QuantizedConv2D, QuantizedDepthwiseConv2D, QuantizedFullyConnected)
    return isinstance(prepared, kinds) and prepared.reading is not None


def finds_no_scale(node: Node, prepared: Prepared) -> bool:
    """Whether a factor of a product of codes has several scales."""
    return isinstance(prepared, QuantizedBatchMatMul) and prepared.multiplier == 0


def has_no_columns(node: Node, prepared: Prepared) -> bool:
    """Whether a filter has rows, but no columns."""
    return isinstance(prepared, EmptyFullyConnected) and node.input(1).shape[0] > 0


def reads_other_sparse_formats(node: Node, prepared: Prepared) -> bool:
    """Whether weights of codes are stored sparse in a format that their kernel does not read."""
    if not isinstance(prepared, (HybridFullyConnected, QuantizedFullyConnected)) or node.input(1).sparsity is None:
        return False
    return not has_sparse_kernel(node, node.input(1))


def wraps_pairs(node: Node, prepared: Prepared) -> bool:
    """Sparse int8 weights, of which two of -128 stand eight columns apart in a block of 16."""
    if not isinstance(prepared, QuantizedFullyConnected) or not prepared.wraps:
        return False
    weights = node.input(1).value
    return weights is None or bool(np.any(wrapping_pairs(weights)))


def wraps_row_sums(node: Node, prepared: Prepared) -> bool:
    """Hybrid with zero points, with weights whose sums in eight lanes leave int16."""
    matrices = hybrid_matrices(node) if is_hybrid(prepared, asymmetric=True) else ()
    if isinstance(prepared, (HybridFullyConnected, HybridBatchMatMul)) and prepared.quirks and prepared.asymmetric:
        matrices = (node.input(1),)
    return any(_lanes_wrap(_in_whole_blocks(node, spec)) for spec in matrices)


def _lanes_wrap(weights: np.ndarray | None) -> bool:
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


QUIRKS: tuple[Quirk, ...] = (
    Quirk(
        "batch-matmul-several-scales",
        ("BATCH_MATMUL",),
        "int8 or int16: a factor with several scales has a scale of 0, so that all outputs are the zero point",
        "the first scale is that of all columns",
        "kernels/batch_matmul.cc, Prepare",
        Treatment.REPRODUCED,
        ("convolution.batch_matmul:prepare",),
        finds_no_scale,
    ),
    Quirk(
        "bias-int32-read-as-int64",
        ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"),
        "with int16 activations, reads an int32 bias as int64, past its end, unless quantized_bias_type says INT32",
        "the bias is read in its own type",
        "kernels/conv.cc, Prepare and EvalQuantizedPerChannel16x8",
        Treatment.REFUSED,
        ("convolution.quantization:prepare_accumulator",),
        never,
    ),
    Quirk(
        "codes-read-as-another-type",
        ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"),
        "filters, and in FULLY_CONNECTED activations and an int64 bias, are read byte by byte in the types of a kernel "
        "that they are not of: the checks let pass more than there are kernels for",
        "such types are refused",
        "EvalQuantized in kernels/conv.cc and kernels/fully_connected.cc; kernels/depthwise_conv.cc, EvalImpl",
        Treatment.REPRODUCED,
        (
            "convolution.reading:read_as",
            "convolution.conv_2d:prepare",
            "convolution.depthwise_conv_2d:prepare",
            "convolution.fully_connected:_check_types",
            "convolution.fully_connected:_prepare_bias",
        ),
        reads_otherwise,
    ),
    Quirk(
        "fully-connected-without-columns",
        ("FULLY_CONNECTED",),
        "a filter without columns gives zeros, whatever bias and zero point",
        "the outputs are the bias",
        "kernels/fully_connected.cc, PrepareImpl and Eval",
        Treatment.EVERYWHERE,
        ("convolution.fully_connected:prepare",),
        has_no_columns,
    ),
    Quirk(
        "hybrid-batch-strides",
        ("BATCH_MATMUL",),
        "float32 by int8: with several leading axes, scales and zero points are those of the matrix whose number is "
        "the sum of the indices",
        "each matrix has its own",
        "kernels/internal/reference/batch_matmul.h, BatchMatMul",
        Treatment.REPRODUCED,
        ("convolution.batch_matmul:prepare", "convolution.hybrid_matmul:matrix_indices"),
        forgets_batch_strides,
    ),
    Quirk(
        "hybrid-minus-128",
        ("FULLY_CONNECTED", "CONV_2D", *RECURRENT),
        "float32 activations, int8 weights: the weight -128 times a negative activation has the wrong sign, in "
        "whole blocks of 16 columns; CONV_2D only per-tensor and unless its filters are a multiple of 4",
        "the product is positive",
        "kernels/internal/optimized/sse_tensor_utils.cc, SseMatrixBatchVectorMultiplyAccumulate",
        Treatment.REPRODUCED,
        (
            "convolution.hybrid:mistaken_weights",
            "convolution.fully_connected:_prepare_hybrid",
            "convolution.conv_2d:prepare",
            *RECURRENT_CODE,
        ),
        negates_minus_128,
    ),
    Quirk(
        "hybrid-rounds-up-below-a-half",
        ("FULLY_CONNECTED", "BATCH_MATMUL", "CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", *RECURRENT),
        "float32 activations, int8 weights: whole blocks of eight activations are rounded by adding 0.5 in float32 and "
        "truncating, so that 0.49999997 steps become 1",
        "0.49999997 steps become 0",
        "kernels/internal/optimized/neon_tensor_utils.cc, NeonSymmetricQuantizeFloats, NeonAsymmetricQuantizeFloats",
        Treatment.REPRODUCED,
        (
            "convolution.hybrid:_round",
            "convolution.fully_connected:_prepare_hybrid",
            "convolution.transpose_conv:prepare",
            "convolution.conv_2d:prepare",
            "convolution.depthwise_conv_2d:prepare",
            "convolution.batch_matmul:prepare",
            *RECURRENT_CODE,
        ),
        rounds_in_blocks,
    ),
    Quirk(
        "hybrid-row-sums-wrap",
        ("FULLY_CONNECTED", "BATCH_MATMUL", *RECURRENT),
        "float32 activations with zero points, int8 weights: the sums of the filter's rows are added up in eight int16 "
        "lanes, which wrap",
        "the sums are int32",
        "kernels/internal/optimized/sse_tensor_utils.cc, SseReductionSumVector",
        Treatment.REPRODUCED,
        (
            "convolution.hybrid:row_sums",
            "convolution.fully_connected:_prepare_hybrid",
            "convolution.batch_matmul:prepare",
            *RECURRENT_CODE,
        ),
        wraps_row_sums,
    ),
    Quirk(
        "hybrid-scale-without-inverse",
        ("FULLY_CONNECTED", "BATCH_MATMUL", "CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", *RECURRENT),
        "float32 activations below about 1e-37, int8 weights: the inverse of their scale is infinite, and so are the "
        "steps, but NaN of zeros; whole blocks of eight are converted to int32, NaN to the least, and adding the zero "
        "point wraps; after the blocks, all codes without zero point are -127",
        "steps beyond the codes are clamped, and zeros are zeros",
        "kernels/internal/optimized/neon_tensor_utils.cc, NeonSymmetricQuantizeFloats, NeonAsymmetricQuantizeFloats",
        Treatment.REPRODUCED,
        (
            "convolution.hybrid:_codes_of",
            "convolution.fully_connected:_prepare_hybrid",
            "convolution.transpose_conv:prepare",
            "convolution.conv_2d:prepare",
            "convolution.depthwise_conv_2d:prepare",
            "convolution.batch_matmul:prepare",
            *RECURRENT_CODE,
        ),
        quantizes_activations,
    ),
    Quirk(
        "hybrid-uint8-as-int8",
        ("FULLY_CONNECTED", "CONV_2D"),
        "float32 activations, uint8 weights: they are read as int8, and their zero point is not read",
        "the weights are those of uint8, less their zero point",
        "kernels/fully_connected.cc, EvalHybridDense",
        Treatment.REPRODUCED,
        (
            "convolution.hybrid:weights_as_read",
            "convolution.fully_connected:_prepare_hybrid",
            "convolution.conv_2d:prepare",
        ),
        reads_uint8_as_int8,
    ),
    Quirk(
        "sparse-formats-misread",
        ("FULLY_CONNECTED",),
        "quantized weights stored sparse: with float32 activations any format is read as blocks of 1x16, with uint8 "
        "and int16 as dense weights, past what is stored",
        "the weights are those that are stored, and zeros",
        "kernels/fully_connected.cc, EvalHybrid and EvalQuantized",
        Treatment.RIGHT,
        ("convolution.sparse_weights:has_sparse_kernel",),
        reads_other_sparse_formats,
    ),
    Quirk(
        "sparse-pairs-wrap",
        ("FULLY_CONNECTED",),
        "int8 activations, sparse int8 weights in blocks of 1x16: two products of -128 by -128, eight columns apart, "
        "are added up in int16 and give -32768",
        "they give 32768",
        "kernels/internal/optimized/neon_tensor_utils.cc, NeonSparseMatrixBatchVectorMultiplyAccumulate1x16",
        Treatment.REPRODUCED,
        ("convolution.sparse_weights:wrapping_pairs", "convolution.fully_connected:prepare"),
        wraps_pairs,
    ),
)
