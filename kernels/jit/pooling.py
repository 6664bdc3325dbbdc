"""Poolings of 8-bit codes. Loops over taps, and within a tap over channels, which LLVM makes vectors of.

Codes are compared and summed as numbers: ``(byte ^ sign_flip) - sign_flip`` is the value of an int8 code with
``sign_flip`` 128 and of a uint8 code with 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .addressing import helper, int32_view, read_block, uint8_view
from .layouts import fields

MAX_POOL8 = fields("max_pool8")
AVERAGE_POOL8 = fields("average_pool8")

RECIPROCAL_BITS = 40


@helper
def first_tap(origin: Any) -> Any:
    """Return the first tap that is inside the image."""
    return max(-origin, 0)


@helper
def past_last_tap(origin: Any, filter_size: Any, input_size: Any) -> Any:
    """Return the tap after the last one that is inside the image."""
    return min(filter_size, input_size - origin)


@helper
def store_clamped(p: Any, target: Any, position: Any, value: Any) -> None:
    """Clamp a code and store it as a byte."""
    target[position] = min(max(value, np.int32(p.activation_min)), np.int32(p.activation_max)) & 0xFF


@helper
def max_under_window(p: Any, source: Any, target: Any, image: Any, top: Any, left: Any, to: Any) -> None:
    """Write the greatest code of each channel at one position, before the clamp, with the top bit flipped."""
    for c in range(p.channels):
        target[to + c] = np.uint8(0)
    for y in range(top + first_tap(top), top + past_last_tap(top, p.filter_height, p.input_height)):
        for x in range(left + first_tap(left), left + past_last_tap(left, p.filter_width, p.input_width)):
            at = ((image * p.input_height + y) * p.input_width + x) * p.channels
            for c in range(p.channels):
                target[to + c] = max(target[to + c], np.uint8(source[at + c] ^ np.uint8(p.sign_flip)))


def max_pool8(block: Any) -> None:
    """MAX_POOL_2D."""
    p = read_block(block, MAX_POOL8)
    source = uint8_view(p.input, p.batches * p.input_height * p.input_width * p.channels)
    target = uint8_view(p.output, p.batches * p.output_height * p.output_width * p.channels)
    for position in range(p.batches * p.output_height * p.output_width):
        column = position % p.output_width
        row = position // p.output_width % p.output_height
        image = position // (p.output_width * p.output_height)
        top = row * p.stride_height - p.padding_top
        left = column * p.stride_width - p.padding_left
        to = position * p.channels
        max_under_window(p, source, target, image, top, left, to)
        for c in range(p.channels):
            store_clamped(p, target, to + c, np.int32(target[to + c]) - np.int32(p.sign_flip))


@helper
def sum_under_window(p: Any, source: Any, sums: Any, image: Any, top: Any, left: Any) -> Any:
    """Add the codes of each channel at one position up; return the number of taps inside the image."""
    first_y, first_x = first_tap(top), first_tap(left)
    past_y = past_last_tap(top, p.filter_height, p.input_height)
    past_x = past_last_tap(left, p.filter_width, p.input_width)
    for c in range(p.channels):
        sums[c] = 0
    for y in range(top + first_y, top + past_y):
        for x in range(left + first_x, left + past_x):
            at = ((image * p.input_height + y) * p.input_width + x) * p.channels
            for c in range(p.channels):
                sums[c] += np.int32(source[at + c] ^ np.uint8(p.sign_flip)) - np.int32(p.sign_flip)
    return (past_y - first_y) * (past_x - first_x)


@helper
def rounded_quotient(total: Any, half: Any, reciprocal: Any) -> Any:
    """Divide by a count, halves away from zero.

    With ``reciprocal = 2**40 // count + 1`` the product and shift are the exact floor of the quotient, as long as
    ``256 * count**2 < 2**40``.
    """
    quotient = np.int32(((np.int64(abs(total)) + half) * reciprocal) >> RECIPROCAL_BITS)
    return -quotient if total < 0 else quotient


def average_pool8(block: Any) -> None:
    """AVERAGE_POOL_2D."""
    p = read_block(block, AVERAGE_POOL8)
    source = uint8_view(p.input, p.batches * p.input_height * p.input_width * p.channels)
    target = uint8_view(p.output, p.batches * p.output_height * p.output_width * p.channels)
    sums = int32_view(p.sums, p.channels)
    for position in range(p.batches * p.output_height * p.output_width):
        column = position % p.output_width
        row = position // p.output_width % p.output_height
        image = position // (p.output_width * p.output_height)
        top = row * p.stride_height - p.padding_top
        left = column * p.stride_width - p.padding_left
        to = position * p.channels
        count = sum_under_window(p, source, sums, image, top, left)
        half, reciprocal = count // 2, (1 << RECIPROCAL_BITS) // count + 1
        for c in range(p.channels):
            store_clamped(p, target, to + c, rounded_quotient(sums[c], half, reciprocal))
