"""What calibration keeps of one tensor: each example's lowest and highest value, and a histogram, both exact.

Everything is an integer, or a number that one example alone decides, so that parts gathered by several processes add up
to the same statistics in any order and for any split of the examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...schema import InputError, QuantizationError

BUCKETS = 1 << 16
_LARGE = 1 << 14  # elements, from which counting into all buckets at once is the quicker way
_CHUNK = 1 << 17  # elements at a time: what becomes of them stays in the cache


@dataclass(frozen=True)
class Histogram:
    """How many values share the upper 16 bits of their float32: sign, exponent and 7 bits of the fraction.

    A bucket is at most 1/128 as wide as the values in it are large, whatever these are, so no range needs to be known
    beforehand, and no count ever moves to another bucket.

    Attributes
    ----------
    buckets : uint16, the upper halves that occur, ascending as integers.
    counts : int64, positive, as many.
    """

    buckets: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, counts: np.ndarray) -> Histogram:
        """Return the histogram of counts by upper half, ``int64[65536]``."""
        buckets = np.flatnonzero(counts)
        return cls(buckets.astype(np.uint16), counts[buckets].astype(np.int64))

    def merged(self, other: Histogram) -> Histogram:
        """Return the histogram of the values of both."""
        total = np.zeros(BUCKETS, np.int64)
        for one in (self, other):
            total[one.buckets] += one.counts
        return Histogram.of(total)

    def intervals(self, low: float, high: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the buckets in the order of their values: lower ends, upper ends (float64), and counts.

        Ends beyond ``low`` and ``high``, the lowest and highest value of all, are moved there. The buckets of zero,
        whose values are below 1e-40, are intervals of no width.
        """
        negative = self.buckets >= BUCKETS // 2
        order = np.concatenate([np.flatnonzero(negative)[::-1], np.flatnonzero(~negative)])
        magnitude = (self.buckets[order] & 0x7FFF).astype(np.uint32)
        near, far = ((one << np.uint32(16)).view(np.float32).astype(np.float64) for one in (magnitude, magnitude + 1))
        far[far == np.inf] = 2.0**128  # behind the largest finite values
        far[magnitude == 0] = 0
        sign = negative[order]
        starts, ends = np.where(sign, -far, near), np.where(sign, -near, far)
        return np.clip(starts, low, high), np.clip(ends, low, high), self.counts[order]


@dataclass(frozen=True)
class TensorStatistics:
    """What the examples showed of one tensor.

    Attributes
    ----------
    name : the tensor's.
    examples : int64, ascending: the examples in which it had a value.
    minima, maxima : float32, each example's lowest and highest value; a zero has no sign here.
    count : of its values in all examples.
    histogram : of all its values; None where it was not asked for.
    """

    name: str
    examples: np.ndarray
    minima: np.ndarray
    maxima: np.ndarray
    count: int
    histogram: Histogram | None = None

    @property
    def min(self) -> float:
        """The lowest value of all."""
        return float(self.minima.min())

    @property
    def max(self) -> float:
        """The highest value of all."""
        return float(self.maxima.max())

    def merged(self, other: TensorStatistics) -> TensorStatistics:
        """Return the statistics of the examples of both, which must not have one in common.

        Raises
        ------
        InputError
            Where they have, or only one has a histogram.
        """
        examples = np.concatenate([self.examples, other.examples])
        order = np.argsort(examples, kind="stable")
        examples = examples[order]
        if np.any(examples[1:] == examples[:-1]):
            again = int(examples[:-1][examples[1:] == examples[:-1]][0])
            raise InputError(f"tensor {self.name!r}: example {again} is in both calibrations")
        if (self.histogram is None) != (other.histogram is None):
            raise InputError(f"tensor {self.name!r}: only one of the calibrations has histograms")
        both = self.histogram is not None and other.histogram is not None
        return TensorStatistics(
            self.name,
            examples,
            np.concatenate([self.minima, other.minima])[order],
            np.concatenate([self.maxima, other.maxima])[order],
            self.count + other.count,
            self.histogram.merged(other.histogram) if both else None,  # type: ignore[union-attr, arg-type]
        )


class Collector:
    """Gathers the statistics of one tensor, array by array.

    Parameters
    ----------
    name : the tensor's.
    place : what errors call it.
    histogram : whether to count values.
    """

    def __init__(self, name: str, place: str, histogram: bool) -> None:
        self._name, self._place = name, place
        self._examples: list[int] = []
        self._minima: list[float] = []
        self._maxima: list[float] = []
        self._count = 0
        self._counts = np.zeros(BUCKETS, np.int64) if histogram else None

    def add(self, example: int, array: np.ndarray) -> None:
        """Take the values of an example, whose number is that of the last call or a new one.

        Raises
        ------
        QuantizationError
            Where there is NaN or infinity among them.
        """
        if not array.size:
            return
        values = np.asarray(array, np.float32, order="C").reshape(-1)
        low, high = np.minimum.reduce(values) + np.float32(0), np.maximum.reduce(values) + np.float32(0)  # no -0
        if not (np.isfinite(low) and np.isfinite(high)):
            what = "NaN" if np.isnan(low) else "infinity"
            raise QuantizationError(f"example {example}: {self._place} has {what} among its values")
        if self._examples and self._examples[-1] == example:  # computed again, in a loop
            self._minima[-1] = min(self._minima[-1], float(low))
            self._maxima[-1] = max(self._maxima[-1], float(high))
        else:
            self._examples.append(example)
            self._minima.append(float(low))
            self._maxima.append(float(high))
        self._count += values.size
        if self._counts is not None:
            _count(values, self._counts)

    def statistics(self) -> TensorStatistics | None:
        """Return what was gathered; None where the tensor never had a value."""
        if not self._examples:
            return None
        return TensorStatistics(
            self._name,
            np.array(self._examples, np.int64),
            np.array(self._minima, np.float32),
            np.array(self._maxima, np.float32),
            self._count,
            None if self._counts is None else Histogram.of(self._counts),
        )


def _count(values: np.ndarray, counts: np.ndarray) -> None:
    """Add how many values there are of each upper half."""
    for start in range(0, values.size, _CHUNK):
        upper = (values[start : start + _CHUNK].view(np.uint32) >> np.uint32(16)).astype(np.intp)
        if upper.size < _LARGE:
            np.add.at(counts, upper, 1)
        else:
            counts += np.bincount(upper, minlength=BUCKETS)


def spans_of(indices: Sequence[int] | np.ndarray) -> list[list[int]]:
    """Return ascending numbers as spans ``[first, end]``, the end exclusive."""
    given = np.asarray(indices, np.int64)
    breaks = np.flatnonzero(np.diff(given) != 1) + 1
    return [[int(part[0]), int(part[-1]) + 1] for part in np.split(given, breaks) if part.size]


def indices_of(spans: Sequence[Sequence[int]]) -> np.ndarray:
    """Return the numbers of spans ``[first, end]``."""
    parts = [np.arange(first, end, dtype=np.int64) for first, end in spans]
    return np.concatenate(parts) if parts else np.empty(0, np.int64)
