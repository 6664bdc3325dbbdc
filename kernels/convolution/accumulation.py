"""Narrower accumulators: the sums of products as hardware of fewer bits forms them.

An accumulator that wraps holds the sum modulo ``2**bits``, whatever the order. One that saturates does so after every
addition, so that the order decides. It is that of the reference's loops, the bias last:

- CONV_2D: filter row, filter column, input channel (``ConvPerChannel`` in
  ``kernels/internal/reference/integer_ops/conv.h``);
- DEPTHWISE_CONV_2D: filter row, filter column (``DepthwiseConvPerChannel`` in ``integer_ops/depthwise_conv.h``);
- TRANSPOSE_CONV: input row, input column, input channel (``TransposeConv`` in ``integer_ops/transpose_conv.h``);
- FULLY_CONNECTED and BATCH_MATMUL: the depth (``FullyConnected`` in ``integer_ops/fully_connected.h``, ``BatchMatMul``
  in ``reference/batch_matmul.h``).

Zero points are taken off before the products are formed, and what is padding is not added, as there. An accumulator
that is as wide as the operator's own, or wider, changes nothing, but that one of the same width may saturate.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import EllipsisType
from typing import TypeAlias

import numpy as np

from ..operator import Shape
from ..padding import Window
from ..profiles import NarrowAccumulator, Overflow, Profile

Place: TypeAlias = "tuple[slice | EllipsisType, ...]"
Terms: TypeAlias = Iterator[tuple[Place, np.ndarray]]
"""What is added to the accumulators one after the other: to which of them, and the products."""

_ALL = slice(None)


def narrow_accumulator(profile: Profile, own: np.dtype) -> NarrowAccumulator | None:
    """Return the accumulator to emulate in place of one of type ``own``; None where that changes nothing."""
    narrow, width = profile.accumulator, 8 * own.itemsize
    if narrow is None or narrow.bits > width or (narrow.bits == width and narrow.overflow is Overflow.WRAP):
        return None
    return narrow


def saturates(narrow: NarrowAccumulator | None) -> bool:
    """Whether an accumulator saturates, so that products have to be added one after the other."""
    return narrow is not None and narrow.overflow is Overflow.SATURATE


def wrapped(narrow: NarrowAccumulator | None, sums: np.ndarray) -> np.ndarray:
    """Return sums modulo ``2**bits``, signed; as they are where there is no narrower accumulator."""
    if narrow is None:
        return sums
    lost = sums.dtype.type(8 * sums.itemsize - narrow.bits)
    return (sums << lost) >> lost  # the right shift copies the sign


def saturating_add(narrow: NarrowAccumulator, total: np.ndarray, term: np.ndarray) -> np.ndarray:
    """Return int64 sums, held between the accumulator's ends without ever leaving int64."""
    upwards = np.minimum(total, narrow.highest - np.maximum(term, 0))
    downwards = np.maximum(total, narrow.lowest - np.minimum(term, 0))
    return np.where(term > 0, upwards, downwards) + term


def saturating_sum(
    narrow: NarrowAccumulator | None, terms: Terms, shape: Shape, dtype: np.dtype, bias: np.ndarray | None
) -> np.ndarray:
    """Add terms one after the other, then the bias of the last axis, saturating each time; returns ``dtype``."""
    assert narrow is not None
    total = np.zeros(shape, np.int64)
    for place, term in terms:
        total[place] = saturating_add(narrow, total[place], term.astype(np.int64))
    if bias is not None:
        total = saturating_add(narrow, total, bias.reshape(-1).astype(np.int64))
    return total.astype(dtype)


def conv_2d_terms(window: Window, groups: int, x: np.ndarray, weights: np.ndarray) -> Terms:
    """Yield the products of an image (N, H, W, C) and a filter (O, FH, FW, C / groups), zero points taken off."""
    depth, width = weights.shape[3], len(weights) // groups
    for tap in window.taps():
        source = tap.of_input(x)
        for channel in range(depth):
            for group in range(groups):
                filters = slice(group * width, (group + 1) * width)
                column = weights[filters, tap.y, tap.x, channel]
                yield (_ALL, *tap.output, filters), source[..., group * depth + channel, None] * column


def depthwise_conv_2d_terms(window: Window, x: np.ndarray, weights: np.ndarray) -> Terms:
    """Yield the products of an image (N, H, W, C) and a filter (1, FH, FW, C * multiplier)."""
    x = np.repeat(x, weights.shape[3] // x.shape[3], axis=3)
    for tap in window.taps():
        yield (_ALL, *tap.output), tap.of_input(x) * weights[0, tap.y, tap.x]


def scatter_terms(window: Window, x: np.ndarray, weights: np.ndarray) -> Terms:
    """Yield the products of an image (N, H, W, C) that a filter (O, FH, FW, C) scatters.

    A later row of the image reaches the same accumulator through an earlier tap, hence the taps in reverse.
    """
    for tap in reversed(list(window.taps())):
        source = tap.of_output(x)
        for channel, column in enumerate(weights[:, tap.y, tap.x].T):
            yield (_ALL, *tap.input), source[..., channel, None] * column


def matmul_terms(x: np.ndarray, y: np.ndarray) -> Terms:
    """Yield the products of matrices (..., rows, depth) by (..., depth, columns)."""
    for k in range(x.shape[-1]):
        yield (Ellipsis,), x[..., :, k, None] * y[..., None, k, :]
