"""Cases of the operators that make numbers in steps, masks of indices, and indices of values."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from ...schema import Quantization, TensorType, numpy_dtype
from ...schema.options import (
    BucketizeOptions,
    OneHotOptions,
    RangeOptions,
    RankOptions,
    TopKV2Options,
    UniqueOptions,
    WhereOptions,
)
from .case import Case, constant, result, single_operator, tensor
from .cases_indexing import given
from .cases_shape import ANY, BOOL, FLOAT32, INT8, INT16, INT32, INT64, UINT8, data, index
from .strategies import arrays, by_type, float_arrays, shapes


@st.composite
def range_of(draw: DrawFn, tensor_type: TensorType) -> Case:
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    delta = random.integers(1, 10) * (0.1 if tensor_type is FLOAT32 else 1) * random.choice([-1, 1])
    start = random.integers(-50, 50) * (0.37 if tensor_type is FLOAT32 else 1)
    limit = start + delta * random.integers(0, 40) + (np.sign(delta) * random.integers(0, 2))
    numbers = [np.array(value, numpy_dtype(tensor_type)) for value in (start, limit, delta)]
    operands, values = zip(*(draw(given(number)) for number in numbers), strict=True)
    outputs = [result(tensor_type)]
    return single_operator("RANGE", RangeOptions(), list(operands), outputs, [x for more in values for x in more])


@st.composite
def rank(draw: DrawFn, tensor_type: TensorType) -> Case:
    shape = draw(shapes(0, 5))
    x = np.asarray(draw(arrays(tensor_type, shape)))
    operand, values = data(x, tensor_type, Quantization())
    return single_operator("RANK", RankOptions(), [operand], [result(INT32)], values)


@st.composite
def one_hot(draw: DrawFn, tensor_type: TensorType) -> Case:
    shape = draw(shapes(0, 3))
    depth = draw(st.integers(1, 6))
    index_type = draw(st.sampled_from([INT32, INT64]))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    indices = np.asarray(random.integers(-2, depth + 2, shape)).astype(numpy_dtype(index_type))
    if index_type is INT64 and draw(st.booleans()):
        indices = indices + 2**32
    operand, given_depth = draw(index(depth))
    on_off = [constant(np.asarray(draw(arrays(tensor_type, ()))), tensor_type=tensor_type) for _ in range(2)]
    inputs = [tensor(index_type, shape), operand, *on_off]
    options = OneHotOptions(draw(st.integers(-1, len(shape))))
    return single_operator("ONE_HOT", options, inputs, [result(tensor_type)], [indices, *given_depth])


@st.composite
def where(draw: DrawFn, tensor_type: TensorType) -> Case:
    shape = draw(shapes(1, 5))
    x = draw(arrays(tensor_type, shape))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    x = np.where(random.random(shape) < 0.3, x.dtype.type(0), x).astype(x.dtype)
    if not x.any():
        x.flat[0] = 1
    return single_operator("WHERE", WhereOptions(), [tensor(tensor_type, shape)], [result(INT64)], [x])


@st.composite
def top_k(draw: DrawFn, tensor_type: TensorType) -> Case:
    shape = draw(shapes(1, 3, high=20))
    index_type = draw(st.sampled_from([INT32, INT16]))
    k = np.array(draw(st.integers(1, shape[-1])), numpy_dtype(draw(st.sampled_from([INT32, INT16]))))
    operand, values = draw(given(k))
    few = draw(st.booleans())
    x = draw(arrays(tensor_type, shape))
    if few:
        x = (x.astype(np.float64) % 3).astype(x.dtype)
    inputs, outputs = [tensor(tensor_type, shape), operand], [result(tensor_type), result(index_type)]
    return single_operator("TOPK_V2", TopKV2Options(), inputs, outputs, [x, *values], version=3)


@st.composite
def unique(draw: DrawFn, tensor_type: TensorType) -> Case:
    shape = draw(shapes(1, 1, high=30))
    x = draw(arrays(tensor_type, shape))
    if draw(st.booleans()):
        x = (x.astype(np.float64) % 4).astype(x.dtype)
        if tensor_type is FLOAT32:
            x = np.copysign(np.round(x), draw(float_arrays(shape, 1.0)))
    out_type = draw(st.sampled_from([INT32, INT64]))
    outputs = [result(tensor_type), result(out_type)]
    return single_operator("UNIQUE", UniqueOptions(out_type), [tensor(tensor_type, shape)], outputs, [x])


@st.composite
def bucketize(draw: DrawFn, tensor_type: TensorType) -> Case:
    shape = draw(shapes(0, 4))
    boundaries = sorted(draw(st.lists(st.integers(-20, 20).map(lambda n: n / 2), max_size=8)))
    if draw(st.integers(0, 4)) == 0:
        boundaries.append(2.0**30)
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    x = np.asarray(random.integers(-24, 25, shape) / (1 if tensor_type in (INT32, INT64) else 2))
    if draw(st.integers(0, 3)) == 0:
        x = x + 2.0**30
    x = np.asarray(x).astype(numpy_dtype(tensor_type))
    options = BucketizeOptions(tuple(boundaries))
    return single_operator("BUCKETIZE", options, [tensor(tensor_type, shape)], [result(INT32)], [x])


ORDERED = (FLOAT32, UINT8, INT8, INT16, INT32, INT64)

CASES: dict[str, SearchStrategy[Case]] = {
    **by_type("RANGE", range_of, INT32, INT64, FLOAT32),
    **by_type("RANK", rank, FLOAT32, INT8, INT16, INT64, *ANY),
    **by_type("ONE_HOT", one_hot, FLOAT32, INT32, INT64, INT8, UINT8, BOOL),
    **by_type("WHERE", where, BOOL, FLOAT32, INT64, INT32, INT8, UINT8, TensorType.UINT32),
    **by_type("TOPK_V2", top_k, *ORDERED),
    **by_type("UNIQUE", unique, *ORDERED),
    **by_type("BUCKETIZE", bucketize, FLOAT32, TensorType.FLOAT64, INT32, INT64),
}
