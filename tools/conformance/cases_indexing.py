"""Cases of the operators that select by index, scatter to indices, and find indices."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from ...schema import TensorType, numpy_dtype
from ...schema.options import GatherNdOptions, GatherOptions
from .case import Case, Operand, constant, result, single_operator, tensor
from .cases_shape import (
    BFLOAT16,
    BOOL,
    FLOAT16,
    FLOAT32,
    INT4,
    INT8,
    INT16,
    INT32,
    INT64,
    STRING,
    UINT8,
    parameters,
)
from .strategies import arrays, by_type, shapes

GATHERED = (FLOAT32, FLOAT16, BFLOAT16, UINT8, INT8, INT16, INT32, INT64, BOOL)
POSITIONS = st.sampled_from([INT32, INT32, INT64, INT16])


@st.composite
def given(draw: DrawFn, value: np.ndarray) -> tuple[Operand, list[np.ndarray]]:
    """An operand that is a constant, or one given at run time."""
    if draw(st.booleans()):
        return constant(value), []
    operand = constant(value)
    return tensor(operand.type, value.shape), [value]


@st.composite
def whole_numbers(draw: DrawFn, shape: tuple[int, ...], high: int, tensor_type: TensorType = INT32) -> np.ndarray:
    """Indices in [0, high); now and then one beyond, to which the oracle gives no answer."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    beyond = draw(st.integers(0, 19)) == 19
    low, high = (-1, high + 1) if beyond else (0, max(high, 1))
    return random.integers(low, high, shape).astype(numpy_dtype(tensor_type))


@st.composite
def gather(draw: DrawFn, tensor_type: TensorType) -> Case:
    shape = draw(shapes(1, 1 if tensor_type is STRING else 4))
    axis = draw(st.integers(0, len(shape) - 1))
    if tensor_type is INT4:  # slices of whole bytes: of others the reference picks other elements
        shape = (*shape, draw(st.sampled_from([2, 4])))
    batch_dims = draw(st.integers(0, axis)) if draw(st.booleans()) else 0
    position_shape = (*shape[:batch_dims], *draw(shapes(0, 2)))
    positions = draw(whole_numbers(position_shape, shape[axis], draw(POSITIONS)))
    operand, values = draw(given(positions))
    parameter = draw(parameters(tensor_type))
    x = draw(arrays(tensor_type, shape))
    options = GatherOptions(axis - len(shape) if draw(st.booleans()) else axis, batch_dims)
    inputs, outputs = [tensor(tensor_type, shape, parameter), operand], [result(tensor_type, parameter)]
    return single_operator("GATHER", options, inputs, outputs, [x, *values], version=5)


@st.composite
def gather_nd(draw: DrawFn, tensor_type: TensorType) -> Case:
    shape = draw(shapes(1, 4))
    depth = draw(st.integers(1, len(shape)))
    leading = draw(shapes(0, 2))
    index_type = draw(POSITIONS)
    columns = [draw(whole_numbers((math.prod(leading),), size, index_type)) for size in shape[:depth]]
    indices = np.stack(columns, -1).reshape(*leading, depth)
    operand, values = draw(given(indices))
    x = draw(arrays(tensor_type, shape))
    inputs, outputs = [tensor(tensor_type, shape), operand], [result(tensor_type)]
    return single_operator("GATHER_ND", GatherNdOptions(), inputs, outputs, [x, *values], version=5)


CASES: dict[str, SearchStrategy[Case]] = {
    **by_type("GATHER", gather, *GATHERED, INT4, STRING),
    **by_type("GATHER_ND", gather_nd, *GATHERED, STRING),
}
