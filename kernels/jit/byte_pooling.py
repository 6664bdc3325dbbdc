"""Poolings of 8-bit codes as vectors of bytes, channels side by side.

Codes are unsigned bytes here, as in :mod:`.byte_arithmetic`. A row of the output is gone through position by position,
and each position block by block of channels; the last block begins as early as it must to be a whole one, so that some
channels are computed twice. So there must be as many channels as a block has.
"""

from __future__ import annotations

from typing import Any

from .addressing import fragment, helper, int16_view, read_block, uint8_view
from .byte_vectors import (
    WIDE,
    greater_bytes,
    greater_codes,
    high_product,
    lesser_bytes,
    lesser_codes,
    load_bytes,
    load_codes,
    saturate,
    saturate_int16,
    splat_bytes,
    splat_codes,
    store_bytes,
    store_codes,
    widen_codes,
)
from .dividing import rows_of_part
from .layouts import fields
from .vectors import LANES, load_int16, splat_int16, splat_int32, store_int16, widen_int16

MAX_POOL_BYTES = fields("max_pool_bytes")
AVERAGE_POOL_BYTES = fields("average_pool_bytes")


def max_pool_bytes(block: Any) -> None:
    """MAX_POOL_2D of at least 16 channels."""
    p = read_block(block, MAX_POOL_BYTES)
    source = uint8_view(p.input, p.batches * p.input_height * p.input_width * p.channels)
    target = uint8_view(p.output, (p.batches * p.output_height * p.output_width - 1) * p.output_step + p.channels)
    first, end = rows_of_part(p, p.batches * p.output_height)
    for row in range(first, end):
        start, rows = lines_under(p, row)
        to = row * p.output_width * p.output_step
        for x in range(p.output_width):
            column, columns = columns_under(p, x)
            max_at(p, source, target, start + column * p.channels, rows, columns, to)
            to += p.output_step


@helper
def lines_under(p: Any, row: Any) -> Any:
    """Return where the first line of the input under a row of the output starts, and how many there are."""
    image = row // p.output_height
    top = (row - image * p.output_height) * p.stride_height - p.padding_top
    first, past = max(top, 0), min(top + p.filter_height, p.input_height)
    return (image * p.input_height + first) * p.input_width * p.channels, past - first


@helper
def columns_under(p: Any, x: Any) -> Any:
    """Return the first column of the input under a position, and how many there are."""
    left = x * p.stride_width - p.padding_left
    first, past = max(left, 0), min(left + p.filter_width, p.input_width)
    return first, past - first


@helper
def max_at(p: Any, source: Any, target: Any, start: Any, rows: Any, columns: Any, to: Any) -> None:
    """Write the greatest code of each channel at one position."""
    c = 0
    if p.channels >= WIDE:
        flip, low, high = splat_bytes(p.sign_flip), splat_bytes(p.code_min), splat_bytes(p.code_max)
        while c < p.channels:
            c = min(c, p.channels - WIDE)
            best = low
            for y in range(rows):
                at = start + y * p.input_width * p.channels + c
                if columns == 3:  # common, and LLVM makes loops for many
                    best = greater_bytes(best, load_bytes(source, at) ^ flip)
                    best = greater_bytes(best, load_bytes(source, at + p.channels) ^ flip)
                    best = greater_bytes(best, load_bytes(source, at + 2 * p.channels) ^ flip)
                else:
                    for _ in range(columns):
                        best = greater_bytes(best, load_bytes(source, at) ^ flip)
                        at += p.channels
            store_bytes(target, to + c, lesser_bytes(best, high) ^ flip)
            c += WIDE
    else:
        short_flip, short_low, short_high = splat_codes(p.sign_flip), splat_codes(p.code_min), splat_codes(p.code_max)
        while c < p.channels:
            c = min(c, p.channels - LANES)
            short_best = short_low
            for y in range(rows):
                at = start + y * p.input_width * p.channels + c
                for _ in range(columns):
                    short_best = greater_codes(short_best, load_codes(source, at) ^ short_flip)
                    at += p.channels
            store_codes(target, to + c, lesser_codes(short_best, short_high) ^ short_flip)
            c += LANES


def average_pool_bytes(block: Any) -> None:
    """AVERAGE_POOL_2D of at least 16 channels under at most 128 taps: ``sums`` are of the lines under a row."""
    p = read_block(block, AVERAGE_POOL_BYTES)
    source = uint8_view(p.input, p.batches * p.input_height * p.input_width * p.channels)
    target = uint8_view(p.output, p.batches * p.output_height * p.output_width * p.channels)
    sums = int16_view(p.sums, p.input_width * p.channels)
    first, end = rows_of_part(p, p.batches * p.output_height)
    for row in range(first, end):
        start, rows = lines_under(p, row)
        add_lines(p, source, start, rows, sums)
        to = row * p.output_width * p.channels
        for x in range(p.output_width):
            column, columns = columns_under(p, x)
            average_at(p, sums, column * p.channels, columns, rows * columns, target, to)
            to += p.channels


@fragment
def add_lines(p: Any, source: Any, start: Any, rows: Any, sums: Any) -> None:
    """Add lines of the input up, each element on its own."""
    flip, line = splat_codes(p.sign_flip), p.input_width * p.channels
    i = 0
    while i < line:
        i = min(i, line - LANES)
        at = start + i
        total = widen_codes(load_codes(source, at) ^ flip)
        if rows == 3:  # common, and LLVM makes loops for many
            total = total + widen_codes(load_codes(source, at + line) ^ flip)
            total = total + widen_codes(load_codes(source, at + 2 * line) ^ flip)
        else:
            for _ in range(1, rows):
                at += line
                total = total + widen_codes(load_codes(source, at) ^ flip)
        store_int16(sums, i, total)
        i += LANES


@fragment
def average_at(p: Any, sums: Any, start: Any, columns: Any, count: Any, target: Any, to: Any) -> None:
    """Write the average of each channel at one position.

    Halves go away from the number 0, the byte ``sign_flip``: of sums below it, one less is added where the count is
    even. A sum ``n`` with its half is below ``256 * count``. The product with a reciprocal ``2**bits // count + 1`` has
    the quotient above bit ``bits`` where ``n * count < 2**bits``. That of 3 and more fits int16.
    """
    flip, low, high = splat_codes(p.sign_flip), splat_codes(p.code_min), splat_codes(p.code_max)
    is_short = 3 <= count <= _SHORT_COUNT
    bits = 16 if is_short else RECIPROCAL_BITS
    reciprocal = (1 << bits) // count + 1
    half, is_even = splat_int16(count // 2), splat_int16(1 - count % 2)
    zero, fifteen = splat_int16(p.sign_flip * count), splat_int16(15)
    short_reciprocal, long_reciprocal = splat_int16(reciprocal if is_short else 0), splat_int32(reciprocal)
    c = 0
    while c < p.channels:
        c = min(c, p.channels - LANES)
        at = start + c
        total = load_int16(sums, at)
        if columns == 3:
            total = total + load_int16(sums, at + p.channels) + load_int16(sums, at + 2 * p.channels)
        else:
            for _ in range(1, columns):
                at += p.channels
                total = total + load_int16(sums, at)
        total = total + half - (((total - zero) >> fifteen) & is_even)
        if is_short:
            codes = saturate_int16(high_product(total, short_reciprocal))
        else:
            codes = saturate((widen_int16(total) * long_reciprocal) >> splat_int32(RECIPROCAL_BITS))
        store_codes(target, to + c, lesser_codes(greater_codes(codes, low), high) ^ flip)
        c += LANES


RECIPROCAL_BITS = 22
_SHORT_COUNT = 15
