"""The sums over a filter's taps: integer accumulators and float32 totals of convolution and depthwise convolution.

A tap outside the image is left out. Arrays are ready for multiplication: zero points are already subtracted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np

from ..padding import Window

Term: TypeAlias = Callable[[np.ndarray, np.ndarray], np.ndarray]


def _groups(groups: int, channels: int, filters: int) -> Iterator[tuple[slice, slice]]:
    """Yield for each group its input channels and its filters."""
    depth, width = channels // groups, filters // groups
    for group in range(groups):
        yield slice(group * depth, (group + 1) * depth), slice(group * width, (group + 1) * width)


def _zeros(window: Window, batch: int, channels: int, dtype: np.dtype) -> np.ndarray:
    return np.zeros((batch, window.output_height, window.output_width, channels), dtype)


def add_bias(sums: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    """Add a bias of one element per channel; 0 where it is left out (which turns a float32 -0 into 0)."""
    return sums + (sums.dtype.type(0) if bias is None else bias.reshape(-1))


def accumulate_conv_2d(window: Window, groups: int, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sum the products of an image (N, H, W, C) and a filter (O, FH, FW, C / groups), both of one integer type.

    Returns
    -------
    (N, OH, OW, O) of the same type, which wraps.
    """
    sums = _zeros(window, len(x), len(weights), x.dtype)
    for tap in window.taps():
        target, source = tap.of_output(sums), tap.of_input(x)
        for channels, filters in _groups(groups, x.shape[3], len(weights)):
            target[..., filters] += source[..., channels] @ weights[filters, tap.y, tap.x].T
    return sums


def accumulate_float_conv_2d(window: Window, groups: int, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sum the same products in float32, in the order row, column, channel of the filter.

    Product and sum round separately, and each sum is sequential: a matrix product would do neither.
    """
    total = _zeros(window, len(x), len(weights), x.dtype)
    for tap in window.taps():
        target, source = tap.of_output(total), tap.of_input(x)
        for channels, filters in _groups(groups, x.shape[3], len(weights)):
            columns = np.ascontiguousarray(weights[filters, tap.y, tap.x].T)
            for channel, column in enumerate(columns, channels.start):
                target[..., filters] += source[..., channel, None] * column
    return total


def accumulate_depthwise_conv_2d(window: Window, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sum the products of an image (N, H, W, C) and a filter (1, FH, FW, C * multiplier), in row-major order of taps.

    Integers wrap; float32 rounds product and sum separately.

    Returns
    -------
    (N, OH, OW, C * multiplier); output channel ``c * multiplier + m`` sees input channel ``c``.
    """
    channels = weights.shape[3]
    multiplier = channels // x.shape[3]
    x = np.repeat(x, multiplier, axis=3) if multiplier > 1 else x
    total = _zeros(window, len(x), channels, x.dtype)
    for tap in window.taps():
        target = tap.of_output(total)
        target += tap.of_input(x) * weights[0, tap.y, tap.x]
    return total


def scatter(window: Window, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sum the products of a transposed convolution: ``x`` (N, H, W, C) and ``weights`` (O, FH, FW, C), integers.

    ``window`` is that of the convolution which is transposed: its input is what is returned, its output is ``x``.

    Returns
    -------
    (N, window.input_height, window.input_width, O) of the same type, which wraps.
    """
    sums = np.zeros((len(x), window.input_height, window.input_width, len(weights)), x.dtype)
    for tap in window.taps():
        target = tap.of_input(sums)
        target += tap.of_output(x) @ weights[:, tap.y, tap.x].T
    return sums


def scatter_float(window: Window, x: np.ndarray, weights: np.ndarray, term: Term = np.multiply) -> np.ndarray:
    """Sum the same products in float32, for each output in the order row, column, channel of ``x``.

    ``term`` makes a term of the sums of a channel (N, H, W, 1) and a column of weights (O,).

    A later row of ``x`` reaches the same output through an earlier tap, hence the taps in reverse.
    """
    total = np.zeros((len(x), window.input_height, window.input_width, len(weights)), np.float32)
    for tap in reversed(list(window.taps())):
        target, source = tap.of_input(total), tap.of_output(x)
        for channel, column in enumerate(np.ascontiguousarray(weights[:, tap.y, tap.x].T)):
            target += term(source[..., channel, None], column)
    return total
