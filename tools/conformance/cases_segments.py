"""Cases of the operators that run along an axis, look rows up, and reckon with shapes."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from ...schema import BlockwiseQuantization, GraphBuilder, Quantization, TensorType, numpy_dtype
from ...schema.options import (
    CumsumOptions,
    SegmentSumOptions,
    UnsortedSegmentMaxOptions,
    UnsortedSegmentMinOptions,
    UnsortedSegmentProdOptions,
    UnsortedSegmentSumOptions,
)
from .case import Case, constant, result, single_operator, tensor
from .cases_indexing import given, whole_numbers
from .cases_shape import COPIED, FLOAT32, INT8, INT16, INT32, INT64, UINT8, index
from .strategies import arrays, broadcastable, by_type, float_arrays, per_channel, per_tensor, shapes

SEGMENTS = {
    "UNSORTED_SEGMENT_SUM": UnsortedSegmentSumOptions,
    "UNSORTED_SEGMENT_PROD": UnsortedSegmentProdOptions,
    "UNSORTED_SEGMENT_MAX": UnsortedSegmentMaxOptions,
    "UNSORTED_SEGMENT_MIN": UnsortedSegmentMinOptions,
}


@st.composite
def values_of(draw: DrawFn, tensor_type: TensorType, shape: tuple[int, ...]) -> np.ndarray:
    """Any values; of floats, zeros of both signs among them."""
    if tensor_type is not FLOAT32:
        return draw(arrays(tensor_type, shape))
    x = draw(float_arrays(shape))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    zeros = random.choice(np.array([0.0, -0.0], np.float32), shape)
    return np.where(random.random(shape) < draw(st.sampled_from([0, 0.3])), zeros, x)


@st.composite
def segments(draw: DrawFn, tensor_type: TensorType, name: str) -> Case:
    shape = draw(shapes(1, 4))
    rank = draw(st.integers(1, len(shape)))
    count = draw(st.integers(1, 6))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    ids = random.integers(draw(st.sampled_from([0, -2])), count, shape[:rank]).astype(np.int32)
    (id_operand, first), (number, second) = draw(given(ids)), draw(index(draw(st.sampled_from([count, [count]]))))
    x = draw(values_of(tensor_type, shape))
    inputs = [tensor(tensor_type, shape), id_operand, number]
    return single_operator(name, SEGMENTS[name](), inputs, [result(tensor_type)], [x, *first, *second])


@st.composite
def sorted_segments(draw: DrawFn, tensor_type: TensorType) -> Case:
    shape = draw(shapes(1, 4))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    ids = np.cumsum(random.integers(0, 2, shape[0])).astype(np.int32)
    operand, more = draw(given(ids - ids[0]))
    x = draw(values_of(tensor_type, shape))
    inputs = [tensor(tensor_type, shape), operand]
    return single_operator("SEGMENT_SUM", SegmentSumOptions(), inputs, [result(tensor_type)], [x, *more])


@st.composite
def cumsum(draw: DrawFn, tensor_type: TensorType) -> Case:
    shape = draw(shapes(1, 4, high=8))
    operand, more = draw(index(draw(st.integers(-len(shape), len(shape) - 1))))
    x = draw(values_of(tensor_type, shape))
    options = CumsumOptions(draw(st.booleans()), draw(st.booleans()))
    inputs = [tensor(tensor_type, shape), operand]
    return single_operator("CUMSUM", options, inputs, [result(tensor_type)], [x, *more])


@st.composite
def broadcast_args(draw: DrawFn, tensor_type: TensorType) -> Case:
    shape = draw(shapes(1, 5, low=0))
    other = draw(broadcastable(shape)) or (1,)
    pair = draw(st.permutations([shape, other]))
    operands, values = zip(*(draw(given(np.array(s, numpy_dtype(tensor_type)))) for s in pair), strict=True)
    outputs = [result(tensor_type)]
    return single_operator("BROADCAST_ARGS", None, list(operands), outputs, [*values[0], *values[1]])


@st.composite
def embedding_lookup(draw: DrawFn, tensor_type: TensorType, real: TensorType | None = None) -> Case:
    """Rows of a table, which are dequantized where they become real numbers."""
    shape = draw(shapes(2, 4))
    if real is None and tensor_type in (TensorType.INT4, TensorType.INT2):
        shape = (*shape[:-1], 4)  # rows of whole bytes
    rows = draw(whole_numbers((draw(st.integers(1, 6)),), shape[0]))
    table = draw(arrays(tensor_type, shape))
    quantization = Quantization()
    if real is not None:
        one = per_tensor(tensor_type, zero_point=0)
        quantization = draw(st.one_of(one, per_channel(shape[0])))
    inputs = [tensor(INT32, rows.shape), constant(table, quantization, tensor_type)]
    return single_operator(
        "EMBEDDING_LOOKUP", None, inputs, [result(tensor_type if real is None else real)], [rows], version=4
    )


@st.composite
def blockwise_lookup(draw: DrawFn, tensor_type: TensorType, real: TensorType) -> Case:
    """Rows of a table whose every block of a few columns has a scale of its own, in a tensor beside it."""
    rows, blocks, block = (draw(st.integers(1, high)) for high in (5, 4, 9))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape, sizes = (rows, blocks * block), random.uniform(-14, 8, (rows, blocks))
    builder = GraphBuilder()
    scales = builder.tensor("scales", TensorType.FLOAT16, sizes.shape, value=(2.0**sizes).astype(np.float16))
    quantization = Quantization(blockwise=BlockwiseQuantization(scales, -1, block))
    table = builder.tensor("table", tensor_type, shape, quantization, draw(arrays(tensor_type, shape)))
    picked = draw(whole_numbers((draw(st.integers(1, 6)),), rows))
    x, y = builder.tensor("x", INT32, picked.shape), builder.tensor("y", real, ())
    builder.operator("EMBEDDING_LOOKUP", [x, table], [y], version=4)
    return Case(builder.build([x], [y]), (picked,))


CASES: dict[str, SearchStrategy[Case]] = {
    **{f"{name} {t.name.lower()}": segments(t, name) for name in SEGMENTS for t in (INT32, FLOAT32)},
    **{f"CUMSUM {t.name.lower()}": cumsum(t) for t in (FLOAT32, INT32, INT64)},
    **{f"SEGMENT_SUM {t.name.lower()}": sorted_segments(t) for t in (FLOAT32, INT32)},
    **by_type("BROADCAST_ARGS", broadcast_args, INT32, INT64),
    **by_type("EMBEDDING_LOOKUP", embedding_lookup, FLOAT32, INT8, INT16, INT64, *COPIED, TensorType.COMPLEX128),
    **by_type("EMBEDDING_LOOKUP", embedding_lookup, TensorType.INT4, TensorType.INT2),
    **{
        f"EMBEDDING_LOOKUP {t.name.lower()} to {real.name.lower()}": embedding_lookup(t, real)
        for t in (INT8, UINT8, TensorType.INT4, TensorType.INT2)
        for real in (FLOAT32, TensorType.FLOAT16)
    },
    **{
        f"EMBEDDING_LOOKUP {t.name.lower()} to {real.name.lower()} by blocks": blockwise_lookup(t, real)
        for t in (TensorType.INT4, TensorType.INT2)
        for real in (FLOAT32, TensorType.FLOAT16)
    },
}
