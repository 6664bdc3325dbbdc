"""Panels: the receptive fields of some output positions of a convolution, as rows of a matrix.

A row holds the filter's taps in the order row, column, channel, with zeros for the taps outside the image. What an
element is, is the caller's: ``copy(p, source, start, panel, position, count)`` moves a run of the source into
the panel and ``clear(p, panel, position, count)`` writes what stands for zero. Both may write a vector's rest
beyond the run, as what lies behind it is written later.

For TRANSPOSE_CONV (``transposed``) a row holds the inputs that reach a place of the output, tap by tap from the last to
the first, with zeros for the taps where no input falls: so inputs come in the order row, column, channel of the input,
which is the order in which the reference adds up floats.
"""

from __future__ import annotations

from typing import Any

from .addressing import fragment, helper


@helper
def panels_of_part(p: Any, panels: Any) -> Any:
    """Return the first panel and the end of those that this part of the work has: all, where they are too few."""
    if panels < 2 * p.parts:
        return 0, panels
    return panels * p.part // p.parts, panels * (p.part + 1) // p.parts


@helper
def blocks_of_part(p: Any, panels: Any, blocks: Any) -> Any:
    """Return the first block of channels and the end of those that this part has, where panels are too few."""
    if panels < 2 * p.parts:
        return blocks * p.part // p.parts, blocks * (p.part + 1) // p.parts
    return 0, blocks


@fragment
def fill_panel(p: Any, group: Any, first: Any, rows: Any, source: Any, panel: Any, copy: Any, clear: Any) -> None:
    """Gather what makes output positions ``first`` to ``first + rows - 1``."""
    if p.transposed:
        gather_rows(p, first, rows, source, panel, copy, clear)
        return
    if p.contiguous:  # 1x1 without stride: the image is the matrix
        copy(p, source, first * p.depth, panel, 0, rows * p.depth)
        return
    positions = p.output_height * p.output_width
    batch = first // positions
    y = (first - batch * positions) // p.output_width
    x = first - batch * positions - y * p.output_width
    row = 0
    while row < rows:
        count = min(whole_fields(p, y, x), rows - row)
        if count > 0:
            copy_fields(p, batch, y, x, count, row * p.depth, source, panel, copy)
        else:
            count = 1
            fill_row(p, group, batch, y, x, row * p.depth, source, panel, copy, clear)
        row += count
        x += count
        if x == p.output_width:
            x = 0
            y += 1
        if y == p.output_height:
            y = 0
            batch += 1


@helper
def whole_fields(p: Any, y: Any, x: Any) -> Any:
    """Return how many positions from ``x`` on have their field in the image, in runs of a row; 0 where it is not so."""
    top, left = y * p.stride_height - p.padding_top, x * p.stride_width - p.padding_left
    below = top + (p.filter_height - 1) * p.dilation_height
    if p.dilation_width > 1 or p.groups > 1 or top < 0 or below >= p.input_height or left < 0:
        return 0
    beyond = p.input_width - p.filter_width - left
    return min(beyond // p.stride_width + 1, p.output_width - x) if beyond >= 0 else 0


@fragment
def copy_fields(
    p: Any, batch: Any, y: Any, x: Any, count: Any, position: Any, source: Any, panel: Any, copy: Any
) -> None:
    """Gather ``count`` receptive fields side by side that are whole."""
    run, line = p.filter_width * p.input_channels, p.dilation_height * p.input_width * p.input_channels
    top, left = y * p.stride_height - p.padding_top, x * p.stride_width - p.padding_left
    start = ((batch * p.input_height + top) * p.input_width + left) * p.input_channels
    for _field in range(count):
        to, at = position, start
        for _filter_y in range(p.filter_height):
            copy(p, source, at, panel, to, run)
            at += line
            to += run
        position += p.depth
        start += p.stride_width * p.input_channels


@fragment
def fill_row(
    p: Any, group: Any, batch: Any, y: Any, x: Any, position: Any, source: Any, panel: Any, copy: Any, clear: Any
) -> None:
    """Gather one receptive field into the panel at ``position``."""
    depth = p.input_channels // p.groups
    left = x * p.stride_width - p.padding_left
    run = p.filter_width * depth
    beside = p.dilation_width == 1 and p.groups == 1  # the taps of a row lie side by side
    before = min(max(-left, 0), p.filter_width)
    inside = max(min(p.input_width - left, p.filter_width) - before, 0)
    for filter_y in range(p.filter_height):
        input_y = y * p.stride_height - p.padding_top + filter_y * p.dilation_height
        line = (batch * p.input_height + input_y) * p.input_width + left
        if input_y < 0 or input_y >= p.input_height:
            clear(p, panel, position, run)
        elif beside and inside == p.filter_width:
            copy(p, source, line * depth, panel, position, run)
        elif beside:
            clear(p, panel, position, before * depth)
            start = position + before * depth
            copy(p, source, (line + before) * depth, panel, start, inside * depth)
            clear(p, panel, start + inside * depth, (p.filter_width - before - inside) * depth)
        else:
            for filter_x in range(p.filter_width):
                offset = filter_x * p.dilation_width
                target = position + filter_x * depth
                if left + offset < 0 or left + offset >= p.input_width:
                    clear(p, panel, target, depth)
                else:
                    copy(p, source, (line + offset) * p.input_channels + group * depth, panel, target, depth)
        position += run


@fragment
def gather_rows(p: Any, first: Any, rows: Any, source: Any, panel: Any, copy: Any, clear: Any) -> None:
    """Gather the inputs that reach some output positions."""
    for row in range(rows):
        position = row * p.depth
        place = first + row
        batch = place // (p.output_height * p.output_width)
        y = place // p.output_width % p.output_height + p.padding_top
        x = place % p.output_width + p.padding_left
        for filter_y in range(p.filter_height - 1, -1, -1):
            above = y - filter_y * p.dilation_height
            source_y = above // p.stride_height
            in_column = source_y * p.stride_height == above and 0 <= source_y < p.input_height
            for filter_x in range(p.filter_width - 1, -1, -1):
                before = x - filter_x * p.dilation_width
                source_x = before // p.stride_width
                if in_column and source_x * p.stride_width == before and 0 <= source_x < p.input_width:
                    pixel = (batch * p.input_height + source_y) * p.input_width + source_x
                    copy(p, source, pixel * p.input_channels, panel, position, p.input_channels)
                else:
                    clear(p, panel, position, p.input_channels)
                position += p.input_channels
