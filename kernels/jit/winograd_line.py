"""CONV_2D of 7 taps in a line (1x7 or 7x1) and stride 1 on 8-bit codes: 16 products where 28 would be.

Outputs are computed in *tiles* of four along the line, each from ten codes ``d``. Of the taps ``g``, six are taken
apart by whether their place is even: with ``G0 = g0 g2 g4``, ``G1 = g1 g3 g5`` and the codes ``D0 = d0 d2 d4 d6``,
``D1 = d1 d3 d5 d7``, ``D2 = d2 d4 d6 d8``, the outputs of even places are ``G0 D0 + G1 D1`` and those of odd places
``G0 D1 + G1 D2``. Three products suffice for those four (Karatsuba's)::

    P0 = G0 (D0 - D1)    P1 = (G0 + G1) D1    P2 = G1 (D2 - D1)    even: P0 + P1    odd: P1 + P2

and each of them is a convolution of three taps with two outputs, which Winograd's F(2, 3) computes by four products
where six would be (:mod:`.winograd` has its matrices). The seventh tap is multiplied as it is, for each output.

All of it is exact in integers: ``lower`` packed the filter twice as large, as F(2, 3) halves it. One element of the
first twelve, whose codes are a sum of two, holds the zero point twice; the last four hold it once.
"""

from __future__ import annotations

from typing import Any

from .addressing import fragment, helper, int16_view, int32_view, read_block, uint8_view
from .layouts import fields
from .requantize import finish_rows, load_requantization
from .vectors import LANES, constant_int32, load_int32, load_uint8, splat_int16, splat_int32
from .winograd import ELEMENTS, convolve_tiles, store_row

CONV_2D_WINOGRAD_LINE = fields("conv_2d_winograd_line")

OUTPUTS = 4
"""Outputs of a tile."""

CODES = 10
"""Codes that it is computed from."""


def conv_2d_winograd_line(block: Any) -> None:
    """Convolve: input (N, H, W, C), packed filter, output (N, OH, OW, O)."""
    p = read_block(block, CONV_2D_WINOGRAD_LINE)
    convolve_tiles(p, transform_tile, finish_panel)


@fragment
def transform_tile(p: Any, tile: Any, row: Any) -> None:
    """Write the transformed codes of a tile into a row of the panel."""
    line = tile // p.tile_columns
    batch = line // p.tile_rows
    top = (line - batch * p.tile_rows) * p.tile_height - p.padding_top
    left = (tile - line * p.tile_columns) * p.tile_width - p.padding_left
    pixel = p.input_channels if p.tile_height == 1 else p.input_width * p.input_channels
    start = ((batch * p.input_height + top) * p.input_width + left) * p.input_channels
    bottom = top + (CODES if p.tile_width == 1 else 1)
    right = left + (CODES if p.tile_height == 1 else 1)
    inside = top >= 0 and left >= 0 and bottom <= p.input_height and right <= p.input_width
    address = p.input + start
    if not inside or start + (CODES - 1) * pixel + p.depth > p.input_size:  # whole vectors are read
        fill_patch(p, batch, top, left)
        address = p.patch
        pixel = p.input_channels
    transform_codes(p, address, pixel, row)


@fragment
def fill_patch(p: Any, batch: Any, top: Any, left: Any) -> None:
    """Copy the codes of a tile that is not wholly inside the image, and write the zero point outside."""
    source = uint8_view(p.input, p.input_size)
    patch = uint8_view(p.patch, CODES * p.input_channels)
    code = p.input_zero_point ^ p.sign_flip
    for place in range(CODES):
        y = top + (place if p.tile_width == 1 else 0)
        x = left + (place if p.tile_height == 1 else 0)
        target = place * p.input_channels
        if 0 <= y < p.input_height and 0 <= x < p.input_width:
            start = ((batch * p.input_height + y) * p.input_width + x) * p.input_channels
            for channel in range(p.input_channels):
                patch[target + channel] = source[start + channel]
        else:
            for channel in range(p.input_channels):
                patch[target + channel] = code


