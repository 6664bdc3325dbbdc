"""A PAD before a convolution becomes the convolution's own padding, where the bits are the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from q31.engine.program import Program
from q31.kernels.profiles import LITERT
from q31.schema import Graph, Padding, Quantization, TensorType
from q31.schema.builder import GraphBuilder
from q31.schema.options import Conv2DOptions, DepthwiseConv2DOptions, PadOptions, PadV2Options, Pool2DOptions

X_SCALE, CHANNELS = 0.05, 20
AROUND = ((0, 0), (1, 1), (1, 1), (0, 0))
BELOW = ((0, 0), (0, 1), (0, 1), (0, 0))


def network(
    name: str = "CONV_2D",
    paddings: Any = AROUND,
    stride: int = 2,
    padding: Padding = Padding.VALID,
    zero_point: int = 3,
    filter_size: int = 3,
    value: int | None = None,
    value_zero_point: int | None = None,
    read_again: bool = False,
    variable: bool = False,
) -> Graph:
    """A PAD (with a ``value`` PADV2), then a window; ``value_zero_point``: of the tensor that is padded, if another."""
    builder, random, kind = GraphBuilder(), np.random.default_rng(0), TensorType.INT8
    own = Quantization((X_SCALE,), (zero_point,))
    shape = (1, 9, 8, CHANNELS)
    padded_shape = tuple(size + sum(pair) for size, pair in zip(shape, paddings, strict=True))
    written = own if value_zero_point is None else Quantization((X_SCALE,), (value_zero_point,))
    x = builder.tensor("x", kind, shape, own)
    amounts = builder.tensor("paddings", TensorType.INT32, (4, 2), value=paddings)
    padded = builder.tensor("padded", kind, padded_shape, written, is_variable=variable)
    if value is None:
        builder.operator("PAD", [x, amounts], [padded], PadOptions())
    else:
        border = builder.tensor("border", kind, (1,), written, value=[value])
        builder.operator("PADV2", [x, amounts, border], [padded], PadV2Options())
    y = builder.tensor("y", kind, (), Quantization((2.0,), (-1,)) if "CONV" in name else written)
    if name.endswith("POOL_2D"):
        window = {"filter_height": filter_size, "filter_width": filter_size, "stride_h": stride, "stride_w": stride}
        builder.operator(name, [padded], [y], Pool2DOptions(padding=padding, **window))
    else:
        depthwise = name.startswith("DEPTHWISE")
        filter_shape = (1 if depthwise else CHANNELS, filter_size, filter_size, CHANNELS)
        values = random.integers(-127, 128, filter_shape).tolist()
        weights = builder.tensor("weights", kind, filter_shape, Quantization((0.02,), (0,)), value=values)
        options: Any = DepthwiseConv2DOptions if depthwise else Conv2DOptions
        extra = {"depth_multiplier": 1} if depthwise else {}
        builder.operator(
            name, [padded, weights], [y], options(padding=padding, stride_h=stride, stride_w=stride, **extra)
        )
    return builder.build([x], [y, padded] if read_again else [y])


def check(graph: Graph, taken: bool, **inputs: Any) -> None:
    one, two = (Program(graph, profile=LITERT, compiled=compiled, **inputs) for compiled in (True, False))
    assert ([operator.index for operator in one._operators] == [1]) == taken
    shape = one.preparation.shapes[one.preparation.inputs[0]]
    x = np.random.default_rng(1).integers(-128, 128, shape, np.int8)
    for a, b in zip(one.call([x]), two.call([x]), strict=True):
        np.testing.assert_array_equal(a, b)
    if taken:
        assert one.compiled == {0, 1} and one.array(2) is None


@pytest.mark.parametrize("name", ["CONV_2D", "DEPTHWISE_CONV_2D"])
@pytest.mark.parametrize("paddings", [AROUND, BELOW, ((0, 0), (2, 0), (0, 2), (0, 0))])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_convolutions_pad_by_themselves(name, paddings, stride):
    check(network(name, paddings, stride), taken=True)


@pytest.mark.parametrize("name", ["CONV_2D", "DEPTHWISE_CONV_2D"])
def test_paddings_are_added_up(name):
    check(network(name, AROUND, 1, Padding.SAME), taken=True)
    check(network(name, ((0, 0), (3, 3), (3, 3), (0, 0)), 1, Padding.SAME), taken=False)  # windows all outside
    check(network(name, ((0, 0), (3, 3), (3, 3), (0, 0)), 1, filter_size=4), taken=True)


def test_the_value_of_padv2_is_to_be_the_zero_point():
    check(network(value=3), taken=True)
    check(network(value=4), taken=False)


def test_the_zero_point_is_that_of_what_is_padded():
    check(network(value_zero_point=-7), taken=True)  # written and taken for zero alike
    check(network(value=3, value_zero_point=-7), taken=False)


def test_other_axes_and_pixels_stay():
    check(network(paddings=((0, 0), (1, 1), (1, 1), (0, 4)), name="MAX_POOL_2D", zero_point=-128), taken=False)
    check(network(paddings=((0, 1), (1, 1), (1, 1), (0, 0))), taken=False)
    check(network(filter_size=1), taken=False)


def test_maxima_pad_with_the_least_code():
    check(network("MAX_POOL_2D", zero_point=-128), taken=True)
    check(network("MAX_POOL_2D", zero_point=-127), taken=False)
    check(network("AVERAGE_POOL_2D", zero_point=-128), taken=False)


def test_what_is_read_elsewhere_or_kept_is_padded():
    check(network(read_again=True), taken=False)
    check(network(variable=True), taken=False)
    check(network(), taken=False, preserve_all=True)


def test_resized_inputs():
    check(network(), taken=True, input_shapes={0: (2, 4, 13, CHANNELS)})
