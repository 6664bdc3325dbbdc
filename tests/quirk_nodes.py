"""A node that meets each of the quirks, and what it gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from flatbuffers import flexbuffers

import recurrent_nodes
from q31.kernels.operator import Node, Prepared, TensorSpec
from q31.kernels.profiles import LITERT, Profile
from q31.kernels.registry import find
from q31.schema import ActivationFunctionType, Quantization, Sparsity, TensorType
from q31.schema import options as schema_options
from q31.schema.graph import DimensionMetadata
from q31.schema.types import DimensionType
from recurrent_nodes import bidirectional, merged_lstms, plain_lstm

Example = tuple[Node, Any]

INT8, UINT8, INT16, INT32 = TensorType.INT8, TensorType.UINT8, TensorType.INT16, TensorType.INT32
FLOAT32, UINT32 = TensorType.FLOAT32, TensorType.UINT32


def spec(array: Any, tensor_type: TensorType, scale: float | None = None, zero_point: int = 0) -> TensorSpec:
    array = np.asarray(array, None if tensor_type is None else TensorSpec("", tensor_type, ()).dtype)
    quantization = Quantization() if scale is None else Quantization((float(np.float32(scale)),), (zero_point,))
    return TensorSpec("t", tensor_type, array.shape, quantization, array)


def result(tensor_type: TensorType, scale: float | None = None, zero_point: int = 0) -> TensorSpec:
    quantization = Quantization() if scale is None else Quantization((float(np.float32(scale)),), (zero_point,))
    return TensorSpec("y", tensor_type, (), quantization)


def node(name: str, inputs: Sequence[TensorSpec], output: TensorSpec, options: Any = None, version: int = 2) -> Node:
    return Node(name, version, options, tuple(inputs), (output,))


def run(the_node: Node, profile: Profile) -> tuple[Prepared, Any]:
    kernel = find(the_node)
    prepared = kernel.prepare(the_node, profile)
    values = [None if one is None else one.value for one in the_node.inputs]
    if kernel.initial is not None:
        values.append(kernel.initial(prepared))
    return prepared, kernel.evaluate(prepared, *values)


def hybrid(weights: Any, x: Any, asymmetric: bool = False) -> Node:
    options = schema_options.FullyConnectedOptions(asymmetric_quantize_inputs=asymmetric)
    return node("FULLY_CONNECTED", [spec(x, FLOAT32), spec(weights, INT8, 1.0)], result(FLOAT32), options, 9)


def long_seeds() -> Example:
    """The same as with seeds 5 and -1."""
    options = schema_options.RandomOptions(5 + 2**40, 2**32 - 1)
    numbers = [
        run(node("RANDOM_UNIFORM", [spec([3], INT32)], result(FLOAT32), one, 1), LITERT)[1][0]
        for one in (options, schema_options.RandomOptions(5, -1))
    ]
    assert numbers[0].tolist() == numbers[1].tolist()
    return node("RANDOM_UNIFORM", [spec([3], INT32)], result(FLOAT32), options, 1), numbers[0]


def below_a_half() -> Example:
    x = np.full((1, 8), np.nextafter(np.float32(0.5), np.float32(0)))
    x[0, 0] = 127
    return hybrid(np.ones((1, 8)), x), 134


def tiny_activations() -> Example:
    """A scale of 2**-140, weights of 2**120: 127 of them becomes -127."""
    x = np.ldexp(np.full((1, 1), 127, np.float32), -140)
    options = schema_options.FullyConnectedOptions()
    weights = spec([[1]], INT8, 2.0**120)
    return node("FULLY_CONNECTED", [spec(x, FLOAT32), weights], result(FLOAT32), options, 9), -127 * 2.0**-20


def several_scales() -> Example:
    y = replace(spec([[100, 100]], INT8), quantization=Quantization((1.0, 1.0), (0, 0), quantized_dimension=1))
    inputs = [spec([[1]], INT8, 1.0), y]
    return node("BATCH_MATMUL", inputs, result(INT8, 1.0), schema_options.BatchMatMulOptions()), [0, 0]


def wide_bias() -> Example:
    """Of the bias, only the two halves of the first element are read."""
    inputs = [spec([[0]], INT8, 1.0), spec([[1], [1]], INT8, 1.0), spec([1, 2], TensorType.INT64, 1.0)]
    return node("FULLY_CONNECTED", inputs, result(INT8, 1.0), schema_options.FullyConnectedOptions(), 4), [1, 0]


def no_columns() -> Example:
    inputs = [spec(np.zeros((1, 0)), INT8, 1.0), spec(np.zeros((2, 0)), INT8, 1.0), spec([1, 2], INT32, 1.0)]
    return node("FULLY_CONNECTED", inputs, result(INT8, 1.0), schema_options.FullyConnectedOptions(), 4), [0, 0]


def uint8_weights() -> Example:
    x, weights = spec(np.full((1, 1), 127), FLOAT32), spec([[200]], UINT8, 1.0)
    return node("FULLY_CONNECTED", [x, weights], result(FLOAT32), schema_options.FullyConnectedOptions(), 9), -127 * 56


def sparse(weights: Any, x: Any) -> Node:
    """Rows of blocks of 1x16, all of which are stored."""
    matrix = spec(weights, INT8, 1.0)
    rows, blocks = len(matrix.value), matrix.shape[1] // 16
    segments, indices = tuple(range(0, rows * blocks + 1, blocks)), tuple(range(blocks)) * rows
    dense, stored = DimensionMetadata(DimensionType.DENSE, rows), DimensionType.SPARSE_CSR
    levels = (dense, DimensionMetadata(stored, 0, segments, indices), DimensionMetadata(DimensionType.DENSE, 16))
    matrix = replace(matrix, sparsity=Sparsity((0, 1, 2), (1,), levels))
    options = schema_options.FullyConnectedOptions()
    return node("FULLY_CONNECTED", [spec(x, INT8, 1.0), matrix], result(INT8, 1024.0), options, 8)


def wrapping_pair() -> Example:
    codes = np.zeros((1, 16))
    codes[0, [0, 8]] = -128
    return sparse(codes, codes), -32


def sparse_columns() -> Example:
    """The weights 1 and 0, of which one is stored."""
    stored = DimensionMetadata(DimensionType.SPARSE_CSR, 0, (0, 1), (0,))
    sparsity = Sparsity((0, 1), (), (DimensionMetadata(DimensionType.DENSE, 1), stored))
    matrix = replace(spec([[1, 0]], INT8, 1.0), sparsity=sparsity)
    options = schema_options.FullyConnectedOptions()
    return node("FULLY_CONNECTED", [spec([[127, 1]], FLOAT32), matrix], result(FLOAT32), options, 8), [127]


def minus_128() -> Example:
    x = np.zeros((1, 16))
    x[0, 3] = -127
    return hybrid(np.full((1, 16), -128), x), -127 * 128


def embedding() -> Example:
    inputs = [spec([0], INT32), spec([[1, 255]], UINT8, 1.0)]
    return node("EMBEDDING_LOOKUP", inputs, result(FLOAT32)), [1, -1]


def row_within_a_byte() -> Example:
    inputs = [spec([1], INT32), spec([[1, 2, 3], [4, 5, 6]], TensorType.INT4, 1.0)]
    return node("EMBEDDING_LOOKUP", inputs, result(FLOAT32)), [3, 4, 5]


def leading_space() -> Example:
    options = schema_options.SkipGramOptions(1)
    return node("SKIP_GRAM", [spec([b" a b"], TensorType.STRING)], result(TensorType.STRING), options, 1), [b"b"]


def boxes_without_area() -> Example:
    scalars = [spec(2, INT32), *(spec(value, FLOAT32) for value in (0.5, 0.1))]
    inputs = (spec([[0, 0, 0, 0], [1, 1, 1, 1]], FLOAT32), spec([0.9, 0.8], FLOAT32), *scalars)
    return Node("NON_MAX_SUPPRESSION_V4", 1, None, inputs, (result(INT32), result(INT32))), None


def floor_division() -> Example:
    inputs = [spec(np.full(9, -128), INT8), spec(np.full(9, -1), INT8)]
    return node("FLOOR_DIV", inputs, result(INT8), version=3), [127] * 8 + [-128]


def beyond_an_axis() -> Example:
    inputs = [spec([[1, 2], [3, 4]], INT8), spec([[0, 2]], INT32)]
    return node("GATHER_ND", inputs, result(INT8)), [3]


def several_batches() -> Example:
    """Four products of 1 by 1, of which each should have the scale of its own factor."""
    x, y = spec(np.array([1, 10, 100, 1000]).reshape(2, 2, 1, 1), FLOAT32), spec(np.ones((2, 2, 1, 1)), INT8, 1.0)
    return node("BATCH_MATMUL", [x, y], result(FLOAT32), schema_options.BatchMatMulOptions()), [1, 10, 10, 100]


def row_sums() -> Example:
    x = np.zeros((1, 4096))
    x[0, 0] = 255
    return hybrid(np.full((1, 4096), 127), x, asymmetric=True), np.float32(255 * 127 - 128 * 8 * 65536)


def sub_above_one() -> Example:
    a, b = spec(np.full(5, 127), INT8, 0.01), spec(np.full(5, -128), INT8, 0.01)
    return node("SUB", [a, b], result(INT8, 0.02 / 2**20 / 60), schema_options.SubOptions()), [1, 1, 1, 1, 2]


def add_above_one() -> Example:
    a, b = spec([1, -1], INT8, 1.0), spec([0, 0], INT8, 1.0)
    return node("ADD", [a, b], result(INT8, 2.0**-22), schema_options.AddOptions()), [127, -128]


def reduced(values: Any, tensor_type: TensorType) -> Node:
    options = schema_options.ReducerOptions()
    return node("SUM", [spec(values, tensor_type, 1.0), spec([0], INT32)], result(tensor_type, 1.0), options)


def mean_of_many() -> Example:
    x = spec(np.full(65540, 32767), INT16, 1.0)
    options = schema_options.ReducerOptions()
    return node("MEAN", [x, spec([0], INT32)], result(INT16, 1.0), options), -32765


def arg_max_of_nan() -> Example:
    options = schema_options.ArgMaxOptions(output_type=INT32)
    return node("ARG_MAX", [spec([np.nan, 1, 2], FLOAT32), spec(0, INT32)], result(INT32), options), 2


def int32_bias() -> Example:
    inputs = [spec(np.ones((1, 4)), INT16, 1.0), spec(np.ones((1, 4)), INT8, 1.0), spec([7], INT32, 1.0)]
    return node("FULLY_CONNECTED", inputs, result(INT16, 1.0), schema_options.FullyConnectedOptions(), 4), None


def concatenation() -> Example:
    inputs = [spec([1, 255], UINT8, 1e9), spec([3], UINT8, 1.0)]
    return node("CONCATENATION", inputs, result(UINT8, 1.0), schema_options.ConcatenationOptions()), [255, 0, 3]


def quantize() -> Example:
    x = spec([-1e30, 1e30, np.nan, 3], FLOAT32)
    return node("QUANTIZE", [x], result(INT8, 1.0, -1), schema_options.QuantizeOptions()), [127, 127, 127, 2]


def unsigned_activation() -> Example:
    options = schema_options.MulOptions(fused_activation_function=ActivationFunctionType.RELU_N1_TO_1)
    return node("MUL", [spec([0], UINT32), spec([3], UINT32)], result(UINT32), options, 5), [1]


def index_out_of_bounds() -> Example:
    inputs = [spec([1, 2], INT8), spec([5], INT32), spec([6], INT32), spec([1], INT32)]
    return node("STRIDED_SLICE", inputs, result(INT8), schema_options.StridedSliceOptions(shrink_axis_mask=1)), None


def tiny_softmax() -> Example:
    x = spec([[-128, 127]], INT8, 2.0**-30)
    return node("SOFTMAX", [x], result(INT8, 1 / 256, -128), schema_options.SoftmaxOptions(beta=1.0)), [[0, 0]]


def uint8_table() -> Example:
    return node("TANH", [spec([0, 1, 255], UINT8, 1.0)], result(UINT8, 2.0**-33)), [0, 0, 0]


def steep_table() -> Example:
    x = spec([0, 1, 64, 127], INT16, 1.0)
    return node("EXP", [x], result(INT16, 1.0)), [-32768, 32512, 16384, 256]


def short_slopes() -> Example:
    """The bytes of 259 are 3 and 1."""
    inputs = [spec([-8, -8], INT16, 1.0), spec([259, 0], INT16, 1.0)]
    return node("PRELU", inputs, result(INT16, 1.0), version=1), [-24, -8]


def negated_codes() -> Example:
    x = spec([-128, 5], INT8, 1.0, 3)
    return node("NEG", [x], result(INT8, 0.5, 1), version=1), [-128, -5]


def rsqrt_of_large_scale() -> Example:
    return node("RSQRT", [spec([1, 2, 127], INT8, 1.0)], result(INT8, 2.0**20)), [127, 127, 127]


def compared(name: str, tensor_type: TensorType, a: Any, b: Any, scales: Any = (None, None)) -> Node:
    inputs = [spec(one, tensor_type, scale) for one, scale in zip((a, b), scales, strict=True)]
    return node(name, inputs, result(TensorType.BOOL))


def quotient() -> Example:
    inputs = [spec([0, 0], INT8, 1.0), spec([7, -7], INT8, 1.0)]
    return node("DIV", inputs, result(INT8, 1.0), schema_options.DivOptions()), [1, 1]


def maximum() -> Example:
    inputs = [spec([3], INT8, 1.0), spec([5], INT8, 0.1)]
    return node("MAXIMUM", inputs, result(INT8, 1.0), schema_options.MaximumMinimumOptions()), [5]


def power() -> Example:
    inputs = [spec([2, 2], INT32), spec([31, 3], INT32)]
    return node("POW", inputs, result(INT32), schema_options.PowOptions(), 1), [-(2**31), 8]


def layer() -> Example:
    """One filter with a memory of one step, whose sum is negative."""
    inputs = [
        *(spec([[-3]], INT8, 1.0), spec([[1]], INT8, 1.0), spec([[1]], INT16, 1.0), spec([0], INT32, 1.0)),
        spec([[0]], INT16, 1.0),
    ]
    options = schema_options.SVDFOptions(rank=1, fused_activation_function=ActivationFunctionType.RELU)
    return node("SVDF", inputs, result(INT8, 1.0), options), [-3, -3]


def detection(scores: TensorSpec) -> Example:
    """Boxes far apart, with eight scores."""
    options = {
        **{"max_detections": 4, "max_classes_per_detection": 2, "num_classes": 2},
        **{"nms_score_threshold": 0.0, "nms_iou_threshold": 0.5},
        **{"y_scale": 10.0, "x_scale": 10.0, "h_scale": 5.0, "w_scale": 5.0},
    }
    anchors = spec([[10 * i, 10 * i, 1, 1] for i in range(4)], FLOAT32)
    inputs = (spec(np.zeros((1, 4, 4)), FLOAT32), scores, anchors)
    data = bytes(flexbuffers.Dumps(options))
    name = "TFLite_Detection_PostProcess"
    return Node("CUSTOM", 1, None, inputs, (result(FLOAT32),) * 4, name, data), None


EXAMPLES: dict[str, Callable[[], Example]] = {
    "add-multiplier-of-one": add_above_one,
    "arg-max-of-nan": arg_max_of_nan,
    "bias-int32-read-as-int64": int32_bias,
    "bidirectional-lstm-merged-batch": lambda: (merged_lstms(), [0, 0, 0, 0]),
    "bidirectional-rnn-auxiliary-stride": lambda: (
        bidirectional([[[0]], [[0]]], [[[1, 2]], [[10, 20]]], width=2, time_major=True),
        [3, 15, 15, 12],
    ),
    "bidirectional-rnn-ignores-auxiliary": lambda: (bidirectional([[[1], [2]]], [[[10], [20]]]), [1, 3, 3, 2]),
    "bidirectional-rnn-merged-batch": lambda: (
        bidirectional([[[127], [-127]]], hybrid=True, time_major=True, merged=True),
        [127, 127, -127, -127],
    ),
    "bidirectional-rnn-runs-again": lambda: (bidirectional([[[1]], [[2]]], hybrid=True, time_major=True), None),
    "comparison-in-256ths": lambda: (compared("EQUAL", INT8, [3], [4], (0.001, 0.001)), [True]),
    "comparison-int16-ignores-scales": lambda: (compared("LESS", INT16, [3], [4], (1.0, 0.5)), [True]),
    "comparison-loses-left-shift": lambda: (compared("LESS", INT8, [1], [2], (100.0, 100.0)), None),
    "comparison-scale-of-one": lambda: (compared("LESS", INT8, [1, 2], [2, 2], (1.0, 1.0)), [True, False]),
    "concatenation-beyond-int32": concatenation,
    "detection-entries-unwritten": lambda: detection(spec(np.full((1, 4, 2), 0.5), FLOAT32)),
    "detection-scores-by-lanes": lambda: detection(spec(np.arange(101, 109).reshape(1, 4, 2), UINT8, 0.1, 100)),
    "div-shift-beyond-31": quotient,
    "embedding-rows-begin-with-bytes": row_within_a_byte,
    "embedding-uint8-as-int8": embedding,
    "floor-div-overflow-in-blocks": floor_division,
    "gather-nd-flat-bounds": beyond_an_axis,
    "batch-matmul-several-scales": several_scales,
    "codes-read-as-another-type": wide_bias,
    "fully-connected-without-columns": no_columns,
    "hybrid-batch-strides": several_batches,
    "hybrid-minus-128": minus_128,
    "hybrid-rounds-up-below-a-half": below_a_half,
    "hybrid-row-sums-wrap": row_sums,
    "hybrid-scale-without-inverse": tiny_activations,
    "hybrid-uint8-as-int8": uint8_weights,
    "sparse-formats-misread": sparse_columns,
    "sparse-pairs-wrap": wrapping_pair,
    "lstm-basic-rounds-half-up": lambda: (recurrent_nodes.basic_lstm(), [128, 0, 128, 128, 0, 1, 0, 0]),
    "lstm-narrow-output-gate": lambda: (recurrent_nodes.narrow_lstm(), None),
    "lstm-peephole-of-outputs": lambda: (recurrent_nodes.projected_peephole(), None),
    "lstm-peephole-rounds-half-up": lambda: (recurrent_nodes.rounded_peephole(), None),
    "lstm-projection-zero-point": lambda: (recurrent_nodes.projected_lstm(), None),
    "lstm-without-activation": lambda: (plain_lstm(100.0), [[100.0]]),
    "maximum-ignores-quantization": maximum,
    "mean-wraps": mean_of_many,
    "neg-ignores-quantization": negated_codes,
    "nms-reconsiders-selected": boxes_without_area,
    "not-equal-int16-unwritten": lambda: (compared("NOT_EQUAL", INT16, [3, 4], [4, 4]), [True, False]),
    "pow-beyond-int32": power,
    "prelu-int16-alpha-by-bytes": short_slopes,
    "quantize-beyond-int32": quantize,
    "random-seeds-of-32-bits": long_seeds,
    "relu-n1-to-1-of-unsigned": unsigned_activation,
    "rsqrt-shift-beyond-31": rsqrt_of_large_scale,
    "skip-gram-leading-space": leading_space,
    "slice-index-out-of-bounds": index_out_of_bounds,
    "softmax-aborts": tiny_softmax,
    "sub-drops-left-shift": sub_above_one,
    "sum-int16-unwritten": lambda: (reduced([1, -2], INT16), -1),
    "sum-int8-as-uint8": lambda: (reduced([5, -2], INT8), -1),
    "svdf-ignores-relu": layer,
    "table-beyond-int32": uint8_table,
    "table-int16-step-wraps": steep_table,
}
"""Quirk -> a node that meets it, whose inputs are constants, and what it gives in ``litert`` (None: not said)."""
