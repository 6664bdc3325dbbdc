"""Hybrid convolutions: how float32 activations become codes, and the defects of the reference's SIMD code."""

from typing import Any

import numpy as np
import pytest

from convolution_nodes import output, quantization, run, spec
from q31.kernels.convolution.hybrid import quantize_asymmetric, quantize_symmetric
from q31.kernels.profiles import LITERT, TFLM
from q31.schema import ActivationFunctionType, TensorType
from q31.schema.options import Conv2DOptions, DepthwiseConv2DOptions, FullyConnectedOptions

RESULT = output(TensorType.FLOAT32)


def test_symmetric_codes_are_steps_of_a_127th_of_the_largest():
    x = np.array([[1.0, -2.0, 127.0], [0.0, 0.0, 0.0]], np.float32)
    codes, scale = quantize_symmetric(x, quirks=True)
    assert codes.tolist() == [[1, -2, 127], [0, 0, 0]]
    assert scale.tolist() == [1.0, 1.0]


def test_asymmetric_codes_span_the_row_s_own_range_and_always_zero():
    x = np.array([[0.0, 255.0], [100.0, 255.0], [-255.0, 0.0], [0.0, 0.0]], np.float32)
    codes, scale, zero_point = quantize_asymmetric(x, quirks=True)
    assert codes.tolist() == [[-128, 127], [-28, 127], [-128, 127], [0, 0]]
    assert scale.tolist() == [1.0] * 4
    assert zero_point.tolist() == [-128, -128, 127, 0]


def test_the_first_eight_of_a_block_round_by_adding_a_half():
    just_below = np.nextafter(np.float32(0.5), np.float32(0))
    x = np.full((1, 9), just_below, np.float32)
    x[0, 0] = 127
    quirky, _ = quantize_symmetric(x, quirks=True)
    assert quirky.tolist() == [[127, 1, 1, 1, 1, 1, 1, 1, 0]]
    proper, _ = quantize_symmetric(x, quirks=False)
    assert proper.tolist() == [[127, 0, 0, 0, 0, 0, 0, 0, 0]]


def fully_connected(x: np.ndarray, weights: np.ndarray, profile: Any, bias: Any = None, **options: Any) -> np.ndarray:
    inputs = [spec(x), spec(weights, quantization(1.0)), bias]
    return run("FULLY_CONNECTED", FullyConnectedOptions(**options), inputs, RESULT, profile)


@pytest.mark.parametrize(("profile", "expected"), [(LITERT, -127 * 128), (TFLM, 127 * 128)])
def test_minus_128_times_a_negative_activation_has_the_wrong_sign_in_the_reference(profile, expected):
    x = np.zeros((1, 17), np.float32)
    weights = np.full((1, 17), -128, np.int8)
    x[0, 3] = -127
    assert fully_connected(x, weights, profile).tolist() == [[expected]]
    x[0, 3], x[0, 16] = 0, -127  # behind the whole blocks of 16 the product is right
    assert fully_connected(x, weights, profile).tolist() == [[127 * 128]]


@pytest.mark.parametrize(("filters", "wrong"), [(1, True), (3, True), (4, False), (8, False)])
def test_conv_2d_has_the_wrong_sign_unless_its_filters_are_a_multiple_of_4(filters, wrong):
    x = np.zeros((1, 1, 1, 16), np.float32)
    x[..., 0] = -127
    weights = np.full((filters, 1, 1, 16), -128, np.int8)
    inputs = [spec(x), spec(weights, quantization(1.0)), spec(np.zeros(filters, np.float32))]
    y = run("CONV_2D", Conv2DOptions(stride_h=1, stride_w=1), inputs, RESULT)
    assert (y == (-127 * 128 if wrong else 127 * 128)).all()


def test_row_sums_of_wide_filters_wrap_in_the_reference():
    depth = 16 * 256  # 512 columns to a lane, each 127: 65024 in an int16
    x = np.zeros((1, depth), np.float32)
    x[0, 0] = 255
    weights = np.full((1, depth), 127, np.int8)
    proper = fully_connected(x, weights, TFLM, asymmetric_quantize_inputs=True)
    quirky = fully_connected(x, weights, LITERT, asymmetric_quantize_inputs=True)
    assert proper.tolist() == [[255 * 127]]
    assert quirky.tolist() == [[np.float32(255 * 127 - 128 * 8 * 65536)]]


def test_an_input_of_zeros_gives_the_bias_as_it_is():
    bias = spec(np.array([-0.0, np.inf, -np.inf], np.float32))
    y = fully_connected(np.zeros((2, 4), np.float32), np.ones((3, 4), np.int8), LITERT, bias)
    assert (y == bias.value).all()
    assert np.signbit(y[:, 0]).all()
    relu = ActivationFunctionType.RELU
    y = fully_connected(
        np.zeros((1, 4), np.float32), np.ones((3, 4), np.int8), LITERT, bias, fused_activation_function=relu
    )
    assert y.tolist() == [[0, np.inf, 0]]


def test_each_image_is_quantized_by_itself():
    small, large = np.full((2, 1, 1, 1, 1), 1, np.float32)
    large = large * 1000
    weights = spec(np.array([1, 2], np.int8).reshape(1, 1, 1, 2), quantization([1.0, 0.5], dimension=3))
    options = DepthwiseConv2DOptions(stride_h=1, stride_w=1)
    both = run("DEPTHWISE_CONV_2D", options, [spec(np.concatenate([small, large])), weights, None], RESULT)
    for index, image in enumerate((small, large)):
        alone = run("DEPTHWISE_CONV_2D", options, [spec(image), weights, None], RESULT)
        assert (both[index : index + 1] == alone).all()
    assert both.ravel().tolist() == pytest.approx([1, 1, 1000, 1000])
