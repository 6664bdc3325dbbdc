"""Quantized convolutions: values derived by hand, accumulators against plain loops, rounding by profile."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convolution_nodes import KERNELS, naive_conv_2d, node, output, quantization, run, spec
from q31.kernels.convolution import conv_2d, depthwise_conv_2d, fully_connected, transpose_conv
from q31.kernels.profiles import LITERT, SINGLE, TFLM
from q31.schema import ActivationFunctionType, Padding, Quantization, TensorType
from q31.schema.options import Conv2DOptions, DepthwiseConv2DOptions, FullyConnectedOptions, TransposeConvOptions

INT8, UINT8, INT16 = TensorType.INT8, TensorType.UINT8, TensorType.INT16
UNIT = Conv2DOptions(stride_h=1, stride_w=1)


def int8(*values: Any) -> np.ndarray:
    return np.array(values, np.int8)


def test_conv_2d_of_one_pixel_by_hand():
    # ((10-2)*3 + (-4-2)*-5) + 6 = 60; times 0.5*0.25/2 = 3.75, rounds to 4; plus -1.
    x = spec(int8(10, -4).reshape(1, 1, 1, 2), quantization(0.5, 2))
    weights = spec(int8(3, -5).reshape(1, 1, 1, 2), quantization(0.25))
    bias = spec(np.array([6], np.int32))
    y = run("CONV_2D", UNIT, [x, weights, bias], output(INT8, quantization(2.0, -1)))
    assert y.tolist() == [[[[3]]]]


def test_conv_2d_rescales_each_channel_by_its_own_scale():
    x = spec(int8(100).reshape(1, 1, 1, 1), quantization(1.0))
    weights = spec(int8(1, 1, 1).reshape(3, 1, 1, 1), quantization([1.0, 0.5, 0.125]))
    y = run("CONV_2D", UNIT, [x, weights, None], output(INT8, quantization(2.0)))
    assert y.ravel().tolist() == [50, 25, 6]  # 6.25


def test_padding_counts_as_the_input_zero_point():
    x = spec(np.full((1, 2, 2, 1), 7, np.int8), quantization(1.0, 7))
    weights = spec(np.full((1, 3, 3, 1), 100, np.int8), quantization(1.0))
    y = run("CONV_2D", UNIT, [x, weights, None], output(INT8, quantization(1.0, 5)))
    assert (y == 5).all()


def test_uint8_subtracts_the_filter_zero_point():
    x = spec(np.array([130], np.uint8).reshape(1, 1, 1, 1), quantization(1.0, 128))
    weights = spec(np.array([90], np.uint8).reshape(1, 1, 1, 1), quantization(1.0, 100))
    bias = spec(np.array([1], np.int32), quantization(1.0))
    y = run("CONV_2D", UNIT, [x, weights, bias], output(UINT8, quantization(1.0, 50)))
    assert y.ravel().tolist() == [50 + 2 * -10 + 1]


def test_uint8_multiplies_the_scales_in_float32_and_int8_in_float64():
    scales = (0.1, 0.3)
    for dtype, exact in ((np.uint8, False), (np.int8, True)):
        kind = UINT8 if dtype is np.uint8 else INT8
        x = spec(np.zeros((1, 1, 1, 1), dtype), quantization(scales[0]))
        weights = spec(np.zeros((1, 1, 1, 1), dtype), quantization(scales[1]))
        prepared = conv_2d.prepare(node("CONV_2D", UNIT, [x, weights], output(kind, quantization(1.0))), LITERT)
        product = float(np.float32(scales[0])) * float(np.float32(scales[1]))
        rounded = float(np.float32(scales[0]) * np.float32(scales[1]))
        assert product != rounded
        assert prepared.requantization.real_multiplier.tolist() == [product if exact else rounded]


def test_int32_accumulators_wrap():
    x = spec(int8(1).reshape(1, 1, 1, 1), quantization(1.0))
    weights = spec(int8(1).reshape(1, 1, 1, 1), quantization(1.0))
    bias = spec(np.array([2**31 - 1], np.int32))
    inputs, result = [x, weights, bias], output(INT8, quantization(2.0))
    prepared = conv_2d.prepare(node("CONV_2D", UNIT, inputs, result), LITERT)
    assert conv_2d.accumulate(prepared, x.value, weights.value, bias.value).ravel().tolist() == [-(2**31)]
    assert run("CONV_2D", UNIT, inputs, result).ravel().tolist() == [-128]


def test_a_left_shift_wraps_before_it_is_rounded():
    # A multiplier of 1 is a half shifted left by one, which takes the upper bit of 2**30.
    x = spec(int8(1).reshape(1, 1, 1, 1), quantization(1.0))
    weights = spec(int8(0).reshape(1, 1, 1, 1), quantization(1.0))
    bias = spec(np.array([2**30], np.int32))
    y = run("CONV_2D", UNIT, [x, weights, bias], output(INT8, quantization(1.0)))
    assert y.ravel().tolist() == [-128]


def test_int16_accumulates_in_int64_unless_the_option_says_int32():
    x = spec(np.array([1], np.int16).reshape(1, 1, 1, 1), quantization(1.0))
    weights = spec(int8(1).reshape(1, 1, 1, 1), quantization(1.0))
    for bias_dtype, option, expected in (
        (np.int64, TensorType.FLOAT32, 2**31),
        (np.int64, TensorType.INT64, 2**31),
        (np.int32, TensorType.INT32, -(2**31)),
    ):
        bias = spec(np.array([2**31 - 1], bias_dtype))
        options = Conv2DOptions(stride_h=1, stride_w=1, quantized_bias_type=option)
        prepared = conv_2d.prepare(
            node("CONV_2D", options, [x, weights, bias], output(INT16, quantization(2.0**20))), LITERT
        )
        assert conv_2d.accumulate(prepared, x.value, weights.value, bias.value).ravel().tolist() == [expected]


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        (ActivationFunctionType.NONE, [-60, 0, 60]),
        (ActivationFunctionType.RELU, [10, 10, 60]),
        (ActivationFunctionType.RELU6, [10, 10, 22]),
        (ActivationFunctionType.RELU_N1_TO_1, [8, 8, 12]),
    ],
)
def test_fused_activations_clamp_in_output_codes(activation, expected):
    x = spec(int8(-70, -10, 50).reshape(1, 1, 3, 1), quantization(0.5))
    weights = spec(int8(1).reshape(1, 1, 1, 1), quantization(1.0))
    options = Conv2DOptions(stride_h=1, stride_w=1, fused_activation_function=activation)
    y = run("CONV_2D", options, [x, weights, None], output(INT8, quantization(0.5, 10)))
    assert y.ravel().tolist() == expected


def test_depthwise_filters_of_a_channel_stand_side_by_side():
    x = spec(int8(1, 10).reshape(1, 1, 1, 2), quantization(1.0))
    weights = spec(int8(1, 2, 3, 4).reshape(1, 1, 1, 4), quantization([1.0] * 4, dimension=3))
    options = DepthwiseConv2DOptions(stride_h=1, stride_w=1, depth_multiplier=2)
    y = run("DEPTHWISE_CONV_2D", options, [x, weights, None], output(INT8, quantization(1.0)))
    assert y.ravel().tolist() == [1, 2, 30, 40]


def test_depth_multiplier_follows_from_the_shapes_whatever_the_option_says():
    x = spec(int8(1, 10).reshape(1, 1, 1, 2), quantization(1.0))
    weights = spec(int8(1, 2, 3, 4).reshape(1, 1, 1, 4), quantization(1.0))
    options = DepthwiseConv2DOptions(stride_h=1, stride_w=1, depth_multiplier=7)
    prepared = depthwise_conv_2d.prepare(
        node("DEPTHWISE_CONV_2D", options, [x, weights], output(INT8, quantization(1.0))), LITERT
    )
    assert prepared.depth_multiplier == 2


def test_a_bias_of_rank_1_may_name_dimension_3():
    # person_detect.tflite does; LiteRT refuses it, TFLM runs it.
    x = spec(int8(5).reshape(1, 1, 1, 1), quantization(1.0))
    weights = spec(int8(2).reshape(1, 1, 1, 1), quantization(1.0, dimension=3))
    bias = spec(np.array([3], np.int32), quantization(1.0, dimension=3))
    options = DepthwiseConv2DOptions(stride_h=1, stride_w=1)
    y = run("DEPTHWISE_CONV_2D", options, [x, weights, bias], output(INT8, quantization(1.0)))
    assert y.ravel().tolist() == [13]


def test_transpose_conv_by_hand():
    # One row of two pixels, three taps, stride 2: 1*[1 2 3] at 0, 10*[1 2 3] at 2, five outputs.
    x = spec(int8(1, 10).reshape(1, 1, 2, 1), quantization(1.0))
    weights = spec(int8(1, 2, 3).reshape(1, 1, 3, 1), quantization(1.0))
    shape = spec(np.array([1, 1, 5, 1], np.int32))
    bias = spec(np.array([100], np.int32))
    options = TransposeConvOptions(padding=Padding.VALID, stride_h=1, stride_w=2)
    y = run("TRANSPOSE_CONV", options, [shape, weights, x, bias], output(INT8, quantization(1.0, -100)))
    assert y.ravel().tolist() == [1, 2, 13, 20, 30]


def test_transpose_conv_same_cuts_off_the_border():
    # Two pixels to four: the convolution back from four has stride 2 and pads one element, after.
    x = spec(int8(1, 10).reshape(1, 1, 2, 1), quantization(1.0))
    weights = spec(int8(1, 2, 3).reshape(1, 1, 3, 1), quantization(1.0))
    shape = spec(np.array([1, 1, 4, 1], np.int32))
    options = TransposeConvOptions(padding=Padding.SAME, stride_h=1, stride_w=2)
    y = run("TRANSPOSE_CONV", options, [shape, weights, x], output(INT8, quantization(1.0)))
    assert y.ravel().tolist() == [1, 2, 13, 20]


def fully_connected_node(x: np.ndarray, weights: np.ndarray, multiplier: float, **options: Any) -> list[Any]:
    return [
        FullyConnectedOptions(**options),
        [spec(x, quantization(multiplier)), spec(weights, quantization(1.0)), None],
        output(INT8, quantization(1.0)),
    ]


def test_fully_connected_flattens_any_rank():
    x = np.arange(12, dtype=np.int8).reshape(2, 3, 2, 1)
    weights = np.eye(4, 6, dtype=np.int8)
    assert run("FULLY_CONNECTED", *fully_connected_node(x, weights, 1.0)).tolist() == [[0, 1, 2, 3], [6, 7, 8, 9]]


def test_fully_connected_keeps_the_leading_dimensions_on_request():
    x = np.arange(12, dtype=np.int8).reshape(2, 3, 2)
    weights = np.ones((1, 2), np.int8)
    y = run("FULLY_CONNECTED", *fully_connected_node(x, weights, 1.0, keep_num_dims=True))
    assert y.tolist() == [[[1], [5], [9]], [[13], [17], [21]]]


def test_fully_connected_keeps_the_zero_point_of_a_signed_filter_of_one_scale():
    x = spec(int8(3).reshape(1, 1), quantization(1.0))
    y = run(
        "FULLY_CONNECTED",
        FullyConnectedOptions(),
        [x, spec(int8(5).reshape(1, 1), quantization(1.0, 1)), None],
        output(INT8, quantization(1.0)),
    )
    assert y.tolist() == [[12]]
    per_channel = Quantization((1.0, 1.0), (1, 1))
    y = run(
        "FULLY_CONNECTED",
        FullyConnectedOptions(),
        [x, spec(int8(5, 5).reshape(2, 1), per_channel), None],
        output(INT8, quantization(1.0)),
    )
    assert y.tolist() == [[15, 15]]


@pytest.mark.parametrize(
    ("accumulator", "multiplier", "litert", "tflm", "single"),
    [
        (-1, 0.5, -1, 0, 0),  # a half: away from zero in float64, upwards in the doubling high multiply
        (1, 0.5, 1, 1, 1),
        (-2, 0.25, -1, -1, 0),  # the rounding shift goes away from zero, one rounding goes upwards
        (2, 0.25, 1, 1, 1),
        (-3, 0.5, -2, -1, -1),
    ],
)
def test_fully_connected_rounds_as_the_profile_says(accumulator, multiplier, litert, tflm, single):
    arguments = fully_connected_node(int8(accumulator).reshape(1, 1), int8(1).reshape(1, 1), multiplier)
    results = [int(run("FULLY_CONNECTED", *arguments, profile)[0, 0]) for profile in (LITERT, TFLM, SINGLE)]
    assert results == [litert, tflm, single]


@pytest.mark.parametrize(("profile", "expected"), [(LITERT, -1), (TFLM, -1), (SINGLE, 0)])
def test_conv_2d_rounds_twice_or_once(profile, expected):
    x = spec(int8(-2).reshape(1, 1, 1, 1), quantization(0.25))
    weights = spec(int8(1).reshape(1, 1, 1, 1), quantization(1.0))
    y = run("CONV_2D", UNIT, [x, weights, None], output(INT8, quantization(1.0)), profile)
    assert y.ravel().tolist() == [expected]


@pytest.mark.parametrize(("profile", "exact"), [(LITERT, True), (TFLM, False), (SINGLE, False)])
def test_fully_connected_forms_its_multiplier_as_the_profile_says(profile, exact):
    x = spec(np.zeros((1, 1), np.int8), quantization(0.1))
    product = float(np.float32(0.1)) * float(np.float32(0.3))
    rounded = float(np.float32(0.1) * np.float32(0.3))
    for scales, expected in (([0.3], product if exact else rounded), ([0.3, 0.3], product)):
        weights = spec(np.zeros((len(scales), 1), np.int8), quantization(scales))
        prepared = fully_connected.prepare(
            node("FULLY_CONNECTED", FullyConnectedOptions(), [x, weights], output(INT8, quantization(1.0))), profile
        )
        assert (prepared.requantization.real_multiplier == expected).all()


def test_a_float64_product_beyond_int32_becomes_the_least_code():
    arguments = fully_connected_node(int8(127).reshape(1, 1), int8(127).reshape(1, 1), 2.0**20)
    assert run("FULLY_CONNECTED", *arguments).tolist() == [[-128]]


def test_uint8_to_int16():
    y = run(
        "FULLY_CONNECTED",
        FullyConnectedOptions(),
        [
            spec(np.array([[200]], np.uint8), quantization(1.0, 100)),
            spec(np.array([[110]], np.uint8), quantization(1.0, 100)),
            spec(np.array([7], np.int32), quantization(1.0)),
        ],
        output(INT16, quantization(0.5)),
    )
    assert y.tolist() == [[2014]]


# Accumulators against plain loops


@st.composite
def geometries(draw: Any, kind: Any) -> Any:
    return kind(
        padding=draw(st.sampled_from(Padding)),
        stride_h=draw(st.integers(1, 3)),
        stride_w=draw(st.integers(1, 3)),
        dilation_h_factor=draw(st.integers(1, 2)),
        dilation_w_factor=draw(st.integers(1, 2)),
    )


def codes(seed: int, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    info = np.iinfo(dtype)
    return np.random.default_rng(seed).integers(info.min, info.max, shape, dtype, endpoint=True)


def room(options: Any, taps: tuple[int, int], extra: tuple[int, int]) -> tuple[int, int]:
    """An image that the filter fits into."""
    return (
        (taps[0] - 1) * options.dilation_h_factor + extra[0],
        (taps[1] - 1) * options.dilation_w_factor + extra[1],
    )


@given(
    options=geometries(Conv2DOptions),
    groups=st.integers(1, 3),
    taps=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    extra=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    sizes=st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(1, 2)),
    dtype=st.sampled_from([np.int8, np.uint8]),
    zero_points=st.tuples(st.integers(0, 127), st.integers(0, 127)),
    seed=st.integers(0, 2**32),
)
def test_conv_2d_accumulates_as_plain_loops_do(options, groups, taps, extra, sizes, dtype, zero_points, seed):
    batches, depth, width = sizes
    x = codes(seed, (batches, *room(options, taps, extra), groups * depth), dtype)
    weights = codes(seed + 1, (groups * width, *taps, depth), dtype)
    zero_points = zero_points if dtype is np.uint8 else (zero_points[0], 0)
    result = output(UINT8 if dtype is np.uint8 else INT8, quantization(1.0))
    inputs = [spec(x, quantization(1.0, zero_points[0])), spec(weights, quantization(1.0, zero_points[1]))]
    prepared = conv_2d.prepare(node("CONV_2D", options, inputs, result), LITERT)
    sums = conv_2d.accumulate(prepared, x, weights, None)
    assert (sums == naive_conv_2d(x, weights, options, zero_points)).all()


@given(
    options=geometries(DepthwiseConv2DOptions),
    taps=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    extra=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    sizes=st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(1, 3)),
    zero_point=st.integers(-128, 127),
    seed=st.integers(0, 2**32),
)
def test_depthwise_accumulates_as_plain_loops_do(options, taps, extra, sizes, zero_point, seed):
    batches, channels, multiplier = sizes
    x = codes(seed, (batches, *room(options, taps, extra), channels), np.int8)
    weights = codes(seed + 1, (1, *taps, channels * multiplier), np.int8)
    inputs = [spec(x, quantization(1.0, zero_point)), spec(weights, quantization(1.0))]
    prepared = depthwise_conv_2d.prepare(
        node("DEPTHWISE_CONV_2D", options, inputs, output(INT8, quantization(1.0))), LITERT
    )
    sums = depthwise_conv_2d.accumulate(prepared, x, weights, None)
    assert (sums == naive_conv_2d(x, weights, options, (zero_point, 0), depthwise=True)).all()


@given(
    strides=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    taps=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    image=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    padding=st.sampled_from(Padding),
    sizes=st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(1, 3)),
    seed=st.integers(0, 2**32),
)
def test_transpose_conv_is_the_transpose_of_conv_2d(strides, taps, image, padding, sizes, seed):
    # <conv(u), x> == <u, transpose_conv(x)> for every u and x.
    batches, channels, filters = sizes
    image = tuple(max(pair) for pair in zip(image, taps, strict=True))
    options = Conv2DOptions(padding=padding, stride_h=strides[0], stride_w=strides[1])
    u = codes(seed, (batches, *image, filters), np.int8)
    weights = codes(seed + 1, (filters, *taps, channels), np.int8)  # OHWI as TRANSPOSE_CONV has it
    forward = naive_conv_2d(u, weights.transpose(3, 1, 2, 0), options)
    x = codes(seed + 2, forward.shape, np.int8)
    inputs = [
        spec(np.array(u.shape, np.int32)),
        spec(weights, quantization(1.0)),
        spec(x, quantization(1.0)),
    ]
    transposed = TransposeConvOptions(padding=padding, stride_h=strides[0], stride_w=strides[1])
    prepared = transpose_conv.prepare(
        node("TRANSPOSE_CONV", transposed, inputs, output(INT8, quantization(1.0))), LITERT
    )
    sums = transpose_conv.accumulate(prepared, weights, x, None)
    assert sums.shape == u.shape
    assert int((forward * x.astype(object)).sum()) == int((sums.astype(object) * u.astype(object)).sum())


@pytest.mark.parametrize("name", ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"])
def test_a_batch_is_its_images_one_by_one(name):
    options: Any = {
        "CONV_2D": UNIT,
        "DEPTHWISE_CONV_2D": DepthwiseConv2DOptions(stride_h=1, stride_w=1),
        "FULLY_CONNECTED": FullyConnectedOptions(),
    }[name]
    x = codes(1, (5, 4, 3, 2), np.int8)
    shape = {"CONV_2D": (3, 2, 2, 2), "DEPTHWISE_CONV_2D": (1, 2, 2, 2), "FULLY_CONNECTED": (3, 24)}[name]
    weights = spec(codes(2, shape, np.int8), quantization(0.01))
    result = output(INT8, quantization(1.0))
    whole = run(name, options, [spec(x, quantization(1.0, 3)), weights, None], result)
    for index in range(5):
        one = run(name, options, [spec(x[index : index + 1], quantization(1.0, 3)), weights, None], result)
        assert (one == whole[index : index + 1]).all()


def test_int4_weights_arrive_as_int8():
    x = spec(int8(10).reshape(1, 1), quantization(1.0))
    weights = spec(int8(-8).reshape(1, 1), quantization(1.0), TensorType.INT4)
    y = run("FULLY_CONNECTED", FullyConnectedOptions(), [x, weights, None], output(INT8, quantization(1.0)))
    assert y.tolist() == [[-80]]


def test_the_registry_s_version_ranges_are_those_of_the_reference_resolver():
    assert {name: kernel.versions for name, kernel in KERNELS.items()} == {
        "CONV_2D": (1, 8),
        "DEPTHWISE_CONV_2D": (1, 6),
        "FULLY_CONNECTED": (1, 14),
        "TRANSPOSE_CONV": (1, 5),
    }
