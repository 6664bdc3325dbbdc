"""Cases of AVERAGE_POOL_2D, MAX_POOL_2D and MEAN."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from ...schema import Quantization, TensorType
from ...schema.options import Pool2DOptions, ReducerOptions
from .case import Case, constant, result, single_operator, tensor
from .strategies import (
    activations,
    arrays,
    extreme_scales,
    float32,
    float_arrays,
    images,
    log_uniform,
    mostly,
    paddings,
    per_tensor,
    scales,
    shapes,
)

FLOAT32, INT8, UINT8, INT16 = TensorType.FLOAT32, TensorType.INT8, TensorType.UINT8, TensorType.INT16


@st.composite
def pool(draw: Any, name: str, tensor_type: TensorType, version: int = 2) -> Case:
    """A pooling with any window, stride, padding and activation; input and output have the same quantization."""
    shape = draw(images())
    padding = draw(paddings())
    largest = [shape[1], shape[2]] if padding.name == "VALID" else [shape[1] + 3, shape[2] + 3]
    whole = draw(st.booleans()) and draw(st.booleans())
    height, width = (shape[1:3]) if whole else (draw(st.integers(1, side)) for side in largest)
    options = Pool2DOptions(
        padding=padding,
        stride_w=draw(st.integers(1, 4)),
        stride_h=draw(st.integers(1, 4)),
        filter_width=width,
        filter_height=height,
        fused_activation_function=draw(activations()),
    )
    quantization = Quantization() if tensor_type is FLOAT32 else draw(per_tensor(tensor_type))
    if tensor_type is FLOAT32:
        x = draw(float_arrays(shape, special=True))
    else:
        x = draw(arrays(tensor_type, shape, quantization.zero_point[0]))
    inputs = [tensor(tensor_type, shape, quantization)]
    return single_operator(name, options, inputs, [result(tensor_type, quantization)], [x], version=version)


@st.composite
def axes_of(draw: Any, rank: int) -> np.ndarray:
    """Axes in any order, some negative, some repeated; a single one may be a scalar."""
    if rank == 0:
        return np.zeros(draw(st.sampled_from([(0,), (1,)])), np.int32)
    if rank == 4 and draw(st.booleans()):
        return np.array(draw(st.sampled_from([[1, 2], [2, 1], [-3, -2], [1], [2], [3]])), np.int32)
    values = draw(st.lists(st.integers(-rank, rank - 1), max_size=rank + 1))
    if len(values) == 1 and draw(st.booleans()):
        return np.array(values[0], np.int32)
    return np.array(values, np.int32)


@st.composite
def mean(draw: Any, tensor_type: TensorType, scale: Any = None, large: bool = False) -> Case:
    """MEAN; the axes are a constant or an input."""
    shape = draw(images(high=40)) if large else draw(st.one_of(shapes(0, 5), images()))
    axes = draw(axes_of(len(shape)))
    source = target = Quantization()
    if tensor_type is FLOAT32:
        x = draw(float_arrays(shape, special=True))
    elif tensor_type in (TensorType.INT32, TensorType.INT64):
        x = draw(arrays(tensor_type, shape))
    else:
        source = draw(per_tensor(tensor_type, scale))
        ratio = draw(
            log_uniform(2.0**-4, 2.0**4)
            if scale is None
            else mostly(log_uniform(2.0**-3, 2.0**3), log_uniform(2.0**-40, 2.0**20))
        )
        target = draw(per_tensor(tensor_type, float32(source.scale[0] / ratio)))
        x = draw(arrays(tensor_type, shape, source.zero_point[0]))
    at_run_time = draw(st.integers(0, 3)) == 0
    return single_operator(
        "MEAN",
        ReducerOptions(keep_dims=draw(st.booleans())),
        [tensor(tensor_type, shape, source), tensor(TensorType.INT32, axes.shape) if at_run_time else constant(axes)],
        [result(tensor_type, target)],
        [x, axes] if at_run_time else [x],
        version=2,
    )


CASES: dict[str, st.SearchStrategy[Case]] = {}
for _type in (INT8, UINT8, INT16, FLOAT32):
    for _name in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
        CASES[f"{_name} {_type.name.lower()}"] = pool(_name, _type)
for _type in (INT8, UINT8, INT16, FLOAT32, TensorType.INT32, TensorType.INT64):
    CASES[f"MEAN {_type.name.lower()}"] = mean(_type)
for _type in (INT8, UINT8):
    CASES[f"MEAN {_type.name.lower()} extreme scales"] = mean(_type, st.one_of(scales(), extreme_scales()))
CASES["MEAN int8 large"] = mean(INT8, large=True)
