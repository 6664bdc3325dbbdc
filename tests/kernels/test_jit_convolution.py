"""The compiled convolutions give the bits of ``evaluate``, and touch no byte beyond their operands."""

import os
import platform
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llvmlite.binding import get_host_cpu_features

from compiled_nodes import ACTIVATIONS, CHANNELS, EXAMPLES, INNER, PROFILE, check, run_cases_in_a_process, windows
from drawn_convolutions import EIGHT_BIT, drawn_for, make_node, operands
from q31.kernels.convolution import conv_2d, depthwise_conv_2d, fully_connected, transpose_conv
from q31.kernels.jit.isa import TIER, TIERS
from q31.kernels.operator import Node, TensorSpec
from q31.kernels.profiles import LITERT, Rounding
from q31.schema import Padding, Quantization, TensorType
from q31.schema.options import Conv2DOptions, DepthwiseConv2DOptions, FullyConnectedOptions, TransposeConvOptions


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    st.data(), PROFILE, EIGHT_BIT, windows(), st.integers(1, 2), st.sampled_from([1, 1, 1, 2, 3]), CHANNELS, CHANNELS
)
def test_conv_2d(data, profile, tensor_type, window, batches, groups, depth, group_filters):
    image, filter_size, options = window
    drawn = data.draw(operands((groups * group_filters, *filter_size, depth), 0, tensor_type))
    node, x = make_node("CONV_2D", Conv2DOptions(**options), tensor_type, (batches, *image, groups * depth), drawn)
    check(conv_2d.KERNELS[0], node, x, profile)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data(), PROFILE, EIGHT_BIT, windows(), st.integers(1, 2), CHANNELS, st.sampled_from([1, 1, 1, 2, 8]))
def test_depthwise_conv_2d(data, profile, tensor_type, window, batches, depth, depth_multiplier):
    image, filter_size, options = window
    drawn = data.draw(operands((1, *filter_size, depth * depth_multiplier), 3, tensor_type))
    options = DepthwiseConv2DOptions(depth_multiplier=depth_multiplier, **options)
    node, x = make_node("DEPTHWISE_CONV_2D", options, tensor_type, (batches, *image, depth), drawn)
    check(depthwise_conv_2d.KERNELS[0], node, x, profile)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data(), PROFILE, EIGHT_BIT, st.integers(1, 20), st.integers(1, 70), CHANNELS, ACTIVATIONS)
def test_fully_connected(data, profile, tensor_type, batch, depth, units, activation):
    drawn = data.draw(operands((units, depth), 0, tensor_type))
    options = FullyConnectedOptions(fused_activation_function=activation)
    node, x = make_node("FULLY_CONNECTED", options, tensor_type, (batch, depth), drawn)
    # Under the float64 rule a product that might leave int32 is left to evaluate.
    in_float64 = profile.rounding_of("FULLY_CONNECTED") is Rounding.FLOAT64
    check(fully_connected.KERNELS[0], node, x, profile, must_lower=not in_float64)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data(), PROFILE, EIGHT_BIT, windows(), st.integers(1, 2), CHANNELS, CHANNELS)
def test_transpose_conv_2d(data, profile, tensor_type, window, batches, depth, filters):
    image, filter_size, options = window
    drawn = data.draw(operands((filters, *filter_size, depth), 0, tensor_type))
    stride, same = (options["stride_h"], options["stride_w"]), options["padding"] is Padding.SAME
    shape = tuple(
        -(-size // step) if same else (size - taps) // step + 1
        for size, taps, step in zip(image, filter_size, stride, strict=True)
    )
    node, x = make_node(
        "TRANSPOSE_CONV",
        TransposeConvOptions(stride_h=stride[0], stride_w=stride[1], padding=options["padding"]),
        tensor_type,
        (batches, *shape, depth),
        drawn,
    )
    size = np.array([batches, *image, filters], np.int32)
    source, weights, *bias = node.inputs
    given_size = TensorSpec("s", TensorType.INT32, (4,), value=size)
    check(transpose_conv.KERNELS[0], replace(node, inputs=(given_size, weights, source, *bias)), x, profile, index=2)


SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-40, 3e38, -3e38]


