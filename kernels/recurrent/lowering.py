"""Lowering of LSTM, UNIDIRECTIONAL_SEQUENCE_LSTM and SVDF of int8, with constant weights."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from ..convolution.packing import LANES, LARGEST_SCRATCH, pack_filter, round_up
from ..elementwise.lowering import rescaling_fields
from ..operator import Field, Input, Instruction, Node, Output, Scratch, State
from ..profiles import Rounding
from . import gemmlowp16
from .lstm_litert import Parameters
from .lstm_weights import Rescaling

_INPUT_WEIGHTS, _RECURRENT_WEIGHTS, _BIASES = range(1, 5), range(5, 9), range(12, 16)
_PROJECTION, _PROJECTION_BIAS, _HIDDEN, _CELL = 16, 17, 18, 19


def rescaling_row(multiplier: int, shift: int, rounding: Rounding) -> list[int]:
    """Return left shift, multiplier, rounding, sign mask and right shift of a rescaling of int32."""
    left_shift = max(shift, 0) if rounding is Rounding.DOUBLE else 0
    constants: dict[str, Any] = rescaling_fields("x", multiplier, shift, rounding)
    return [left_shift, *(constants[f"x_{part}"] for part in ("multiplier", "rounding", "sign_mask", "right_shift"))]


def _row(rescaling: Rescaling | None) -> list[int]:
    return [0] * 5 if rescaling is None else rescaling_row(rescaling.multiplier, rescaling.shift, rescaling.rounding)


@cache
def _table(function: str, integer_bits: int) -> np.ndarray:
    """Tabulate logistic or tanh of an int16 with some integer bits, by the code as an unsigned number."""
    codes = np.arange(1 << 16, dtype=np.uint16).view(np.int16)
    values: np.ndarray = getattr(gemmlowp16, function)(codes, integer_bits)
    return values


def _gates(node: Node, indices: range, cells: int) -> list[np.ndarray] | None:
    """Return four constants, zeros for one that is left out; None where one is not constant."""
    values = []
    for index in indices:
        spec = node.optional_input(index)
        if spec is None:
            some = node.input(indices[1])
            values.append(np.zeros((cells, *some.shape[1:]), some.dtype))
        elif spec.value is None:
            return None
        else:
            values.append(spec.value)
    return values


def _pack(matrices: list[np.ndarray]) -> np.ndarray:
    """Pack matrices (units, depth) of int8 for ``add_products``, each in blocks of its own."""
    weights = np.concatenate(matrices).astype(np.int16)
    depth = round_up(weights.shape[1], 2)
    return pack_filter(weights[:, None, None, :], len(matrices), depth, 2)


def _pad(vectors: list[np.ndarray], width: int) -> np.ndarray:
    """Put vectors of int32 one after the other, each filled up with zeros."""
    padded = np.zeros((len(vectors), width), np.int32)
    for row, vector in zip(padded, vectors, strict=True):
        row[: vector.size] = vector.reshape(-1)
    return padded.reshape(-1)


def lower_lstm(parameters: Parameters, sequence: bool, time_major: bool, node: Node) -> Instruction | None:
    """Lower a layer of LiteRT's arithmetic to ``lstm8``; peepholes and normalized gates stay with ``evaluate``."""
    if any(parameters.peepholes) or any(parameters.normalizations):
        return None
    source = node.input(0)
    leading = source.shape[:-1] if sequence else (source.shape[0], 1)
    steps, batches = leading if time_major else leading[::-1]
    cells, outputs = node.input(_RECURRENT_WEIGHTS[-1]).shape
    groups = [_gates(node, indices, cells) for indices in (_INPUT_WEIGHTS, _RECURRENT_WEIGHTS, _BIASES)]
    projection = _projection_fields(node, cells, outputs)
    if projection is None or math.prod(source.shape) == 0 or cells == 0:
        return None
    inputs, recurrent, biases = groups
    if inputs is None or recurrent is None or biases is None:
        return None
    blocks = -(-cells // LANES)
    width = 4 * blocks * LANES
    depths = round_up(source.shape[-1], 2), round_up(outputs, 2), round_up(cells, 2)
    if 2 * max(depths) + 8 * width > LARGEST_SCRATCH:
        return None
    rows = [*parameters.inputs, *parameters.recurrent, parameters.hidden, parameters.projected]
    fields: dict[str, Field] = {
        "input": Input(0, math.prod(source.shape)),
        "output": Output(0, steps * batches * outputs),
        "hidden": State(_HIDDEN, batches * outputs),
        "cell": State(_CELL, 2 * batches * cells),
        "time_major": int(time_major),
        "batches": batches,
        "steps": steps,
        "inputs": source.shape[-1],
        "cells": cells,
        "outputs": outputs,
        "input_depth": depths[0],
        "hidden_depth": depths[1],
        "gate_blocks": blocks,
        "input_weights": _pack(inputs),
        "hidden_weights": _pack(recurrent),
        "bias": _pad(biases, blocks * LANES),
        "zeros": np.zeros(width, np.int32),
        "constants": np.array([_row(row) for row in rows], np.int64),
        "input_zero_point": parameters.input_zero_point,
        "output_zero_point": parameters.output_zero_point,
        "hidden_zero_point": parameters.hidden_zero_point,
        "update_shift": 30 + parameters.cell_exponent,
        "cell_clip": parameters.cell_clip,
        "projection_clip": parameters.projection_clip,
        "coupled": int(node.optional_input(_INPUT_WEIGHTS[0]) is None),
        "logistic": _table("logistic", 3),
        "tanh": _table("tanh", 3),
        "cell_tanh": _table("tanh", 15 + parameters.cell_exponent),
        "vector": Scratch(2 * max(depths)),
        "vector_size": max(depths),
        "input_sums": Scratch(4 * width),
        "hidden_sums": Scratch(4 * width),
    }
    return Instruction("lstm8", {**fields, **projection})


def _projection_fields(node: Node, cells: int, outputs: int) -> dict[str, Field] | None:
    """Return the fields of the projection; None where it is not constant."""
    spec, bias = node.optional_input(_PROJECTION), node.optional_input(_PROJECTION_BIAS)
    if spec is not None and (spec.value is None or (bias is not None and bias.value is None)):
        return None
    weights = np.zeros((1, cells), np.int8) if spec is None or spec.value is None else spec.value
    sums = np.zeros(len(weights), np.int32) if bias is None or bias.value is None else bias.value
    blocks = -(-len(weights) // LANES)
    return {
        "projected": int(spec is not None),
        "projection_weights": _pack([weights]),
        "projection_bias": _pad([sums], blocks * LANES),
        "projection_blocks": blocks,
        "projection_depth": round_up(cells, 2),
        "projection_sums": Scratch(4 * blocks * LANES),
    }


def lower_svdf(
    rows: tuple[list[int], list[int]], rank: int, zero_points: tuple[int, int], node: Node
) -> Instruction | None:
    """Lower a layer with a state of int16 to ``svdf8``.

    Parameters
    ----------
    rows : the rescalings of features and of a unit's sum, from :func:`rescaling_row`.
    rank : how many filters are added up to a unit.
    zero_points : of input and output.
    """
    source, features, time, bias, state = (node.optional_input(index) for index in range(5))
    assert source is not None and features is not None and time is not None and state is not None
    if features.value is None or time.value is None or (bias is not None and bias.value is None):
        return None
    if state.dtype != np.int16 or math.prod(source.shape) == 0:
        return None
    (batches, inputs), (filters, memory) = source.shape, time.shape
    depth, blocks, units = round_up(inputs, 2), -(-filters // LANES), filters // rank
    fields: dict[str, Field] = {
        "input": Input(0, batches * inputs),
        "output": Output(0, batches * units),
        "state": State(4, 2 * batches * filters * memory),
        "batches": batches,
        "inputs": inputs,
        "filters": filters,
        "memory": memory,
        "units": units,
        "rank": rank,
        "depth": depth,
        "blocks": blocks,
        "feature_weights": _pack([features.value]),
        "time_weights": time.value,
        "bias": _pad([np.zeros(0, np.int32) if bias is None or bias.value is None else bias.value], units),
        "zeros": np.zeros(blocks * LANES, np.int32),
        "constants": np.array(rows, np.int64),
        "input_zero_point": zero_points[0],
        "output_zero_point": zero_points[1],
        "vector": Scratch(2 * depth),
        "sums": Scratch(4 * blocks * LANES),
    }
    return Instruction("svdf8", fields)
