"""The compiled hybrid convolutions give the bits of ``evaluate``, and touch no byte beyond their operands."""

import os
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiled_nodes import ACTIVATIONS, CHANNELS, EXAMPLES, INNER, PROFILE, check, run_cases_in_a_process, windows
from q31.kernels.convolution import conv_2d, depthwise_conv_2d, fully_connected, transpose_conv
from q31.kernels.operator import Node, TensorSpec
from q31.kernels.profiles import LITERT
from q31.schema import Padding, Quantization, Sparsity, TensorType
from q31.schema.graph import DimensionMetadata
from q31.schema.options import Conv2DOptions, DepthwiseConv2DOptions, FullyConnectedOptions, TransposeConvOptions
from q31.schema.types import DimensionType

JUST_BELOW_A_HALF = np.nextafter(np.float32(0.5), np.float32(0))


@st.composite
def hybrid_nodes(
    draw: Any,
    name: str,
    options: Any,
    shape: tuple[int, ...],
    filter_shape: tuple[int, ...],
    axis: int,
    per_channel: Any,
    unsigned: bool = False,
) -> tuple[Node, np.ndarray]:
    """Draw a node without weights of -128 and its input: halves, numbers just below, zeros, tiny and huge ones.

    ``unsigned``: weights are uint8, whose bytes are none of -128 either.
    """
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    channels = filter_shape[axis]
    scales = random.uniform(0.001, 1.5, channels if per_channel else 1).astype(np.float32)
    weights = random.integers(-127, 128, filter_shape).astype(np.int8)
    specs = [
        TensorSpec("x", TensorType.FLOAT32, shape),
        TensorSpec(
            "w",
            TensorType.UINT8 if unsigned else TensorType.INT8,
            filter_shape,
            Quantization(tuple(map(float, scales)), (int(unsigned) * 131,) * len(scales), axis),
            weights.view(np.uint8) if unsigned else weights,
        ),
    ]
    if draw(st.booleans()):
        bias = random.standard_normal(channels).astype(np.float32)
        specs.append(TensorSpec("b", TensorType.FLOAT32, bias.shape, Quantization(), bias))
    node = Node(name, 1, options, tuple(specs), (TensorSpec("y", TensorType.FLOAT32, ()),))
    kind = draw(st.integers(0, 4))
    x = random.standard_normal(shape) * draw(st.sampled_from([1e-42, 1e-20, 1.0, 1e3, 1e37]))
    if kind == 1:
        x = np.abs(x)
    elif kind == 2:  # multiples of a half, and next to them, under a scale of 1
        x = random.integers(-254, 255, shape) / 2
        x = np.where(random.random(shape) < 0.3, JUST_BELOW_A_HALF * random.choice([-1, 1], shape), x)
        x.reshape(len(x), -1)[:, 0] = draw(st.sampled_from([127, 255, -128]))
    elif kind == 3:
        x[random.integers(0, len(x))] = random.choice([0.0, -0.0])
    x = x.astype(np.float32)
    if draw(st.integers(0, 9)) == 0:
        x.flat[random.integers(0, x.size)] = np.nan
    return node, x


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    st.data(),
    PROFILE,
    windows(),
    st.integers(1, 3),
    st.sampled_from([1, 1, 2, 3]),
    CHANNELS,
    CHANNELS,
    *[st.booleans()] * 2,
)
def test_conv_2d(data, profile, window, batches, groups, depth, group_filters, per_channel, unsigned):
    image, filter_size, options = window
    shapes = (batches, *image, groups * depth), (groups * group_filters, *filter_size, depth)
    unsigned &= groups == 1
    per_channel &= not unsigned
    node, x = data.draw(hybrid_nodes("CONV_2D", Conv2DOptions(**options), *shapes, 0, per_channel, unsigned))
    check(conv_2d.KERNELS[0], node, x, profile)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data(), PROFILE, windows(), st.integers(1, 3), CHANNELS, st.sampled_from([1, 1, 1, 2, 8]))
def test_depthwise_conv_2d(data, profile, window, batches, depth, depth_multiplier):
    image, filter_size, options = window
    shapes = (batches, *image, depth), (1, *filter_size, depth * depth_multiplier)
    options = DepthwiseConv2DOptions(depth_multiplier=depth_multiplier, **options)
    node, x = data.draw(hybrid_nodes("DEPTHWISE_CONV_2D", options, *shapes, 3, True))
    check(depthwise_conv_2d.KERNELS[0], node, x, profile)


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    st.data(),
    PROFILE,
    st.integers(1, 8),
    st.sampled_from([1, 5, 7, 8, 16, 70, 1100]),
    CHANNELS,
    ACTIVATIONS,
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_fully_connected(data, profile, batch, depth, units, activation, asymmetric, per_channel, unsigned):
    options = FullyConnectedOptions(fused_activation_function=activation, asymmetric_quantize_inputs=asymmetric)
    node, x = data.draw(
        hybrid_nodes("FULLY_CONNECTED", options, (batch, depth), (units, depth), 0, per_channel, unsigned)
    )
    check(fully_connected.KERNELS[0], node, x, profile)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data(), PROFILE, windows(), st.integers(1, 2), CHANNELS, CHANNELS, st.booleans())
