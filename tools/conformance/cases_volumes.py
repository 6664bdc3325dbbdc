"""Cases of CONV_3D, CONV_3D_TRANSPOSE and RFFT2D."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from ...kernels.padding import compute_axis
from ...schema import TensorType
from ...schema.options import Conv3DOptions, Rfft2dOptions
from .case import Case, constant, result, single_operator, tensor
from .strategies import activations, float_arrays, paddings, shapes

FLOAT32, INT32 = TensorType.FLOAT32, TensorType.INT32


@st.composite
def conv_3d(draw: Any, transpose: bool = False) -> Case:
    """Strides, dilations, paddings and activations, with and without bias; the shape of a transposed one is constant
    or not.
    """
    name = "CONV_3D_TRANSPOSE" if transpose else "CONV_3D"
    filter_size, strides, dilations = (
        tuple(draw(st.lists(st.integers(1, high), min_size=3, max_size=3))) for high in (3, 3, 2)
    )
    padding = draw(paddings())
    reach = [(size - 1) * step + 1 for size, step in zip(filter_size, dilations, strict=True)]
    volume = tuple(one + draw(st.integers(0, 3)) for one in reach)
    batch, channels, filters = (draw(st.integers(1, high)) for high in (2, 4, 4))
    steps = strides[0], strides[2], strides[1]
    options = Conv3DOptions(padding, *steps, draw(activations()), dilations[0], dilations[2], dilations[1])
    axes = [compute_axis(padding, *sizes) for sizes in zip(volume, filter_size, strides, dilations, strict=True)]
    small = tuple(axis.output_size for axis in axes)
    weights = draw(float_arrays((*filter_size, *((filters, channels) if transpose else (channels, filters)))))
    x = draw(float_arrays((batch, *(small if transpose else volume), channels), special=True))
    bias = draw(st.one_of(st.none(), float_arrays((filters,)).map(constant)))
    given = [x]
    inputs = [tensor(FLOAT32, x.shape), constant(weights), bias]
    if transpose:
        shape = np.array((batch, *volume, filters), np.int32)
        fixed = draw(st.booleans())
        inputs = [constant(shape) if fixed else tensor(INT32, (5,)), constant(weights), tensor(FLOAT32, x.shape), bias]
        given = [x] if fixed else [shape, x]
    inputs = inputs if bias is not None else inputs[:-1]
    return single_operator(name, options, inputs, [result(FLOAT32)], given)


@st.composite
def rfft_2d(draw: Any) -> Case:
    """Images smaller and larger than the lengths, which are powers of two; the lengths constant or not."""
    shape = draw(shapes(2, 4, high=6))
    height, width = (
        draw(st.sampled_from([1, 2, 4, 8, 16, 32, 64])),
        draw(st.sampled_from([1, 2, 4, 8, 16, 32, 64, 128])),
    )
    lengths = np.array([height, width], np.int32)
    if draw(st.booleans()):
        shape = (height, width)
    x = draw(float_arrays(shape))
    fixed = draw(st.booleans())
    inputs = [tensor(FLOAT32, shape), constant(lengths) if fixed else tensor(INT32, (2,))]
    given = [x] if fixed else [x, lengths]
    return single_operator("RFFT2D", Rfft2dOptions(), inputs, [result(TensorType.COMPLEX64)], given)


CASES: dict[str, st.SearchStrategy[Case]] = {
    "CONV_3D float32": conv_3d(),
    "CONV_3D_TRANSPOSE float32": conv_3d(transpose=True),
    "RFFT2D float32": rfft_2d(),
}
