"""Cases of FULLY_CONNECTED."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from ...schema import ActivationFunctionType, Quantization, Sparsity, TensorType, numpy_dtype
from ...schema.graph import Buffer, DimensionMetadata
from ...schema.options import FullyConnectedOptions
from ...schema.types import DimensionType, FullyConnectedOptionsWeightsFormat
from .case import Case, constant, result, single_operator, tensor
from .products import (
    bias_of,
    filter_of,
    float_bias,
    float_source,
    given,
    output_of,
    source_of,
    weights_of,
)
from .strategies import activations, arrays, float_arrays, scales

FLOAT32, INT8, UINT8, INT16 = TensorType.FLOAT32, TensorType.INT8, TensorType.UINT8, TensorType.INT16
_VECTOR_ACTIVATIONS = st.sampled_from([ActivationFunctionType.TANH, ActivationFunctionType.SIGN_BIT])
INT2, INT4, INT32, INT64 = TensorType.INT2, TensorType.INT4, TensorType.INT32, TensorType.INT64


@st.composite
def _rows(draw: DrawFn, depth: int) -> tuple[tuple[int, ...], bool]:
    """An input shape of ``depth`` columns, whichever way it is folded, and keep_num_dims; some are not whole rows."""
    keep = draw(st.booleans())
    batch = draw(st.integers(1, 9))
    if keep or draw(st.booleans()):
        return draw(st.sampled_from([(batch, depth), (1, batch, depth), (batch, 2, depth), (depth,)])), keep
    return draw(st.sampled_from([(batch, depth), (batch, 1, depth, 1), (depth, batch), (batch, depth + 1)])), keep


def _depths(high: int = 40) -> SearchStrategy[int]:
    return st.one_of(st.integers(1, high), st.sampled_from([15, 16, 17, 32, 64, 65, 130]))


@st.composite
def fully_connected(
    draw: DrawFn,
    tensor_type: TensorType,
    weights_type: TensorType,
    bias_type: TensorType = INT32,
    each_channel: bool | None = None,
    output_type: TensorType | None = None,
    signed_zero_point: bool = False,
    **options: Any,
) -> Case:
    depth = draw(_depths())
    shape, keep = draw(_rows(depth))
    units = draw(st.one_of(st.integers(1, 5), st.sampled_from([8, 16, 17])))
    source = draw(source_of(tensor_type))
    quantization = draw(filter_of(weights_type, units, 0, each_channel))
    if signed_zero_point:
        quantization = Quantization(quantization.scale[:1], (draw(st.integers(-128, 127)),))
    weights, matrix = given(draw, draw(weights_of(weights_type, (units, depth), quantization)))
    output_type = output_type or tensor_type
    to_int16 = output_type is INT16 and tensor_type is not INT16
    bias, sums = draw(bias_of(bias_type, units, source, quantization, optional=not to_int16))
    output = draw(output_of(output_type, source, quantization))
    return single_operator(
        "FULLY_CONNECTED",
        FullyConnectedOptions(fused_activation_function=draw(activations()), keep_num_dims=keep, **options),
        inputs=[tensor(tensor_type, shape, source), weights, bias],
        outputs=[result(output_type, output)],
        arrays=[draw(arrays(tensor_type, shape, source.zero_point[0])), *matrix, *sums],
        version=11 if options else 7,
    )


@st.composite
def read_otherwise(draw: DrawFn, tensor_type: TensorType, high: tuple[TensorType, ...]) -> Case:
    """Codes of types that there is no kernel for; ``high`` are those of outputs."""
    output_type = draw(st.sampled_from(high))
    kinds = (UINT8,) if (tensor_type, output_type) == (UINT8, INT16) else (INT8, UINT8)
    kinds = (*kinds, INT4, INT2) if output_type is INT8 else kinds
    weights_type, bias_type = draw(st.sampled_from(kinds)), draw(st.sampled_from([INT32, INT64]))
    if (tensor_type, output_type) == (INT16, INT16):
        weights_type, bias_type = draw(st.sampled_from([(UINT8, INT64), (INT16, INT64)]))
    each_channel = False if UINT8 in (weights_type, tensor_type) else None
    others = (bias_type, each_channel, output_type)
    return draw(fully_connected(tensor_type, weights_type, *others))


@st.composite
def without_columns(draw: DrawFn, tensor_type: TensorType, weights_type: TensorType) -> Case:
    """A filter without columns or without rows."""
    units = draw(st.integers(0, 4))
    shape, depth = (
        draw(st.sampled_from([(3, 4), (3, 0), (2, 3, 1), (4,)])),
        0 if units else draw(st.sampled_from([0, 4])),
    )
    one = Quantization((1.0,), (0,))
    codes, wide = one if tensor_type is not FLOAT32 else Quantization(), tensor_type is INT16
    filters = constant(
        np.zeros((units, depth), numpy_dtype(weights_type)), Quantization() if weights_type is FLOAT32 else one
    )
    bias = constant(np.ones(units, np.float32 if tensor_type is FLOAT32 else np.int64 if wide else np.int32), codes)
    options = FullyConnectedOptions(fused_activation_function=draw(activations()), keep_num_dims=draw(st.booleans()))
    return single_operator(
        "FULLY_CONNECTED",
        options,
        inputs=[tensor(tensor_type, shape, codes), filters, bias if units and draw(st.booleans()) else None],
        outputs=[result(tensor_type, codes)],
        arrays=[draw(float_arrays(shape) if tensor_type is FLOAT32 else arrays(tensor_type, shape))],
        version=7,
    )


@st.composite
def float_fully_connected(
    draw: DrawFn,
    weights_type: TensorType = FLOAT32,
    each_channel: bool | None = True,
    activation: SearchStrategy[ActivationFunctionType] | None = None,
    **options: Any,
) -> Case:
    hybrid = weights_type is not FLOAT32
    depth = draw(st.one_of(_depths(), st.sampled_from([2500, 9000])) if hybrid else _depths())
    shape, keep = draw(_rows(depth))
    units = draw(st.one_of(st.integers(1, 5), st.sampled_from([8, 16, 17])))
    if hybrid:
        quantization = draw(filter_of(weights_type, units, 0, each_channel))
        weights = draw(weights_of(weights_type, (units, depth), quantization))
    else:
        weights = constant(draw(float_arrays((units, depth), special=True)))
    weights, matrix = given(draw, weights)
    options = {"asymmetric_quantize_inputs": hybrid and draw(st.booleans()), **options}
    return single_operator(
        "FULLY_CONNECTED",
        FullyConnectedOptions(
            fused_activation_function=draw(activations() if activation is None else activation),
            keep_num_dims=keep,
            **options,
        ),
        inputs=[
            tensor(FLOAT32, shape),
            weights,
            draw(float_bias(units, True, True)),
        ],
        outputs=[result(FLOAT32)],
        arrays=[draw(float_source(shape, hybrid)), *matrix],
        version=9,
    )


@st.composite
def shuffled(draw: DrawFn) -> Case:
    batch, units, depth = draw(st.sampled_from([1, 4])), 4 * draw(st.integers(1, 3)), 16 * draw(st.integers(1, 4))
    source, quantization = (Quantization((draw(scales(2.0**-14, 2.0**-2)),), (128,)) for _ in range(2))
    weights = draw(weights_of(UINT8, (units, depth), quantization))
    bias, sums = draw(bias_of(INT32, units, source, quantization))
    options = FullyConnectedOptions(
        fused_activation_function=draw(activations()),
        weights_format=FullyConnectedOptionsWeightsFormat.SHUFFLED4x16INT8,
    )
    return single_operator(
        "FULLY_CONNECTED",
        options,
        inputs=[tensor(UINT8, (batch, depth), source), weights, bias],
        outputs=[result(INT16, draw(output_of(INT16, source, quantization))), result(UINT8, None, (batch, depth))],
        arrays=[draw(arrays(UINT8, (batch, depth), 128)), *sums],
        version=2,
    )


def _sparse(case: Case, block: int, kept: np.ndarray) -> Case:
    """The case with its constant weights in compressed sparse rows of blocks of 1 x ``block``; some are kept."""
    graph, subgraph = case.graph, case.graph.subgraphs[0]
    tensors, buffers = list(subgraph.tensors), list(graph.buffers)
    index = subgraph.operators[0].inputs[1]
    weights = tensors[index]
    dense = np.frombuffer(buffers[weights.buffer].data, numpy_dtype(weights.type))
    segments, indices = (0, *np.cumsum(kept.sum(1)).tolist()), tuple(np.nonzero(kept)[1].tolist())
    rows = DimensionMetadata(DimensionType.DENSE, len(kept))
    columns = DimensionMetadata(DimensionType.SPARSE_CSR, 0, segments, indices)
    blocks = DimensionMetadata(DimensionType.DENSE, block)
    blocked = Sparsity((0, 1, 2), (1,), (rows, columns, blocks))
    tensors[index] = replace(weights, sparsity=blocked if block > 1 else Sparsity((0, 1), (), (rows, columns)))
    stored = dense.reshape(*kept.shape, block)[kept]
    buffers[weights.buffer] = Buffer(memoryview(stored.tobytes()))
    subgraph = replace(subgraph, tensors=tuple(tensors))
    return replace(case, graph=replace(graph, subgraphs=(subgraph,), buffers=tuple(buffers)))


@st.composite
def sparse(draw: DrawFn, tensor_type: TensorType, block: int, codes: TensorType = INT8) -> Case:
    """Weights of which some blocks of 1 x ``block`` are stored."""
    weights_type = FLOAT32 if block < 16 else codes
    batch, units, depth = draw(st.integers(1, 4)), draw(st.integers(1, 6)), 16 * draw(st.integers(1, 4))
    source = draw(source_of(tensor_type)) if tensor_type is INT8 else Quantization()
    output, sums = Quantization(), []
    if weights_type is FLOAT32:
        quantization = Quantization()
        weights = constant(draw(float_arrays((units, depth))))
    else:
        quantization = draw(filter_of(codes, units, 0, None))
        weights = draw(weights_of(codes, (units, depth), quantization))
    if tensor_type is INT8:
        bias, sums = draw(bias_of(INT32, units, source, quantization, optional=True))
        output = draw(output_of(INT8, source, quantization))
        x = draw(arrays(INT8, (batch, depth), source.zero_point[0]))
    else:
        bias = draw(float_bias(units, False, True))
        x = draw(float_source((batch, depth), weights_type is codes))
    asymmetric = tensor_type is not weights_type and draw(st.booleans())
    case = single_operator(
        "FULLY_CONNECTED",
        FullyConnectedOptions(fused_activation_function=draw(activations()), asymmetric_quantize_inputs=asymmetric),
        inputs=[tensor(tensor_type, (batch, depth), source), weights, bias],
        outputs=[result(tensor_type, output)],
        arrays=[x, *sums],
        version=9,
    )
    kept = np.random.default_rng(draw(st.integers(0, 2**32))).random((units, depth // block)) < 0.6
    kept[0, 0] = True  # without a value there is no constant
    return _sparse(case, block, kept)


CASES: dict[str, SearchStrategy[Case]] = {
    "FULLY_CONNECTED int8 per-tensor": fully_connected(INT8, INT8, each_channel=False),
    "FULLY_CONNECTED int8 per-channel": fully_connected(INT8, INT8, each_channel=True),
    "FULLY_CONNECTED int8 with filter zero point": fully_connected(
        INT8, INT8, each_channel=False, signed_zero_point=True
    ),
    "FULLY_CONNECTED int4-weights int8": fully_connected(INT8, INT4),
    "FULLY_CONNECTED uint8": fully_connected(UINT8, UINT8, each_channel=False),
    "FULLY_CONNECTED uint8 to int16": fully_connected(UINT8, UINT8, each_channel=False, output_type=INT16),
    "FULLY_CONNECTED uint8 shuffled": shuffled(),
    "FULLY_CONNECTED int16 with int64 bias": fully_connected(INT16, INT8, INT64),
    "FULLY_CONNECTED int16 with int32 bias": fully_connected(INT16, INT8, INT32, quantized_bias_type=INT32),
    "FULLY_CONNECTED int4-weights int16": fully_connected(INT16, INT4, INT64),
    "FULLY_CONNECTED int4-weights hybrid": float_fully_connected(INT4, None),
    "FULLY_CONNECTED int2-weights int8": fully_connected(INT8, INT2),
    "FULLY_CONNECTED int2-weights int16": fully_connected(INT16, INT2, INT64),
    "FULLY_CONNECTED int2-weights hybrid": float_fully_connected(INT2, None),
    "FULLY_CONNECTED int16 with int16 weights": fully_connected(INT16, INT16),
    "FULLY_CONNECTED int16 with int16 weights and zero point": fully_connected(
        INT16, INT16, each_channel=False, signed_zero_point=True
    ),
    "FULLY_CONNECTED int16 with int16 weights and int64 bias": fully_connected(
        INT16, INT16, INT64, quantized_bias_type=INT64
    ),
    "FULLY_CONNECTED int16 with int16 weights and int64 bias read as int32": fully_connected(INT16, INT16, INT64),
    "FULLY_CONNECTED int8 with int64 bias": fully_connected(INT8, INT8, INT64),
    "FULLY_CONNECTED uint8 with int64 bias": fully_connected(UINT8, UINT8, INT64, each_channel=False),
    "FULLY_CONNECTED int8 read otherwise": read_otherwise(INT8, (INT8, UINT8, INT16)),
    "FULLY_CONNECTED uint8 read otherwise": read_otherwise(UINT8, (INT8, UINT8, INT16)),
    "FULLY_CONNECTED int16 read otherwise": read_otherwise(INT16, (INT8, UINT8, INT16)),
    "FULLY_CONNECTED int8 without columns": without_columns(INT8, INT8),
    "FULLY_CONNECTED uint8 without columns": without_columns(UINT8, UINT8),
    "FULLY_CONNECTED int16 without columns": without_columns(INT16, INT8),
    "FULLY_CONNECTED float32 without columns": without_columns(FLOAT32, FLOAT32),
    "FULLY_CONNECTED hybrid without columns": without_columns(FLOAT32, INT8),
    "FULLY_CONNECTED float32": float_fully_connected(),
    "FULLY_CONNECTED float32 sparse": st.one_of(sparse(FLOAT32, 1), sparse(FLOAT32, 4)),
    "FULLY_CONNECTED int8 sparse": sparse(INT8, 16),
    "FULLY_CONNECTED hybrid sparse": sparse(FLOAT32, 16),
    "FULLY_CONNECTED hybrid sparse uint8": sparse(FLOAT32, 16, UINT8),
    "FULLY_CONNECTED hybrid per-tensor": float_fully_connected(INT8, False, asymmetric_quantize_inputs=False),
    "FULLY_CONNECTED hybrid per-channel": float_fully_connected(INT8, asymmetric_quantize_inputs=False),
    "FULLY_CONNECTED hybrid with uint8 weights": float_fully_connected(UINT8, None),
    "FULLY_CONNECTED hybrid tanh and signs": float_fully_connected(INT8, None, activation=_VECTOR_ACTIVATIONS),
    "FULLY_CONNECTED hybrid asymmetric": float_fully_connected(INT8, None, asymmetric_quantize_inputs=True),
}
