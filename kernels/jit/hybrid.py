"""Hybrid CONV_2D, FULLY_CONNECTED and DEPTHWISE_CONV_2D: float32 activations, quantized at every call, int8 weights.

First every image becomes int16 codes less their zero point, with a scale of its own; then the products are those of
:mod:`.int16_convolution`, in int32; then the sums are scaled in float32, in the order of the reference.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .addressing import float32_view, float_field, fragment, helper, int16_view, int32_view, read_block
from .int16_convolution import multiply_image, multiply_int16_panel, sum_taps
from .layouts import fields
from .vectors import (
    LANES,
    at_least_float32,
    at_most_float32,
    constant_float32,
    float32_from_int32,
    narrow_to_int32,
    splat_float32,
    store_first_float32,
    store_float32,
)

HYBRID_CONV_2D = fields("hybrid_conv_2d")
HYBRID_DEPTHWISE_CONV_2D = fields("hybrid_depthwise_conv_2d")

MAGNITUDE = np.int32(0x7FFFFFFF)


def hybrid_conv_2d(block: Any) -> None:
    """Convolve: input (N, H, W, C), filter packed as that of ``conv_2d``, output (N, OH, OW, O)."""
    p = read_block(block, HYBRID_CONV_2D)
    codes = int16_view(p.codes, p.input_size + LANES)
    quantize_images(p, codes)
    multiply_image(p, codes, multiply_int16_panel, finish_hybrid)


def hybrid_depthwise_conv_2d(block: Any) -> None:
    """Convolve each channel: input (N, H, W, C), filter packed as that of ``depthwise_conv_2d``."""
    p = read_block(block, HYBRID_DEPTHWISE_CONV_2D)
    codes = int16_view(p.codes, p.input_size + LANES)
    quantize_images(p, codes)
    for batch in range(p.batches):
        for y in range(p.output_height):
            for x in range(p.output_width):
                row = (batch * p.output_height + y) * p.output_width + x
                for channel in range(0, p.output_channels, LANES):
                    sums = sum_taps(p, codes, batch, y, x, channel)
                    channels = min(LANES, p.output_channels - channel)
                    finish_sums(p, sums, row, channel, row * p.output_channels + channel, channels)


@fragment
def quantize_images(p: Any, codes: Any) -> None:
    """Quantize each image to codes less their zero point; write their scales to ``p.scales``."""
    size = p.input_size // p.batches
    scales = float32_view(p.scales, p.batches)
    for image in range(p.batches):
        scales[image] = quantize_run(p, p.input, image * size, size, p.whole, codes, image * size)


@helper
def quantize_run(p: Any, address: Any, start: Any, size: Any, whole: Any, codes: Any, target: Any) -> Any:
    """Quantize ``size`` numbers from ``start`` on to codes less their zero point, and return their scale.

    ``whole`` of them are in blocks. ``p`` has the fields ``asymmetric``, ``quirks`` and ``ends``.
    """
    source, ends = float32_view(address, start + size), float32_view(p.ends, 2)
    find_ends(p, int32_view(address, start + size), start, size)
    low, high = ends[0], ends[1]
    scale = inverse = np.float32(1)
    zero_point = np.int32(0)
    if not p.asymmetric:
        if high != 0:
            scale = high / np.float32(127)
            inverse = np.float32(127) / high
    elif low != high:
        step = np.float64(np.float32(high - low)) / 255.0
        zero_point = nudge_zero_point(np.float64(low) / step, np.float64(high) / step)
        scale = np.float32(step)
        inverse = np.float32(1) / scale if scale != 0 else np.float32(0)
    span = np.float32(high - low)
    finite = span - span == 0 and inverse < np.float32(np.inf)
    code_min = np.int32(-128 if p.asymmetric else -127)
    for i in range(whole * finite):  # adds a half and cuts: 0.49999997 becomes 1
        scaled = np.float32(source[start + i] * inverse)
        half = np.float32(0.5) if scaled > 0 else np.float32(-0.5)
        codes[target + i] = center(np.int32(np.float32(scaled + half)), zero_point, code_min)
    for i in range(whole, size * finite):
        scaled = np.float32(source[start + i] * inverse)
        codes[target + i] = center(np.int32(round_half_away(scaled)), zero_point, code_min)
    if not finite:
        for i in range(size):
            scaled = np.float32(source[start + i] * inverse)
            codes[target + i] = code_of_any(scaled, i < whole, zero_point, code_min, p.quirks)
    return scale


@fragment
def find_ends(p: Any, bits: Any, start: Any, size: Any) -> None:
    """Write the range of a run and 0 to ``p.ends``, or 0 and the largest magnitude where codes are symmetric.

    Bits are compared as int32 numbers, those of negative numbers less the sign turned over: that orders float32, and
    puts NaN beyond infinity.
    """
    low = high = np.int32(0)
    if p.asymmetric:
        for i in range(start, start + size):
            low = min(low, ordered(bits[i]))
            high = max(high, ordered(bits[i]))
    else:
        for i in range(start, start + size):
            high = max(high, np.int32(bits[i] & MAGNITUDE))
    ends = int32_view(p.ends, 2)
    ends[0] = ordered(low)
    ends[1] = high


@helper
def ordered(bits: Any) -> Any:
    """Turn the bits of a float32 into an int32 of the same order, and back."""
    return np.int32(bits ^ np.int32(np.int32(bits >> np.int32(31)) & MAGNITUDE))


@helper
def nudge_zero_point(low: Any, high: Any) -> Any:
    """Return the zero point, from the end of the range that gives the smaller error; ends are in steps."""
    nearer_low = 128.0 + abs(low) < 127.0 + abs(high)
    exact = -128.0 - low if nearer_low else 127.0 - high
    bounded = min(max(exact, -128.0), 127.0) if exact == exact else 0.0
    return np.int32(round_half_away(bounded))


@helper
def round_half_away(x: Any) -> Any:
    """Round a number that int32 holds, halves away from zero."""
    whole = np.int32(x)
    rest = x - whole  # exact, in float64
    return whole + np.int32(rest >= 0.5) - np.int32(rest <= -0.5)


@helper
def center(rounded: Any, zero_point: Any, code_min: Any) -> Any:
    """Make a code less the zero point."""
    return np.int16(min(max(np.int32(rounded + zero_point), code_min), np.int32(127)) - zero_point)


@helper
def code_of_any(scaled: Any, in_block: Any, zero_point: Any, code_min: Any, quirks: Any) -> Any:
    """Make a code less the zero point where infinities and NaN may be met; the blocks are those of the finite."""
    code = np.int32(0)
    if scaled - scaled == 0:
        half = np.float32(0.5) if scaled > 0 else np.float32(-0.5)
        rounded = np.int32(np.float32(scaled + half)) if in_block else np.int32(round_half_away(scaled))
        code = min(max(np.int32(rounded + zero_point), code_min), np.int32(127))
    elif quirks and in_block:  # converted to int32, where NaN is the least; adding the zero point may wrap
        high = zero_point <= 0 if scaled > 0 else zero_point < 0
        code = np.int32(127) if high else code_min
    elif quirks and code_min == -127:
        code = code_min
    elif scaled == scaled:
        code = np.int32(127) if scaled > 0 else code_min
    return np.int16(code - zero_point)


@helper
def finish_hybrid(p: Any, sums: Any, row: Any, channel: Any, position: Any, channels: Any) -> None:
    """Store a product's numbers."""
    finish_sums(p, narrow_to_int32(sums), row, channel, position, channels)


