"""DEPTHWISE_CONV_2D on 8-bit codes by sums of quads: ``depthwise_conv_2d`` of :mod:`.depthwise` otherwise.

A *line* is four rows of the image, ``dilation_height`` apart, interleaved: ``[line_width][channels][4]``, uint8 (codes
of int8 with the top bit flipped), with the zero point to the left and right and where there is no row. What zero points
add to the sums is in the bias, as in :mod:`.quad_convolution`. The filter is packed to match, int8
``[variants][quads][FW][channels, whole vectors][4]``. With two variants, a line serves an output row by the filter's
first rows and the next output row by rows one further down: variant 1 begins with a row of zeros.
"""

from __future__ import annotations

from typing import Any

from .addressing import fragment, helper, int8_view, int32_view, int64_view, read_block, uint8_view
from .layouts import fields
from .quads import (
    BYTES,
    QUAD,
    constant_quads,
    dot_quads,
    interleave_codes,
    load_codes,
    load_quads,
    narrow_to_codes,
    splat_byte,
    splat_code,
    store_bytes,
    store_quads,
)
from .requantize import finish_row, load_requantization
from .vectors import LANES, constant_int32, load_first_uint8

DEPTHWISE_CONV_2D_QUADS = fields("depthwise_conv_2d_quads")


def depthwise_conv_2d_quads(block: Any) -> None:
    """Convolve each channel: input (N, H, W, C), packed filter, output (N, OH, OW, C)."""
    p = read_block(block, DEPTHWISE_CONV_2D_QUADS)
    source, kept = uint8_view(p.input, p.input_size), int64_view(p.kept, p.ring)
    for batch in range(p.batches):
        for slot in range(p.ring):
            kept[slot] = -1
        for y in range(p.output_height * p.part // p.parts, p.output_height * (p.part + 1) // p.parts):
            variant = y % p.variants
            for quad in range(p.quads):
                row = first_row(p, y, quad)
                if kept[row % p.ring] != row:
                    kept[row % p.ring] = row
                    fill_line(p, source, batch, row - p.padding_top, row % p.ring)
            output = (batch * p.output_height + y) * p.output_width * p.channels
            for channel in range(0, p.channels, LANES):
                if p.quads == 1 and p.filter_width == 3:
                    convolve_row_by_3(p, y, variant, channel, output + channel)
                else:
                    convolve_row(p, y, variant, channel, output + channel)


@helper
def first_row(p: Any, y: Any, quad: Any) -> Any:
    """Return the first row, from the padding's on, of the line that meets a quad of the filter's rows."""
    return (y - y % p.variants) * p.stride_height + QUAD * quad * p.dilation_height


@fragment
def convolve_row(p: Any, y: Any, variant: Any, channel: Any, output: Any) -> None:
    """Compute one row of the output for 16 channels."""
    lines = int8_view(p.lines, p.ring * p.line_size)
    packed = int8_view(p.filter, p.variants * p.quads * p.filter_width * p.filter_step)
    bias = constant_int32(int32_view(p.bias, channel + LANES), channel)
    constants = load_requantization(p, channel)
    channels = min(LANES, p.channels - channel)
    for x in range(p.output_width):
        total = bias
        for quad in range(p.quads):
            line = (first_row(p, y, quad) % p.ring) * p.line_size + QUAD * (channel + x * p.stride_width * p.channels)
            weights = (variant * p.quads + quad) * p.filter_width * p.filter_step + QUAD * channel
            for tap in range(p.filter_width):
                codes = load_quads(lines, line + QUAD * tap * p.dilation_width * p.channels)
                total = dot_quads(total, codes, constant_quads(packed, weights + tap * p.filter_step))
        finish_row(p, total, channel, constants, output + x * p.channels, channels)


@fragment
def convolve_row_by_3(p: Any, y: Any, variant: Any, channel: Any, output: Any) -> None:
    """Compute the same for filters 3 wide and up to 4 high, whose weights stay in registers."""
    lines = int8_view(p.lines, p.ring * p.line_size)
    packed = int8_view(p.filter, p.variants * 3 * p.filter_step)
    bias = constant_int32(int32_view(p.bias, channel + LANES), channel)
    constants = load_requantization(p, channel)
    channels = min(LANES, p.channels - channel)
    weights = variant * 3 * p.filter_step + QUAD * channel
    w0 = constant_quads(packed, weights)
    w1 = constant_quads(packed, weights + p.filter_step)
    w2 = constant_quads(packed, weights + 2 * p.filter_step)
    line = (first_row(p, y, 0) % p.ring) * p.line_size + QUAD * channel
    tap = QUAD * p.dilation_width * p.channels
    for _x in range(p.output_width):
        total = dot_quads(bias, load_quads(lines, line), w0)
        total = dot_quads(total, load_quads(lines, line + tap), w1)
        total = dot_quads(total, load_quads(lines, line + 2 * tap), w2)
        finish_row(p, total, channel, constants, output, channels)
        output += p.channels
        line += QUAD * p.stride_width * p.channels


@fragment
def fill_line(p: Any, source: Any, batch: Any, first: Any, slot: Any) -> None:
    """Interleave rows ``first``, ``first + dilation_height``... of the image, with the zero point around them."""
    lines = int8_view(p.lines, (slot + 1) * p.line_size)
    inside = max(0, min(p.input_width, p.line_width - p.padding_left))
    before = min(p.padding_left, p.line_width)
    target = slot * p.line_size
    clear_codes(p, target, QUAD * before * p.channels)
    target += QUAD * before * p.channels
    step = p.dilation_height
    for done in range(0, inside * p.channels, LANES):
        quads = interleave_codes(
            load_row(p, source, batch, first, done),
            load_row(p, source, batch, first + step, done),
            load_row(p, source, batch, first + 2 * step, done),
            load_row(p, source, batch, first + 3 * step, done),
        )
        store_quads(lines, target + QUAD * done, quads)
    target += QUAD * inside * p.channels
    clear_codes(p, target, QUAD * (p.line_width - before - inside) * p.channels)


@helper
def load_row(p: Any, source: Any, batch: Any, row: Any, position: Any) -> Any:
    """Load 16 codes of a row of the image as uint8, or zero points where there is none."""
    codes = splat_code(p.input_zero_point)
    if 0 <= row < p.input_height:
        start = (batch * p.input_height + row) * p.input_width * p.channels + position
        if start + LANES <= p.input_size:
            codes = load_codes(source, start) ^ splat_code(p.sign_flip)
        else:
            codes = narrow_to_codes(load_first_uint8(source, start, p.input_size - start)) ^ splat_code(p.sign_flip)
    return codes


@helper
def clear_codes(p: Any, position: Any, count: Any) -> None:
    """Write zero points. May write up to 63 bytes beyond."""
    lines = uint8_view(p.lines, p.ring * p.line_size)
    for done in range(0, count, BYTES):
        store_bytes(lines, position + done, splat_byte(p.input_zero_point))
