"""Float32 convolutions: the reference's order of operations, and what it does with infinities, NaN and zeros."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convolution_nodes import output, run, spec
from q31.schema import ActivationFunctionType, Padding, TensorType
from q31.schema.options import Conv2DOptions, DepthwiseConv2DOptions, FullyConnectedOptions, TransposeConvOptions

RESULT = output(TensorType.FLOAT32)
LARGEST = np.finfo(np.float32).max


def floats(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def sequential(products: Any) -> np.float32:
    total = np.float32(0)
    for product in products:
        total = np.float32(total + np.float32(product))
    return total


def fully_connected(x: np.ndarray, weights: np.ndarray, bias: np.ndarray | None, **options: Any) -> np.ndarray:
    inputs = [spec(x.reshape(1, -1)), spec(weights.reshape(1, -1)), None if bias is None else spec(bias)]
    return run("FULLY_CONNECTED", FullyConnectedOptions(**options), inputs, RESULT)


def test_products_are_added_one_by_one_and_the_bias_last():
    x = floats(1e8, 1, -1e8)
    assert fully_connected(x, floats(1, 1, 1), None).tolist() == [[0]]  # pairwise or in float64 it would be 1
    assert fully_connected(floats(1, 1e8), floats(1, 1), floats(-1e8)).tolist() == [[0]]


def test_product_and_sum_round_separately():
    # The square is 1 + 2**-11 + 2**-24, of which float32 keeps the last bit only within a fused multiply-add.
    a = np.float32(1 + 2.0**-12)
    y = fully_connected(floats(-1, a), floats(1, a), None)
    assert y[0, 0] == np.float32(np.float32(a * a) - np.float32(1))
    assert y[0, 0] != np.float32(np.float64(a) * np.float64(a) - 1)


@given(seed=st.integers(0, 2**32), depth=st.integers(1, 40))
def test_fully_connected_is_a_sequential_sum(seed, depth):
    random = np.random.default_rng(seed)
    x, weights = random.standard_normal((2, depth)).astype(np.float32)
    assert fully_connected(x, weights, None)[0, 0] == sequential(x * weights)


@given(seed=st.integers(0, 2**32))
def test_conv_2d_sums_row_by_row_column_by_column_channel_by_channel(seed):
    random = np.random.default_rng(seed)
    x = random.standard_normal((1, 3, 3, 4)).astype(np.float32)
    weights = random.standard_normal((1, 3, 3, 4)).astype(np.float32)
    options = Conv2DOptions(padding=Padding.VALID, stride_h=1, stride_w=1)
    y = run("CONV_2D", options, [spec(x), spec(weights), None], RESULT)
    assert y[0, 0, 0, 0] == sequential((x * weights).ravel())


@given(seed=st.integers(0, 2**32))
def test_depthwise_sums_row_by_row_column_by_column(seed):
    random = np.random.default_rng(seed)
    x, weights = random.standard_normal((2, 1, 3, 3, 1)).astype(np.float32)
    options = DepthwiseConv2DOptions(padding=Padding.VALID, stride_h=1, stride_w=1)
    y = run("DEPTHWISE_CONV_2D", options, [spec(x), spec(weights), None], RESULT)
    assert y[0, 0, 0, 0] == sequential((x * weights).ravel())


@given(seed=st.integers(0, 2**32))
def test_transpose_conv_sums_in_the_order_of_its_input(seed):
    random = np.random.default_rng(seed)
    x = random.standard_normal((1, 3, 3, 2)).astype(np.float32)
    weights = random.standard_normal((1, 3, 3, 2)).astype(np.float32)
    options = TransposeConvOptions(padding=Padding.SAME, stride_h=1, stride_w=1)
    shape = spec(np.array([1, 3, 3, 1], np.int32))
    y = run("TRANSPOSE_CONV", options, [shape, spec(weights), spec(x), None], RESULT)
    # Every input pixel reaches the middle, the first through the last tap.
    assert y[0, 1, 1, 0] == sequential((x[0] * weights[0, ::-1, ::-1]).ravel())


def test_taps_outside_the_image_are_left_out_not_multiplied_by_zero():
    weights = np.full((1, 3, 3, 1), np.inf, np.float32)
    weights[0, 1, 1, 0] = 1
    for name, options in (
        ("CONV_2D", Conv2DOptions(stride_h=1, stride_w=1)),
        ("DEPTHWISE_CONV_2D", DepthwiseConv2DOptions(stride_h=1, stride_w=1)),
    ):
        y = run(name, options, [spec(floats(5).reshape(1, 1, 1, 1)), spec(weights), None], RESULT)
        assert y.ravel().tolist() == [5]  # 0 * inf would make it NaN


def test_sums_of_negative_zeros_are_positive_zeros():
    y = fully_connected(floats(-0.0, 0.0), floats(1, -1), floats(-0.0))
    assert y[0, 0] == 0 and not np.signbit(y[0, 0])


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        (ActivationFunctionType.NONE, [-LARGEST, LARGEST]),
        (ActivationFunctionType.RELU, [0, LARGEST]),
        (ActivationFunctionType.RELU6, [0, 6]),
        (ActivationFunctionType.RELU_N1_TO_1, [-1, 1]),
    ],
)
def test_infinite_sums_leave_as_the_ends_of_the_activation_s_range(activation, expected):
    results = [
        fully_connected(floats(end), floats(1), None, fused_activation_function=activation)[0, 0]
        for end in (-np.inf, np.inf)
    ]
    assert results == expected


def test_nan_stays_nan():
    y = fully_connected(floats(np.inf, -np.inf), floats(1, 1), None)
    assert np.isnan(y[0, 0])
