"""Where a sliding window stands: output size, padding, and which input each tap of the window meets.

One computation for convolutions and poolings alike. A tap outside the input is left out, not read as a zero:
:meth:`Window.taps` gives the part of the output for which a tap is inside, so that nothing is ever padded.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..schema import Padding
from ..schema.deferred import dataclass
from .operator import Node

_INT32_MAX = 2**31 - 1


@dataclass(frozen=True)
class Axis:
    """A window along one axis: output position ``o`` and tap ``f`` meet input ``o*stride - before + f*dilation``."""

    input_size: int
    filter_size: int
    stride: int
    dilation: int
    before: int
    after: int
    output_size: int

    def taps(self) -> range:
        """Return the taps that meet the input somewhere; a filter may be far larger than its image."""
        first = max(0, -(((self.output_size - 1) * self.stride - self.before) // self.dilation))
        last = min(self.filter_size - 1, (self.input_size - 1 + self.before) // self.dilation)
        return range(first, last + 1)

    def tap(self, position: int) -> tuple[slice, slice]:
        """Return where tap ``position`` is inside the input: a slice of the output and one of the input.

        Both have the same length, which may be 0.
        """
        offset = position * self.dilation - self.before
        first = max(0, -(offset // self.stride))  # the least o with o*stride + offset >= 0
        last = min(self.output_size - 1, (self.input_size - 1 - offset) // self.stride)
        count = last - first + 1
        if count <= 0:
            return slice(0, 0), slice(0, 0)
        start = first * self.stride + offset
        return slice(first, last + 1), slice(start, start + (count - 1) * self.stride + 1, self.stride)


@dataclass(frozen=True)
class Tap:
    """One element of the filter and the output and input elements it joins, as slices (height, width)."""

    y: int
    x: int
    output: tuple[slice, slice]
    input: tuple[slice, slice]

    def of_output(self, array: np.ndarray) -> np.ndarray:
        """Return the view of an output (N, OH, OW, ...) that this tap contributes to."""
        return array[:, self.output[0], self.output[1]]

    def of_input(self, array: np.ndarray) -> np.ndarray:
        """Return the view of an input (N, H, W, ...) that this tap reads."""
        return array[:, self.input[0], self.input[1]]


@dataclass(frozen=True)
class Window:
    """The window of a convolution or pooling over an image: sizes, strides, dilations, and the padding that follows.

    Parameters
    ----------
    input_height, input_width : size of the image.
    filter_height, filter_width : size of the window in taps.
    stride_height, stride_width : step between output positions.
    dilation_height, dilation_width : step between taps.
    padding_top, padding_bottom, padding_left, padding_right : rows and columns that the window overhangs.
    output_height, output_width : number of positions.
    """

    input_height: int
    input_width: int
    filter_height: int
    filter_width: int
    stride_height: int
    stride_width: int
    dilation_height: int
    dilation_width: int
    padding_top: int
    padding_bottom: int
    padding_left: int
    padding_right: int
    output_height: int
    output_width: int

    @property
    def vertical(self) -> Axis:
        """The window along the height."""
        return Axis(
            self.input_height,
            self.filter_height,
            self.stride_height,
            self.dilation_height,
            self.padding_top,
            self.padding_bottom,
            self.output_height,
        )

    @property
    def horizontal(self) -> Axis:
        """The window along the width."""
        return Axis(
            self.input_width,
            self.filter_width,
            self.stride_width,
            self.dilation_width,
            self.padding_left,
            self.padding_right,
            self.output_width,
        )

    @classmethod
    def of(cls, vertical: Axis, horizontal: Axis) -> Window:
        """Join the two axes."""
        return cls(
            input_height=vertical.input_size,
            input_width=horizontal.input_size,
            filter_height=vertical.filter_size,
            filter_width=horizontal.filter_size,
            stride_height=vertical.stride,
            stride_width=horizontal.stride,
            dilation_height=vertical.dilation,
            dilation_width=horizontal.dilation,
            padding_top=vertical.before,
            padding_bottom=vertical.after,
            padding_left=horizontal.before,
            padding_right=horizontal.after,
            output_height=vertical.output_size,
            output_width=horizontal.output_size,
        )

    def taps(self) -> Iterator[Tap]:
        """Yield the taps that meet the input at least once, row by row, as the reference loops over them."""
        columns = [(x, *self.horizontal.tap(x)) for x in self.horizontal.taps()]
        for y in self.vertical.taps():
            rows_out, rows_in = self.vertical.tap(y)
            for x, columns_out, columns_in in columns:
                if rows_out.stop > rows_out.start and columns_out.stop > columns_out.start:
                    yield Tap(y, x, (rows_out, columns_out), (rows_in, columns_in))


def compute_axis(padding: Padding, input_size: int, filter_size: int, stride: int, dilation: int = 1) -> Axis:
    """Return output size and padding along one axis; all arguments positive.

    Notes
    -----
    Source: ``ComputeOutSize`` and ``ComputePaddingWithOffset`` in ``kernels/padding.h``. Of an odd number of
    padding elements the larger half comes after. ``output_size`` is 0 or less where the window does not fit.
    """
    effective_size = (filter_size - 1) * dilation + 1
    span = input_size if padding is Padding.SAME else input_size - effective_size + 1
    output_size = -(-span // stride)
    total = max(0, (output_size - 1) * stride + effective_size - input_size)
    return Axis(input_size, filter_size, stride, dilation, total // 2, total - total // 2, output_size)


def compute_window(
    node: Node,
    padding: Padding,
    image: tuple[int, int],
    filter_size: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int] = (1, 1),
) -> Window:
    """Return the window of an operator; every pair is (height, width).

    Raises
    ------
    ModelError
        Where a size, a stride or a dilation is not positive, or the window does not fit into the image.
    """
    node.require(min(image) > 0 and min(filter_size) > 0, "an image and a filter that are not empty")
    node.require(min(stride) > 0, f"positive strides, not {stride}")
    node.require(min(dilation) > 0, f"positive dilations, not {dilation}")
    spans = [(size - 1) * step + 1 for size, step in zip(filter_size, dilation, strict=True)]
    node.require(max(spans) <= _INT32_MAX and max(stride) <= _INT32_MAX, "a filter and strides within 32 bits")
    node.require(padding in (Padding.SAME, Padding.VALID), f"padding SAME or VALID, not {padding}")
    vertical, horizontal = (
        compute_axis(padding, *sizes) for sizes in zip(image, filter_size, stride, dilation, strict=True)
    )
    window = Window.of(vertical, horizontal)
    node.require(
        min(window.output_height, window.output_width) > 0,
        f"an image of at least {spans[0]}x{spans[1]}, the filter's size",
    )
    return window
