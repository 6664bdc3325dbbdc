"""Cases of RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from ...schema import Quantization, TensorType
from ...schema.options import ResizeBilinearOptions, ResizeNearestNeighborOptions
from .case import Case, constant, result, single_operator, tensor
from .strategies import arrays, float_arrays, images, per_tensor

TYPES = (TensorType.FLOAT32, TensorType.UINT8, TensorType.INT8, TensorType.INT16)
MOVED = (
    *(TensorType.FLOAT16, TensorType.BFLOAT16, TensorType.BOOL),
    *(TensorType.UINT16, TensorType.INT32, TensorType.UINT32),
)


@st.composite
def resize(draw: DrawFn, name: str, tensor_type: TensorType) -> Case:
    shape = draw(images())
    side = st.one_of(st.integers(1, 24), st.sampled_from([1, 2, 100]))
    size = np.array([draw(side), draw(side)], np.int32)
    align = draw(st.booleans())
    half = draw(st.booleans()) and not (align and name == "RESIZE_BILINEAR")
    table = ResizeBilinearOptions if name == "RESIZE_BILINEAR" else ResizeNearestNeighborOptions
    parameter = draw(per_tensor(tensor_type)) if tensor_type in TYPES[1:] else Quantization()
    floats = tensor_type is TensorType.FLOAT32
    x = draw(float_arrays(shape, special=True) if floats else arrays(tensor_type, shape))
    inputs, values = [tensor(tensor_type, shape, parameter)], [x]
    if draw(st.integers(0, 4)) == 0:
        inputs.append(tensor(TensorType.INT32, (2,)))
        values.append(size)
    else:
        inputs.append(constant(size))
    outputs = [result(tensor_type, parameter)]
    return single_operator(name, table(align, half), inputs, outputs, values, version=4 if half or align else 3)


CASES: dict[str, SearchStrategy[Case]] = {
    f"{name} {t.name.lower()}": resize(name, t)
    for name in ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR")
    for t in (TYPES if name == "RESIZE_BILINEAR" else (*TYPES, *MOVED))
}
