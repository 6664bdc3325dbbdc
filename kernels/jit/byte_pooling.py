"""Poolings of 8-bit codes as vectors of bytes, channels side by side.

Codes are unsigned bytes here, as in :mod:`.byte_arithmetic`. A row of the output is gone through position by position,
and each position block by block of channels; the last block begins as early as it must to be a whole one, so that some
channels are computed twice. So there must be as many channels as a block has.
"""

from __future__ import annotations

from typing import Any

from .addressing import fragment, helper, read_block, uint8_view
from .byte_vectors import (
    WIDE,
    greater_bytes,
    greater_codes,
    lesser_bytes,
    lesser_codes,
    load_bytes,
    load_codes,
    saturate,
    splat_bytes,
    splat_codes,
    store_bytes,
    store_codes,
    widen_codes,
)
from .dividing import rows_of_part
from .layouts import fields
from .vectors import LANES, splat_int16, splat_int32, widen_int16

MAX_POOL_BYTES = fields("max_pool_bytes")
AVERAGE_POOL_BYTES = fields("average_pool_bytes")

RECIPROCAL_BITS = 22


def max_pool_bytes(block: Any) -> None:
    """MAX_POOL_2D of at least 16 channels."""
    p = read_block(block, MAX_POOL_BYTES)
    pool_rows(p, max_at)


def average_pool_bytes(block: Any) -> None:
    """AVERAGE_POOL_2D of at least 16 channels under at most 128 taps."""
    p = read_block(block, AVERAGE_POOL_BYTES)
    pool_rows(p, average_at)


@fragment
def pool_rows(p: Any, pool_at: Any) -> None:
    """Pool at every position of the rows of this part of the work.

    ``pool_at(p, source, target, start, rows, columns, to)`` pools taps that lie inside the image, of which the first is
    at ``start``.
    """
    source = uint8_view(p.input, p.batches * p.input_height * p.input_width * p.channels)
    target = uint8_view(p.output, p.batches * p.output_height * p.output_width * p.channels)
    first, end = rows_of_part(p, p.batches * p.output_height)
    for row in range(first, end):
        image = row // p.output_height
        top = (row - image * p.output_height) * p.stride_height - p.padding_top
        first_y, past_y = max(top, 0), min(top + p.filter_height, p.input_height)
        line = (image * p.input_height + first_y) * p.input_width
        left = -p.padding_left
        to = row * p.output_width * p.channels
        for _ in range(p.output_width):
            first_x, past_x = max(left, 0), min(left + p.filter_width, p.input_width)
            pool_at(p, source, target, (line + first_x) * p.channels, past_y - first_y, past_x - first_x, to)
            left += p.stride_width
            to += p.channels


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


@helper
def average_at(p: Any, source: Any, target: Any, start: Any, rows: Any, columns: Any, to: Any) -> None:
    """Write the average of each channel at one position.

    Halves go away from the number 0, the byte ``sign_flip``: of numbers below it, one less is added where the count is
    even. A sum is below ``256 * count``, and ``count`` at most 128, so that with the reciprocal ``2**22 // count + 1``
    the product stays in 31 bits, and is above the exact quotient by less than ``1 / count``.
    """
    count = rows * columns
    flip, low, high = splat_codes(p.sign_flip), splat_codes(p.code_min), splat_codes(p.code_max)
    reciprocal = splat_int32((1 << RECIPROCAL_BITS) // count + 1)
    half, zero, is_even = splat_int32(count // 2), splat_int32(p.sign_flip * count), splat_int32(1 - count % 2)
    c = 0
    while c < p.channels:
        c = min(c, p.channels - LANES)
        sums = splat_int16(0)
        for y in range(rows):
            at = start + y * p.input_width * p.channels + c
            for _ in range(columns):
                sums = sums + widen_codes(load_codes(source, at) ^ flip)
                at += p.channels
        total = widen_int16(sums)
        below = ((total - zero) >> splat_int32(31)) & is_even
        quotient = ((total + half - below) * reciprocal) >> splat_int32(RECIPROCAL_BITS)
        codes = lesser_codes(greater_codes(saturate(quotient), low), high)
        store_codes(target, to + c, codes ^ flip)
        c += LANES
