"""Cases of BITCAST: to smaller elements, to greater ones, and to others of one size."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from ...schema import TensorType, numpy_dtype
from .case import Case, result, single_operator, tensor
from .cases_shape import BOOL, COPIED, FLOAT32, INT8, INT16, INT64
from .strategies import arrays, by_type, shapes

TYPES = (FLOAT32, INT8, INT16, INT64, *COPIED, TensorType.COMPLEX128)


@st.composite
def bitcast(draw: DrawFn, source: TensorType) -> Case:
    # A bool of another byte than 0 and 1 is none that can be compared.
    target = draw(st.sampled_from([one for one in TYPES if one is not BOOL]))
    shape = draw(shapes(1, 4))
    ratio = numpy_dtype(target).itemsize // numpy_dtype(source).itemsize
    if ratio > 1:
        shape = (*shape, ratio)
    x = draw(arrays(source, shape))
    return single_operator("BITCAST", None, [tensor(source, shape)], [result(target)], [x])


CASES: dict[str, SearchStrategy[Case]] = by_type("BITCAST", bitcast, *TYPES)
