"""From statistics of a tensor to the range that its codes are to cover."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...schema import InputError
from .range_search import Range, entropy, mse
from .statistics import TensorStatistics


def min_max(statistics: TensorStatistics) -> Range:
    """Return the lowest and highest value of all."""
    return statistics.min, statistics.max


def moving_average(statistics: TensorStatistics, *, momentum: float = 0.95) -> Range:
    """Return exponential moving averages of the examples' lowest and highest values.

    They begin with the first example's; each further example counts ``1 - momentum``. The order is that of the
    examples' numbers, whichever run first. 0.95 is what ai-edge-quantizer takes.
    """
    if not 0 <= momentum < 1:
        raise InputError(f"momentum: expected a number from 0 to below 1, got {momentum!r}")
    low, high = float(statistics.minima[0]), float(statistics.maxima[0])
    for least, most in zip(statistics.minima[1:].tolist(), statistics.maxima[1:].tolist(), strict=True):
        low = momentum * low + (1 - momentum) * least
        high = momentum * high + (1 - momentum) * most
    return low, high


def percentile(statistics: TensorStatistics, *, percentile: float = 99.99) -> Range:
    """Return the values which ``percentile`` percent of all values do not exceed, and do not fall below.

    Values in a bucket of the histogram are taken as evenly spread, so either end is off by less than 1/128 of itself.
    """
    if not 50 < percentile <= 100:
        raise InputError(f"percentile: expected a number above 50 up to 100, got {percentile!r}")
    assert statistics.histogram is not None
    starts, ends, counts = statistics.histogram.intervals(statistics.min, statistics.max)
    upto = np.cumsum(counts)

    def value(rank: float) -> float:
        place = min(int(np.searchsorted(upto, rank)), len(counts) - 1)
        inside = (rank - (upto[place] - counts[place])) / counts[place]
        return float(starts[place] + inside * (ends[place] - starts[place]))

    outside = statistics.count * (100 - percentile) / 100
    return value(outside), value(statistics.count - outside)


METHODS: dict[str, Callable[..., Range]] = {
    "min-max": min_max,
    "moving-average": moving_average,
    "percentile": percentile,
    "mse": mse,
    "entropy": entropy,
}
"""Name -> range from statistics and options."""

HISTOGRAM_METHODS = frozenset(METHODS) - {"min-max", "moving-average"}
"""The methods that need a histogram."""


def choose(statistics: TensorStatistics, method: str, **options: Any) -> Range:
    """Return the range of a tensor by a method.

    Raises
    ------
    InputError
        Where an option is wrong.
    """
    try:
        return METHODS[method](statistics, **options)
    except TypeError:
        import inspect

        known = [name for name, one in inspect.signature(METHODS[method]).parameters.items() if one.kind == 3]
        if options.keys() <= set(known):
            raise
        unknown = next(name for name in options if name not in known)
        raise InputError(f"{method} has no option {unknown!r}; it has {', '.join(known) or 'none'}") from None
