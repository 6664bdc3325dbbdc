"""Narrower accumulators against loops of Python's integers, one product after the other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiled_nodes import windows
from convolution_nodes import KERNELS, node, output, quantization, run, spec
from q31.kernels.convolution import batch_matmul
from q31.kernels.convolution.quantization import requantize
from q31.kernels.operator import Node, TensorSpec
from q31.kernels.profiles import LITERT, TFLM, NarrowAccumulator, Overflow, Profile
from q31.schema import Padding, TensorType
from q31.schema.options import (
    BatchMatMulOptions,
    Conv2DOptions,
    DepthwiseConv2DOptions,
    FullyConnectedOptions,
    TransposeConvOptions,
)

INT8, INT16 = TensorType.INT8, TensorType.INT16
RULES = st.sampled_from(list(Overflow))
OUTPUT = quantization(0.9, 3)


def profile(bits: int, overflow: Overflow, base: Profile = LITERT) -> Profile:
    return replace(base, accumulator=NarrowAccumulator(bits, overflow))


def hold(total: int, bits: int, overflow: Overflow) -> int:
    """What an accumulator holds of a number."""
    if overflow is Overflow.SATURATE:
        return max(-(2 ** (bits - 1)), min(total, 2 ** (bits - 1) - 1))
    rest = total % 2**bits
    return rest - 2**bits if rest >= 2 ** (bits - 1) else rest


def add_up(products: Iterable[int], bias: int, bits: int, overflow: Overflow) -> int:
    total = 0
    for product in products:
        total = hold(total + product, bits, overflow)
    return hold(total + bias, bits, overflow)


def codes(seed: int, shape: tuple[int, ...], tensor_type: TensorType = INT8) -> np.ndarray:
    limits = np.iinfo("int16" if tensor_type is INT16 else "int8")
    return np.random.default_rng(seed).integers(limits.min, limits.max, shape, limits.dtype, endpoint=True)


def bias_of(seed: int, channels: int, tensor_type: TensorType) -> np.ndarray:
    dtype = np.int64 if tensor_type is INT16 else np.int32
    return np.random.default_rng(seed + 1).integers(-9000, 9000, channels).astype(dtype)


def taps(size: int, at: int, stride: int, dilation: int, count: int, before: int) -> list[tuple[int, int]]:
    """Taps of a window along an axis that are inside, with their places."""
    places = [(tap, at * stride - before + tap * dilation) for tap in range(count)]
    return [(tap, place) for tap, place in places if 0 <= place < size]


def before(size: int, count: int, stride: int, dilation: int, padding: Padding) -> int:
    if padding is Padding.VALID:
        return 0
    return max(0, ((size + stride - 1) // stride - 1) * stride + (count - 1) * dilation + 1 - size) // 2


def check(name: str, prepared: Any, arrays: list[np.ndarray], expected: np.ndarray) -> None:
    """Hold accumulators and codes to what was added up."""
    from q31.kernels.explain.intermediates import intermediates

    found = intermediates(name, prepared, arrays)["accumulator"]
    np.testing.assert_array_equal(found, expected)
    value = KERNELS[name].evaluate(prepared, *arrays)
    np.testing.assert_array_equal(value, requantize(prepared.requantization, expected.astype(found.dtype)))


@given(windows(), st.integers(1, 4), st.integers(1, 5), st.integers(2, 20), RULES, st.integers(0, 2**32), st.booleans())
def test_convolutions(
    window: Any, channels: int, filters: int, bits: int, overflow: Overflow, seed: int, depthwise: bool
) -> None:
    image, (rows, columns), options = window
    name = "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D"
    many = channels * filters if depthwise else filters
    tensor_type = INT16 if seed % 3 == 0 else INT8
    zero_point = 0 if tensor_type is INT16 else 5
    x = codes(seed, (1, *image, channels), tensor_type)
    weights = codes(seed + 2, (1, rows, columns, many) if depthwise else (many, rows, columns, channels))
    bias = bias_of(seed, many, tensor_type)
    own = DepthwiseConv2DOptions(depth_multiplier=filters, **options) if depthwise else Conv2DOptions(**options)
    target = quantization(0.9, 0 if tensor_type is INT16 else 3)
    scales = quantization([0.02] * many, 0, 3 if depthwise else 0)
    inputs = [spec(x, quantization(0.5, zero_point)), spec(weights, scales), spec(bias, quantization(0.01))]
    kernel = KERNELS[name]
    prepared = kernel.prepare(node(name, own, inputs, output(tensor_type, target)), profile(bits, overflow))
    expected = np.zeros(prepared.output_shapes[0], np.int64)
    lead = [
        before(size, count, stride, dilation, options["padding"])
        for size, count, stride, dilation in (
            (image[0], rows, options["stride_h"], options["dilation_h_factor"]),
            (image[1], columns, options["stride_w"], options["dilation_w_factor"]),
        )
    ]
    for at in np.ndindex(expected.shape):
        _, oy, ox, o = at
        vertical = taps(image[0], oy, options["stride_h"], options["dilation_h_factor"], rows, lead[0])
        horizontal = taps(image[1], ox, options["stride_w"], options["dilation_w_factor"], columns, lead[1])
        products = []
        for fy, y in vertical:
            for fx, place in horizontal:
                if depthwise:
                    products.append((int(x[0, y, place, o // filters]) - zero_point) * int(weights[0, fy, fx, o]))
                else:
                    for c in range(channels):
                        products.append((int(x[0, y, place, c]) - zero_point) * int(weights[o, fy, fx, c]))
        expected[at] = add_up(products, int(bias[o]), bits, overflow)
    check(name, prepared, [x, weights, bias], expected)


@given(st.integers(1, 3), st.integers(1, 24), st.integers(1, 5), st.integers(2, 24), RULES, st.integers(0, 2**32))
def test_fully_connected(batch: int, depth: int, units: int, bits: int, overflow: Overflow, seed: int) -> None:
    x, weights, bias = codes(seed, (batch, depth)), codes(seed + 2, (units, depth)), bias_of(seed, units, INT8)
    inputs = [spec(x, quantization(0.5, -7)), spec(weights, quantization(0.02)), spec(bias, quantization(0.01))]
    base = TFLM if seed % 2 else LITERT
    made = node("FULLY_CONNECTED", FullyConnectedOptions(), inputs, output(INT8, OUTPUT))
    prepared = KERNELS["FULLY_CONNECTED"].prepare(made, profile(bits, overflow, base))
    expected = np.zeros((batch, units), np.int64)
    for row, unit in np.ndindex(batch, units):
        products = [(int(a) + 7) * int(b) for a, b in zip(x[row], weights[unit], strict=True)]
        expected[row, unit] = add_up(products, int(bias[unit]), bits, overflow)
    check("FULLY_CONNECTED", prepared, [x, weights, bias], expected)


@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(2, 20), RULES, st.integers(0, 2**32))
def test_transposed_convolutions(
    channels: int, filters: int, stride: int, bits: int, overflow: Overflow, seed: int
) -> None:
    height, width, rows, columns = 3, 2, 3, 2
    size = ((height - 1) * stride + rows, (width - 1) * stride + columns)
    shape = np.array([1, *size, filters], np.int32)
    x, weights = codes(seed, (1, height, width, channels)), codes(seed + 2, (filters, rows, columns, channels))
    bias = bias_of(seed, filters, INT8)
    options = TransposeConvOptions(padding=Padding.VALID, stride_h=stride, stride_w=stride)
    scales = [quantization(0.02), quantization(0.5, 5), quantization(0.01)]
    inputs = [spec(shape), *map(spec, (weights, x, bias), scales)]
    made = node("TRANSPOSE_CONV", options, inputs, output(INT8, OUTPUT))
    prepared = KERNELS["TRANSPOSE_CONV"].prepare(made, profile(bits, overflow))
    expected = np.zeros(shape, np.int64)
    terms: dict[tuple[int, ...], list[int]] = {at: [] for at in np.ndindex(expected.shape)}
    for y, place, c, fy, fx, o in np.ndindex(height, width, channels, rows, columns, filters):
        at = (0, y * stride + fy, place * stride + fx, o)
        terms[at].append((int(x[0, y, place, c]) - 5) * int(weights[o, fy, fx, c]))
    for at, products in terms.items():
        expected[at] = add_up(products, int(bias[at[3]]), bits, overflow)
    check("TRANSPOSE_CONV", prepared, [shape, weights, x, bias], expected)


@given(st.integers(1, 3), st.integers(1, 9), st.integers(1, 4), st.integers(2, 40), RULES, st.integers(0, 2**32))
def test_products_of_matrices(rows: int, depth: int, columns: int, bits: int, overflow: Overflow, seed: int) -> None:
    tensor_type = INT16 if seed % 2 else INT8
    zero_points = (0, 0, 0) if tensor_type is INT16 else (3, -4, 1)
    x, y = codes(seed, (2, rows, depth), tensor_type), codes(seed + 2, (2, columns, depth), tensor_type)
    x_spec, y_spec = (spec(one, quantization(0.5, zero)) for one, zero in zip((x, y), zero_points, strict=False))
    result = TensorSpec("y", tensor_type, (), quantization(9.0, zero_points[2]))
    made = Node("BATCH_MATMUL", 4, BatchMatMulOptions(adj_y=True), (x_spec, y_spec), (result,))
    prepared = batch_matmul.prepare(made, profile(bits, overflow))
    assert isinstance(prepared, batch_matmul.QuantizedBatchMatMul)
    expected = np.zeros((2, rows, columns), np.int64)
    for at in np.ndindex(expected.shape):
        n, row, column = at
        pairs = zip(x[n, row], y[n, column], strict=True)
        products = [(int(a) - zero_points[0]) * (int(b) - zero_points[1]) for a, b in pairs]
        width = 64 if tensor_type is INT16 else 32
        held, rule = (bits, overflow) if bits <= width else (width, Overflow.WRAP)
        expected[at] = add_up(products, 0, held, rule)
    np.testing.assert_array_equal(batch_matmul.accumulate(prepared, x, y), expected)
    if bits < 32:
        assert prepared.narrow is not None and batch_matmul.lower(prepared, made) is None


def test_a_sum_of_64_bits_saturates() -> None:
    x, weights = np.full((1, 2), 32767, np.int16), np.full((1, 2), 127, np.int8)
    bias = np.array([2**63 - 1], np.int64)
    inputs = [spec(x, quantization(0.5)), spec(weights, quantization(0.02)), spec(bias, quantization(0.01))]
    made = node("FULLY_CONNECTED", FullyConnectedOptions(), inputs, output(INT16, quantization(0.9)))
    for overflow, expected in ((Overflow.SATURATE, 2**63 - 1), (Overflow.WRAP, 2**63 - 1 + 2 * 32767 * 127 - 2**64)):
        prepared: Any = KERNELS["FULLY_CONNECTED"].prepare(made, profile(64, overflow))
        from q31.kernels.convolution.fully_connected import accumulate

        assert accumulate(prepared, x, weights, bias)[0, 0] == expected


@pytest.mark.parametrize("overflow", list(Overflow))
def test_a_narrower_accumulator_is_never_compiled(overflow: Overflow) -> None:
    x, weights = codes(1, (1, 8)), codes(2, (4, 8))
    inputs = [
        TensorSpec("x", INT8, x.shape, quantization(0.5, 3)),
        spec(weights, quantization(0.02)),
        spec(bias_of(1, 4, INT8), quantization(0.01)),
    ]
    made = node("FULLY_CONNECTED", FullyConnectedOptions(), inputs, output(INT8, OUTPUT))
    kernel = KERNELS["FULLY_CONNECTED"]
    assert kernel.lower is not None
    assert kernel.lower(kernel.prepare(made, LITERT), made) is not None
    assert kernel.lower(kernel.prepare(made, profile(20, overflow)), made) is None
    assert kernel.lower(kernel.prepare(made, profile(40, overflow)), made) is not None
    full = kernel.lower(kernel.prepare(made, profile(32, overflow)), made)
    assert (full is None) == (overflow is Overflow.SATURATE)


def test_wide_enough_changes_nothing() -> None:
    x, weights = codes(1, (2, 40)), codes(2, (4, 40))
    inputs = [
        spec(x, quantization(0.5, 3)),
        spec(weights, quantization(0.02)),
        spec(bias_of(1, 4, INT8), quantization(0.01)),
    ]
    target = output(INT8, quantization(300.0))
    plain = run("FULLY_CONNECTED", FullyConnectedOptions(), inputs, target)
    assert len(np.unique(plain)) > 2
    for overflow in Overflow:
        wide = run("FULLY_CONNECTED", FullyConnectedOptions(), inputs, target, profile(22, overflow))
        np.testing.assert_array_equal(wide, plain)
        narrow = run("FULLY_CONNECTED", FullyConnectedOptions(), inputs, target, profile(12, overflow))
        assert np.any(narrow != plain)
