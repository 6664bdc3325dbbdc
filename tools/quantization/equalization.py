"""Channels scaled so that they share a tensor's codes fairly: cross-layer equalization of the float model.

Where one layer's output goes to another layer alone, and nothing but RELU, poolings and the like lie between, channel
i of the first may be divided by a positive number and what the second multiplies it by multiplied by that number: the
model computes what it did, up to rounding. Nagel et al., "Data-free quantization through weight equalization and bias
correction" (2019), choose the numbers so that both layers' weights have like ranges, which helps where a filter has
one scale. Filters of CONV_2D have a scale for each output channel, so that the first layer gains nothing; what gains
is the activation between, which has one scale, at the cost of the second layer's columns. So its range on data takes
the place of the first layer's weights, as in SmoothQuant (Xiao et al., 2022).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from ...schema import ActivationFunctionType, Graph, Subgraph
from ...schema.constants import constant_array
from .dataset import Example
from .layers import Layer, layers_of, with_own_constants, with_values
from .moments import run

_POSITIVE = (ActivationFunctionType.NONE, ActivationFunctionType.RELU)
_POOLS = ("MAX_POOL_2D", "AVERAGE_POOL_2D")

LARGEST_RATIO = 1000.0
"""Of the numbers that channels of a tensor are divided by, the greatest to the least."""

PASSES = 20
"""Over all pairs, where only weights are looked at: what a pair changes, its neighbours see."""


@dataclass(frozen=True)
class Pair:
    """Two layers of which the first feeds the second alone; ``relaxed``: its RELU6 must become RELU for that."""

    first: Layer
    second: Layer
    relaxed: bool = False


def equalize(graph: Graph, bounds: Mapping[int, np.ndarray] | None = None) -> Graph:
    """Return a float graph that computes the same, with channels scaled.

    Parameters
    ----------
    graph : the float model.
    bounds : tensor -> the largest magnitude of each of its channels on data, see :func:`channel_bounds`. Without
        them, weights alone decide. With them, a RELU6 that no channel reaches on the data is made RELU, so
        that its layer can be scaled: there, the model computes the same on the data only.
    """
    graph = with_own_constants(graph)
    values: dict[int, np.ndarray] = {}

    def value(tensor: int) -> np.ndarray:
        if tensor not in values:
            found = constant_array(graph, 0, tensor)
            assert found is not None
            values[tensor] = found.astype(np.float64)
        return values[tensor]

    relaxed = []
    pairs = list(pairs_of(graph, bounds or {}))
    for number in range(PASSES if bounds is None else 1):
        for pair in pairs:
            first, second = value(pair.first.weights), value(pair.second.weights)
            bound = None if bounds is None else bounds.get(pair.first.output)
            if bound is None and bounds is not None:
                continue
            factors = _factors(pair, first, second, bound)
            values[pair.first.weights] = first / _of_outputs(pair.first, factors)
            values[pair.first.bias] = value(pair.first.bias) / factors
            values[pair.second.weights] = second * _of_inputs(pair.second, factors)
            if pair.relaxed and number == 0:
                relaxed.append(pair.first.operator)
    return _with_relu(with_values(graph, values), relaxed)


def pairs_of(graph: Graph, bounds: Mapping[int, np.ndarray]) -> Iterator[Pair]:
    """Yield the pairs of layers that can be equalized."""
    subgraph = graph.subgraphs[0]
    layers = layers_of(graph)
    by_operator = {layer.operator: layer for layer in layers}
    for first in layers:
        activation = first.options.fused_activation_function
        bound = bounds.get(first.output)
        relaxed = activation is ActivationFunctionType.RELU6 and bound is not None and bool(bound.max() < 6)
        if (activation not in _POSITIVE and not relaxed) or constant_array(graph, 0, first.bias) is None:
            continue
        second = by_operator.get(_only_user(graph, subgraph, first.output, first.channels))
        if second is not None and _columns(second) % first.channels == 0:
            yield Pair(first, second, relaxed)


def _only_user(graph: Graph, subgraph: Subgraph, tensor: int, channels: int) -> int:
    """Return the operator that alone uses a tensor, passing over those that scale as their input does, or -1."""
    flat = False
    while True:
        users = [(i, n) for i, one in enumerate(subgraph.operators) for n, t in enumerate(one.inputs) if t == tensor]
        if len(users) != 1 or tensor in subgraph.outputs or users[0][1] != 0:
            return -1
        index, _ = users[0]
        operator = subgraph.operators[index]
        if operator.name in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            return -1 if flat or subgraph.tensors[tensor].shape[-1] != channels else index
        if operator.name == "FULLY_CONNECTED":
            return index
        if operator.name in ("RESHAPE", "SQUEEZE"):
            flat = True
        elif flat or not _scales(graph, subgraph, index):
            return -1
        tensor = operator.outputs[0]


def _scales(graph: Graph, subgraph: Subgraph, index: int) -> bool:
    """Whether each channel of an operator's output is its input's channel through a function that scales along."""
    operator = subgraph.operators[index]
    if operator.name == "MEAN":
        axes = constant_array(graph, 0, operator.inputs[1])
        rank = len(subgraph.tensors[operator.inputs[0]].shape)
        return axes is not None and all(int(axis) % rank != rank - 1 for axis in axes.ravel())
    if operator.name == "PAD":
        amounts = constant_array(graph, 0, operator.inputs[1])
        return amounts is not None and not amounts[-1].any()
    return operator.name == "RELU" or (
        operator.name in _POOLS and operator.options.fused_activation_function in _POSITIVE
    )


def _columns(layer: Layer) -> int:
    return layer.channels if layer.name == "DEPTHWISE_CONV_2D" else _depth(layer)


def _depth(layer: Layer) -> int:
    return layer.shape[-1]


def _factors(pair: Pair, first: np.ndarray, second: np.ndarray, bound: np.ndarray | None) -> np.ndarray:
    """Return what the channels of the first layer are to be divided by."""
    channels = pair.first.channels
    columns = _magnitudes(pair.second, second, channels, per_channel=bound is not None)
    ranges = _row_magnitudes(pair.first, first) if bound is None else bound.astype(np.float64)
    if bound is not None and pair.second.name == "DEPTHWISE_CONV_2D":
        factors = ranges.copy()  # each column has a scale of its own there: it costs nothing
    else:
        with np.errstate(divide="ignore", invalid="ignore"):
            factors = np.sqrt(ranges / columns)
    used = (ranges > 0) & (columns > 0)
    if not used.any():
        return np.ones(channels)
    most = factors[used].max()
    return np.where(used, np.maximum(np.where(used, factors, most), most / LARGEST_RATIO) / most, 1.0)


def _row_magnitudes(layer: Layer, weights: np.ndarray) -> np.ndarray:
    if layer.name == "DEPTHWISE_CONV_2D":
        return np.abs(weights).max(axis=(0, 1, 2))
    return np.abs(weights).reshape(layer.channels, -1).max(axis=1)


def _magnitudes(layer: Layer, weights: np.ndarray, channels: int, per_channel: bool) -> np.ndarray:
    """Return the largest weight on each input channel; in parts of its row's largest where rows have own scales."""
    sizes = np.abs(weights)
    if layer.name == "DEPTHWISE_CONV_2D":
        return sizes.max(axis=(0, 1, 2)).reshape(channels, -1).max(axis=1)
    if per_channel:
        rows = sizes.reshape(layer.channels, -1).max(axis=1)
        sizes = sizes / np.where(rows > 0, rows, 1).reshape(-1, *[1] * (sizes.ndim - 1))
    return sizes.reshape(-1, channels).max(axis=0)


