"""Poolings of codes of 8 and 16 bits and of float32.

Loops over taps, and within a tap over channels, which LLVM makes vectors of.

Codes are compared and summed as numbers: ``(byte ^ sign_flip) - sign_flip`` is the value of an int8 code with
``sign_flip`` 128 and of a uint8 code with 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .addressing import float32_view, float_field, fragment, helper, int16_view, int32_view, read_block, uint8_view
from .float_arithmetic import clamp
from .layouts import fields

MAX_POOL8 = fields("max_pool8")
AVERAGE_POOL8 = fields("average_pool8")
MAX_POOL16 = fields("max_pool16")
AVERAGE_POOL16 = fields("average_pool16")
MAX_POOL_FLOAT32 = fields("max_pool_float32")
AVERAGE_POOL_FLOAT32 = fields("average_pool_float32")

RECIPROCAL_BITS = 40
LOWEST = np.float32(np.finfo(np.float32).min)


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
def place_of(p: Any, position: Any) -> Any:
    """Return the image of an output position, and the input row and column where its window starts."""
    column = position % p.output_width
    row = position // p.output_width % p.output_height
    image = position // (p.output_width * p.output_height)
    return image, row * p.stride_height - p.padding_top, column * p.stride_width - p.padding_left


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
        image, top, left = place_of(p, position)
        to = position * p.channels
        max_under_window(p, source, target, image, top, left, to)
        for c in range(p.channels):
            store_clamped(p, target, to + c, np.int32(target[to + c]) - np.int32(p.sign_flip))


@fragment
def greatest_under_windows(p: Any, source: Any, target: Any, lowest: Any, low: Any, high: Any) -> None:
    """Write the greatest number of each channel at every position, clamped. A NaN is never greater."""
    for position in range(p.batches * p.output_height * p.output_width):
        image, top, left = place_of(p, position)
        to = position * p.channels
        for c in range(p.channels):
            target[to + c] = lowest
        for y in range(top + first_tap(top), top + past_last_tap(top, p.filter_height, p.input_height)):
            for x in range(left + first_tap(left), left + past_last_tap(left, p.filter_width, p.input_width)):
                at = ((image * p.input_height + y) * p.input_width + x) * p.channels
                for c in range(p.channels):
                    target[to + c] = source[at + c] if target[to + c] < source[at + c] else target[to + c]
        for c in range(p.channels):
            target[to + c] = clamp(target[to + c], low, high)


def max_pool16(block: Any) -> None:
    """MAX_POOL_2D of 16-bit codes."""
    p = read_block(block, MAX_POOL16)
    source = int16_view(p.input, p.batches * p.input_height * p.input_width * p.channels)
    target = int16_view(p.output, p.batches * p.output_height * p.output_width * p.channels)
    low, high = np.int16(p.activation_min), np.int16(p.activation_max)
    greatest_under_windows(p, source, target, np.int16(-(2**15)), low, high)


def max_pool_float32(block: Any) -> None:
    """MAX_POOL_2D of float32."""
    p = read_block(block, MAX_POOL_FLOAT32)
    source = float32_view(p.input, p.batches * p.input_height * p.input_width * p.channels)
    target = float32_view(p.output, p.batches * p.output_height * p.output_width * p.channels)
    low, high = np.float32(float_field(p.activation_min)), np.float32(float_field(p.activation_max))
    greatest_under_windows(p, source, target, LOWEST, low, high)


@fragment
def sum_under_window(p: Any, source: Any, sums: Any, image: Any, top: Any, left: Any, number: Any) -> Any:
    """Add each channel up at one position, tap by tap; return the number of taps inside the image."""
    first_y, first_x = first_tap(top), first_tap(left)
    past_y = past_last_tap(top, p.filter_height, p.input_height)
    past_x = past_last_tap(left, p.filter_width, p.input_width)
    for c in range(p.channels):
        sums[c] = 0
    for y in range(top + first_y, top + past_y):
        for x in range(left + first_x, left + past_x):
            at = ((image * p.input_height + y) * p.input_width + x) * p.channels
            for c in range(p.channels):
                sums[c] = sums[c] + number(p, source[at + c])
    return (past_y - first_y) * (past_x - first_x)


@helper
def number_of_byte(p: Any, code: Any) -> Any:
    """Return the value of a code of 8 bits."""
    return np.int32(code ^ np.uint8(p.sign_flip)) - np.int32(p.sign_flip)


@helper
def number_of_int16(p: Any, code: Any) -> Any:
    """Return the value of a code of 16 bits."""
    return np.int32(code)


@helper
def number_itself(p: Any, x: Any) -> Any:
    """Return a float32 as it is."""
    return x


@helper
def rounded_quotient(total: Any, half: Any, reciprocal: Any) -> Any:
    """Divide by a count, halves away from zero.

    With ``reciprocal = 2**40 // count + 1`` the product and shift are the exact floor of the quotient, as long as
    ``largest_code * count**2 < 2**40``.
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
        image, top, left = place_of(p, position)
        count = sum_under_window(p, source, sums, image, top, left, number_of_byte)
        half, reciprocal = count // 2, (1 << RECIPROCAL_BITS) // count + 1
        for c in range(p.channels):
            store_clamped(p, target, position * p.channels + c, rounded_quotient(sums[c], half, reciprocal))


def average_pool16(block: Any) -> None:
    """AVERAGE_POOL_2D of 16-bit codes."""
    p = read_block(block, AVERAGE_POOL16)
    source = int16_view(p.input, p.batches * p.input_height * p.input_width * p.channels)
    target = int16_view(p.output, p.batches * p.output_height * p.output_width * p.channels)
    sums = int32_view(p.sums, p.channels)
    low, high = np.int32(p.activation_min), np.int32(p.activation_max)
    for position in range(p.batches * p.output_height * p.output_width):
        image, top, left = place_of(p, position)
        count = sum_under_window(p, source, sums, image, top, left, number_of_int16)
        half, reciprocal = count // 2, (1 << RECIPROCAL_BITS) // count + 1
        for c in range(p.channels):
            average = rounded_quotient(sums[c], half, reciprocal)
            target[position * p.channels + c] = np.int16(min(max(average, low), high))


def average_pool_float32(block: Any) -> None:
    """AVERAGE_POOL_2D of float32: the sum's order is the taps', then one division."""
    p = read_block(block, AVERAGE_POOL_FLOAT32)
    source = float32_view(p.input, p.batches * p.input_height * p.input_width * p.channels)
    target = float32_view(p.output, p.batches * p.output_height * p.output_width * p.channels)
    sums = float32_view(p.sums, p.channels)
    low, high = np.float32(float_field(p.activation_min)), np.float32(float_field(p.activation_max))
    for position in range(p.batches * p.output_height * p.output_width):
        image, top, left = place_of(p, position)
        count = np.float32(sum_under_window(p, source, sums, image, top, left, number_itself))
        for c in range(p.channels):
            target[position * p.channels + c] = clamp(sums[c] / count, low, high)