@fragment
def transform_codes(p: Any, address: Any, pixel: Any, row: Any) -> None:
    """Write the 16 elements of the tile whose codes start at an address."""
    codes = uint8_view(address, (CODES - 1) * pixel + p.depth)
    panel = int16_view(p.panel, ELEMENTS * p.panel_step)
    flip, center = splat_int16(p.sign_flip), splat_int16(p.input_zero_point)
    zero = splat_int16(0)
    step = p.panel_step
    for c in range(0, p.depth, LANES):
        d0, d1 = load_two(codes, c, pixel, flip)
        d2, d3 = load_two(codes, c + 2 * pixel, pixel, flip)
        d4, d5 = load_two(codes, c + 4 * pixel, pixel, flip)
        d6, d7 = load_two(codes, c + 6 * pixel, pixel, flip)
        d8, d9 = load_two(codes, c + 8 * pixel, pixel, flip)
        at = row * p.depth + c
        store_three_taps(panel, at, step, d0 - d1, d2 - d3, d4 - d5, d6 - d7, zero)
        store_three_taps(panel, at + 4 * step, step, d1, d3, d5, d7, center + center)
        store_three_taps(panel, at + 8 * step, step, d2 - d1, d4 - d3, d6 - d5, d8 - d7, zero)
        store_row(panel, at + 12 * step, step, d6 - center, d7 - center, d8 - center, d9 - center)


@helper
def load_two(codes: Any, position: Any, pixel: Any, flip: Any) -> Any:
    """Return 16 channels of two neighbours."""
    return load_uint8(codes, position) ^ flip, load_uint8(codes, position + pixel) ^ flip


@helper
def store_three_taps(panel: Any, at: Any, step: Any, a: Any, b: Any, c: Any, d: Any, center: Any) -> None:
    """Store the four elements of F(2, 3); ``center`` is what two zero points add up to."""
    store_row(panel, at, step, a - c, b + c - center, c - b, b - d)


@fragment
def finish_panel(p: Any, block: Any, first: Any, rows: Any) -> None:
    """Add up the elements of a block of 16 channels, requantize and store them."""
    channel = block * LANES
    bias = constant_int32(int32_view(p.bias, channel + LANES), channel)
    constants = load_requantization(p, channel)
    channels = min(LANES, p.output_channels - channel)
    line = first // p.tile_columns
    tile = first - line * p.tile_columns
    step = p.output_step if p.tile_height == 1 else p.output_width * p.output_step
    for row in range(rows):
        batch = line // p.tile_rows
        y = (line - batch * p.tile_rows) * p.tile_height
        x = tile * p.tile_width
        output = ((batch * p.output_height + y) * p.output_width + x) * p.output_step + channel
        left = p.output_width - x if p.tile_height == 1 else p.output_height - y
        y0, y1, y2, y3 = transform_sums(p, row, bias)
        finish_rows(p, y0, y1, left, channel, constants, output, step, channels)
        if left > 2:
            finish_rows(p, y2, y3, left - 2, channel, constants, output + 2 * step, step, channels)
        tile += 1
        if tile == p.tile_columns:
            tile = 0
            line += 1


@helper
def transform_sums(p: Any, row: Any, bias: Any) -> Any:
    """Return the four accumulators of a tile: the sums of its elements over two, and the bias."""
    first0, first1 = sum_three_taps(p, row, 0)
    middle0, middle1 = sum_three_taps(p, row, 4)
    last0, last1 = sum_three_taps(p, row, 8)
    sums = int32_view(p.sums, p.panel_rows * ELEMENTS * LANES)
    s = (row * ELEMENTS + 12) * LANES
    one = splat_int32(1)
    return (
        ((first0 + middle0 + load_int32(sums, s)) >> one) + bias,
        ((middle0 + last0 + load_int32(sums, s + LANES)) >> one) + bias,
        ((first1 + middle1 + load_int32(sums, s + 2 * LANES)) >> one) + bias,
        ((middle1 + last1 + load_int32(sums, s + 3 * LANES)) >> one) + bias,
    )


@helper
def sum_three_taps(p: Any, row: Any, element: Any) -> Any:
    """Return the two outputs of F(2, 3), doubled, whose elements are these."""
    sums = int32_view(p.sums, p.panel_rows * ELEMENTS * LANES)
    s = (row * ELEMENTS + element) * LANES
    first = load_int32(sums, s)
    second = load_int32(sums, s + LANES)
    third = load_int32(sums, s + 2 * LANES)
    fourth = load_int32(sums, s + 3 * LANES)
    return first + second + third, second - third - fourth
