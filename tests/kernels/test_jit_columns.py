"""DEPTHWISE_CONV_2D of an image of one column or row is one line of pairs; bits and memory are held to ``evaluate``."""

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiled_nodes import ACTIVATIONS, EXAMPLES, INNER, PROFILE, check, run_cases_in_a_process
from drawn_convolutions import EIGHT_BIT, drawn_for, make_node, operands
from q31.kernels.convolution import depthwise_conv_2d
from q31.kernels.jit.isa import QUADS
from q31.kernels.profiles import LITERT
from q31.schema import Padding, TensorType
from q31.schema.options import DepthwiseConv2DOptions

KERNEL = depthwise_conv_2d.KERNELS[0]


@st.composite
def columns(draw):
    """Draw the shape of a column or a row, that of its filter, and options."""
    taps, dilation, stride = draw(st.integers(1, 16)), draw(st.sampled_from([1, 1, 2, 3])), draw(st.integers(1, 3))
    length = draw(st.integers((taps - 1) * dilation + 1, (taps - 1) * dilation + 14))
    sizes = (length, 1), (taps, 1), (dilation, 1), (stride, 1)
    if draw(st.booleans()):
        sizes = tuple(pair[::-1] for pair in sizes)
    image, filter_size, dilations, strides = sizes
    options = DepthwiseConv2DOptions(
        depth_multiplier=1,
        padding=Padding.VALID,
        stride_h=strides[0],
        stride_w=strides[1],
        dilation_h_factor=dilations[0],
        dilation_w_factor=dilations[1],
        fused_activation_function=draw(ACTIVATIONS),
    )
    return image, filter_size, options


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data(), PROFILE, EIGHT_BIT, columns(), st.sampled_from([1, 3, 8, 15, 16, 17, 40]), st.integers(1, 2))
def test_columns_and_rows(data, profile, tensor_type, column, channels, batches):
    image, filter_size, options = column
    drawn = data.draw(operands((1, *filter_size, channels), 3, tensor_type))
    node, x = make_node("DEPTHWISE_CONV_2D", options, tensor_type, (batches, *image, channels), drawn)
    check(KERNEL, node, x, profile)


def lowered(image, filter_size, padding=Padding.VALID, batches=1):
    options = DepthwiseConv2DOptions(depth_multiplier=1, padding=padding, stride_h=1, stride_w=1)
    drawn = drawn_for((1, *filter_size, 4), 3, 0.01)
    node, _ = make_node("DEPTHWISE_CONV_2D", options, TensorType.INT8, (batches, *image, 4), drawn)
    return KERNEL.lower(KERNEL.prepare(node, LITERT), node)


@pytest.mark.skipif(QUADS, reason="the tier sums quads")
@pytest.mark.parametrize(("image", "filter_size"), [((9, 1), (5, 1)), ((1, 9), (1, 5))])
def test_two_taps_of_a_column_are_a_pair(image, filter_size):
    fields = lowered(image, filter_size).fields
    assert (fields["row_width"], fields["pairs"], fields["filter_width"], fields["output_width"]) == (1, 1, 3, 5)
    assert np.shape(fields["filter"])[:2] == (1, 3)


@pytest.mark.skipif(QUADS, reason="the tier sums quads")
@pytest.mark.parametrize(
    "arguments",
    [
        {"image": (9, 1), "filter_size": (5, 1), "padding": Padding.SAME},
        {"image": (9, 1), "filter_size": (5, 1), "batches": 2},
        {"image": (9, 2), "filter_size": (5, 1)},
    ],
    ids=["padded", "several images", "two columns"],
)
def test_others_have_lines_of_two_rows(arguments):
    fields = lowered(**arguments).fields
    assert fields["filter_width"] == 1 and fields["row_width"] == arguments["image"][1]


@pytest.mark.skipif(INNER in os.environ, reason="is the inner run")
@pytest.mark.parametrize("environment", [{"Q31_JIT": "0"}, {"Q31_ISA": "generic"}], ids=["uncompiled", "generic"])
def test_other_forms_compute_the_same_bits(environment):
    run_cases_in_a_process(__file__, "columns_and_rows", **environment)
