"""What accumulators of products come to: exactly, for operands at hand, and at worst, for any operands of a range.

Nothing wraps here: the sums are those of an accumulator that is wide enough. The last axis is that of the channels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from ..convolution import accumulation
from ..convolution.reading import Reading, read_as
from ..convolution.taps import accumulate_conv_2d, accumulate_depthwise_conv_2d, scatter
from ..padding import Window

Arrays: TypeAlias = Sequence["np.ndarray | None"]
Range: TypeAlias = "tuple[int, int]"

_EXACT = 2.0**53
"""Up to here float64 holds every integer, and multiplies matrices many times faster than integers are."""


@dataclass(frozen=True)
class Span:
    """The least and the greatest value of each channel's accumulator: Python's integers, in object arrays."""

    low: np.ndarray
    high: np.ndarray

    def joined(self, other: Span) -> Span:
        """Return what holds both."""
        return Span(np.minimum(self.low, other.low), np.maximum(self.high, other.high))

    def with_zero(self) -> Span:
        """Return what holds 0, too, with which every accumulator begins."""
        return Span(np.minimum(self.low, 0), np.maximum(self.high, 0))

    @property
    def bits(self) -> np.ndarray:
        """How many bits a signed accumulator of each channel needs, in two's complement."""
        pairs = zip(self.low.tolist(), self.high.tolist(), strict=True)
        return np.array([max(_magnitude(low), _magnitude(high)) + 1 for low, high in pairs], np.int64)


def _magnitude(value: int) -> int:
    """Return the bits of a number but for its sign: -4 needs 2, as 3 does."""
    return int(~value if value < 0 else value).bit_length()


def span_of(sums: np.ndarray) -> Span:
    """Return the span of sums (..., channels)."""
    flat = sums.reshape(-1, sums.shape[-1])
    return Span(flat.min(axis=0).astype(object), flat.max(axis=0).astype(object))


