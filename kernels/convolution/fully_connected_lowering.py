"""Lowering of FULLY_CONNECTED where weights are int16, or outputs wider than the activations."""

from __future__ import annotations

import numpy as np

from ...schema import TensorType
from ..operator import Field, Input, Instruction, Node, Output, Scratch
from .int16_lowering import SAFE_TERMS, wide_requantization_fields
from .packing import LANES, LARGEST_SCRATCH, TILE, bias_or_zeros, has_constants, pack_filter, round_up
from .prepared import QuantizedFullyConnected
from .shuffled import ShuffledFullyConnected, weights_in_rows

_PANEL_ROWS = 96


def lower_by_int16_weights(prepared: QuantizedFullyConnected, node: Node) -> Instruction | None:
    """Lower int16 by constant int16 to ``batch_matmul16``, which finds the weights packed."""
    if not has_constants(node) or prepared.input_zero_point != 0:
        return None
    weights = node.value(1).astype(np.int32) - np.int32(prepared.filter_zero_point)
    limits = np.iinfo(np.int16)
    if weights.min() < limits.min or weights.max() > limits.max:
        return None
    batch, units, depth = prepared.batch, prepared.units, round_up(prepared.depth, 2)
    bias = bias_or_zeros(node, np.dtype(np.int64)).astype(np.int64)
    constants = wide_requantization_fields(prepared.requantization, bias, np.zeros(units), groups=1)
    panel_rows = round_up(min(_PANEL_ROWS, 2 * batch), TILE)
    panel = 2 * (panel_rows * depth + LANES)
    if constants is None or panel > LARGEST_SCRATCH:
        return None
    packed = pack_filter(weights.astype(np.int16).reshape(units, 1, 1, -1), 1, depth, 2)
    start = np.zeros(1, np.int64)
    fields: dict[str, Field] = {
        "input1": Input(0, 2 * batch * prepared.depth),
        "input1_size": batch * prepared.depth,
        "input2": packed,  # packed already, so nothing is read here
        "input2_size": packed.size,
        "output": Output(0, 2 * batch * units),
        "offsets1": start,
        "offsets2": start,
        "batches": 1,
        "rows": batch,
        "inner": prepared.depth,
        "columns": units,
        "row_stride1": prepared.depth,
        "depth_stride1": 1,
        "depth_stride2": 1,
        "column_stride2": prepared.depth,
        "output_channels": units,
        "depth": depth,
        "filter": packed,
        "panel": Scratch(panel),
        "panel_rows": panel_rows,
        "chunk": SAFE_TERMS,
        "sums": Scratch(8 * TILE * LANES),
        "narrow": 0,
        "packed": 1,
    }
    return Instruction("batch_matmul16", {**fields, **constants})


def lower_uint8_to_int16(prepared: QuantizedFullyConnected | ShuffledFullyConnected, node: Node) -> Instruction | None:
    """Lower uint8 to int16, with weights in rows or shuffled, to ``fully_connected8_to_16``."""
    requantization, shuffled = prepared.requantization, isinstance(prepared, ShuffledFullyConnected)
    if not has_constants(node) or requantization.output_zero_point != 0:
        return None
    weights = node.value(1).astype(np.int16)
    zero_points = (128, 0)
    if isinstance(prepared, ShuffledFullyConnected):
        weights = weights_in_rows(prepared, node.value(1)).astype(np.int16)
    else:
        zero_points = (prepared.input_zero_point, prepared.filter_zero_point)
    weights = (weights - np.int16(zero_points[1])).reshape(prepared.units, 1, 1, prepared.depth)
    largest = np.sum(np.abs(weights.astype(np.float64)), axis=(1, 2, 3)) * 255
    bias = bias_or_zeros(node, np.dtype(np.int64)).astype(np.int64)
    constants = wide_requantization_fields(requantization, bias, largest, groups=1)
    batch, depth = prepared.batch, round_up(prepared.depth, 2)
    codes = 2 * (round_up(batch, TILE) * depth + LANES)
    if constants is None or codes > LARGEST_SCRATCH:
        return None
    size = batch * prepared.depth
    fields: dict[str, Field] = {
        "input": Input(0, size),
        "input_size": size,
        "output": Output(0, 2 * batch * prepared.units),
        "workspace": Output(1, size) if shuffled else 0,
        "shuffled": int(shuffled),
        "sign_flip": 0,
        "input_zero_point": zero_points[0],
        "rows": batch,
        "inner": prepared.depth,
        "depth": depth,
        "output_channels": prepared.units,
        "filter": pack_filter(weights, 1, depth, 2),
        "codes": Scratch(codes),
        "chunk": depth,
        "sums": Scratch(8 * TILE * LANES),
    }
    return Instruction("fully_connected8_to_16", {**fields, **constants})


def is_uint8_to_int16(node: Node) -> bool:
    """Whether these are the types of activations and output."""
    return node.input(0).type is TensorType.UINT8 and node.output().type is TensorType.INT16