def test_transpose_conv(data, profile, window, batches, depth, filters, per_channel):
    image, filter_size, options = window
    stride, same = (options["stride_h"], options["stride_w"]), options["padding"] is Padding.SAME
    shape = tuple(
        -(-size // step) if same else (size - taps) // step + 1
        for size, taps, step in zip(image, filter_size, stride, strict=True)
    )
    chosen = TransposeConvOptions(stride_h=stride[0], stride_w=stride[1], padding=options["padding"])
    shapes = (batches, *shape, depth), (filters, *filter_size, depth)
    node, x = data.draw(hybrid_nodes("TRANSPOSE_CONV", chosen, *shapes, 0, per_channel))
    source, weights, *bias = node.inputs
    size = TensorSpec("s", TensorType.INT32, (4,), value=np.array([batches, *image, filters], np.int32))
    check(transpose_conv.KERNELS[0], replace(node, inputs=(size, weights, source, *bias)), x, profile, index=2)


def in_blocks(units: int, depth: int) -> Sparsity:
    """Weights in blocks of 1x16, all of them stored."""
    count = depth // 16
    segments, indices = tuple(count * row for row in range(units + 1)), tuple(range(count)) * units
    rows = DimensionMetadata(DimensionType.DENSE, units)
    columns = DimensionMetadata(DimensionType.SPARSE_CSR, 0, segments, indices)
    return Sparsity((0, 1, 2), (1,), (rows, columns, DimensionMetadata(DimensionType.DENSE, 16)))


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    st.data(),
    PROFILE,
    st.integers(1, 8),
    st.sampled_from([16, 48, 1104]),
    CHANNELS,
    ACTIVATIONS,
    *[st.booleans()] * 3,
)
def test_fully_connected_by_sparse_weights(
    data, profile, batch, depth, units, activation, asymmetric, per_channel, unsigned
):
    options = FullyConnectedOptions(fused_activation_function=activation, asymmetric_quantize_inputs=asymmetric)
    node, x = data.draw(
        hybrid_nodes("FULLY_CONNECTED", options, (batch, depth), (units, depth), 0, per_channel, unsigned)
    )
    source, weights, *bias = node.inputs
    assert weights is not None
    node = replace(node, inputs=(source, replace(weights, sparsity=in_blocks(units, depth)), *bias))
    check(fully_connected.KERNELS[0], node, x, profile)


def dense(weights: np.ndarray, bias: np.ndarray, asymmetric: bool) -> Node:
    specs = (
        TensorSpec("x", TensorType.FLOAT32, (1, weights.shape[1])),
        TensorSpec("w", TensorType.INT8, weights.shape, Quantization((0.5,), (0,)), weights),
        TensorSpec("b", TensorType.FLOAT32, bias.shape, Quantization(), bias),
    )
    options = FullyConnectedOptions(asymmetric_quantize_inputs=asymmetric)
    return Node("FULLY_CONNECTED", 1, options, specs, (TensorSpec("y", TensorType.FLOAT32, ()),))


@pytest.mark.parametrize(
    ("weights", "bias", "asymmetric"),
    [
        (np.full((1, 16), -128, np.int8), 1.0, False),  # the wrong sign
        (np.full((1, 16 * 300), 127, np.int8), 1.0, True),  # sums of weights that wrap
        (np.ones((1, 16), np.int8), -0.0, False),  # a bias that an input of zeros leaves as it is
    ],
)
def test_what_meets_a_defect_of_the_reference_is_not_lowered(weights, bias, asymmetric):
    node, kernel = dense(weights, np.array([bias], np.float32), asymmetric), fully_connected.KERNELS[0]
    assert kernel.lower is not None and kernel.lower(kernel.prepare(node, LITERT), node) is None


@pytest.mark.skipif(INNER in os.environ, reason="this is the inner run")
@pytest.mark.parametrize("environment", [{"Q31_JIT": "0"}, {"Q31_ISA": "generic"}], ids=str)
def test_other_forms_compute_the_same_bits(environment):
    run_cases_in_a_process(__file__, **environment)
