"""Conversions between float32 and codes of 8 and 16 bits, and between codes of different widths."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import vectors
from .addressing import float32_view, float_field, helper, int16_view, int32_view, read_block, uint8_view
from .byte_vectors import load_codes, saturate, splat_codes, store_codes, widen_codes_to_int32
from .dividing import elements_of_part
from .elementwise import rescale
from .layouts import fields
from .vectors import (
    LANES,
    at_least,
    at_most,
    float32_from_int32,
    load_float32,
    load_int16,
    narrow_to_int16,
    splat_float32,
    splat_int32,
    store_float32,
    store_int16,
    widen_int16,
)

QUANTIZE8 = fields("quantize8")
QUANTIZE16 = fields("quantize16")
DEQUANTIZE8 = fields("dequantize8")
DEQUANTIZE_BYTES = fields("dequantize_bytes")
DEQUANTIZE16 = fields("dequantize16")
REQUANTIZE = fields("requantize")

# The greatest float32 below a half: adding a half itself would round 0.49999997 up to 1.
ALMOST_HALF = np.float32(0.49999997)
ABOVE_INT32 = np.float32(2147483648.0)
INT32_MIN = np.float32(-2147483648.0)


@helper
def round_to_int32(x: Any) -> Any:
    """Round a float32, halves away from zero, to int32; what does not fit, and NaN, becomes -2**31."""
    moved = x + ALMOST_HALF if x >= np.float32(0) else x - ALMOST_HALF
    return np.int32(moved if moved >= INT32_MIN and moved < ABOVE_INT32 else INT32_MIN)


def quantize8(block: Any) -> None:
    """``output[i] = clamp(round(input[i] / scale) + zero_point)``; the sum wraps as int32."""
    p = read_block(block, QUANTIZE8)
    source, target = float32_view(p.input, p.size), uint8_view(p.output, p.size)
    flip, greatest = splat_codes(p.sign_flip), splat_int32(p.code_max)
    scale, zero_point = splat_float32(np.float32(float_field(p.scale))), splat_int32(p.zero_point)
    i, end = elements_of_part(p, p.size)
    while i < end and p.size >= LANES:
        i = min(i, p.size - LANES)  # of the last vector, some are computed twice
        codes = at_most(vectors.round_to_int32(load_float32(source, i) / scale) + zero_point, greatest)
        store_codes(target, i, saturate(codes + splat_int32(p.sign_flip)) ^ flip)
        i += LANES
    while i < end:
        target[i] = quantize(p, source[i]) & 0xFF
        i += 1


def quantize16(block: Any) -> None:
    """Quantize to int16 in the same way."""
    p = read_block(block, QUANTIZE16)
    source, target = float32_view(p.input, p.size), int16_view(p.output, p.size)
    least, greatest = splat_int32(p.code_min), splat_int32(p.code_max)
    scale, zero_point = splat_float32(np.float32(float_field(p.scale))), splat_int32(p.zero_point)
    i, end = elements_of_part(p, p.size)
    while i < end and p.size >= LANES:
        i = min(i, p.size - LANES)
        codes = vectors.round_to_int32(load_float32(source, i) / scale) + zero_point
        store_int16(target, i, narrow_to_int16(at_least(at_most(codes, greatest), least)))
        i += LANES
    while i < end:
        target[i] = np.int16(quantize(p, source[i]))
        i += 1


@helper
def quantize(p: Any, x: Any) -> Any:
    """Return the code of a number, still as int32."""
    code = np.int32(round_to_int32(x / np.float32(float_field(p.scale))) + np.int32(p.zero_point))
    return min(max(code, np.int32(p.code_min)), np.int32(p.code_max))


def dequantize8(block: Any) -> None:
    """``output[i] = table[input[i]]``: 256 real numbers by the code's unsigned byte."""
    p = read_block(block, DEQUANTIZE8)
    source = uint8_view(p.input, p.size)
    table = float32_view(p.table, 256)
    target = float32_view(p.output, p.size)
    for i in range(p.size):
        target[i] = table[source[i]]


def dequantize_bytes(block: Any) -> None:
    """``output[i] = scale * (input[i] - zero_point)`` in float32, of at least 16 codes; codes are unsigned bytes."""
    p = read_block(block, DEQUANTIZE_BYTES)
    source, target = uint8_view(p.input, p.size), float32_view(p.output, p.size)
    flip, zero_point = splat_codes(p.sign_flip), splat_int32(p.zero_point)
    scale = splat_float32(np.float32(float_field(p.scale)))
    first, end = elements_of_part(p, p.size)
    i = first
    while i < end:
        i = min(i, p.size - LANES)  # of the last vector, some are computed twice
        numbers = widen_codes_to_int32(load_codes(source, i) ^ flip) - zero_point
        store_float32(target, i, float32_from_int32(numbers) * scale)
        i += LANES


def dequantize16(block: Any) -> None:
    """``output[i] = scale * (input[i] - zero_point)``.

    The product in float64 is exact, so that the float32 nearest to it is the product in float32.
    """
    p = read_block(block, DEQUANTIZE16)
    source, target = int16_view(p.input, p.size), float32_view(p.output, p.size)
    scale, zero_point = np.float32(float_field(p.scale)), np.int32(p.zero_point)
    scales, zero_points = splat_float32(scale), splat_int32(p.zero_point)
    i, end = elements_of_part(p, p.size)
    while i < end and p.size >= LANES:
        i = min(i, p.size - LANES)  # of the last vector, some are computed twice
        store_float32(target, i, float32_from_int32(widen_int16(load_int16(source, i)) - zero_points) * scales)
        i += LANES
    while i < end:
        target[i] = np.float32(np.int32(source[i]) - zero_point) * scale
        i += 1


def requantize(block: Any) -> None:
    """Rescale codes of 16 or 32 bits to codes of 8, 16 or 32; differences and sums wrap as int32."""
    p = read_block(block, REQUANTIZE)
    for i in range(p.size):
        code = int16_view(p.input, p.size)[i] if p.input_width == 2 else int32_view(p.input, p.size)[i]
        difference = np.int32(np.int64(code) - p.input_zero_point)
        x = np.int64(np.int32(difference << np.int32(p.output_left_shift)))
        scaled = rescale(x, p.output_multiplier, p.output_rounding, p.output_sign_mask, p.output_right_shift)
        result = np.int32(np.int64(np.int32(scaled)) + p.output_zero_point)
        result = min(max(result, np.int32(p.code_min)), np.int32(p.code_max))
        if p.output_width == 1:
            uint8_view(p.output, p.size)[i] = result & 0xFF
        elif p.output_width == 2:
            int16_view(p.output, p.size)[i] = np.int16(result)
        else:
            int32_view(p.output, p.size)[i] = np.int32(result)
