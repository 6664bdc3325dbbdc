"""Errors of a quantized tensor against the float one, added up example by example.

Each example's sums are kept, and added exactly (``math.fsum``), so that examples may be measured in any order and in
any number of parts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...engine.views import Port


@dataclass
class Errors:
    """What was seen of one tensor.

    ``at_low``, ``at_high``: codes at the ends of their type. ``clipped_low``, ``clipped_high``: real numbers of the
    float model more than half a step beyond what codes stand for. ``scale`` is 0 of a tensor without codes.
    """

    scale: float = 0.0
    zero_point: int = 0
    count: int = 0
    max_abs_error: float = 0.0
    at_low: int = 0
    at_high: int = 0
    clipped_low: int = 0
    clipped_high: int = 0
    _sums: list[tuple[float, float, float]] = field(default_factory=list)

    def add(self, real: np.ndarray, values: np.ndarray, port: Port) -> None:
        """Add an example: the float model's numbers, and what a tensor of the quantized model holds."""
        real = real.astype(np.float64).reshape(-1)
        codes = values.astype(np.float64).reshape(-1)
        own = codes
        if port.scale:
            self.scale, self.zero_point = port.scale, port.zero_point
            own = port.scale * (codes - port.zero_point)
            limits = np.iinfo(port.dtype)
            self.at_low += int(np.count_nonzero(codes == limits.min))
            self.at_high += int(np.count_nonzero(codes == limits.max))
            low, high = (port.scale * (end - port.zero_point) for end in (limits.min - 0.5, limits.max + 0.5))
            self.clipped_low += int(np.count_nonzero(real < low))
            self.clipped_high += int(np.count_nonzero(real > high))
        with np.errstate(all="ignore"):
            error = own - real
            self.count += error.size
            if error.size:
                self.max_abs_error = float(np.maximum(self.max_abs_error, np.abs(error).max()))
            self._sums.append((float(error.sum()), float(error @ error), float(real @ real)))

    def merge(self, other: Errors) -> Errors:
        """Return the errors of both; neither changes."""
        return Errors(
            self.scale or other.scale,
            self.zero_point or other.zero_point,
            self.count + other.count,
            float(np.maximum(self.max_abs_error, other.max_abs_error)),
            self.at_low + other.at_low,
            self.at_high + other.at_high,
            self.clipped_low + other.clipped_low,
            self.clipped_high + other.clipped_high,
            self._sums + other._sums,
        )

    def _sum(self, which: int) -> float:
        parts = [one[which] for one in self._sums]
        return math.fsum(parts) if all(map(math.isfinite, parts)) else float(np.sum(parts))

    @property
    def mean_error(self) -> float:
        """The mean of quantized minus float."""
        return self._sum(0) / self.count if self.count else math.nan

    @property
    def mean_squared_error(self) -> float:
        """The mean of its square."""
        return self._sum(1) / self.count if self.count else math.nan

    @property
    def stddev(self) -> float:
        """Its standard deviation."""
        variance = self.mean_squared_error - self.mean_error**2
        return math.sqrt(max(variance, 0.0)) if variance == variance else math.nan

    @property
    def rmse_over_scale(self) -> float:
        """The root of the mean square in steps; 0.289, one over the root of 12, is that of rounding alone."""
        return math.sqrt(self.mean_squared_error) / self.scale if self.scale else math.nan

    @property
    def sqnr(self) -> float:
        """Signal to quantization noise, 10 log10 of sum(float**2) over sum(error**2), in dB."""
        return decibels(self._sum(2), self._sum(1))

    @property
    def clipped(self) -> float:
        """The share of numbers that codes cannot stand for."""
        return (self.clipped_low + self.clipped_high) / self.count if self.count else math.nan

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON and CSV hold; numbers that are not finite are None."""
        found = {
            "num_elements": self.count,
            "stddev": self.stddev,
            "mean_error": self.mean_error,
            "max_abs_error": self.max_abs_error,
            "mean_squared_error": self.mean_squared_error,
            "rmse_over_scale": self.rmse_over_scale,
            "sqnr_db": self.sqnr,
        }
        return {name: value if math.isfinite(value) else None for name, value in found.items()}


def decibels(signal: float, noise: float) -> float:
    """Return a ratio of powers in dB: infinite without noise, NaN where either is no number."""
    if math.isnan(signal) or math.isnan(noise) or math.isinf(signal):
        return math.nan
    if noise == 0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal else -math.inf
