"""Kernels that move bytes: boxes between strides, through a table, and into padding."""

from __future__ import annotations

from typing import Any

from .addressing import helper, int64_view, read_block, uint8_view
from .layouts import fields

STRIDED_COPY = fields("strided_copy")
STRIDED_LOOKUP8 = fields("strided_lookup8")
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


def strided_copy(block: Any) -> None:
    """Copy a run of bytes from each point of a box in the input to the same point of a box in the output."""
    p = read_block(block, STRIDED_COPY)
    sizes = int64_view(p.sizes, p.rank)
    input_strides = int64_view(p.input_strides, p.rank)
    output_strides = int64_view(p.output_strides, p.rank)
    source = uint8_view(p.input, p.input_size)
    target = uint8_view(p.output, p.output_size)
    last = p.rank - 1
    count, step_in, step_out = sizes[last], input_strides[last], output_strides[last]
    for position in range(box_size(sizes, last)):
        from_ = p.input_offset + box_offset(position, sizes, input_strides, last)
        to = p.output_offset + box_offset(position, sizes, output_strides, last)
        if p.run == 1:
            for i in range(count):
                target[to + i * step_out] = source[from_ + i * step_in]
        else:
            for i in range(count):
                for j in range(p.run):
                    target[to + i * step_out + j] = source[from_ + i * step_in + j]


def strided_lookup8(block: Any) -> None:
    """Copy as ``strided_copy`` does, each byte through a table of 256."""
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
