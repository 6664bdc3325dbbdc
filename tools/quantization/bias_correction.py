"""Biases corrected by the mean error that quantization leaves in each channel of a layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ...schema import Buffer, Graph, Quantization, TensorType
from ...schema.constants import constant_array, encode_constant
from ..progress import watched
from .dataset import Example
from .layers import Layer, layers_of
from .moments import moments_of
from .parameters import LIMITS


def correct_biases(
    graph: Graph, quantized: Graph, places: Mapping[int, int], examples: Sequence[Example], progress: bool = False
) -> Graph:
    """Return a quantized graph whose layers give, before their activation, the float layers' means on data.

    The layers are corrected in the order in which they run, each on what those before it, corrected, give. The mean
    of a product follows from the mean of its rows, so that activations that cut off values do not matter.

    Parameters
    ----------
    graph : the float model; see :func:`.with_own_constants`.
    quantized : what became of it.
    places : operator of the float model -> operator of the quantized one.
    examples : representative data.
    progress : draw a progress bar, on a terminal.
    """
    layers = [layer for layer in layers_of(graph) if _is_corrected(quantized, places.get(layer.operator, -1))]
    inputs = {layer.operator: layer.input for layer in layers}
    exact = moments_of(graph, inputs, layers, watched(examples, "means of layers", progress), products=False)
    for layer in watched(layers, "correcting biases", progress):
        operator = quantized.subgraphs[0].operators[places[layer.operator]]
        x, weights, bias = operator.inputs
        found = moments_of(quantized, {layer.operator: x}, [layer], examples, products=False)
        wanted = _mean(layer, graph, layer.weights, layer.bias, exact[layer.operator].mean)
        given = _mean(layer, quantized, weights, bias, found[layer.operator].mean)
        quantized = _moved(quantized, bias, wanted - given)
    return quantized


def _is_corrected(quantized: Graph, index: int) -> bool:
    if index < 0:
        return False
    subgraph = quantized.subgraphs[0]
    inputs = subgraph.operators[index].inputs
    if len(inputs) != 3 or inputs[2] < 0:
        return False
    constant = all(constant_array(quantized, 0, tensor) is not None for tensor in inputs[1:])
    return constant and subgraph.tensors[inputs[2]].type in (TensorType.INT32, TensorType.INT64)


def _mean(layer: Layer, graph: Graph, weights: int, bias: int, mean: np.ndarray) -> np.ndarray:
    """Return the mean of a layer's sums for each channel, from the mean (groups, columns) of its rows."""
    matrices = layer.matrices(values_of(graph, weights), len(mean))
    return np.einsum("gok,gk->go", matrices, mean).reshape(-1) + values_of(graph, bias)


def values_of(graph: Graph, tensor: int) -> np.ndarray:
    """Return what a constant of the first subgraph stands for, as float64."""
    found, own = constant_array(graph, 0, tensor), graph.subgraphs[0].tensors[tensor]
    assert found is not None
    return found.astype(np.float64) * scales_beside(found.ndim, own.quantization)


def scales_beside(rank: int, quantization: Quantization) -> np.ndarray:
    """Return a tensor's scales in a shape that goes with its values; 1 where it has none."""
    scales = np.asarray(quantization.scale or (1.0,), np.float64)
    if scales.size == 1:
        return scales
    return scales.reshape([-1 if i == quantization.quantized_dimension else 1 for i in range(rank)])


def _moved(quantized: Graph, bias: int, amount: np.ndarray) -> Graph:
    """Return a graph in which a bias is higher by an amount, as far as its codes go."""
    own = quantized.subgraphs[0].tensors[bias]
    codes = np.rint((values_of(quantized, bias) + amount) / scales_beside(1, own.quantization))
    data = encode_constant(np.clip(codes, *LIMITS[own.type]).astype(np.int64), own.type)
    buffers = list(quantized.buffers)
    buffers[own.buffer] = Buffer(memoryview(data))
    return replace(quantized, buffers=tuple(buffers))