def _of_outputs(layer: Layer, factors: np.ndarray) -> np.ndarray:
    return factors if layer.name == "DEPTHWISE_CONV_2D" else factors.reshape(-1, *[1] * (len(layer.shape) - 1))


def _of_inputs(layer: Layer, factors: np.ndarray) -> np.ndarray:
    """Return the factors beside a layer's weights, along their input channels."""
    if layer.name == "DEPTHWISE_CONV_2D":
        return np.repeat(factors, layer.channels // len(factors))
    return np.tile(factors, layer.shape[-1] // len(factors))


def _with_relu(graph: Graph, operators: Iterable[int]) -> Graph:
    """Return a graph in which RELU6 of some operators is RELU."""
    subgraph = graph.subgraphs[0]
    own = list(subgraph.operators)
    for index in operators:
        options = replace(own[index].options, fused_activation_function=ActivationFunctionType.RELU)
        own[index] = replace(own[index], options=options)
    return replace(graph, subgraphs=(replace(subgraph, operators=tuple(own)), *graph.subgraphs[1:]))


def channel_bounds(graph: Graph, examples: Iterable[Example]) -> dict[int, np.ndarray]:
    """Return the largest magnitude of each channel of the layers' outputs on data."""
    tensors = list(dict.fromkeys(layer.output for layer in layers_of(graph)))
    found: dict[int, np.ndarray] = {}
    for arrays in run(graph, tensors, examples):
        for tensor, array in zip(tensors, arrays, strict=True):
            bound = np.abs(array).reshape(-1, array.shape[-1]).max(axis=0)
            found[tensor] = np.maximum(found[tensor], bound) if tensor in found else bound
    return found
