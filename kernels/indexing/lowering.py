"""Lowering what finds places by values, to the kernels of ``kernels/jit/indexed.py``."""

from __future__ import annotations

import math

import numpy as np

from ...schema import ModelError, TensorType
from ..operator import Fault, Field, Input, Instruction, Node, Output, Scratch, Shape
from ..shape.copies import Region, contiguous_copy, strided_copy
from .bounds import bounds_message, flat_positions

_KINDS = {TensorType.FLOAT32: 0, TensorType.BOOL: 1, TensorType.INT32: 4, TensorType.INT64: 8}
_BYTES = 2
_WIDEST = 8


def _placed(node: Node, index: int, sizes: Shape, bounds: list[tuple[int, int]]) -> dict[str, Field] | None:
    """Return the fields that name slices of a dense array by rows of indices; None where ``evaluate`` raises."""
    spec = node.input(index)
    depth, count = len(sizes), math.prod(spec.shape[:-1])
    fields: dict[str, Field] = {
        "count": count,
        "slices": math.prod(sizes),
        "depth": depth,
        "sizes": np.array(sizes, np.int64),
        "lows": np.array([low for low, _ in bounds], np.int64),
        "highs": np.array([high for _, high in bounds], np.int64),
    }
    if spec.value is not None:
        try:
            positions = flat_positions(node.name, spec.value.reshape(count, depth), sizes, bounds)
        except ModelError:
            return None
        return {**fields, "positions": positions, "indices": 0, "index_size": 0, "index_count": 0, "fault": 0}
    return {
        **fields,
        "positions": Scratch(8 * count),
        "indices": Input(index, count * depth * spec.dtype.itemsize),
        "index_size": spec.dtype.itemsize,
        "index_count": count * depth,
        "fault": Fault(bounds_message(node.name, "{}", "{}"), values=4),
    }


def lower_gather_nd(node: Node, bounds: list[tuple[int, int]], output_shape: Shape) -> Instruction | None:
    """Lower GATHER_ND to ``gather_nd``; ``bounds`` are those of the index along each axis."""
    source, depth = node.input(0), len(bounds)
    item_size = source.dtype.itemsize
    placed = _placed(node, 1, source.shape[:depth], bounds)
    if placed is None or 0 in output_shape:
        return None
    run = math.prod(source.shape[depth:]) * item_size
    unit = math.gcd(_WIDEST, run)
    fields: dict[str, Field] = {
        "input": Input(0, math.prod(source.shape) * item_size),
        "output": Output(0, math.prod(output_shape) * item_size),
        "run": run // unit,
        "unit": unit,
    }
    return Instruction("gather_nd", {**placed, **fields})


def lower_scatter_nd(node: Node, bounds: list[tuple[int, int]], output_shape: Shape) -> Instruction | None:
    """Lower SCATTER_ND to ``scatter_nd``; ``bounds`` are those of the index along each axis."""
    updates, depth = node.input(1), len(bounds)
    item_size = updates.dtype.itemsize
    placed = _placed(node, 0, output_shape[:depth], bounds)
    if placed is None or 0 in output_shape:
        return None
    fields: dict[str, Field] = {
        "updates": Input(1, math.prod(updates.shape) * item_size),
        "output": Output(0, math.prod(output_shape) * item_size),
        "run": math.prod(output_shape[depth:]),
        "kind": _KINDS.get(updates.type, _BYTES),
    }
    return Instruction("scatter_nd", {**placed, **fields})


def lower_update_slice(node: Node) -> tuple[Instruction, ...] | None:
    """Lower DYNAMIC_UPDATE_SLICE: copy the operand, then the update to where it belongs."""
    operand, update, starts = node.input(0), node.input(1), node.input(2)
    copied = contiguous_copy(node)
    whole = Region.whole(operand)
    widest = math.gcd(_WIDEST, *whole.strides)
    replaced = strided_copy(node, Region.whole(update), Region(update.shape, whole.strides), 1, 0, None, widest)
    if copied is None or replaced is None:
        return None if copied is None else (copied,)
    size = math.prod(operand.shape) * operand.dtype.itemsize
    unit = replaced.fields["unit"]
    assert isinstance(unit, int)
    limits = np.array(operand.shape, np.int64) - np.array(update.shape, np.int64)
    fields: dict[str, Field] = {
        "output": Output(0, size),
        "output_size": size // unit,
        "indices": Input(2, len(operand.shape) * starts.dtype.itemsize),
        "index_size": starts.dtype.itemsize,
        "index_count": len(operand.shape),
        "limits": limits,
        "start_strides": np.array(whole.strides, np.int64) // unit,
    }
    return copied, Instruction("update_slice", {**replaced.fields, **fields})


def lower_reverse_sequence(node: Node, time: int, batch: int) -> Instruction | None:
    """Lower REVERSE_SEQUENCE of some axes to ``reverse_sequence``."""
    source, lengths = node.input(0), node.input(1)
    shape, known = source.shape, lengths.value
    if 0 in shape or (known is not None and not 0 <= known.min() <= known.max() <= shape[time]):
        return None
    size = math.prod(shape) * source.dtype.itemsize
    first, second = sorted((time, batch))
    run = math.prod(shape[second + 1 :]) * source.dtype.itemsize
    unit = math.gcd(_WIDEST, run)
    read: dict[str, Field] = {
        "positions": Scratch(8 * shape[batch]),
        "indices": Input(1, shape[batch] * lengths.dtype.itemsize),
        "index_size": lengths.dtype.itemsize,
        "fault": Fault(bounds_message(node.name, 0, shape[time] + 1), values=2),
    }
    if known is not None:
        read = {"positions": known.astype(np.int64), "indices": 0, "index_size": 0, "fault": 0}
    fields: dict[str, Field] = {
        "input": Input(0, size),
        "output": Output(0, size),
        "index_count": shape[batch],
        "axis_size": shape[time] + 1,
        "outer": math.prod(shape[:first]),
        "first": shape[first],
        "middle": math.prod(shape[first + 1 : second]),
        "second": shape[second],
        "time_first": int(time < batch),
        "run": run // unit,
        "unit": unit,
    }
    return Instruction("reverse_sequence", {**read, **fields})
