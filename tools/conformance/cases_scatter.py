"""Cases of the operators that put values to places of a tensor."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from ...schema import TensorType, numpy_dtype
from ...schema.options import (
    DynamicUpdateSliceOptions,
    MatrixDiagOptions,
    MatrixSetDiagOptions,
    ScatterNdOptions,
    SparseToDenseOptions,
)
from .case import Case, constant, result, single_operator, tensor
from .cases_indexing import given, whole_numbers
from .cases_shape import BOOL, COPIED, FLOAT32, INT4, INT8, INT16, INT32, INT64, UINT8, index
from .strategies import arrays, by_type, shapes


@st.composite
def scatter_nd(draw: DrawFn, tensor_type: TensorType) -> Case:
    shape = draw(shapes(1, 4))
    depth = draw(st.integers(1, len(shape)))
    leading = draw(shapes(1, 2))
    columns = [draw(whole_numbers((math.prod(leading),), size)) for size in shape[:depth]]
    indices = np.stack(columns, -1).reshape(*leading, depth)
    operand, values = draw(given(indices))
    size, more = draw(index(shape))
    update_shape = (*leading, *shape[depth:])
    updates = draw(arrays(tensor_type, update_shape))
    inputs = [operand, tensor(tensor_type, update_shape), size]
    return single_operator("SCATTER_ND", ScatterNdOptions(), inputs, [result(tensor_type)], [*values, updates, *more])


@st.composite
def sparse_to_dense(draw: DrawFn, tensor_type: TensorType) -> Case:
    shape = draw(shapes(1, 4))
    count = draw(st.integers(1, 8))
    index_type = draw(st.sampled_from([INT32, INT64]))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    indices = random.integers(0, shape, (count, len(shape))).astype(numpy_dtype(index_type))
    if len(shape) == 1 and draw(st.booleans()):
        indices = indices.ravel()
    scalar = count == 1 and indices.ndim == 1 and draw(st.booleans())
    values = np.asarray(draw(arrays(tensor_type, () if scalar else (count,))))
    default = constant(np.asarray(draw(arrays(tensor_type, ()))))
    operand, first = draw(given(indices))
    size, second = draw(index(shape, draw(st.sampled_from([INT32, INT64]))))
    inputs = [operand, size, tensor(tensor_type, values.shape), default]
    options, outputs = SparseToDenseOptions(), [result(tensor_type)]
    return single_operator("SPARSE_TO_DENSE", options, inputs, outputs, [*first, *second, values], version=3)


@st.composite
def dynamic_update_slice(draw: DrawFn, tensor_type: TensorType) -> Case:
    shape = draw(shapes(1, 4))
    part = tuple(draw(st.integers(1, size)) for size in shape)
    index_type = draw(st.sampled_from([INT32, INT64]))
    start = np.array([draw(st.integers(-2, size + 2)) for size in shape], numpy_dtype(index_type))
    operand, values = draw(given(start))
    x, update = draw(arrays(tensor_type, shape)), draw(arrays(tensor_type, part))
    inputs = [tensor(tensor_type, shape), tensor(tensor_type, part), operand]
    options, outputs = DynamicUpdateSliceOptions(), [result(tensor_type)]
    return single_operator("DYNAMIC_UPDATE_SLICE", options, inputs, outputs, [x, update, *values], version=3)


@st.composite
def matrix_diag(draw: DrawFn, tensor_type: TensorType) -> Case:
    shape = draw(shapes(1, 4))
    x = draw(arrays(tensor_type, shape))
    inputs, outputs = [tensor(tensor_type, shape)], [result(tensor_type)]
    return single_operator("MATRIX_DIAG", MatrixDiagOptions(), inputs, outputs, [x])


@st.composite
def matrix_set_diag(draw: DrawFn, tensor_type: TensorType) -> Case:
    shape = draw(shapes(2, 4))
    part = (*shape[:-2], min(shape[-2:]))
    x, diagonal = draw(arrays(tensor_type, shape)), draw(arrays(tensor_type, part))
    inputs = [tensor(tensor_type, shape), tensor(tensor_type, part)]
    return single_operator("MATRIX_SET_DIAG", MatrixSetDiagOptions(), inputs, [result(tensor_type)], [x, diagonal])


UPDATED = (*COPIED, TensorType.COMPLEX128, INT4)
MATRICES = (FLOAT32, INT64, INT32, INT16, INT8, UINT8)

CASES: dict[str, SearchStrategy[Case]] = {
    **by_type("SCATTER_ND", scatter_nd, FLOAT32, UINT8, BOOL, INT8, INT64, INT32),
    **by_type("SPARSE_TO_DENSE", sparse_to_dense, INT32, INT64, INT8, UINT8, FLOAT32),
    **by_type("DYNAMIC_UPDATE_SLICE", dynamic_update_slice, FLOAT32, INT8, INT16, INT64, *UPDATED),
    **by_type("MATRIX_DIAG", matrix_diag, *MATRICES),
    **by_type("MATRIX_SET_DIAG", matrix_set_diag, *MATRICES),
}
