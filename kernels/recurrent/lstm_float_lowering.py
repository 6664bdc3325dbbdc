"""Lowering of the LSTMs of float32, with constant weights, to ``lstm_float``."""

from __future__ import annotations

import numpy as np

from ...schema import ActivationFunctionType
from ..convolution.packing import LANES, LARGEST_SCRATCH, round_up
from ..libm import address
from ..operator import Field, Instruction, Node, Scratch, State
from .float_lowering import Way, codes_are_plain, pack_matrices
from .lstm_float import GATES, FloatLayer


def lower_float_lstm(layer: FloatLayer, way: Way, node: Node) -> Instruction | None:
    """Lower to ``lstm_float``.

    Diagonals, other activations than TANH, TFLM's functions and hybrid weights that meet a defect
    of the reference's SIMD code stay with ``evaluate``.
    """
    exponential, layout = address("expf"), layer.layout
    if layer.reference_functions or layer.activation is not ActivationFunctionType.TANH or exponential is None:
        return None
    (steps, batches, inputs), recurrent = way.sizes(node), node.input(layout.recurrent + 3)
    if 0 in (steps, batches, inputs):
        return None
    cells, outputs = recurrent.shape[0], recurrent.shape[-1]
    firsts = (layout.inputs, inputs), (layout.recurrent, outputs)
    weights = [_matrices(layer, node, first, (cells, depth)) for first, depth in firsts]
    vectors = _vectors(layer, node, cells)
    projection = _projection(layer, node, cells, outputs)
    if weights[0] is None or weights[1] is None or vectors is None or projection is None:
        return None
    rows, blocks = batches if way.time_major or not way.sequence else 1, -(-cells // LANES)
    widest, deepest = max(GATES * blocks, -(-outputs // LANES)) * LANES, max(inputs, cells, outputs)
    if 4 * rows * GATES * blocks * LANES + 4 * widest + 4 * rows * cells > LARGEST_SCRATCH:
        return None
    fields: dict[str, Field] = {
        **way.fields(node, outputs),
        "hidden": State(layer.layout.hidden, 4 * batches * outputs),
        "cell": State(layer.layout.cell, 4 * batches * cells),
        **{"cells": cells, "outputs": outputs},
        "cell_blocks": blocks,
        "coupled": int(node.optional_input(layer.layout.inputs) is None),
        **{"input_weights": weights[0], "input_scales": _scales(layer, layer.layout.inputs)},
        **{"hidden_weights": weights[1], "hidden_scales": _scales(layer, layer.layout.recurrent)},
        "cell_clip": float(layer.cell_clip),
        "projection_clip": float(layer.projection_clip),
        "exponential": exponential,
        "hybrid": int(layer.hybrid is not None),
        "asymmetric": int(layer.hybrid is not None and layer.hybrid.asymmetric),
        "quirks": int(layer.hybrid is not None and layer.hybrid.quirks),
        "ends": Scratch(8),
        "vector": Scratch(2 * (deepest + LANES)),
        "vector_size": deepest + LANES,
        "products": Scratch(4 * widest),
        "zeros": np.zeros(widest, np.int32),
        "sums": Scratch(4 * rows * GATES * blocks * LANES),
        "cells_out": Scratch(4 * rows * cells),
        "projection_sums": Scratch(4 * widest),
    }
    return Instruction("lstm_float", {**fields, **vectors, **projection})


def _scales(layer: FloatLayer, first: int) -> np.ndarray:
    return np.array(layer.scales[first : first + GATES], np.float32)


def _matrices(layer: FloatLayer, node: Node, first: int, shape: tuple[int, int]) -> np.ndarray | None:
    """Return four matrices, packed; zeros for one that is left out. None where one is not constant, or a diagonal."""
    matrices = []
    for index in range(first, first + GATES):
        spec = node.optional_input(index)
        if spec is None:
            matrices.append(np.zeros(shape, np.float32 if layer.hybrid is None else np.int8))
            continue
        if spec.value is None or spec.shape != shape:
            return None
        matrix = spec.value if layer.hybrid is None else spec.value.view(np.int8)
        if not codes_are_plain(layer.hybrid, matrix):
            return None
        matrices.append(matrix)
    return pack_matrices(layer.hybrid, matrices)


def _of_gates(node: Node, first: int, cells: int) -> np.ndarray | None:
    """Return a vector of each gate, zeros for one that is left out; None where one is not constant."""
    vectors = np.zeros((GATES, cells), np.float32)
    for number in range(GATES):
        spec = node.optional_input(first + number)
        if spec is not None:
            if spec.value is None:
                return None
            vectors[number] = spec.value.reshape(-1)
    return vectors


def _vectors(layer: FloatLayer, node: Node, cells: int) -> dict[str, Field] | None:
    """Return biases, factors of layer normalization and peepholes; None where one is not constant."""
    factors: np.ndarray | None = np.zeros((GATES, cells), np.float32)
    normalized = False
    bias = _of_gates(node, layer.layout.bias, cells)
    if layer.layout.layer_norm is not None:
        normalized = any(node.optional_input(layer.layout.layer_norm + number) is not None for number in range(GATES))
        factors = _of_gates(node, layer.layout.layer_norm, cells)
    if bias is None or factors is None:
        return None
    start = np.zeros((GATES, round_up(cells, LANES)), np.float32)
    if not normalized:  # otherwise the bias is added afterwards
        start[:, :cells] = bias
    peepholes = np.zeros((3, cells), np.float32)
    present = 0
    for number in range(3):
        spec = node.optional_input(layer.layout.peephole + number)
        if spec is not None:
            if spec.value is None:
                return None
            scale = layer.scales[layer.layout.peephole + number]
            floats = spec.value.dtype == np.float32
            peepholes[number] = spec.value if floats else spec.value.view(np.int8).astype(np.float32) * scale
            present = 1
    return {
        "bias": start.reshape(-1),
        "peepholes": present,
        "peephole_weights": peepholes.reshape(-1),
        "normalized": int(normalized),
        "norm_factors": factors.reshape(-1),
        "norm_bias": bias.reshape(-1),
    }


def _projection(layer: FloatLayer, node: Node, cells: int, outputs: int) -> dict[str, Field] | None:
    """Return the fields of the projection; None where it is not constant."""
    spec, bias = node.optional_input(layer.layout.projection), node.optional_input(layer.layout.projection_bias)
    width = round_up(outputs, LANES)
    start = np.zeros(width, np.float32)
    matrix = np.zeros((1, cells), np.float32 if layer.hybrid is None else np.int8)
    if spec is not None:
        if spec.value is None or (bias is not None and bias.value is None):
            return None
        matrix = spec.value if layer.hybrid is None else spec.value.view(np.int8)
        if not codes_are_plain(layer.hybrid, matrix):
            return None
        if bias is not None and bias.value is not None:
            start[:outputs] = bias.value.reshape(-1)
    return {
        "projected": int(spec is not None),
        "projection_weights": pack_matrices(layer.hybrid, [matrix]),
        "projection_scale": float(layer.scales[layer.layout.projection]),
        "projection_bias": start,
        "output_blocks": width // LANES,
    }
