"""Kernels that move bytes: boxes between strides, through a table, and into padding; rows picked by indices."""

from __future__ import annotations

from typing import Any

import numpy as np

from .addressing import fragment, helper, int16_view, int32_view, int64_view, read_block, uint8_view, uint16_view
from .layouts import fields

STRIDED_COPY = fields("strided_copy")
STRIDED_LOOKUP8 = fields("strided_lookup8")
GATHER = fields("gather")
PAD = fields("pad")


@helper
def box_offset(position: Any, sizes: Any, strides: Any, rank: Any) -> Any:
    """Return the byte offset of the ``position``-th point of a box, the last axis running fastest."""
    offset = 0
    for axis in range(rank - 1, -1, -1):
        offset += position % sizes[axis] * strides[axis]
        position //= sizes[axis]
    return offset


@helper
def box_size(sizes: Any, rank: Any) -> Any:
    """Return the number of points of a box."""
    count = 1
    for axis in range(rank):
        count *= sizes[axis]
    return count


@helper
def _copy_box(source: Any, target: Any, run: Any, p: Any) -> None:
    """Copy a run of elements from each point of one box to the same point of another."""
    sizes = int64_view(p.sizes, p.rank)
    input_strides = int64_view(p.input_strides, p.rank)
    output_strides = int64_view(p.output_strides, p.rank)
    last, before = p.rank - 1, p.rank - 2
    count, step_in, step_out = sizes[last], input_strides[last], output_strides[last]
    for position in range(box_size(sizes, before)):
        from_ = p.input_offset + box_offset(position, sizes, input_strides, before)
        to = p.output_offset + box_offset(position, sizes, output_strides, before)
        for _ in range(sizes[before]):
            if run == 1:
                for i in range(count):
                    target[to + i * step_out] = source[from_ + i * step_in]
            else:
                for i in range(count):
                    for j in range(run):
                        target[to + i * step_out + j] = source[from_ + i * step_in + j]
            from_ += input_strides[before]
            to += output_strides[before]


def strided_copy(block: Any) -> None:
    """Copy a box of the input to a box of the output; all but ``unit`` counts in units of so many bytes."""
    p = read_block(block, STRIDED_COPY)
    if p.unit == 8:
        _copy_box(int64_view(p.input, p.input_size), int64_view(p.output, p.output_size), p.run, p)
    elif p.unit == 4:
        _copy_box(int32_view(p.input, p.input_size), int32_view(p.output, p.output_size), p.run, p)
    elif p.unit == 2:
        _copy_box(uint16_view(p.input, p.input_size), uint16_view(p.output, p.output_size), p.run, p)
    else:
        _copy_box(uint8_view(p.input, p.input_size), uint8_view(p.output, p.output_size), p.run, p)


def strided_lookup8(block: Any) -> None:
    """Copy as ``strided_copy`` does in units of a byte, each through a table of 256."""
    p = read_block(block, STRIDED_LOOKUP8)
    sizes = int64_view(p.sizes, p.rank)
    input_strides = int64_view(p.input_strides, p.rank)
    output_strides = int64_view(p.output_strides, p.rank)
    source = uint8_view(p.input, p.input_size)
    target = uint8_view(p.output, p.output_size)
    table = uint8_view(p.table, 256)
    last = p.rank - 1
    for position in range(box_size(sizes, last)):
        from_ = p.input_offset + box_offset(position, sizes, input_strides, last)
        to = p.output_offset + box_offset(position, sizes, output_strides, last)
        for _ in range(sizes[last]):
            for j in range(p.run):
                target[to + j] = table[source[from_ + j]]
            from_ += input_strides[last]
            to += output_strides[last]


@helper
def fill(target: Any, begin: Any, end: Any, value: Any, item_size: Any) -> None:
    """Fill bytes with a value of ``item_size`` bytes, a power of two that divides ``begin``."""
    if item_size == 1:
        code = value[0]
        for i in range(begin, end):
            target[i] = code
    else:
        for i in range(begin, end):
            target[i] = value[i & (item_size - 1)]


