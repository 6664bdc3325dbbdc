"""Networks of several operators: what goes wrong between operators, such as memory shared by tensors that both live.

Branches, tensors read late, intermediates that are outputs too, reshapes without a copy, several invokes of one
interpreter, inputs of another batch than the file's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from ...schema import ActivationFunctionType, Padding, Quantization, TensorType
from ...schema.options import (
    AddOptions,
    ConcatenationOptions,
    Conv2DOptions,
    DepthwiseConv2DOptions,
    FullyConnectedOptions,
    PadOptions,
    Pool2DOptions,
    QuantizeOptions,
    ReshapeOptions,
    SoftmaxOptions,
)
from .case import Case, Operand, constant, network, result, tensor
from .strategies import arrays, biases, float32, log_uniform, per_tensor, requantized

INT8 = TensorType.INT8
SOFTMAX_OUTPUT = Quantization((1 / 256,), (-128,))


@dataclass
class Network:
    """Operators so far and the tensors that may be read by the next."""

    draw: DrawFn
    operators: list[tuple[str, int, Any, list[Operand], list[Operand]]] = field(default_factory=list)
    values: list[Operand] = field(default_factory=list)

    def add(self, name: str, version: int, options: Any, inputs: Sequence[Operand], output: Operand) -> None:
        self.operators.append((name, version, options, list(inputs), [output]))
        self.values.append(output)

    def pick(self, rank: int = 4) -> Operand | None:
        """Draw a tensor to read: often the newest, sometimes one that was left behind."""
        of_rank = [value for value in self.values if len(value.shape) == rank]
        if not of_rank:
            return None
        return of_rank[-1] if self.draw(st.booleans()) else self.draw(st.sampled_from(of_rank))


def _activation(network: Network) -> ActivationFunctionType:
    return network.draw(st.sampled_from([ActivationFunctionType.NONE, ActivationFunctionType.RELU6]))


def _window(size: int, kernel: int, padding: Padding) -> int:
    return size if padding is Padding.SAME else size - kernel + 1


def _channel_scales(network: Network, channels: int, dimension: int) -> Quantization:
    base, seed = network.draw(log_uniform(0.002, 0.02)), network.draw(st.integers(0, 2**16))
    ratios = np.random.default_rng(seed).uniform(0.2, 1, channels)
    scales = tuple(float32(base * ratio) for ratio in ratios)
    return Quantization(scales, (0,) * channels, quantized_dimension=dimension)


def _weights(network: Network, shape: tuple[int, ...], quantization: Quantization) -> Operand:
    return constant(network.draw(arrays(INT8, shape, low=-127)), quantization)


def convolution(network: Network, x: Operand) -> None:
    draw = network.draw
    batch, height, width, depth = x.shape
    kernel, channels = draw(st.sampled_from([1, 1, 2, 3])), draw(st.sampled_from([1, 3, 8, 17]))
    padding = draw(st.sampled_from([Padding.SAME, Padding.VALID])) if min(height, width) >= kernel else Padding.SAME
    quantization = _channel_scales(network, channels, 0)
    output = draw(requantized(INT8, x.quantization.scale[0] * quantization.scale[0], log_uniform(2**-8, 2**-3)))
    shape = (batch, _window(height, kernel, padding), _window(width, kernel, padding), channels)
    inputs = [
        x,
        _weights(network, (channels, kernel, kernel, depth), quantization),
        constant(draw(biases(channels))),
    ]
    options = Conv2DOptions(padding=padding, stride_w=1, stride_h=1, fused_activation_function=_activation(network))
    network.add("CONV_2D", 3, options, inputs, result(INT8, output, shape))


def depthwise(network: Network, x: Operand) -> None:
    draw = network.draw
    depth = x.shape[3]
    quantization = _channel_scales(network, depth, 3)
    output = draw(requantized(INT8, x.quantization.scale[0] * quantization.scale[0], log_uniform(2**-6, 2**-2)))
    inputs = [x, _weights(network, (1, 3, 3, depth), quantization), constant(draw(biases(depth)))]
    options = DepthwiseConv2DOptions(
        padding=Padding.SAME,
        stride_w=1,
        stride_h=1,
        depth_multiplier=1,
        fused_activation_function=_activation(network),
    )
    network.add("DEPTHWISE_CONV_2D", 3, options, inputs, result(INT8, output, x.shape))


def pool(network: Network, x: Operand) -> None:
    name = network.draw(st.sampled_from(["MAX_POOL_2D", "AVERAGE_POOL_2D"]))
    batch, height, width, depth = x.shape
    options = Pool2DOptions(padding=Padding.SAME, stride_w=2, stride_h=2, filter_width=2, filter_height=2)
    shape = (batch, -(-height // 2), -(-width // 2), depth)
    network.add(name, 2, options, [x], result(INT8, x.quantization, shape))


def add(network: Network, x: Operand) -> None:
    partners = [value for value in network.values if value.shape == x.shape]
    other = network.draw(st.sampled_from(partners))
    largest = max(x.quantization.scale[0], other.quantization.scale[0])
    output = network.draw(requantized(INT8, 2 * largest, log_uniform(0.1, 2.0)))
    network.add("ADD", 2, AddOptions(), [x, other], result(INT8, output, x.shape))


def concatenation(network: Network, x: Operand) -> None:
    partners = [v for v in network.values if v.shape[:3] == x.shape[:3] and v.quantization == x.quantization]
    others = network.draw(st.lists(st.sampled_from(partners), min_size=1, max_size=3))
    inputs = [x, *(v for v in others if len(v.shape) == 4)]
    shape = (*x.shape[:3], sum(value.shape[3] for value in inputs))
    network.add("CONCATENATION", 2, ConcatenationOptions(axis=3), inputs, result(INT8, x.quantization, shape))


def pad(network: Network, x: Operand) -> None:
    amounts = np.array([[0, 0], [1, 0], [0, 2], [0, 0]], np.int32)
    shape = tuple(side + int(amount.sum()) for side, amount in zip(x.shape, amounts, strict=True))
    network.add("PAD", 2, PadOptions(), [x, constant(amounts)], result(INT8, x.quantization, shape))


def reshape(network: Network, x: Operand) -> None:
    batch, height, width, depth = x.shape
    shape = network.draw(
        st.sampled_from([(height * width, 1, depth), (width, height, depth), (1, height, width * depth)])
    )
    target = constant(np.array([-1, *shape], np.int32))
    output = result(INT8, x.quantization, (batch, *shape))
    network.add("RESHAPE", 1, ReshapeOptions(), [x, target], output)


def relu(network: Network, x: Operand) -> None:
    output = network.draw(requantized(INT8, x.quantization.scale[0], log_uniform(0.5, 2.0)))
    network.add("RELU", 2, None, [x], result(INT8, output, x.shape))


def logistic(network: Network, x: Operand) -> None:
    network.add("LOGISTIC", 2, None, [x], result(INT8, SOFTMAX_OUTPUT, x.shape))


def requantize(network: Network, x: Operand) -> None:
    output = network.draw(requantized(INT8, x.quantization.scale[0], log_uniform(0.5, 2.0)))
    network.add("QUANTIZE", 2, QuantizeOptions(), [x], result(INT8, output, x.shape))


def head(network: Network, x: Operand) -> None:
    """Flatten, FULLY_CONNECTED and SOFTMAX, as classifiers end."""
    draw = network.draw
    batch, width = x.shape[0], int(np.prod(x.shape[1:]))
    flat = result(INT8, x.quantization, (batch, width))
    network.add("RESHAPE", 1, ReshapeOptions(), [x, constant(np.array([-1, width], np.int32))], flat)
    classes = draw(st.integers(1, 12))
    weights = constant(draw(arrays(INT8, (classes, width), low=-127)), Quantization((0.01,), (0,)))
    accumulator_scale = float32(x.quantization.scale[0] * float32(0.01))
    bias = constant(draw(biases(classes)), Quantization((accumulator_scale,), (0,)))
    output = draw(requantized(INT8, accumulator_scale, log_uniform(2**-8, 2**-3)))
    scores = result(INT8, output, (batch, classes))
    network.add("FULLY_CONNECTED", 4, FullyConnectedOptions(), [flat, weights, bias], scores)
    if output.scale[0] > 1e-4:
        network.add("SOFTMAX", 2, SoftmaxOptions(beta=1.0), [scores], result(INT8, SOFTMAX_OUTPUT, scores.shape))


_STEPS = (convolution, depthwise, pool, add, concatenation, pad, reshape, relu, logistic, requantize)


@st.composite
def networks(draw: DrawFn) -> Case:
    """Draw a network of two to nine steps, with one or two inputs, and a few invokes of it."""
    shape = (1, draw(st.integers(1, 7)), draw(st.integers(1, 7)), draw(st.sampled_from([1, 2, 3, 8])))
    sources = [
        tensor(INT8, shape, draw(per_tensor(INT8, log_uniform(0.005, 0.5)))) for _ in range(draw(st.integers(1, 2)))
    ]
    built = Network(draw, values=list(sources))
    for step in draw(st.lists(st.sampled_from(_STEPS), min_size=1, max_size=8)):
        x = built.pick()
        if x is not None and np.prod(x.shape) <= 4096:
            step(built, x)
    if draw(st.booleans()) or not built.operators:
        head(built, built.values[-1])
    made = [output for *_, outputs in built.operators for output in outputs]
    read = {id(value) for _, _, _, inputs, _ in built.operators for value in inputs}
    outputs = [value for value in made if id(value) not in read]
    # An intermediate may be an output too, and then must outlive its readers.
    outputs += [value for value in made if id(value) in read and draw(st.integers(0, 3)) == 3]
    batch = draw(st.sampled_from([1, 1, 1, 2, 5]))
    runs = [
        tuple(draw(arrays(INT8, (batch, *shape[1:]), source.quantization.zero_point[0])) for source in sources)
        for _ in range(draw(st.integers(1, 3)))
    ]
    return network(built.operators, sources, outputs, runs)


CASES: dict[str, st.SearchStrategy[Case]] = {"network int8": networks()}
