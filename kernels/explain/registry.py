"""Which function narrates which prepared form. A module is imported when one of its operators is explained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import Any

_NARRATORS: Mapping[str, Mapping[str, str]] = {
    "products": {
        "CONV_2D: QuantizedConv2D": "explain_conv_2d",
        "DEPTHWISE_CONV_2D: QuantizedDepthwiseConv2D": "explain_depthwise_conv_2d",
        "TRANSPOSE_CONV: QuantizedTransposeConv": "explain_transpose_conv",
        "FULLY_CONNECTED: QuantizedFullyConnected": "explain_fully_connected",
        "FULLY_CONNECTED: ShuffledFullyConnected": "explain_shuffled",
        "BATCH_MATMUL: QuantizedBatchMatMul BatchMatMul": "explain_batch_matmul",
    },
    "elementwise": {
        "ADD: QuantizedSum": "explain_add",
        "SUB: QuantizedSum": "explain_sub",
        "MUL: QuantizedProduct": "explain_mul",
        "MEAN: QuantizedMean": "explain_mean",
        "MEAN: Mean": "explain_plain_mean",
        "QUANTIZE: Quantize Requantize": "explain_quantize",
    },
    "pairs": {
        "MAXIMUM MINIMUM: Binary": "explain_extreme",
        "SQUARED_DIFFERENCE: QuantizedSquaredDifference": "explain_squared_difference",
        "SQUARED_DIFFERENCE: PlainSquaredDifference": "explain_plain_squared_difference",
        "DIV: QuantizedQuotient": "explain_div",
        "EQUAL NOT_EQUAL GREATER GREATER_EQUAL LESS LESS_EQUAL: QuantizedComparison": "explain_comparison",
        "EQUAL NOT_EQUAL GREATER GREATER_EQUAL LESS LESS_EQUAL: PlainComparison": "explain_comparison",
        "PRELU: QuantizedPrelu": "explain_prelu",
        "ADD SUB: PowerOfTwoSum": "explain_power_of_two_sum",
        "MUL: FractionProduct": "explain_fraction_product",
        "ADD SUB MUL DIV: PlainArithmetic": "explain_plain",
        "ADD_N: AddN": "explain_add_n",
    },
    "integers": {
        "FLOOR_DIV: FloorDiv": "explain_floor_div",
        "FLOOR_MOD BITWISE_XOR STABLEHLO_AND: Binary": "explain_binary",
        "STABLEHLO_ADD STABLEHLO_MULTIPLY STABLEHLO_MAXIMUM STABLEHLO_MINIMUM: Prepared": "explain_binary",
        "RIGHT_SHIFT STABLEHLO_SHIFT_LEFT: Binary": "explain_shift",
        "CUMSUM: Cumsum": "explain_cumsum",
        "SEGMENT_SUM UNSORTED_SEGMENT_SUM UNSORTED_SEGMENT_PROD: Prepared": "explain_segment",
        "UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_MIN: Prepared": "explain_segment",
        "SIGN: Unary": "explain_sign",
        "CAST: Cast": "explain_cast",
        "FULLY_CONNECTED: EmptyFullyConnected": "explain_zeros",
    },
    "functions": {
        "ABS: QuantizedAbs": "explain_abs",
        "ABS: PlainAbs": "explain_plain_abs",
        "NEG: Unary": "explain_neg",
        "SQRT: QuantizedSqrt": "explain_sqrt",
        "RSQRT: QuantizedRsqrt": "explain_rsqrt",
        "L2_NORMALIZATION: L2Normalization": "explain_l2_normalization",
        "HARD_SWISH: QuantizedHardSwish": "explain_hard_swish",
        "EXP LOG RSQRT GELU: Interpolated": "explain_interpolated",
        "LOGISTIC TANH: InterpolatedSigmoid": "explain_sigmoid_int16",
    },
    "selections": {
        "AVERAGE_POOL_2D: Pool2D": "explain_average_pool",
        "MAX_POOL_2D: Pool2D": "explain_max_pool",
        "LOGISTIC TANH EXP LOG ELU GELU: Lookup": "explain_lookup",
        "SOFTMAX: QuantizedSoftmax": "explain_softmax",
        "RELU RELU6 RELU_N1_TO_1 RELU_0_TO_1: QuantizedRelu": "explain_relu",
        "LEAKY_RELU: QuantizedLeakyRelu": "explain_leaky_relu",
    },
    "softmaxes": {
        "SOFTMAX: Int16Softmax": "explain_softmax_int16",
        "LOG_SOFTMAX: QuantizedLogSoftmax": "explain_log_softmax",
    },
    "reductions": {
        "SUM: QuantizedReduction": "explain_sum",
        "REDUCE_PROD: QuantizedReduction": "explain_product",
        "SUM REDUCE_PROD: Reduction": "explain_plain",
        "REDUCE_MAX REDUCE_MIN: Reduction": "explain_extreme",
        "ARG_MAX ARG_MIN: ArgMax": "explain_arg_max",
    },
    "floats": {
        "DEQUANTIZE: Dequantize": "explain_dequantize",
        "RESIZE_BILINEAR: ResizeBilinear": "explain_resize_bilinear",
    },
    "recurrent": {
        "SVDF: SVDF": "explain_svdf",
        "LSTM UNIDIRECTIONAL_SEQUENCE_LSTM: SequenceLSTM": "explain_lstm",
        "LSTM: QuantizedCell": "explain_basic_lstm",
    },
    "hybrid": {
        "FULLY_CONNECTED: HybridFullyConnected": "explain_fully_connected",
        "BATCH_MATMUL: HybridBatchMatMul": "explain_batch_matmul",
        "CONV_2D: HybridConv2D": "explain_conv_2d",
        "DEPTHWISE_CONV_2D: HybridDepthwiseConv2D": "explain_depthwise_conv_2d",
    },
}
"""Module -> operators and classes of what ``prepare`` returned -> function."""

_MOVED = """CONCATENATION PACK PAD PADV2 MIRROR_PAD SPLIT SPLIT_V UNPACK SLICE STRIDED_SLICE RESHAPE SQUEEZE EXPAND_DIMS
    TRANSPOSE TILE BROADCAST_TO FILL REVERSE_V2 REVERSE_SEQUENCE SPACE_TO_DEPTH DEPTH_TO_SPACE SPACE_TO_BATCH_ND
    BATCH_TO_SPACE_ND GATHER GATHER_ND SELECT SELECT_V2 RESIZE_NEAREST_NEIGHBOR DYNAMIC_UPDATE_SLICE
    STABLEHLO_PAD STABLEHLO_GATHER DILATE EMBEDDING_LOOKUP"""
"""Operators that move values as they are, or through a table."""

_WITH_FLOATS = (
    "QUANTIZE Quantize",
    "DEQUANTIZE Dequantize",
    "BATCH_MATMUL HybridBatchMatMul",
    "FULLY_CONNECTED HybridFullyConnected",
    "CONV_2D HybridConv2D",
    "DEPTHWISE_CONV_2D HybridDepthwiseConv2D",
)
"""Forms with integer arithmetic between floats and codes; all others are told of integers only."""


@cache
def _functions() -> Mapping[str, tuple[str, str]]:
    """Return operator and class -> module and function."""
    found: dict[str, tuple[str, str]] = {}
    for module, functions in _NARRATORS.items():
        for key, function in functions.items():
            operators, classes = (words.split() for words in key.split(":"))
            found.update((f"{operator} {one}", (module, function)) for operator in operators for one in classes)
    return found


def narrator(operator: str, prepared: Any, floats: bool) -> Callable[..., None] | None:
    """Return what narrates an operator of this prepared form, ``floats`` where its first input or output has such.

    None where nothing does.
    """
    key = f"{operator} {type(prepared).__name__}"
    if floats and (key not in _WITH_FLOATS or getattr(prepared, "input", prepared) is None):  # None: from float16
        return None
    if operator in _MOVED.split():
        return _function("movement", "explain_movement")
    return _function(*_functions()[key]) if key in _functions() else None


def _function(module: str, name: str) -> Callable[..., None]:
    found: Callable[..., None] = getattr(import_module(f".{module}", __package__), name)
    return found


def narrated_operators() -> frozenset[str]:
    """Return the operators of which at least one form is told."""
    return frozenset(key.split()[0] for key in _functions()) | frozenset(_MOVED.split())