@helper
def finish_sums(p: Any, sums: Any, row: Any, channel: Any, position: Any, channels: Any) -> None:
    """Scale int32 sums, and store the first ``channels`` of 16 numbers."""
    scale = splat_float32(float32_view(p.scales, p.batches)[row // (p.output_height * p.output_width)])
    filter_scale = constant_float32(float32_view(p.filter_scale, channel + LANES), channel)
    real = float32_from_int32(sums)
    real = real * (filter_scale * scale) if p.scales_first else real * filter_scale * scale
    store_real(p, real, channel, position, channels)


@helper
def store_real(p: Any, real: Any, channel: Any, position: Any, channels: Any) -> None:
    """Add the bias, clamp, and store the first ``channels`` of 16 numbers."""
    real = real + constant_float32(float32_view(p.bias, channel + LANES), channel)
    store_clamped(p, real, position, channels)


@helper
def store_clamped(p: Any, real: Any, position: Any, channels: Any) -> None:
    """Clamp, and store the first ``channels`` of 16 numbers."""
    output = float32_view(p.output, position + channels)
    low = splat_float32(np.float32(float_field(p.activation_min)))
    # FULLY_CONNECTED takes the bound unless the number is above it: also for a NaN and for -0.
    real = at_least_float32(low, real) if p.bound_first else at_least_float32(real, low)
    real = at_most_float32(real, splat_float32(np.float32(float_field(p.activation_max))))
    if channels >= LANES:
        store_float32(output, position, real)
    else:
        store_first_float32(output, position, real, channels)
