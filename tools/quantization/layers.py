"""Layers with weights as matrices: what CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED multiply, and by what.

Each of them is one product, or one for each group of channels: rows of inputs (each the patch of the image that a
filter meets) times the filters' rows. Whatever is chosen for a matrix (codes, a correction of the mean) is so chosen
for all three operators alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...kernels.padding import Window, compute_axis
from ...schema import Buffer, Graph, Tensor, TensorType
from ...schema.constants import constant_array, encode_constant

LAYERS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


@dataclass(frozen=True)
class Layer:
    """An operator with constant float weights.

    Parameters
    ----------
    operator : its index.
    name : CONV_2D, DEPTHWISE_CONV_2D or FULLY_CONNECTED.
    input, weights, bias, output : tensors; the bias is -1 where there is none.
    shape : of the weights.
    options : of the operator.
    """

    operator: int
    name: str
    input: int
    weights: int
    bias: int
    output: int
    shape: tuple[int, ...]
    options: Any

    @property
    def channels(self) -> int:
        """How many output channels there are."""
        return self.shape[3] if self.name == "DEPTHWISE_CONV_2D" else self.shape[0]

    def matrices(self, weights: np.ndarray, groups: int) -> np.ndarray:
        """Return weights (or codes) as ``(groups, outputs, columns)``; how many groups, the input's channels say."""
        if self.name == "FULLY_CONNECTED":
            return weights.reshape(1, *self.shape)
        if self.name == "DEPTHWISE_CONV_2D":
            taps = self.shape[1] * self.shape[2]
            return weights.reshape(taps, groups, -1).transpose(1, 2, 0)
        return weights.reshape(groups, self.shape[0] // groups, -1)

    def weights_of(self, matrices: np.ndarray) -> np.ndarray:
        """Return what :meth:`matrices` came from."""
        if self.name == "DEPTHWISE_CONV_2D":
            matrices = matrices.transpose(2, 0, 1)
        return np.ascontiguousarray(matrices).reshape(self.shape)

    def patches(self, x: np.ndarray) -> np.ndarray:
        """Return an input as ``(groups, rows, columns)``: what each row of the matrices meets, 0 beyond the border."""
        if self.name == "FULLY_CONNECTED":
            return x.reshape(1, -1, self.shape[1])
        window = self._window(x)
        taps = self.shape[1] * self.shape[2]
        images, depth = x.shape[0], x.shape[3]
        found = np.zeros((images, window.output_height, window.output_width, taps, depth), x.dtype)
        for tap in window.taps():
            tap.of_output(found)[:, :, :, tap.y * self.shape[2] + tap.x] = tap.of_input(x)
        rows = found.shape[0] * found.shape[1] * found.shape[2]
        groups = depth if self.name == "DEPTHWISE_CONV_2D" else max(1, depth // self.shape[3])
        return found.reshape(rows, taps, groups, -1).transpose(2, 0, 1, 3).reshape(groups, rows, -1)

    def _window(self, x: np.ndarray) -> Window:
        options = self.options
        _, height, width, _ = self.shape
        vertical = compute_axis(options.padding, x.shape[1], height, options.stride_h, options.dilation_h_factor)
        horizontal = compute_axis(options.padding, x.shape[2], width, options.stride_w, options.dilation_w_factor)
        return Window.of(vertical, horizontal)


def layers_of(graph: Graph) -> list[Layer]:
    """Return the layers with constant float weights of the first subgraph, in the order in which they run."""
    subgraph = graph.subgraphs[0]
    found = []
    for index, one in enumerate(subgraph.operators):
        if one.name not in LAYERS or len(one.inputs) < 2:
            continue
        x, weights = one.inputs[:2]
        bias = one.inputs[2] if len(one.inputs) > 2 else -1
        floats = all(subgraph.tensors[t].type is TensorType.FLOAT32 for t in (x, weights, one.outputs[0]))
        if floats and constant_array(graph, 0, weights) is not None and constant_array(graph, 0, x) is None:
            shape = subgraph.tensors[weights].shape
            found.append(Layer(index, one.name, x, weights, bias, one.outputs[0], shape, one.options))
    return found


def with_values(graph: Graph, values: Mapping[int, np.ndarray]) -> Graph:
    """Return a graph in which float constants of the first subgraph have other values."""
    buffers, tensors = list(graph.buffers), list(graph.subgraphs[0].tensors)
    for index, value in values.items():
        data = encode_constant(np.ascontiguousarray(value, np.float32), TensorType.FLOAT32)
        buffers.append(Buffer(memoryview(data)))
        tensors[index] = replace(tensors[index], buffer=len(buffers) - 1)
    subgraph = replace(graph.subgraphs[0], tensors=tuple(tensors))
    return replace(graph, buffers=tuple(buffers), subgraphs=(subgraph, *graph.subgraphs[1:]))


def with_own_constants(graph: Graph) -> Graph:
    """Return a graph in which each layer has weights and a bias of its own: shared ones are doubled, zeros added."""
    subgraph = graph.subgraphs[0]
    tensors, operators, buffers = list(subgraph.tensors), list(subgraph.operators), list(graph.buffers)
    uses = [tensor for one in operators for tensor in one.inputs]
    for layer in layers_of(graph):
        inputs = list(operators[layer.operator].inputs)
        if uses.count(layer.weights) > 1:
            tensors.append(tensors[layer.weights])
            inputs[1] = len(tensors) - 1
        if layer.bias < 0:
            data = encode_constant(np.zeros(layer.channels, np.float32), TensorType.FLOAT32)
            buffers.append(Buffer(memoryview(data)))
            name = f"{tensors[layer.output].name}_bias"
            tensors.append(Tensor(name, TensorType.FLOAT32, (layer.channels,), len(buffers) - 1))
            inputs[2:] = [len(tensors) - 1]
        elif uses.count(layer.bias) > 1 and constant_array(graph, 0, layer.bias) is not None:
            tensors.append(tensors[layer.bias])
            inputs[2] = len(tensors) - 1
        operators[layer.operator] = replace(operators[layer.operator], inputs=tuple(inputs))
    changed = replace(subgraph, tensors=tuple(tensors), operators=tuple(operators))
    return replace(graph, buffers=tuple(buffers), subgraphs=(changed, *graph.subgraphs[1:]))


def cut(graph: Graph, outputs: Sequence[int]) -> Graph:
    """Return a graph of which the first subgraph gives other tensors, and does only what they need."""
    subgraph = graph.subgraphs[0]
    needed, operators = set(outputs), []
    for one in reversed(subgraph.operators):
        if needed & set(one.outputs):
            operators.append(one)
            needed |= set(one.inputs)
    changed = replace(subgraph, operators=tuple(reversed(operators)), outputs=tuple(outputs))
    return replace(graph, subgraphs=(changed, *graph.subgraphs[1:]), signatures=())
