"""Ranges that are searched for: with the least quantization error, or the least loss of information.

Both cut off what is far out where that makes codes finer for the many values further in. Both take the values in a
bucket of the histogram as evenly spread: near the ends of a range a bucket is about as wide as a code of 8 bits.
"""

from __future__ import annotations

import numpy as np

from ...schema import InputError
from .statistics import TensorStatistics

Range = tuple[float, float]

# Where an end is searched, in octaves inwards from the full range, then about the best so far with ever finer steps.
_COARSE = np.arange(0, 8, 1 / 6)
_FINER = (np.linspace(1 / 3, -1 / 3, 17), np.linspace(1 / 24, -1 / 24, 17))  # of equals the widest is found first
_NARROW = 1 / 16  # of a code's width: the error is that of the bucket's middle; the formula's differences would cancel
_BINS_PER_LEVEL = 8
_EMPTY = 1e-6  # what a bin counts, of all, where the codes say that it has nothing


def mse(statistics: TensorStatistics, *, bits: int = 8, symmetric: bool = False) -> Range:
    """Return the range, with zero in it, whose codes have the least mean squared error.

    The codes are those that the range is given in TFLite: their scale is the range's width by the number of codes less
    one, and a code stands for zero. One end is searched with the other held, then the other, in three rounds.

    Parameters
    ----------
    statistics : with a histogram.
    bits : of the codes.
    symmetric : whether the zero point is 0, as of int16; then both ends are searched at once.
    """
    _require_bits(bits)
    low, high = min(statistics.min, 0.0), max(statistics.max, 0.0)
    if low == high:
        return low, high
    assert statistics.histogram is not None
    unit = max(high, -low)  # values are at most 1 in what follows, so that no square overflows
    starts, ends, counts = statistics.histogram.intervals(statistics.min, statistics.max)
    starts, ends, weights = starts / unit, ends / unit, counts / statistics.count
    codes = 1 << bits

    def error(least: float, most: float) -> float:
        if symmetric:
            last = codes // 2 - 1
            errors = squared_errors(starts, ends, most / last, -last, last)
        else:
            scale = (most - least) / (codes - 1)
            first = round(least / scale)
            errors = squared_errors(starts, ends, scale, first, first + codes - 1)
        return float(np.sum(weights * errors))

    full = (-1.0, 1.0) if symmetric else (low / unit, high / unit)
    least, most = full
    for octaves in (-_COARSE, *_FINER):
        if full[1] > 0:
            candidates = [min(most * 2.0**octave, full[1]) for octave in octaves]
            most = min(candidates, key=lambda end: error(least, end))
        if full[0] < 0 and not symmetric:
            candidates = [max(least * 2.0**octave, full[0]) for octave in octaves]
            least = min(candidates, key=lambda end: error(end, most))
    if symmetric:
        return float(max(low, -most * unit)), float(min(high, most * unit))
    return float(least * unit), float(most * unit)


def squared_errors(starts: np.ndarray, ends: np.ndarray, scale: float, first: int, last: int) -> np.ndarray:
    """Return the mean squared errors of values evenly spread between starts and ends.

    Parameters
    ----------
    starts, ends : float64, of intervals.
    scale, first, last : the codes stand for the multiples ``first`` to ``last`` of ``scale``.
    """
    starts, ends = starts / scale, ends / scale
    width, middle = ends - starts, (starts + ends) / 2
    narrow = width < _NARROW
    at_middle = (middle - np.clip(np.rint(middle), first, last)) ** 2 + width**2 / 12
    spread = (_cubes(ends, first, last) - _cubes(starts, first, last)) / np.where(narrow, 1, width)
    return scale**2 * np.where(narrow, at_middle, spread)


def _cubes(values: np.ndarray, first: int, last: int) -> np.ndarray:
    """Return the integral of the squared rounding error from 0 up to values, in units of the scale."""
    inside = np.clip(values, first, last)
    nearest = np.rint(inside)
    rounding, clipping = inside - nearest, values - inside
    return nearest / 12 + (rounding * rounding * rounding + clipping * clipping * clipping) / 3  # powers are slow


