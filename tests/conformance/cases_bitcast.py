"""Cases of BITCAST: to smaller elements, to greater ones, and to others of one size."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from conformance.case import Case, result, single_operator, tensor
from conformance.cases_shape import FLOAT32, INT8, INT16, INT32, INT64, UINT8
from conformance.strategies import arrays, by_type, shapes
from q31.schema import TensorType, numpy_dtype

TYPES = (FLOAT32, INT32, UINT8, INT64, INT16, INT8, TensorType.UINT32, TensorType.FLOAT64)


@st.composite
def bitcast(draw: DrawFn, source: TensorType) -> Case:
    target = draw(st.sampled_from(TYPES))
    shape = draw(shapes(1, 4))
    ratio = numpy_dtype(target).itemsize // numpy_dtype(source).itemsize
    if ratio > 1:
        shape = (*shape, ratio)
    x = draw(arrays(source, shape))
    return single_operator("BITCAST", None, [tensor(source, shape)], [result(target)], [x])


CASES: dict[str, SearchStrategy[Case]] = by_type("BITCAST", bitcast, *TYPES)