@dataclass(frozen=True)
class Products:
    """The operands of an operator's sums of products, zero points not yet taken off.

    Parameters
    ----------
    x, weights : codes as the kernel reads them.
    bias : of each channel; None where there is none.
    zero_points : of ``x`` and ``weights``.
    add : sums the products of operands of one type.
    terms : yields the products in the order of the reference's loops.
    gather : from the products' extremes, in the shape of the weights, to those of the sums (..., channels).
    accumulator : the type in which the reference sums them.
    operands : which inputs of the operator ``x`` and ``weights`` are.
    """

    x: np.ndarray
    weights: np.ndarray
    bias: np.ndarray | None
    zero_points: tuple[int, int]
    add: Callable[[np.ndarray, np.ndarray], np.ndarray]
    terms: Callable[[np.ndarray, np.ndarray], accumulation.Terms]
    gather: Callable[[np.ndarray], np.ndarray]
    accumulator: np.dtype
    operands: tuple[int, int] = (0, 1)

    def _centered(self, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
        x, weights = self.zero_points
        return self.x.astype(dtype) - dtype(x), self.weights.astype(dtype) - dtype(weights)

    def sums(self) -> np.ndarray:
        """Return the exact sums without the bias, int64."""
        x, weights = self._centered(np.float64)
        reach = float(np.abs(x).max(initial=0)) * float(np.abs(weights).max(initial=0)) * weights.size
        if reach < _EXACT:
            return self.add(x, weights).astype(np.int64)
        return self.add(*self._centered(np.int64))

    def running(self, shape: tuple[int, ...]) -> Span:
        """Return the span of the sums without the bias after each addition, in the reference's order."""
        total = np.zeros(shape, np.int64)
        low, high = np.zeros(shape[-1], np.int64), np.zeros(shape[-1], np.int64)
        for place, term in self.terms(*self._centered(np.int64)):
            total[place] += term
            channels = place[-1] if isinstance(place[-1], slice) and len(place) == len(shape) else slice(None)
            now = total[place].reshape(-1, total[place].shape[-1])
            if now.size:
                low[channels] = np.minimum(low[channels], now.min(axis=0))
                high[channels] = np.maximum(high[channels], now.max(axis=0))
        return Span(low.astype(object), high.astype(object))

    def worst(self, x: Range, weights: Range | None) -> tuple[Span, Span]:
        """Return the spans of the sums without the bias, and of whatever they come to on the way, in any order.

        ``x`` and ``weights`` are ranges of codes, each code on its own at the end that counts; None: the weights are
        those at hand.
        """
        ends = [end - self.zero_points[0] for end in x]
        if weights is None:
            factors = [self.weights.astype(np.int64) - self.zero_points[1]]
        else:
            factors = [np.full(self.weights.shape, end - self.zero_points[1], np.int64) for end in weights]
        corners = [end * factor for end in ends for factor in factors]
        low, high = np.minimum.reduce(corners), np.maximum.reduce(corners)
        final = Span(span_of(self.gather(low)).low, span_of(self.gather(high)).high)
        running = span_of(self.gather(np.minimum(low, 0))).low, span_of(self.gather(np.maximum(high, 0))).high
        return final, Span(*running).with_zero()


def _gather_taps(window: Window, transposed: bool, taps: np.ndarray) -> np.ndarray:
    """Sum extremes (FH, FW, O) over the taps that are inside the image, for each place of the output."""
    size = (window.input_height, window.input_width) if transposed else (window.output_height, window.output_width)
    sums = np.zeros((1, *size, taps.shape[-1]), np.int64)
    for tap in window.taps():
        target = tap.of_input(sums) if transposed else tap.of_output(sums)
        target += taps[tap.y, tap.x]
    return sums


def _conv_2d(prepared: Any, arrays: Arrays) -> Products:
    x, weights, bias = (*arrays, None)[:3]
    assert x is not None and weights is not None
    if prepared.reading is not None:
        weights = read_as(weights, prepared.reading.weights, weights.shape)
    window, groups = prepared.window, prepared.groups
    return Products(
        x,
        weights,
        bias,
        (prepared.input_zero_point, prepared.filter_zero_point),
        lambda a, b: accumulate_conv_2d(window, groups, a, b),
        lambda a, b: accumulation.conv_2d_terms(window, groups, a, b),
        lambda extremes: _gather_taps(window, False, extremes.sum(axis=3).transpose(1, 2, 0)),
        prepared.requantization.accumulator,
    )


def _depthwise_conv_2d(prepared: Any, arrays: Arrays) -> Products:
    x, weights, bias = (*arrays, None)[:3]
    assert x is not None and weights is not None
    if prepared.reading is not None:
        weights = read_as(weights, prepared.reading.weights, weights.shape)
    window = prepared.window
    return Products(
        x,
        weights,
        bias,
        (prepared.input_zero_point, prepared.filter_zero_point),
        lambda a, b: accumulate_depthwise_conv_2d(window, a, b),
        lambda a, b: accumulation.depthwise_conv_2d_terms(window, a, b),
        lambda extremes: _gather_taps(window, False, extremes[0]),
        prepared.requantization.accumulator,
    )


def _transpose_conv(prepared: Any, arrays: Arrays) -> Products:
    _, weights, x, bias = (*arrays, None)[:4]
    assert x is not None and weights is not None
    window = prepared.window
    return Products(
        x,
        weights,
        bias,
        (prepared.input_zero_point, prepared.filter_zero_point),
        lambda a, b: scatter(window, a, b),
        lambda a, b: accumulation.scatter_terms(window, a, b),
        lambda extremes: _gather_taps(window, True, extremes.sum(axis=3).transpose(1, 2, 0)),
        prepared.requantization.accumulator,
        (2, 1),
    )


def _fully_connected(prepared: Any, arrays: Arrays) -> Products:
    x, weights, bias = (*arrays, None)[:3]
    assert x is not None and weights is not None
    reading = prepared.reading or Reading()
    return Products(
        read_as(x, reading.activations, (prepared.batch, prepared.depth)),
        read_as(weights, reading.weights, (prepared.units, prepared.depth)),
        None if bias is None else read_as(bias, reading.bias, (prepared.units,)),
        (prepared.input_zero_point, prepared.filter_zero_point),
        lambda a, b: a @ b.T,
        lambda a, b: accumulation.matmul_terms(a, b.T),
        lambda extremes: extremes.sum(axis=1)[None],
        prepared.requantization.accumulator,
    )


def _batch_matmul(prepared: Any, arrays: Arrays) -> Products:
    x, y = arrays[:2]
    assert x is not None and y is not None
    return Products(
        x.swapaxes(-1, -2) if prepared.adjoint_x else x,
        y.swapaxes(-1, -2) if prepared.adjoint_y else y,
        None,
        (prepared.x_zero_point, prepared.y_zero_point),
        np.matmul,
        accumulation.matmul_terms,
        lambda extremes: extremes.sum(axis=-2),
        np.dtype(np.int64 if x.dtype == np.int16 else np.int32),
    )


FORMS: Mapping[tuple[str, str], Callable[[Any, Arrays], Products]] = {
    ("CONV_2D", "QuantizedConv2D"): _conv_2d,
    ("DEPTHWISE_CONV_2D", "QuantizedDepthwiseConv2D"): _depthwise_conv_2d,
    ("TRANSPOSE_CONV", "QuantizedTransposeConv"): _transpose_conv,
    ("FULLY_CONNECTED", "QuantizedFullyConnected"): _fully_connected,
    ("BATCH_MATMUL", "QuantizedBatchMatMul"): _batch_matmul,
}
"""Operator and class of what ``prepare`` returned -> function."""


def products_of(operator: str, prepared: Any, arrays: Arrays) -> Products | None:
    """Return the operands of an operator's sums of products; None where it has none, or keeps no accumulator."""
    function = FORMS.get((operator, type(prepared).__name__))
    if function is None or any(array is not None and array.size == 0 for array in arrays):
        return None
    return function(prepared, arrays)


def with_bias(span: Span, bias: np.ndarray | None) -> Span:
    """Return the span of sums with a bias added."""
    if bias is None:
        return span
    added = bias.reshape(-1).astype(object)
    return replace(span, low=span.low + added, high=span.high + added)