def entropy(statistics: TensorStatistics, *, bits: int = 8) -> Range:
    """Return the range, with zero in it, whose codes tell most about the distribution of the values.

    As in the well-known calibrators, the values within a range, in bins of equal width, are one distribution, with
    those cut off counted in the outermost bins; the counts of codes, each spread over those of its bins that have any
    values, are another; and the range with the least Kullback-Leibler divergence between the two is chosen. Adapted to
    codes with a zero point: a threshold cuts both signs, but a side that does not reach it stays whole, so that the
    codes cover what lies between the two ends. Zeros are left out, for a code stands for zero whatever the range.

    Parameters
    ----------
    statistics : with a histogram.
    bits : of the codes, at most 10.
    """
    _require_bits(bits, 10)
    low, high = min(statistics.min, 0.0), max(statistics.max, 0.0)
    if low == high:
        return low, high
    levels = 1 << bits
    counts, width, zero = _bins(statistics, low, high, levels * _BINS_PER_LEVEL)
    best, least = (low, high), np.inf
    for reach in range(levels * _BINS_PER_LEVEL, 0, -levels // 16):
        first, end = max(zero - reach, 0), min(zero + reach, len(counts))
        if end - first < levels:
            break
        found = _divergence(counts, first, end, levels)
        if found < least:
            best, least = (max(low, -reach * width), min(high, reach * width)), found
    return best


def _bins(statistics: TensorStatistics, low: float, high: float, reach: int) -> tuple[np.ndarray, float, int]:
    """Return the counts of bins of equal width but of zeros, the width, and the number of the bin that begins at zero.

    ``reach`` bins make up the larger side.
    """
    assert statistics.histogram is not None
    starts, ends, counts = statistics.histogram.intervals(statistics.min, statistics.max)
    some = (starts != 0) | (ends != 0)
    starts, ends, counts = starts[some], ends[some], counts[some]
    width = max(high, -low) / reach
    below, above = (int(np.ceil(side / width)) for side in (-low, high))
    edges = np.arange(-below, above + 1) * width
    # How many values lie below each edge, exactly at the ends of buckets, evenly spread between them. Values that are
    # all alike have a bucket of no width; it is given one, within the bin.
    ends = np.maximum(ends, np.nextafter(starts, np.inf))
    points = np.stack([starts, ends], axis=1).reshape(-1)
    upto = np.cumsum(counts)
    levels = np.stack([upto - counts, upto], axis=1).reshape(-1)
    below_edges = np.interp(edges, points, levels)
    below_edges[-1] = upto[-1] if len(upto) else 0
    return np.diff(below_edges), width, below


def _divergence(counts: np.ndarray, first: int, end: int, levels: int) -> float:
    """Return the Kullback-Leibler divergence of what codes tell from the values, of the bins ``first`` to ``end``."""
    inside = counts[first:end]
    total = counts.sum()
    reference = inside.copy()
    reference[0] += counts[:first].sum()
    reference[-1] += counts[end:].sum()
    starts = np.arange(levels) * len(inside) // levels
    sizes = np.diff(np.append(starts, len(inside)))
    occupied = np.add.reduceat((inside > 0).astype(np.int64), starts)
    shares = np.add.reduceat(inside, starts) / np.maximum(occupied, 1)
    told = np.where(inside > 0, np.repeat(shares, sizes), 0)
    kept = told.sum()
    if not kept:
        return np.inf
    some = reference > 0
    p = reference[some] / total
    q = np.maximum(told[some] / kept, _EMPTY)
    return float(np.sum(p * np.log(p / q)))


def _require_bits(bits: int, most: int = 16) -> None:
    if isinstance(bits, bool) or not isinstance(bits, (int, np.integer)) or not 2 <= bits <= most:
        raise InputError(f"bits: expected an integer from 2 to {most}, got {bits!r}")
