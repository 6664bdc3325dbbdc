"""DEPTHWISE_CONV_2D on 8-bit codes.

For each row of the output, the rows of the image that it meets are gathered as *lines*: centered int16, padded left
and right with zeros, two rows interleaved (``[pairs][line_width][line_channels][2]``), with the channels repeated
``depth_multiplier`` times. Then every output is the same sum of products of pairs, and no border is left. The
filter was packed to match, int16 ``[pairs][FW][line_channels][2]``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .addressing import helper, int16_view, int32_view, read_block, uint8_view
from .codes import center, load_centered
from .layouts import fields
from .requantize import requantize, store_codes
from .vectors import LANES, dot_pairs, interleave, load_int32, load_pairs, splat_int16, store_pairs

DEPTHWISE_CONV_2D = fields("depthwise_conv_2d")


def depthwise_conv_2d(block: Any) -> None:
    """Convolve each channel: input (N, H, W, C), packed filter, output (N, OH, OW, C * depth_multiplier)."""
    p = read_block(block, DEPTHWISE_CONV_2D)
    for batch in range(p.batches):
        for y in range(p.output_height):
            for pair in range((p.filter_height + 1) // 2):
                fill_line(p, batch, y, pair)
            output = (batch * p.output_height + y) * p.output_width * p.output_channels
            for channel in range(0, p.output_channels, LANES):
                if p.filter_width == 3 and (p.filter_height == 3 or p.filter_height == 4):
                    convolve_line_3x4(p, channel, output + channel)
                else:
                    convolve_line(p, channel, output + channel)


@helper
def convolve_line(p: Any, channel: Any, output: Any) -> None:
    """Compute one row of the output for 16 channels."""
    size = 2 * p.line_channels * p.line_width * ((p.filter_height + 1) // 2)
    lines = int16_view(p.lines, size)
    packed = int16_view(p.filter, 2 * p.line_channels * p.filter_width * ((p.filter_height + 1) // 2))
    bias = load_int32(int32_view(p.bias, p.line_channels), channel)
    channels = min(LANES, p.output_channels - channel)
    step = 2 * p.line_channels
    for x in range(p.output_width):
        total = bias
        for pair in range((p.filter_height + 1) // 2):
            line = (pair * p.line_width + x * p.stride_width) * step + 2 * channel
            weights = pair * p.filter_width * step + 2 * channel
            for tap in range(p.filter_width):
                total = dot_pairs(
                    total,
                    load_pairs(lines, line + tap * p.dilation_width * step),
                    load_pairs(packed, weights + tap * step),
                )
        store_codes(p, requantize(p, total, channel), output + x * p.output_channels, channels, p.spill)


@helper
def convolve_line_3x4(p: Any, channel: Any, output: Any) -> None:
    """Compute the same for filters 3 wide and 3 or 4 high, whose weights stay in registers."""
    lines = int16_view(p.lines, 4 * p.line_channels * p.line_width)
    packed = int16_view(p.filter, 12 * p.line_channels)
    bias = load_int32(int32_view(p.bias, p.line_channels), channel)
    channels = min(LANES, p.output_channels - channel)
    step = 2 * p.line_channels
    w00 = load_pairs(packed, 2 * channel)
    w01 = load_pairs(packed, 2 * channel + step)
    w02 = load_pairs(packed, 2 * channel + 2 * step)
    w10 = load_pairs(packed, 2 * channel + 3 * step)
    w11 = load_pairs(packed, 2 * channel + 4 * step)
    w12 = load_pairs(packed, 2 * channel + 5 * step)
    tap = p.dilation_width * step
    for x in range(p.output_width):
        upper = x * p.stride_width * step + 2 * channel
        lower = upper + p.line_width * step
        first = dot_pairs(bias, load_pairs(lines, upper), w00)
        first = dot_pairs(first, load_pairs(lines, upper + tap), w01)
        first = dot_pairs(first, load_pairs(lines, upper + 2 * tap), w02)
        first = dot_pairs(first, load_pairs(lines, lower), w10)
        first = dot_pairs(first, load_pairs(lines, lower + tap), w11)
        first = dot_pairs(first, load_pairs(lines, lower + 2 * tap), w12)
        store_codes(p, requantize(p, first, channel), output + x * p.output_channels, channels, p.spill)


@helper
def fill_line(p: Any, batch: Any, y: Any, pair: Any) -> None:
    """Gather the rows of the image that rows ``2 * pair`` and ``2 * pair + 1`` of the filter meet."""
    first = y * p.stride_height - p.padding_top + 2 * pair * p.dilation_height
    second = first + p.dilation_height
    has_first = 0 <= first < p.input_height
    has_second = 0 <= second < p.input_height and 2 * pair + 1 < p.filter_height
    row = p.input_width * p.input_channels
    for column in range(p.line_width):
        x = column - p.padding_left
        target = (pair * p.line_width + column) * p.line_channels
        inside = 0 <= x < p.input_width
        start = batch * p.input_height * row + x * p.input_channels
        fill_column(p, start + first * row, start + second * row, target, has_first and inside, has_second and inside)


@helper
def fill_column(p: Any, first: Any, second: Any, target: Any, has_first: Any, has_second: Any) -> None:
    """Interleave the channels of two pixels; zeros stand for a pixel that is not there."""
    size = p.batches * p.input_height * p.input_width * p.input_channels
    source = uint8_view(p.input, size)
    lines = int16_view(p.lines, 2 * (target + p.line_channels))
    if p.depth_multiplier == 1 and max(first, second) + p.line_channels <= size:
        for channel in range(0, p.line_channels, LANES):
            upper = lower = splat_int16(0)
            if has_first:
                upper = load_centered(p, source, first + channel)
            if has_second:
                lower = load_centered(p, source, second + channel)
            store_pairs(lines, 2 * (target + channel), interleave(upper, lower))
    else:
        for channel in range(p.output_channels):
            offset = channel // p.depth_multiplier
            upper_code = center(p, source[first + offset]) if has_first else 0
            lower_code = center(p, source[second + offset]) if has_second else 0
            lines[2 * (target + channel)] = np.int16(upper_code)
            lines[2 * (target + channel) + 1] = np.int16(lower_code)
