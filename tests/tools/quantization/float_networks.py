"""Float networks with every kind of layer, for tests of what is done to their weights."""

from __future__ import annotations

import numpy as np

from q31.schema import ActivationFunctionType, Graph, GraphBuilder, Padding, TensorType
from q31.schema.options import (
    Conv2DOptions,
    DepthwiseConv2DOptions,
    FullyConnectedOptions,
    Pool2DOptions,
    ReshapeOptions,
)

FLOAT = TensorType.FLOAT32
RELU = ActivationFunctionType.RELU


class NetworkBuilder(GraphBuilder):
    """Adds layers with random weights one after the other, beginning with an image."""

    def __init__(self, seed: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.random = np.random.default_rng(seed)
        self.shape = shape
        self.input = self.last = self.tensor("image", FLOAT, shape)

    def add(self, name, options, shape, *constants, version=1) -> None:
        """Add an operator that takes the last output and constants."""
        out = self.tensor(f"{name}{len(self._tensors)}", FLOAT, shape)
        self.operator(name, [self.last, *constants], [out], options, version)
        self.last, self.shape = out, shape

    def constant(self, shape, scale=1.0) -> int:
        """Add random weights."""
        value = self.random.normal(0, scale, shape).astype(np.float32)
        return self.tensor(f"constant{len(self._tensors)}", FLOAT, shape, value=value)

    def conv(self, filters, size=1, stride=1, activation=RELU, padding=Padding.SAME, dilation=1, groups=1):
        """Add a CONV_2D."""
        depth = self.shape[3] // groups
        weights = self.constant((filters, size, size, depth), (size * size * depth) ** -0.5)
        options = Conv2DOptions(padding, stride, stride, activation, dilation, dilation)
        constants = weights, self.constant((filters,), 0.1)
        self.add("CONV_2D", options, (*self._sized(size, stride, padding, dilation), filters), *constants)

    def depthwise(self, multiplier=1, size=3, stride=1, activation=RELU, padding=Padding.SAME, bias=True):
        """Add a DEPTHWISE_CONV_2D."""
        channels = self.shape[3] * multiplier
        constants = [self.constant((1, size, size, channels), 1 / size)]
        constants += [self.constant((channels,), 0.1)] if bias else []
        options = DepthwiseConv2DOptions(padding, stride, stride, multiplier, activation)
        self.add("DEPTHWISE_CONV_2D", options, (*self._sized(size, stride, padding, 1), channels), *constants)

    def pool(self) -> None:
        """Add a MAX_POOL_2D of 2x2."""
        options = Pool2DOptions(Padding.VALID, 2, 2, 2, 2)
        self.add("MAX_POOL_2D", options, (*self._sized(2, 2, Padding.VALID, 1), self.shape[3]))

    def flat(self) -> None:
        """Add a RESHAPE to rows."""
        shape = (1, int(np.prod(self.shape)))
        self.add("RESHAPE", ReshapeOptions(), shape, self.tensor("shape", TensorType.INT32, (2,), value=shape))

    def dense(self, units, activation=ActivationFunctionType.NONE, bias=True) -> None:
        """Add a FULLY_CONNECTED."""
        constants = [self.constant((units, self.shape[1]), self.shape[1] ** -0.5)]
        constants += [self.constant((units,), 0.1)] if bias else []
        self.add("FULLY_CONNECTED", FullyConnectedOptions(activation), (1, units), *constants)

    def made(self) -> Graph:
        """Return the graph."""
        return self.build([self.input], [self.last])

    def _sized(self, size, stride, padding, dilation) -> tuple[int, int, int]:
        less = 0 if padding is Padding.SAME else (size - 1) * dilation
        return (1, *(-(-(one - less) // stride) for one in self.shape[1:3]))  # type: ignore[return-value]


def classifier(seed: int = 0) -> Graph:
    """CONV_2D, DEPTHWISE_CONV_2D without a bias, CONV_2D, MAX_POOL_2D, RESHAPE, FULLY_CONNECTED without, then with."""
    builder = NetworkBuilder(seed, (1, 12, 12, 3))
    builder.conv(16, size=3, stride=2)
    builder.depthwise(bias=False)
    builder.conv(24)
    builder.pool()
    builder.flat()
    builder.dense(20, RELU, bias=False)
    builder.dense(10)
    return builder.made()
