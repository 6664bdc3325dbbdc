"""DEPTHWISE_CONV_2D on codes with a depth multiplier of 1; others are lowered to grouped convolutions.

A *line* is two rows of the image, ``dilation_height`` apart, interleaved: int16, those of 8 bits centered, padded
left and right with zeros (``[line_width][channels][2]``, and room for a vector behind). With the filter packed to
match, int16 ``[pairs][FW][channels, whole vectors][2]``, every output is the same sum of products of pairs, and no
border is left. Lines are kept in a ring, since the line that meets the lower rows of the filter now meets its upper
rows later.

An image of one column is one line: of all its pixels, each with the one ``dilation_height`` below (so a row, at
``row_width`` pixels from the last, is one pixel further); two taps of the filter are then a pair.
"""

from __future__ import annotations

from typing import Any

from .addressing import fragment, helper, int16_view, int32_view, int64_view, read_block, uint8_view
from .codes import load_centered, load_whole_centered, zero_run
from .int16_convolution import finish_codes, finish_small, load_codes
from .layouts import fields
from .requantize import finish_row, finish_two_rows, load_requantization
from .vectors import (
    LANES,
    constant_int32,
    constant_pairs,
    dot_pairs,
    interleave,
    load_int16,
    load_int32,
    load_pairs,
    splat_int16,
    splat_int32,
    store_int32,
    store_pairs,
    widen,
)

DEPTHWISE_CONV_2D = fields("depthwise_conv_2d")
DEPTHWISE_CONV_2D_INT16 = fields("depthwise_conv_2d_int16")


def depthwise_conv_2d(block: Any) -> None:
    """Convolve each channel: input (N, H, W, C), packed filter, output (N, OH, OW, C)."""
    p = read_block(block, DEPTHWISE_CONV_2D)
    convolve_images(p, uint8_view(p.input, p.input_size), load_centered, load_whole_centered, start_from_bias, finish8)


def depthwise_conv_2d_int16(block: Any) -> None:
    """Convolve each channel of int16 codes."""
    p = read_block(block, DEPTHWISE_CONV_2D_INT16)
    convolve_images(p, int16_view(p.input, p.input_size), load_codes, load_whole_codes, start_from_zero, finish16)


@helper
def load_whole_codes(p: Any, source: Any, position: Any) -> Any:
    """Load 16 codes of int16, where all lie in the source."""
    return load_int16(source, position)


@helper
def start_from_bias(p: Any, channel: Any) -> Any:
    """Return where the sums of 16 channels start."""
    return constant_int32(int32_view(p.bias, channel + LANES), channel)


@helper
def start_from_zero(p: Any, channel: Any) -> Any:
    """Return where the sums start of codes whose bias is added in int64."""
    return splat_int32(0)


@helper
def finish8(p: Any, sums: Any, channel: Any, output: Any, channels: Any) -> None:
    """Store codes of 8 bits."""
    constants = load_requantization(p, channel)
    x = 0
    while x + 1 < p.output_width:
        first, second = load_int32(sums, x * LANES), load_int32(sums, (x + 1) * LANES)
        finish_two_rows(p, first, second, channel, constants, output + x * p.channels, p.channels, channels)
        x += 2
    if x < p.output_width:
        finish_row(p, load_int32(sums, x * LANES), channel, constants, output + x * p.channels, channels)


@helper
def finish16(p: Any, sums: Any, channel: Any, output: Any, channels: Any) -> None:
    """Store codes of 16 bits."""
    for x in range(p.output_width):
        total, position = load_int32(sums, x * LANES), output + x * p.channels
        if p.exact_in_float64:
            finish_small(p, total, channel, position, channels)
        else:
            finish_codes(p, widen(total), channel, position, channels)


