"""Cases of ARG_MAX and ARG_MIN."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from ...schema import Quantization, TensorType
from ...schema.options import ArgMaxOptions, ArgMinOptions
from .case import Case, constant, result, single_operator, tensor
from .strategies import arrays, per_tensor, shapes

TYPES = (TensorType.FLOAT32, TensorType.UINT8, TensorType.INT8, TensorType.INT32, TensorType.BOOL)


@st.composite
def arg_max(draw: DrawFn, name: str, tensor_type: TensorType) -> Case:
    shape = list(draw(shapes()))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    shape[axis] = draw(st.integers(1, 70))
    quantized = tensor_type in (TensorType.INT8, TensorType.UINT8)
    parameter = draw(per_tensor(tensor_type)) if quantized else Quantization()
    x = draw(arrays(tensor_type, shape, (*parameter.zero_point, 0)[0]))
    axis_dtype = draw(st.sampled_from([np.int32, np.int64]))
    output_type = draw(st.sampled_from([TensorType.INT32, TensorType.INT64]))
    options = (ArgMaxOptions if name == "ARG_MAX" else ArgMinOptions)(output_type)
    inputs, values = [tensor(tensor_type, shape, parameter)], [x]
    where = np.array(draw(st.sampled_from([axis, [axis]])), axis_dtype)
    if draw(st.integers(0, 4)) == 0:
        inputs.append(tensor(TensorType.INT32 if axis_dtype is np.int32 else TensorType.INT64, where.shape))
        values.append(where)
    else:
        inputs.append(constant(where))
    return single_operator(name, options, inputs, [result(output_type)], values, version=2)


CASES: dict[str, SearchStrategy[Case]] = {
    f"{name} {t.name.lower()}": arg_max(name, t) for name in ("ARG_MAX", "ARG_MIN") for t in TYPES
}