def pad(block: Any) -> None:
    """Copy the input, run by run, into its place in the output, and fill the gaps between."""
    p = read_block(block, PAD)
    sizes = int64_view(p.sizes, p.rank)
    output_strides = int64_view(p.output_strides, p.rank)
    source = uint8_view(p.input, box_size(sizes, p.rank) * p.run)
    target = uint8_view(p.output, p.output_size)
    value = uint8_view(p.value, p.item_size)
    last = p.rank - 1
    filled = 0
    from_ = 0
    for position in range(box_size(sizes, last)):
        to = p.output_offset + box_offset(position, sizes, output_strides, last)
        for _ in range(sizes[last]):
            fill(target, filled, to, value, p.item_size)
            for j in range(p.run):
                target[to + j] = source[from_ + j]
            filled = to + p.run
            from_ += p.run
            to += output_strides[last]
    fill(target, filled, p.output_size, value, p.item_size)


@helper
def _widen(indices: Any, positions: Any, count: Any, size: Any, fault: Any) -> Any:
    """Copy indices as int64 and return whether all are in ``[0, size)``; set the fault where they are not."""
    least = greatest = np.int64(indices[0])
    for i in range(count):
        index = np.int64(indices[i])
        least = min(least, index)
        greatest = max(greatest, index)
        positions[i] = index
    if least >= 0 and greatest < size:
        return True
    flag = int64_view(fault, 3)
    flag[0], flag[1], flag[2] = 1, least, greatest
    return False


@fragment
def _read_indices(p: Any, positions: Any) -> Any:
    if p.index_size == 2:
        return _widen(int16_view(p.indices, p.index_count), positions, p.index_count, p.axis_size, p.fault)
    if p.index_size == 4:
        return _widen(int32_view(p.indices, p.index_count), positions, p.index_count, p.axis_size, p.fault)
    return _widen(int64_view(p.indices, p.index_count), positions, p.index_count, p.axis_size, p.fault)


@helper
def _pick(source: Any, target: Any, run: Any, starts: Any, positions: Any, p: Any) -> None:
    """Copy rows of ``run`` elements one behind the other."""
    to = 0
    for batch in range(p.batches):
        first = batch * p.position_step
        for outer in range(p.outer):
            start = starts[batch] + outer * p.outer_step
            if run == 1:
                for i in range(p.count):
                    target[to + i] = source[start + positions[first + i]]
                to += p.count
            else:
                for i in range(p.count):
                    from_ = (start + positions[first + i]) * run
                    for j in range(run):
                        target[to + j] = source[from_ + j]
                    to += run


def gather(block: Any) -> None:
    """Copy the rows of the input that ``starts`` and ``positions`` name, counted in rows, to the output.

    Positions are read from indices of ``index_size`` bytes, or are known beforehand where that is 0.
    """
    p = read_block(block, GATHER)
    starts = int64_view(p.starts, p.batches)
    positions = int64_view(p.positions, p.index_count)
    if p.index_size and not _read_indices(p, positions):
        return
    if p.run & 7 == 0:
        source, target = int64_view(p.input, p.input_size // 8), int64_view(p.output, p.output_size // 8)
        _pick(source, target, p.run // 8, starts, positions, p)
    elif p.run & 3 == 0:
        words, moved = int32_view(p.input, p.input_size // 4), int32_view(p.output, p.output_size // 4)
        _pick(words, moved, p.run // 4, starts, positions, p)
    elif p.run & 1 == 0:
        pairs, moved_pairs = uint16_view(p.input, p.input_size // 2), uint16_view(p.output, p.output_size // 2)
        _pick(pairs, moved_pairs, p.run // 2, starts, positions, p)
    else:
        octets, moved_octets = uint8_view(p.input, p.input_size), uint8_view(p.output, p.output_size)
        _pick(octets, moved_octets, p.run, starts, positions, p)
