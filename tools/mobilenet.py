"""Make a MobileNet v1 of int16 activations and int8 weights: ``python -m q31.tools.mobilenet OUT.tflite``.

For measurements: no such model is published. Its weights are random; their scales keep the activations alive from layer
to layer, so that nothing saturates and little is zero. The same arguments make the same bytes, without TensorFlow.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass

import numpy as np

from ..schema import GraphBuilder, Quantization, TensorType, write
from ..schema.graph import Graph
from ..schema.options import (
    Conv2DOptions,
    DepthwiseConv2DOptions,
    Pool2DOptions,
    ReshapeOptions,
    SoftmaxOptions,
)
from ..schema.types import ActivationFunctionType, Padding
from .files import write_atomically

CLASSES = 1001
_RELU6 = ActivationFunctionType.RELU6
_LAYERS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))
"""Channels and stride of the pairs of a depthwise and a pointwise convolution."""

_SPREAD = 2.5  # standard deviation before a RELU6: both of its ends are met, by few
_ACTIVATION = Quantization(scale=(6 / 32767,), zero_point=(0,))


@dataclass(frozen=True)
class Activation:
    """A tensor between layers: index, scale, shape (1, H, W, C), and the standard deviation of its real values."""

    index: int
    scale: float
    shape: tuple[int, ...]
    deviation: float


class MobileNet:
    """Adds layer after layer to a graph."""

    def __init__(self, generator: np.random.Generator, size: int, width: float) -> None:
        self.builder = GraphBuilder()
        self._random = generator
        self._width = width
        scale = 1 / 32767
        quantization = Quantization(scale=(scale,), zero_point=(0,))
        index = self.builder.tensor("input", TensorType.INT16, (1, size, size, 3), quantization)
        self.input = Activation(index, scale, (1, size, size, 3), 3**-0.5)

    def channels(self, count: int) -> int:
        """Return the width multiplier times a number of channels."""
        return max(8, round(count * self._width))

    def _weights(self, shape: tuple[int, ...], axis: int, x: Activation, spread: float) -> list[int]:
        """Add filter and bias. Each channel's filter has no mean, so that sums follow the deviation of ``x`` alone."""
        real = self._random.normal(size=shape) * self._random.uniform(
            0.5, 1, size=[shape[axis] if i == axis else 1 for i in range(4)]
        )
        others = tuple(i for i in range(4) if i != axis)
        real -= real.mean(axis=others, keepdims=True)
        codes = np.round(real / np.abs(real).max(axis=others, keepdims=True) * 127).astype(np.int8)
        sums = np.sqrt(np.sum(codes.astype(np.float64) ** 2, axis=others))
        scales = tuple(float(np.float32(scale)) for scale in spread / (sums * x.deviation))
        quantization = Quantization(scale=scales, zero_point=(0,) * len(scales), quantized_dimension=axis)
        weights = self.builder.tensor("filter", TensorType.INT8, shape, quantization, codes)
        bias_scales = tuple(float(np.float32(scale * x.scale)) for scale in scales)
        bias = np.round(self._random.normal(scale=0.3, size=len(scales)) / np.array(bias_scales)).astype(np.int64)
        bias_quantization = Quantization(scale=bias_scales, zero_point=(0,) * len(scales))
        return [weights, self.builder.tensor("bias", TensorType.INT64, (len(scales),), bias_quantization, bias)]

    def _activation(self, name: str, shape: tuple[int, ...]) -> Activation:
        index = self.builder.tensor(name, TensorType.INT16, shape, _ACTIVATION)
        return Activation(index, _ACTIVATION.scale[0], shape, 0.6 * _SPREAD)  # of a normal variable after RELU6

    def convolve(self, x: Activation, channels: int, size: int, stride: int) -> Activation:
        """Add a CONV_2D with RELU6."""
        weights = self._weights((channels, size, size, x.shape[3]), 0, x, _SPREAD)
        y = self._activation("convolution", (1, -(-x.shape[1] // stride), -(-x.shape[2] // stride), channels))
        options = Conv2DOptions(Padding.SAME, stride, stride, _RELU6)
        self.builder.operator("CONV_2D", [x.index, *weights], [y.index], options, version=4)
        return y

    def convolve_depthwise(self, x: Activation, stride: int) -> Activation:
        """Add a DEPTHWISE_CONV_2D, 3x3, with RELU6."""
        weights = self._weights((1, 3, 3, x.shape[3]), 3, x, _SPREAD)
        y = self._activation("depthwise", (1, -(-x.shape[1] // stride), -(-x.shape[2] // stride), x.shape[3]))
        options = DepthwiseConv2DOptions(Padding.SAME, stride, stride, 1, _RELU6)
        self.builder.operator("DEPTHWISE_CONV_2D", [x.index, *weights], [y.index], options, version=5)
        return y

    def classify(self, x: Activation) -> int:
        """Add what comes last: an average, a layer of as many channels as classes, SOFTMAX."""
        add, (_, height, width, channels) = self.builder, x.shape
        average = add.tensor("average", TensorType.INT16, (1, 1, 1, channels), _ACTIVATION)
        pool = Pool2DOptions(Padding.VALID, width, height, width, height)
        add.operator("AVERAGE_POOL_2D", [x.index], [average], pool, version=3)
        # The average's deviation is less by the square root of the positions.
        averaged = Activation(average, x.scale, (1, 1, 1, channels), x.deviation / (height * width) ** 0.5)
        weights = self._weights((CLASSES, 1, 1, channels), 0, averaged, 2.0)
        quantization = Quantization(scale=(16 / 32767,), zero_point=(0,))
        logits = add.tensor("logits", TensorType.INT16, (1, 1, 1, CLASSES), quantization)
        add.operator("CONV_2D", [average, *weights], [logits], Conv2DOptions(Padding.SAME, 1, 1), version=4)
        flat = add.tensor("flat", TensorType.INT16, (1, CLASSES), quantization)
        shape = add.tensor("shape", TensorType.INT32, (2,), value=[1, CLASSES])
        add.operator("RESHAPE", [logits, shape], [flat], ReshapeOptions((1, CLASSES)))
        output = Quantization(scale=(1 / 32768,), zero_point=(0,))
        probabilities = add.tensor("probabilities", TensorType.INT16, (1, CLASSES), output)
        add.operator("SOFTMAX", [flat], [probabilities], SoftmaxOptions(1.0), version=3)
        return probabilities


def build(size: int = 224, width: float = 1.0, seed: int = 0) -> Graph:
    """Return the graph.

    Parameters
    ----------
    size : height and width of the image.
    width : multiplies the numbers of channels.
    seed : of the weights.
    """
    network = MobileNet(np.random.default_rng(seed), size, width)
    x = network.convolve(network.input, network.channels(32), 3, 2)
    for channels, stride in _LAYERS:
        x = network.convolve_depthwise(x, stride)
        x = network.convolve(x, network.channels(channels), 1, 1)
    output = network.classify(x)
    return network.builder.build([network.input.index], [output], description=f"MobileNet v1 {width} {size} int16x8")


def main() -> int:
    """Write the model."""
    parser = argparse.ArgumentParser(prog="python -m q31.tools.mobilenet", description=__doc__.split("\n")[0])
    parser.add_argument("output", metavar="OUT", help="the .tflite file to write")
    parser.add_argument("--size", type=int, default=224, help="height and width of the image (default 224)")
    parser.add_argument("--width", type=float, default=1.0, help="multiplier of the channels (default 1)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the weights (default 0)")
    arguments = parser.parse_args()
    with write_atomically(arguments.output) as file:
        file.write(write(build(arguments.size, arguments.width, arguments.seed)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
