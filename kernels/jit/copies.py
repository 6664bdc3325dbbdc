"""Kernels that move bytes: boxes between strides, through a table, and into padding; rows picked by indices."""

from __future__ import annotations

from typing import Any

import numpy as np

from .addressing import fragment, helper, int16_view, int32_view, int64_view, read_block, uint8_view, uint16_view
from .byte_vectors import WIDE, load_bytes, load_codes, store_bytes, store_codes
from .layouts import fields
from .vectors import LANES

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
def copy_run(source: Any, from_: Any, target: Any, to: Any, size: Any) -> None:
    """Copy at least 16 bytes; of the last vector, some are copied twice."""
    if size >= WIDE:
        i = 0
        while i + 4 * WIDE < size:
            for j in range(0, 4 * WIDE, WIDE):
                store_bytes(target, to + i + j, load_bytes(source, from_ + i + j))
            i += 4 * WIDE
        while i + WIDE < size:
            store_bytes(target, to + i, load_bytes(source, from_ + i))
            i += WIDE
        last = size - WIDE
        store_bytes(target, to + last, load_bytes(source, from_ + last))
    else:
        store_codes(target, to, load_codes(source, from_))
        last = size - LANES
        store_codes(target, to + last, load_codes(source, from_ + last))


@helper
def _copy_runs(
    source: Any, target: Any, from_: Any, to: Any, step_in: Any, step_out: Any, count: Any, run: Any
) -> None:
    if run == 1:
        for i in range(count):
            target[to + i * step_out] = source[from_ + i * step_in]
    else:
        for i in range(count):
            for j in range(run):
                target[to + i * step_out + j] = source[from_ + i * step_in + j]


def strided_copy(block: Any) -> None:
    """Copy a box of the input to a box of the output; all but ``unit`` counts in units of so many bytes."""
    p = read_block(block, STRIDED_COPY)
    copy_box(p, p.output_offset)


@fragment
def copy_box(p: Any, output_offset: Any) -> None:
    """Copy the box to one that begins at ``output_offset``."""
    sizes = int64_view(p.sizes, p.rank)
    input_strides = int64_view(p.input_strides, p.rank)
    output_strides = int64_view(p.output_strides, p.rank)
    last, before = p.rank - 1, p.rank - 2
    count, step_in, step_out, run, unit = sizes[last], input_strides[last], output_strides[last], p.run, p.unit
    for position in range(box_size(sizes, before)):
        from_ = p.input_offset + box_offset(position, sizes, input_strides, before)
        to = output_offset + box_offset(position, sizes, output_strides, before)
        for _ in range(sizes[before]):
            if run * unit >= LANES:
                source, target = uint8_view(p.input, p.input_size * unit), uint8_view(p.output, p.output_size * unit)
                for i in range(count):
                    near, far = (from_ + i * step_in) * unit, (to + i * step_out) * unit
                    copy_run(source, near, target, far, run * unit)
            elif unit == 8:
                wide = int64_view(p.input, p.input_size)
                _copy_runs(wide, int64_view(p.output, p.output_size), from_, to, step_in, step_out, count, run)
            elif unit == 4:
                words = int32_view(p.input, p.input_size)
                _copy_runs(words, int32_view(p.output, p.output_size), from_, to, step_in, step_out, count, run)
            elif unit == 2:
                pairs = uint16_view(p.input, p.input_size)
                _copy_runs(pairs, uint16_view(p.output, p.output_size), from_, to, step_in, step_out, count, run)
            else:
                octets = uint8_view(p.input, p.input_size)
                _copy_runs(octets, uint8_view(p.output, p.output_size), from_, to, step_in, step_out, count, run)
            from_ += input_strides[before]
            to += output_strides[before]


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
def _pad_run(source: Any, target: Any, code: Any, filled: Any, from_: Any, to: Any, run: Any) -> None:
    for i in range(filled, to):
        target[i] = code[0]
    for j in range(run):
        target[to + j] = source[from_ + j]


