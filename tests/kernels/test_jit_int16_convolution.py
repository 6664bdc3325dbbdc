"""The compiled convolutions of int16 activations give the bits of ``evaluate``, and touch no byte beyond."""

import os
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiled_nodes import ACTIVATIONS, CHANNELS, EXAMPLES, INNER, PROFILE, check, run_cases_in_a_process, windows
from q31.kernels.convolution import conv_2d, depthwise_conv_2d, fully_connected
from q31.kernels.operator import Instruction, Node, TensorSpec
from q31.kernels.profiles import LITERT
from q31.schema import Quantization, TensorType
from q31.schema.options import Conv2DOptions, DepthwiseConv2DOptions, FullyConnectedOptions

BIAS_TYPES = st.sampled_from([TensorType.INT64, TensorType.INT32])


@st.composite
def int16_nodes(
    draw: Any,
    name: str,
    options: Any,
    shape: tuple[int, ...],
    filter_shape: tuple[int, ...],
    axis: int,
    bias_type: TensorType,
) -> tuple[Node, np.ndarray]:
    """Draw a node and its input: multipliers from far below 1 to far above, sums that leave int32."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    channels = filter_shape[axis]
    scales = random.uniform(0.2, 1.5, channels if draw(st.booleans()) else 1).astype(np.float32)
    zero_point = draw(st.sampled_from([0, -128, 127])) if name == "FULLY_CONNECTED" and len(scales) == 1 else 0
    multiplier = draw(st.sampled_from([2.0**-26, 2.0**-14, 2.0**-9, 0.3, 1.0, 2.0**9]))
    weights = random.integers(-128, 128, filter_shape).astype(np.int8)
    if draw(st.integers(0, 3)) == 0:
        weights[...] = draw(st.sampled_from([-128, 127]))
    largest = draw(st.sampled_from([0, 100_000, 2**31 - 1 if bias_type is TensorType.INT32 else 2**40]))
    bias = random.integers(-largest, largest + 1, channels).astype(
        np.int32 if bias_type is TensorType.INT32 else np.int64
    )
    specs = [
        TensorSpec("x", TensorType.INT16, shape, Quantization((0.5,), (0,))),
        TensorSpec(
            "w",
            TensorType.INT8,
            filter_shape,
            Quantization(tuple(map(float, scales)), (zero_point,) * len(scales), axis),
            weights,
        ),
    ]
    if draw(st.booleans()):
        specs.append(TensorSpec("b", bias_type, bias.shape, Quantization((0.5 * float(scales[0]),), (0,)), bias))
    output = Quantization((float(np.float32(0.5 / multiplier)),), (0,))
    node = Node(name, 1, options, tuple(specs), (TensorSpec("y", TensorType.INT16, (), output),))
    x = random.integers(-32768, 32768, shape).astype(np.int16)
    if draw(st.integers(0, 3)) == 0:
        x[...] = draw(st.sampled_from([-32768, 32767]))
    return node, x


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    st.data(), PROFILE, windows(), st.integers(1, 2), st.sampled_from([1, 1, 1, 2, 3]), CHANNELS, CHANNELS, BIAS_TYPES
)
def test_conv_2d(data, profile, window, batches, groups, depth, group_filters, bias_type):
    image, filter_size, options = window
    shapes = (batches, *image, groups * depth), (groups * group_filters, *filter_size, depth)
    options = Conv2DOptions(**options, quantized_bias_type=bias_type)
    node, x = data.draw(int16_nodes("CONV_2D", options, *shapes, 0, bias_type))
    check(conv_2d.KERNELS[0], node, x, profile)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data(), PROFILE, windows(), st.integers(1, 2), CHANNELS, st.sampled_from([1, 1, 1, 2, 8]))
def test_depthwise_conv_2d(data, profile, window, batches, depth, depth_multiplier):
    image, filter_size, options = window
    shapes = (batches, *image, depth), (1, *filter_size, depth * depth_multiplier)
    options = DepthwiseConv2DOptions(depth_multiplier=depth_multiplier, **options)
    node, x = data.draw(int16_nodes("DEPTHWISE_CONV_2D", options, *shapes, 3, TensorType.INT64))
    check(depthwise_conv_2d.KERNELS[0], node, x, profile)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data(), PROFILE, st.integers(1, 8), st.sampled_from([1, 5, 16, 70, 1100]), CHANNELS, ACTIVATIONS, BIAS_TYPES)
def test_fully_connected(data, profile, batch, depth, units, activation, bias_type):
    options = FullyConnectedOptions(fused_activation_function=activation, quantized_bias_type=bias_type)
    node, x = data.draw(int16_nodes("FULLY_CONNECTED", options, (batch, depth), (units, depth), 0, bias_type))
    # Under the float64 rule a product that might leave int32 is left to evaluate.
    check(fully_connected.KERNELS[0], node, x, profile, must_lower=False)


@pytest.mark.parametrize(("depth", "weight"), [(700, -128), (2028, 30)])
def test_sums_of_either_length_are_compiled(depth, weight):
    """Sums that may leave int32 are taken in chunks, others at once."""
    weights = np.full((3, depth), weight, np.int8)
    specs = (
        TensorSpec("x", TensorType.INT16, (1, depth), Quantization((0.5,), (0,))),
        TensorSpec("w", TensorType.INT8, weights.shape, Quantization((0.5,), (0,)), weights),
    )
    output = TensorSpec("y", TensorType.INT16, (), Quantization((2.0**20,), (0,)))
    node = Node("FULLY_CONNECTED", 1, FullyConnectedOptions(), specs, (output,))
    check(fully_connected.KERNELS[0], node, np.full((1, depth), -32768, np.int16), LITERT)


def biased_node(multiplier: float, bias: np.ndarray, weight: int = 1) -> tuple[Node, np.ndarray]:
    """A convolution of 1x1 whose output is the multiplier times (the bias + weight * input)."""
    units = len(bias)
    weights = np.full((units, 1, 1, 1), weight, np.int8)
    specs = (
        TensorSpec("x", TensorType.INT16, (1, 1, 3, 1), Quantization((0.5,), (0,))),
        TensorSpec("w", TensorType.INT8, weights.shape, Quantization((0.5,) * units, (0,) * units, 0), weights),
        TensorSpec("b", TensorType.INT64, bias.shape, Quantization((0.25,) * units, (0,) * units, 0), bias),
    )
    output = TensorSpec("y", TensorType.INT16, (), Quantization((float(np.float32(0.25 / multiplier)),), (0,)))
    node = Node("CONV_2D", 1, Conv2DOptions(stride_h=1, stride_w=1), specs, (output,))
    return node, np.array([-1, 0, 1], np.int16).reshape(1, 1, 3, 1)


def exact_in_float64(node: Node) -> int:
    kernel = conv_2d.KERNELS[0]
    assert kernel.lower is not None
    instruction = kernel.lower(kernel.prepare(node, LITERT), node)
    assert isinstance(instruction, Instruction)
    value = instruction.fields["exact_in_float64"]
    assert isinstance(value, int)
    return value


@pytest.mark.parametrize("factor", [1.0, 2 / 3, 0.5001])
@pytest.mark.parametrize("exponent", [0, -1, -10, -15, -19, -20])
def test_halves_are_rounded_up_whatever_multiplies_them(factor, exponent):
    """Ties, their neighbours, and the ends of what sums may be; in registers where no bit can be lost."""
    ties = np.ldexp(np.arange(-41, 42, 2) / 2, -exponent).astype(np.int64)
    near = np.concatenate([ties + step for step in (-2, -1, 0, 1, 2)])
    reached = min(2**31, int(2**31 / np.ldexp(factor, exponent))) - 40_000
    bias = np.concatenate([near, [reached, -reached, 32767 << -exponent, -(32768 << -exponent)]]).clip(
        -reached, reached
    )
    node, x = biased_node(np.ldexp(factor, exponent), bias)
    assert exact_in_float64(node)
    check(conv_2d.KERNELS[0], node, x, LITERT)


@pytest.mark.parametrize(("multiplier", "bias"), [(2.0**-22, 5), (0.5, 2**31), (1.5, 2**31 - 40_000), (2.0**13, 2**19)])
def test_sums_too_large_or_multipliers_too_far_from_one_are_scaled_in_int64(multiplier, bias):
    node, x = biased_node(multiplier, np.array([bias, -bias]))
    assert not exact_in_float64(node)
    check(conv_2d.KERNELS[0], node, x, LITERT)


@pytest.mark.skipif(INNER in os.environ, reason="this is the inner run")
@pytest.mark.parametrize("environment", [{"Q31_JIT": "0"}, {"Q31_ISA": "generic"}], ids=str)
def test_other_forms_compute_the_same_bits(environment):
    run_cases_in_a_process(__file__, **environment)