@fragment
def convolve_images(p: Any, source: Any, load: Any, load_whole: Any, begin: Any, finish: Any) -> None:
    """Convolve, line by line.

    ``load`` reads 16 codes, ``load_whole`` such as all lie in the source; ``begin`` gives where sums start; ``finish``
    stores a row of sums of 16 channels, for which there are then registers enough, as before for the weights.
    """
    kept = int64_view(p.kept, p.ring)
    sums = int32_view(p.sums, p.output_width * LANES)
    for batch in range(p.batches):
        for slot in range(p.ring):
            kept[slot] = -1
        for y in range(p.output_height * p.part // p.parts, p.output_height * (p.part + 1) // p.parts):
            for pair in range(p.pairs):
                row = y * p.stride_height + 2 * pair * p.dilation_height
                slot = row % p.ring
                if kept[slot] != row:
                    kept[slot] = row
                    fill_line(p, source, batch, row - p.padding_top, slot, load, load_whole)
            output = (batch * p.output_height + y) * p.output_width * p.channels
            for channel in range(0, p.channels, LANES):
                if p.pairs == 2 and p.filter_width == 3:
                    sum_row_3x3(p, y, channel, begin(p, channel), sums)
                else:
                    sum_row(p, y, channel, begin(p, channel), sums)
                finish(p, sums, channel, output + channel, min(LANES, p.channels - channel))


@helper
def line_start(p: Any, y: Any, pair: Any, channel: Any) -> Any:
    """Return where the line lies that meets rows ``2 * pair`` and ``2 * pair + 1`` of the filter."""
    slot = (y * p.stride_height + 2 * pair * p.dilation_height) % p.ring
    return slot * p.line_size + 2 * channel


@fragment
def sum_row(p: Any, y: Any, channel: Any, bias: Any, sums: Any) -> None:
    """Compute the sums of one row of the output for 16 channels, two at a time, for weights come from memory."""
    lines = int16_view(p.lines, p.ring * p.line_size)
    packed = int16_view(p.filter, p.pairs * p.filter_width * p.filter_step)
    tap_step, step = 2 * p.dilation_width * p.channels, 2 * p.stride_width * p.channels
    for x in range(0, p.output_width, 2):
        first = second = bias
        beside = step if x + 1 < p.output_width else 0  # the last of an odd number is computed twice
        for pair in range(p.pairs):
            line = line_start(p, y, pair, channel) + x * step
            weights = pair * p.filter_width * p.filter_step + 2 * channel
            for _tap in range(p.filter_width):
                factors = constant_pairs(packed, weights)
                first = dot_pairs(first, load_pairs(lines, line), factors)
                second = dot_pairs(second, load_pairs(lines, line + beside), factors)
                line += tap_step
                weights += p.filter_step
        store_int32(sums, x * LANES, first)
        if beside != 0:
            store_int32(sums, (x + 1) * LANES, second)


@fragment
def sum_row_3x3(p: Any, y: Any, channel: Any, bias: Any, sums: Any) -> None:
    """Compute the same for filters 3 wide and 3 or 4 high, whose weights stay in registers."""
    lines = int16_view(p.lines, p.ring * p.line_size)
    packed = int16_view(p.filter, 6 * p.filter_step)
    weights = 2 * channel
    w00 = constant_pairs(packed, weights)
    w01 = constant_pairs(packed, weights + p.filter_step)
    w02 = constant_pairs(packed, weights + 2 * p.filter_step)
    w10 = constant_pairs(packed, weights + 3 * p.filter_step)
    w11 = constant_pairs(packed, weights + 4 * p.filter_step)
    w12 = constant_pairs(packed, weights + 5 * p.filter_step)
    upper = line_start(p, y, 0, channel)
    lower = line_start(p, y, 1, channel)
    tap = 2 * p.dilation_width * p.channels
    for x in range(p.output_width):
        total = dot_pairs(bias, load_pairs(lines, upper), w00)
        total = dot_pairs(total, load_pairs(lines, upper + tap), w01)
        total = dot_pairs(total, load_pairs(lines, upper + 2 * tap), w02)
        total = dot_pairs(total, load_pairs(lines, lower), w10)
        total = dot_pairs(total, load_pairs(lines, lower + tap), w11)
        store_int32(sums, x * LANES, dot_pairs(total, load_pairs(lines, lower + 2 * tap), w12))
        upper += 2 * p.stride_width * p.channels
        lower += 2 * p.stride_width * p.channels


@fragment
def fill_line(p: Any, source: Any, batch: Any, first: Any, slot: Any, load: Any, load_whole: Any) -> None:
    """Interleave rows ``first`` and ``first + dilation_height`` of the image; zeros stand where there is none."""
    second = first + p.dilation_height
    has_first = 0 <= first < p.input_height
    has_second = 0 <= second < p.input_height
    inside = max(0, min(p.input_width, p.line_width - p.padding_left))
    before = min(p.padding_left, p.line_width)
    lines = int16_view(p.lines, (slot + 1) * p.line_size)
    target = slot * p.line_size
    zero_run(p, lines, target, 2 * before * p.channels)
    target += 2 * before * p.channels
    row = p.row_width * p.channels
    start = batch * p.input_height * row
    upper = start + first * row if has_first else -1
    lower = start + second * row if has_second else -1
    interleave_rows(p, source, upper, lower, target, inside * p.channels, load, load_whole)
    target += 2 * inside * p.channels
    zero_run(p, lines, target, 2 * (p.line_width - before - inside) * p.channels)


@fragment
def interleave_rows(
    p: Any, source: Any, first: Any, second: Any, target: Any, count: Any, load: Any, load_whole: Any
) -> None:
    """Interleave two runs of codes, each of which may be missing (-1). May write up to 15 pairs beyond them."""
    lines = int16_view(p.lines, target + 2 * count + 2 * LANES)
    whole = 0
    if first >= 0 and second >= 0:
        whole = max(min(count, p.input_size - max(first, second)), 0) // LANES * LANES
    for done in range(0, whole, LANES):
        pairs = interleave(load_whole(p, source, first + done), load_whole(p, source, second + done))
        store_pairs(lines, target + 2 * done, pairs)
    for done in range(whole, count, LANES):
        upper = lower = splat_int16(0)
        if first >= 0:
            upper = load(p, source, first + done)
        if second >= 0:
            lower = load(p, source, second + done)
        store_pairs(lines, target + 2 * done, interleave(upper, lower))