def pad(block: Any) -> None:
    """Copy the input, run by run, to the points of a box in the output, and fill the gaps; all counts in items."""
    p = read_block(block, PAD)
    sizes = int64_view(p.sizes, p.rank)
    output_strides = int64_view(p.output_strides, p.rank)
    last, item_size = p.rank - 1, p.item_size
    points = box_size(sizes, last)
    filled = from_ = 0
    for position in range(points + 1):
        to, rows, run = p.output_offset + box_offset(position, sizes, output_strides, last), sizes[last], p.run
        if position == points:  # what is left to fill
            to, rows, run = p.output_size, 1, 0
        for _ in range(rows):
            if item_size == 8:
                wide, moved_wide = int64_view(p.input, p.input_size), int64_view(p.output, p.output_size)
                _pad_run(wide, moved_wide, int64_view(p.value, 1), filled, from_, to, run)
            elif item_size == 4:
                words, moved_words = int32_view(p.input, p.input_size), int32_view(p.output, p.output_size)
                _pad_run(words, moved_words, int32_view(p.value, 1), filled, from_, to, run)
            elif item_size == 2:
                pairs, moved_pairs = uint16_view(p.input, p.input_size), uint16_view(p.output, p.output_size)
                _pad_run(pairs, moved_pairs, uint16_view(p.value, 1), filled, from_, to, run)
            else:
                octets, moved_octets = uint8_view(p.input, p.input_size), uint8_view(p.output, p.output_size)
                _pad_run(octets, moved_octets, uint8_view(p.value, 1), filled, from_, to, run)
            filled = to + run
            from_ += run
            to += output_strides[last]


@helper
def index_at(p: Any, i: Any) -> Any:
    """Return one of the indices, of any size."""
    if p.index_size == 2:
        return np.int64(int16_view(p.indices, p.index_count)[i])
    if p.index_size == 4:
        return np.int64(int32_view(p.indices, p.index_count)[i])
    return int64_view(p.indices, p.index_count)[i]


@fragment
def read_indices(p: Any, positions: Any) -> Any:
    """Read indices of any size and return whether all are in ``[0, axis_size)``; set the fault where they are not."""
    least = greatest = index_at(p, 0)
    for i in range(p.index_count):
        index = index_at(p, i)
        least = min(least, index)
        greatest = max(greatest, index)
        positions[i] = index
    sound = least >= 0 and greatest < p.axis_size
    if not sound:
        flag = int64_view(p.fault, 3)
        flag[0], flag[1], flag[2] = 1, least, greatest
    return sound


@helper
def _pick(source: Any, target: Any, start: Any, positions: Any, first: Any, count: Any, to: Any, run: Any) -> None:
    """Copy ``count`` rows of ``run`` elements one behind the other."""
    if run == 1:
        for i in range(count):
            target[to + i] = source[start + positions[first + i]]
    else:
        for i in range(count):
            from_ = (start + positions[first + i]) * run
            for j in range(run):
                target[(to + i) * run + j] = source[from_ + j]


def gather(block: Any) -> None:
    """Copy the rows of the input that ``starts`` and ``positions`` name, counted in rows, to the output.

    Positions are read from indices of ``index_size`` bytes, or are known beforehand where that is 0. A row is a run of
    units of so many bytes.
    """
    p = read_block(block, GATHER)
    starts = int64_view(p.starts, p.batches)
    positions = int64_view(p.positions, p.index_count)
    if p.index_size and not read_indices(p, positions):
        return
    unit, run, count = p.unit, p.run, p.count
    to = 0
    for batch in range(p.batches):
        first = batch * p.position_step
        for outer in range(p.outer):
            start = starts[batch] + outer * p.outer_step
            if run * unit >= LANES:
                source, target = uint8_view(p.input, p.input_size * unit), uint8_view(p.output, p.output_size * unit)
                for i in range(count):
                    near = (start + positions[first + i]) * run * unit
                    copy_run(source, near, target, (to + i) * run * unit, run * unit)
            elif unit == 8:
                wide, moved_wide = int64_view(p.input, p.input_size), int64_view(p.output, p.output_size)
                _pick(wide, moved_wide, start, positions, first, count, to, run)
            elif unit == 4:
                words, moved_words = int32_view(p.input, p.input_size), int32_view(p.output, p.output_size)
                _pick(words, moved_words, start, positions, first, count, to, run)
            elif unit == 2:
                pairs, moved_pairs = uint16_view(p.input, p.input_size), uint16_view(p.output, p.output_size)
                _pick(pairs, moved_pairs, start, positions, first, count, to, run)
            else:
                octets, moved_octets = uint8_view(p.input, p.input_size), uint8_view(p.output, p.output_size)
                _pick(octets, moved_octets, start, positions, first, count, to, run)
            to += count
