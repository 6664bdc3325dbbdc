"""Cases of SUM, REDUCE_PROD, REDUCE_MAX, REDUCE_MIN, REDUCE_ANY and REDUCE_ALL."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from ...schema import Quantization, TensorType
from ...schema.options import ReducerOptions
from .case import Case, constant, result, single_operator, tensor
from .cases_pooling import axes_of
from .strategies import arrays, float32, float_arrays, log_uniform, per_tensor, shapes

FLOAT32, INT8, UINT8, INT16 = TensorType.FLOAT32, TensorType.INT8, TensorType.UINT8, TensorType.INT16
INT32, INT64, BOOL = TensorType.INT32, TensorType.INT64, TensorType.BOOL


@st.composite
def reduction(draw: DrawFn, name: str, tensor_type: TensorType, quantized: bool = False) -> Case:
    shape = draw(shapes(0, 5))
    axes = draw(axes_of(len(shape)))
    source = target = Quantization()
    if quantized:
        source = target = draw(per_tensor(tensor_type))
        if name in ("SUM", "REDUCE_PROD") and draw(st.integers(0, 4)):
            target = draw(per_tensor(tensor_type, float32(source.scale[0] / draw(log_uniform(2.0**-5, 2.0**3)))))
        if name == "REDUCE_PROD" and draw(st.integers(0, 3)):
            greatest = 2.0 if draw(st.integers(0, 15)) else 2.0**12
            source = draw(per_tensor(tensor_type, log_uniform(2.0**-8, greatest)))
    if tensor_type is FLOAT32:
        x = draw(float_arrays(shape, special=True))
    else:
        x = draw(arrays(tensor_type, shape, (*source.zero_point, 0)[0]))
        if name == "REDUCE_PROD" and not quantized and tensor_type is not BOOL and draw(st.booleans()):
            x = np.asarray(x % 7 + (0 if tensor_type is UINT8 else -3)).astype(x.dtype)
    at_run_time = draw(st.integers(0, 3)) == 0
    return single_operator(
        name,
        ReducerOptions(keep_dims=draw(st.booleans())),
        [tensor(tensor_type, shape, source), tensor(INT32, axes.shape) if at_run_time else constant(axes)],
        [result(tensor_type, target)],
        [x, axes] if at_run_time else [x],
    )


CASES: dict[str, st.SearchStrategy[Case]] = {}
for _type in (FLOAT32, INT32, INT64):
    for _name in ("SUM", "REDUCE_PROD", "REDUCE_MAX", "REDUCE_MIN"):
        CASES[f"{_name} {_type.name.lower()}"] = reduction(_name, _type)
for _type in (UINT8, INT8):
    CASES[f"SUM {_type.name.lower()}"] = reduction("SUM", _type, quantized=True)
for _type in (UINT8, INT8, INT16):
    CASES[f"REDUCE_PROD {_type.name.lower()} plain"] = reduction("REDUCE_PROD", _type)
    for _name in ("REDUCE_MAX", "REDUCE_MIN"):
        CASES[f"{_name} {_type.name.lower()}"] = reduction(_name, _type, quantized=True)
for _type in (INT8, INT16):
    CASES[f"REDUCE_PROD {_type.name.lower()}"] = reduction("REDUCE_PROD", _type, quantized=True)
for _name in ("REDUCE_PROD", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_ANY", "REDUCE_ALL"):
    CASES[f"{_name} bool"] = reduction(_name, BOOL)
