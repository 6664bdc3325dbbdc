"""Kernels that read from their inputs where elements belong: slices picked, added and replaced, sequences turned over.

A row of indices names a place as its position in a dense array. Positions are read from indices of ``index_size`` bytes
and held to bounds, or are known beforehand where that is 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .addressing import float32_view, fragment, helper, int32_view, int64_view, read_block, uint8_view, uint16_view
from .copies import copy_box, index_at, read_indices
from .layouts import fields

GATHER_ND = fields("gather_nd")
SCATTER_ND = fields("scatter_nd")
UPDATE_SLICE = fields("update_slice")
REVERSE_SEQUENCE = fields("reverse_sequence")

FLOATS, BOOLS, WORDS, WIDE = 0, 1, 4, 8
"""Kinds of elements that are added; others are bytes."""


@helper
def _tell(p: Any, low: Any, high: Any, least: Any, greatest: Any) -> Any:
    """Set the fault where not all of what lies between two numbers is within bounds; return whether all is."""
    sound = low <= least and greatest < high
    if not sound:
        flag = int64_view(p.fault, 5)
        flag[0], flag[1], flag[2], flag[3], flag[4] = 1, low, high, least, greatest
    return sound


@fragment
def read_positions(p: Any, positions: Any) -> Any:
    """Write the positions that rows of ``depth`` indices name, and return whether all are within bounds."""
    if p.index_size == 0 or p.count == 0:
        return True
    sizes, lows, highs = int64_view(p.sizes, p.depth), int64_view(p.lows, p.depth), int64_view(p.highs, p.depth)
    for i in range(p.count):
        positions[i] = 0
    for axis in range(p.depth):
        least = greatest = index_at(p, axis)
        for i in range(p.count):
            index = index_at(p, i * p.depth + axis)
            least, greatest = min(least, index), max(greatest, index)
            positions[i] = positions[i] * sizes[axis] + index
        if not _tell(p, lows[axis], highs[axis], least, greatest):
            return False
    least = greatest = positions[0]
    for i in range(p.count):
        least, greatest = min(least, positions[i]), max(greatest, positions[i])
    return _tell(p, np.int64(0), p.slices, least, greatest)


@helper
def _copy_slices(source: Any, target: Any, positions: Any, count: Any, run: Any) -> None:
    if run == 1:
        for i in range(count):
            target[i] = source[positions[i]]
    else:
        for i in range(count):
            for j in range(run):
                target[i * run + j] = source[positions[i] * run + j]


def gather_nd(block: Any) -> None:
    """Copy slices of ``run`` units of so many bytes, which rows of indices name, one behind the other."""
    p = read_block(block, GATHER_ND)
    positions, count, run = int64_view(p.positions, p.count), p.count, p.run
    if not read_positions(p, positions):
        return
    if p.unit == 8:
        wide = int64_view(p.input, p.slices * run)
        _copy_slices(wide, int64_view(p.output, count * run), positions, count, run)
    elif p.unit == 4:
        words = int32_view(p.input, p.slices * run)
        _copy_slices(words, int32_view(p.output, count * run), positions, count, run)
    elif p.unit == 2:
        pairs = uint16_view(p.input, p.slices * run)
        _copy_slices(pairs, uint16_view(p.output, count * run), positions, count, run)
    else:
        octets = uint8_view(p.input, p.slices * run)
        _copy_slices(octets, uint8_view(p.output, count * run), positions, count, run)


@helper
def _clear(target: Any, size: Any) -> None:
    for i in range(size):
        target[i] = 0


def scatter_nd(block: Any) -> None:
    """Add slices of ``run`` elements to those of an output of zeros that rows of indices name."""
    p = read_block(block, SCATTER_ND)
    positions, run, size = int64_view(p.positions, p.count), p.run, p.slices * p.run
    if not read_positions(p, positions):
        return
    if p.kind == FLOATS:
        floats, added_floats = float32_view(p.output, size), float32_view(p.updates, p.count * run)
        _clear(floats, size)
        for i in range(p.count):
            for j in range(run):
                floats[positions[i] * run + j] += added_floats[i * run + j]
    elif p.kind == WIDE:
        wide, added_wide = int64_view(p.output, size), int64_view(p.updates, p.count * run)
        _clear(wide, size)
        for i in range(p.count):
            for j in range(run):
                wide[positions[i] * run + j] += added_wide[i * run + j]
    elif p.kind == WORDS:
        words, added_words = int32_view(p.output, size), int32_view(p.updates, p.count * run)
        _clear(words, size)
        for i in range(p.count):
            for j in range(run):
                at = positions[i] * run + j
                words[at] = np.int32(np.int64(words[at]) + np.int64(added_words[i * run + j]))
    else:
        octets, added = uint8_view(p.output, size), uint8_view(p.updates, p.count * run)
        _clear(octets, size)
        for i in range(p.count):
            for j in range(run):
                at = positions[i] * run + j
                before, update = np.int64(octets[at]), np.int64(added[i * run + j])
                octets[at] = np.uint8((before | update if p.kind == BOOLS else before + update) & 255)


def update_slice(block: Any) -> None:
    """Copy as ``strided_copy`` does to a box that begins at ``starts``, moved until it lies within the output."""
    p = read_block(block, UPDATE_SLICE)
    limits, strides = int64_view(p.limits, p.index_count), int64_view(p.start_strides, p.index_count)
    to = p.output_offset
    for axis in range(p.index_count):
        to += min(max(index_at(p, axis), 0), limits[axis]) * strides[axis]
    copy_box(p, to)


@helper
def _turn(p: Any, source: Any, target: Any, lengths: Any) -> None:
    """Copy runs between places in (outer, first axis, middle, second axis), of which one is that of time."""
    at = 0
    for outer in range(p.outer):
        for first in range(p.first):
            for middle in range(p.middle):
                for second in range(p.second):
                    time, batch = (first, second) if p.time_first else (second, first)
                    length = lengths[batch]
                    turned = length - 1 - time if time < length else time
                    row, column = (turned, second) if p.time_first else (first, turned)
                    from_ = (((outer * p.first + row) * p.middle + middle) * p.second + column) * p.run
                    for i in range(p.run):
                        target[at + i] = source[from_ + i]
                    at += p.run


def reverse_sequence(block: Any) -> None:
    """Turn over the first elements of each sequence, as many as its length says; runs are of so many bytes a unit."""
    p = read_block(block, REVERSE_SEQUENCE)
    lengths = int64_view(p.positions, p.index_count)
    size = p.outer * p.first * p.middle * p.second * p.run
    if p.index_size and not read_indices(p, lengths):
        return
    if p.unit == 8:
        _turn(p, int64_view(p.input, size), int64_view(p.output, size), lengths)
    elif p.unit == 4:
        _turn(p, int32_view(p.input, size), int32_view(p.output, size), lengths)
    elif p.unit == 2:
        _turn(p, uint16_view(p.input, size), uint16_view(p.output, size), lengths)
    else:
        _turn(p, uint8_view(p.input, size), uint8_view(p.output, size), lengths)