@st.composite
def floats(draw: Any, shape: tuple[int, ...], finite: bool) -> np.ndarray:
    """Draw numbers whose sums depend on their order, now and then with the special ones among them."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    values = (random.standard_normal(shape) * 10.0 ** random.integers(-3, 4, shape)).astype(np.float32)
    if draw(st.integers(0, 2)) == 0:
        special = np.array(SPECIAL, np.float32)
        chosen = random.choice(special[np.isfinite(special)] if finite else special, shape)
        values = np.where(random.random(shape) < 0.2, chosen, values)
    return values


def make_float_node(
    data: Any, name: str, options: Any, shape: tuple[int, ...], filter_shape: tuple[int, ...], channel_axis: int
) -> tuple[Node, np.ndarray]:
    weights = data.draw(floats(filter_shape, finite=True))
    specs = [
        TensorSpec("x", TensorType.FLOAT32, shape),
        TensorSpec("w", TensorType.FLOAT32, filter_shape, value=weights),
    ]
    if data.draw(st.booleans()):
        bias = data.draw(floats((filter_shape[channel_axis],), finite=False))
        specs.append(TensorSpec("b", TensorType.FLOAT32, bias.shape, value=bias))
    node = Node(name, 1, options, tuple(specs), (TensorSpec("y", TensorType.FLOAT32, ()),))
    return node, data.draw(floats(shape, finite=False))


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data(), windows(), st.integers(1, 2), st.sampled_from([1, 1, 1, 2, 3]), CHANNELS, CHANNELS)
def test_float_conv_2d(data, window, batches, groups, depth, group_filters):
    image, filter_size, options = window
    shapes = (batches, *image, groups * depth), (groups * group_filters, *filter_size, depth)
    check(conv_2d.KERNELS[0], *make_float_node(data, "CONV_2D", Conv2DOptions(**options), *shapes, 0), LITERT)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data(), windows(), st.integers(1, 2), CHANNELS, st.sampled_from([1, 1, 2, 20]))
def test_float_depthwise_conv_2d(data, window, batches, depth, depth_multiplier):
    image, filter_size, options = window
    options = DepthwiseConv2DOptions(depth_multiplier=depth_multiplier, **options)
    shapes = (batches, *image, depth), (1, *filter_size, depth * depth_multiplier)
    node, x = make_float_node(data, "DEPTHWISE_CONV_2D", options, *shapes, 3)
    check(depthwise_conv_2d.KERNELS[0], node, x, LITERT)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data(), st.integers(1, 20), st.integers(1, 70), CHANNELS, ACTIVATIONS)
def test_float_fully_connected(data, batch, depth, units, activation):
    options = FullyConnectedOptions(fused_activation_function=activation)
    node, x = make_float_node(data, "FULLY_CONNECTED", options, (batch, depth), (units, depth), 0)
    check(fully_connected.KERNELS[0], node, x, LITERT)


def test_a_filter_with_an_infinity_is_not_lowered():
    """Beside the image a panel has zeros, and 0 times infinity is no number."""
    weights = np.array([[[[np.inf]]]], np.float32)
    specs = (
        TensorSpec("x", TensorType.FLOAT32, (1, 2, 2, 1)),
        TensorSpec("w", TensorType.FLOAT32, weights.shape, value=weights),
    )
    node = Node("CONV_2D", 1, Conv2DOptions(stride_h=1, stride_w=1), specs, (TensorSpec("y", TensorType.FLOAT32, ()),))
    kernel = conv_2d.KERNELS[0]
    assert kernel.lower is not None and kernel.lower(kernel.prepare(node, LITERT), node) is None


def test_a_large_layer_is_computed_in_several_panels():
    drawn = drawn_for((24, 3, 3, 160), 0, 2.0**-12)
    node, x = make_node("CONV_2D", Conv2DOptions(stride_h=1, stride_w=1), TensorType.INT8, (2, 13, 11, 160), drawn)
    check(conv_2d.KERNELS[0], node, x, LITERT)


def test_the_float64_rule_is_compiled_for_ordinary_multipliers():
    drawn = drawn_for((10, 64), 0, 2.0**-9)
    node, x = make_node("FULLY_CONNECTED", FullyConnectedOptions(), TensorType.INT8, (3, 64), drawn)
    check(fully_connected.KERNELS[0], node, x, LITERT)


DEPTHS = st.one_of(st.integers(1, 70), st.sampled_from([127, 128, 129, 160, 191, 255, 300]))


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data(), PROFILE, EIGHT_BIT, st.integers(1, 2), DEPTHS, CHANNELS, ACTIVATIONS)
def test_fully_connected_of_few_rows(data, profile, tensor_type, batch, depth, units, activation):
    drawn = data.draw(operands((units, depth), 0, tensor_type))
    options = FullyConnectedOptions(fused_activation_function=activation)
    node, x = make_node("FULLY_CONNECTED", options, tensor_type, (batch, depth), drawn)
    if data.draw(st.booleans()):
        x[...] = data.draw(st.sampled_from([np.iinfo(x.dtype).min, np.iinfo(x.dtype).max]))  # the largest sums
    in_float64 = profile.rounding_of("FULLY_CONNECTED") is Rounding.FLOAT64
    check(fully_connected.KERNELS[0], node, x, profile, must_lower=not in_float64)


@pytest.mark.parametrize("code", [-128, -113, -1, 0, 15, 127])
@pytest.mark.parametrize("weight", [-128, 127])
def test_no_sum_of_a_fully_connected_row_saturates(code, weight):
    """Output codes tell sums of 1,000 products apart that differ by a few hundred, where int16 would be full."""
    drawn = drawn_for((20, 1000), 0, 2.0**-17)
    drawn["weights"][...] = weight
    drawn["weights"][:, :7] = np.arange(140).reshape(20, 7) - 70
    node, x = make_node("FULLY_CONNECTED", FullyConnectedOptions(), TensorType.INT8, (1, 1000), drawn)
    x[...] = code
    node = replace(node, outputs=(replace(node.outputs[0], quantization=Quantization((2.0**14,), (0,))),))
    check(fully_connected.KERNELS[0], node, x, LITERT)


FEW_ROWS = {"generic": "conv_2d", "avx2": "matrix_vector8", "avx512vnni": "conv_2d_quads", "amx": "conv_2d_quads"}


def kernel_of(kernel: Any, node: Node) -> str:
    instruction = kernel.lower(kernel.prepare(node, LITERT), node)
    assert instruction is not None
    return instruction.kernel


def test_fully_connected_of_few_rows_is_the_product_of_a_matrix_and_a_vector():
    for rows in (1, 2, 3):
        drawn = drawn_for((10, 64), 0, 2.0**-9)
        node, _ = make_node("FULLY_CONNECTED", FullyConnectedOptions(), TensorType.INT8, (rows, 64), drawn)
        assert (kernel_of(fully_connected.KERNELS[0], node) == FEW_ROWS[TIER]) == (rows <= 2 or TIER != "avx2")


@pytest.mark.parametrize(
    ("size", "padding", "same"),
    [((1, 1), Padding.SAME, True), ((3, 2), Padding.VALID, True), ((3, 2), Padding.SAME, False)],
)
def test_conv_2d_of_a_window_as_large_as_the_image_is_fully_connected(size, padding, same):
    drawn = drawn_for((17, *size, 5), 0, 2.0**-9)
    options = Conv2DOptions(stride_h=1, stride_w=1, padding=padding)
    node, x = make_node("CONV_2D", options, TensorType.INT8, (2, *size, 5), drawn)
    if TIER == "avx2":
        assert (kernel_of(conv_2d.KERNELS[0], node) == "matrix_vector8") == same
    check(conv_2d.KERNELS[0], node, x, LITERT)


def test_a_filter_that_is_no_constant_is_not_lowered():
    drawn = drawn_for((4, 1, 1, 4), 0, 2.0**-9)
    node, _ = make_node("CONV_2D", Conv2DOptions(stride_h=1, stride_w=1), TensorType.INT8, (1, 2, 2, 4), drawn)
    weights = node.inputs[1]
    assert weights is not None
    node = replace(node, inputs=(node.inputs[0], replace(weights, value=None), node.inputs[2]))
    kernel = conv_2d.KERNELS[0]
    assert kernel.lower is not None and kernel.lower(kernel.prepare(node, LITERT), node) is None


@pytest.mark.skipif(INNER in os.environ, reason="this is the inner run")
def test_uncompiled_kernels_stay_within_their_memory():
    """As plain Python the kernels run over arrays of exactly the declared sizes, so that reading beyond raises."""
    run_cases_in_a_process(__file__, Q31_JIT="0")


@pytest.mark.skipif(INNER in os.environ, reason="this is the inner run")
@pytest.mark.parametrize("tier", [tier for tier in TIERS if tier != TIER])
def test_every_tier_computes_the_same_bits(tier):
    """Where the processor lacks a tier's instructions, its layouts with the generic forms."""
    run_cases_in_a_process(__file__, "not float", Q31_ISA=tier)


@pytest.mark.skipif(INNER in os.environ, reason="this is the inner run")
@pytest.mark.parametrize("tier", [tier for tier in TIERS if tier not in ("generic", "avx2")])
def test_uncompiled_kernels_of_the_higher_tiers_stay_within_their_memory(tier):
    run_cases_in_a_process(__file__, "not float", Q31_JIT="0", Q31_ISA=tier)


@pytest.mark.skipif(INNER in os.environ, reason="this is the inner run")
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="names processors of x86-64")
@pytest.mark.parametrize(("processor", "features"), [("x86-64", "+sse2"), ("haswell", "+avx2")])
def test_older_processors_compute_the_same_bits(processor, features):
    if not get_host_cpu_features().get(features[1:]):
        pytest.skip(f"this processor has no {features[1:]}")
    run_cases_in_a_process(__file__, NUMBA_CPU_NAME=processor, NUMBA_CPU_FEATURES=features)
