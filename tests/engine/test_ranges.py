"""Ranges of accumulators: against loops of Python's integers, and by the emulation of as many bits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import q31
from compiled_nodes import windows
from convolution_nodes import KERNELS, naive_conv_2d, node, output, quantization, spec
from q31.kernels.explain.accumulators import Span, products_of, span_of, with_bias
from q31.kernels.profiles import LITERT
from q31.schema import ActivationFunctionType, Padding, TensorType, write
from q31.schema.builder import GraphBuilder
from q31.schema.options import (
    BatchMatMulOptions,
    Conv2DOptions,
    DepthwiseConv2DOptions,
    FullyConnectedOptions,
)
from q31.tools.arrays import random_array
from q31.tools.cli import main

MODELS = Path(q31.__file__).resolve().parent / "tools/digits/models"
INT8 = TensorType.INT8


def codes(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(seed).integers(-128, 128, shape).astype(np.int8)


@pytest.mark.parametrize(
    ("low", "high", "bits"), [(0, 0, 1), (0, 1, 2), (-1, 0, 1), (-128, 127, 8), (-129, 0, 9), (0, 128, 9), (7, 7, 4)]
)
def test_bits_are_those_of_twos_complement(low: int, high: int, bits: int) -> None:
    assert Span(np.array([low], object), np.array([high], object)).bits.tolist() == [bits]


@given(windows(), st.integers(1, 3), st.integers(1, 4), st.integers(0, 2**32), st.booleans())
def test_convolutions_at_worst(window: Any, channels: int, filters: int, seed: int, depthwise: bool) -> None:
    image, (rows, columns), options = window
    many = channels * filters if depthwise else filters
    x = codes(seed, (1, *image, channels))
    weights = codes(seed + 1, (1, rows, columns, many) if depthwise else (many, rows, columns, channels))
    bias = np.random.default_rng(seed).integers(-5000, 5000, many).astype(np.int32)
    own: Any = DepthwiseConv2DOptions(depth_multiplier=filters, **options) if depthwise else Conv2DOptions(**options)
    name, zero_point, low, high = "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D", 5, -100, 90
    inputs = [spec(x, quantization(0.5, zero_point)), spec(weights, quantization(0.02)), spec(bias, quantization(0.01))]
    prepared = KERNELS[name].prepare(node(name, own, inputs, output(INT8, quantization(0.9))), LITERT)
    products = products_of(name, prepared, [x, weights, bias])
    assert products is not None
    sums = products.sums()
    np.testing.assert_array_equal(sums, naive_conv_2d(x, weights, own, (zero_point, 0), depthwise))
    final, running = products.worst((low, high), None)
    # Positive weights want the highest code, negative ones the lowest: two convolutions by hand.
    positive, negative = np.maximum(weights, 0).astype(int), np.minimum(weights, 0).astype(int)
    lowest, highest = np.full_like(x, low), np.full_like(x, high)
    most = naive_conv_2d(highest, positive, own, (zero_point, 0), depthwise) + naive_conv_2d(
        lowest, negative, own, (zero_point, 0), depthwise
    )
    least = naive_conv_2d(lowest, positive, own, (zero_point, 0), depthwise) + naive_conv_2d(
        highest, negative, own, (zero_point, 0), depthwise
    )
    assert final.high.tolist() == most.max(axis=(0, 1, 2)).tolist() == running.high.tolist()
    assert final.low.tolist() == least.min(axis=(0, 1, 2)).tolist() == running.low.tolist()
    biased = with_bias(final, bias)
    assert (biased.high - final.high).tolist() == (biased.low - final.low).tolist() == bias.tolist()
    seen = products.running(sums.shape)
    widest, _ = products.worst((-128, 127), None)
    assert np.all(seen.low <= span_of(sums).low) and np.all(seen.high >= span_of(sums).high)
    assert np.all(seen.low >= widest.low) and np.all(seen.high <= widest.high)


def layers(activation: ActivationFunctionType = ActivationFunctionType.RELU6) -> bytes:
    """CONV_2D with a clamp, RESHAPE, FULLY_CONNECTED: what the second sums follows from the clamp of the first."""
    builder = GraphBuilder()
    x = builder.tensor("x", INT8, (1, 4, 4, 2), quantization(0.05, 3))
    weights = builder.tensor("w", INT8, (3, 3, 3, 2), quantization(0.02), value=codes(1, (3, 3, 3, 2)))
    bias = builder.tensor("b", TensorType.INT32, (3,), quantization(0.001), value=[100, -200, 300])
    convolved = builder.tensor("convolved", INT8, (1, 2, 2, 3), quantization(0.1, -20))
    shape = builder.tensor("shape", TensorType.INT32, (2,), value=[1, 12])
    flat = builder.tensor("flat", INT8, (1, 12), quantization(0.1, -20))
    matrix = builder.tensor("m", INT8, (5, 12), quantization(0.02), value=codes(2, (5, 12)))
    y = builder.tensor("y", INT8, (1, 5), quantization(0.5, 0))
    builder.operator(
        "CONV_2D",
        [x, weights, bias],
        [convolved],
        Conv2DOptions(
            padding=Padding.VALID,
            stride_h=1,
            stride_w=1,
            dilation_h_factor=1,
            dilation_w_factor=1,
            fused_activation_function=activation,
        ),
    )
    builder.operator("RESHAPE", [convolved, shape], [flat])
    builder.operator("FULLY_CONNECTED", [flat, matrix], [y], FullyConnectedOptions())
    return bytes(write(builder.build([x], [y])))


def test_the_worst_case_knows_the_producers_clamp() -> None:
    model = q31.load(layers())
    found = q31.ranges(model, count=20, seed=1)
    first, second = found.operators
    assert (first.index, second.index) == (0, 2)
    assert first.input_range == (-128, 127)
    assert second.input_range == (-20, 40)  # 0 to 6 at a scale of 0.1, zero point -20
    weights = codes(2, (5, 12)).astype(int)
    assert second.worst.high.tolist() == [int(row[row > 0].sum()) * 60 for row in weights]
    assert second.worst.low.tolist() == [int(row[row < 0].sum()) * 60 for row in weights]
    assert np.all(second.observed.high <= second.worst.high) and np.all(second.observed.low >= second.worst.low)
    plain = q31.ranges(q31.load(layers(ActivationFunctionType.NONE)), count=1)
    assert plain.operators[1].input_range == (-128, 127)


def test_observed_ranges_are_those_of_the_trace() -> None:
    model = q31.load(MODELS / "digits_integer_uint8.tflite")
    random = np.random.default_rng(5)
    images = np.concatenate([random_array(model.inputs[0], random) for _ in range(5)])
    found = model.ranges(images, running=True)
    assert found.examples == 5
    traces = [model.trace(image[None]) for image in images]
    for one in found.operators:
        sums = [trace.operators[one.index].intermediates() for trace in traces]
        flat = np.concatenate([each["accumulator"].reshape(-1, len(one.worst.low)) for each in sums])
        assert one.observed.low.tolist() == flat.min(axis=0).tolist()
        assert one.observed.high.tolist() == flat.max(axis=0).tolist()
        assert np.all(one.observed.low >= one.worst.low) and np.all(one.observed.high <= one.worst.high)
        assert one.observed_running is not None
        assert np.all(one.observed_running.low >= one.worst_running.low)
        assert np.all(one.observed_bits <= one.worst_bits)


@pytest.mark.parametrize("name", ["digits_integer_int8", "digits_int16x8"])
@pytest.mark.parametrize("overflow", ["wrap", "saturate"])
def test_the_bits_found_are_enough_and_one_less_is_not(name: str, overflow: str) -> None:
    path = MODELS / f"{name}.tflite"
    model = q31.load(path)
    images = np.random.default_rng(9).uniform(0, 1, (3, 28, 28)).astype(np.float32)
    images = random_array(model.inputs[0], np.random.default_rng(9)) if model.inputs[0].dtype != np.float32 else images
    found = model.ranges(images, running=True)
    plain = [model.trace(image[None]) for image in images]
    for bits, enough in ((found.worst_bits, True), (found.observed_bits, True), (found.observed_bits - 1, False)):
        narrow = q31.load(path, accumulator_bits=bits, overflow=overflow)
        traces = [narrow.trace(image[None]) for image in images]
        same = [
            np.array_equal(a.operators[one.index].intermediates()[key], b.operators[one.index].intermediates()[key])
            for a, b in zip(traces, plain, strict=True)
            for one in found.operators
            for key in ("accumulator", "accumulator_without_bias")
        ]
        if enough or overflow == "wrap":
            assert all(same) == enough, bits


def test_weights_that_are_no_constants_have_a_range_too() -> None:
    builder = GraphBuilder()
    x = builder.tensor("x", INT8, (1, 2, 3), quantization(0.5, 1))
    y = builder.tensor("y", INT8, (1, 3, 4), quantization(0.5, -2))
    z = builder.tensor("z", INT8, (1, 2, 4), quantization(9.0, 0))
    builder.operator("BATCH_MATMUL", [x, y], [z], BatchMatMulOptions(), version=2)
    (one,) = q31.ranges(q31.load(bytes(write(builder.build([x, y], [z])))), count=3).operators
    assert one.weights_range == one.input_range == (-128, 127)
    assert one.worst.high.tolist() == [3 * 129 * 126] * 4 and one.worst.low.tolist() == [-3 * 129 * 129] * 4


def test_data_that_does_not_fit_is_refused() -> None:
    model = q31.load(MODELS / "digits_integer_int8.tflite")
    for data in (np.zeros((2, 27, 28), np.int8), np.zeros((2, 28, 28), np.uint8), {"other": np.zeros(3)}):
        with pytest.raises(q31.InputError):
            model.ranges(data)
    with pytest.raises(q31.InputError, match="one example or more"):
        model.ranges(np.zeros((0, 28, 28), np.int8))
    with pytest.raises(q31.InputError, match="count"):
        q31.ranges(model, count=0)
    assert model.ranges(np.zeros((28, 28), np.int8)[None]).examples == 1


def test_the_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(MODELS / "digits_integer_int8.tflite")
    np.savez(tmp_path / "d.npz", images=codes(3, (4, 28, 28)))
    assert main(["ranges", path, "--data", str(tmp_path / "d.npz"), "--json", "--channels"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["examples"] == 4 and found["stamp"]["profile"] == "litert"
    convolution = found["operators"][0]
    assert len(convolution["per_channel"]["worst"]) == convolution["channels"] == 12
    assert max(convolution["per_channel"]["worst_bits"]) == convolution["worst_bits"]
    assert main(["ranges", path, "--count", "2", "--seed", "4", "--channels"]) == 0
    assert "CONV_2D" in capsys.readouterr().out
    assert main(["ranges", str(MODELS / "digits_float32.tflite"), "--count", "1"]) == 0
    assert "no operator" in capsys.readouterr().out
    for wrong in (["--data", "missing.npz"], ["--data", path], ["--count", "0"]):
        assert main(["ranges", path, *wrong]) == 2
        assert capsys.readouterr().err.count("\n") == 1
