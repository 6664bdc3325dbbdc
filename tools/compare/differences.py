"""How far two arrays are apart, in steps of their own data type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

EXACT = 8
"""Differences up to this many steps are counted one by one, wider ones by powers of two."""


@dataclass(frozen=True)
class Difference:
    """How the other side's array differs from q31's.

    Parameters
    ----------
    size : elements compared.
    count : how many differ. NaN equals NaN whatever its payload; zeros of different sign differ.
    maximum : the greatest difference in steps; None where nothing differs, or steps have no meaning (strings, NaN).
    unit : what a step is: ``"LSB"``, one code of an integer; ``"ULP"``, the next number of a floating-point type.
    histogram : (difference, count) in order, the other side's minus q31's: ``-2``, ``+1``, ``+9..16``, ``NaN``...
    first : index of the first element that differs, in C order.
    values : q31's value and the other side's, there.
    mismatch : where shapes or data types differ and nothing was compared, what was expected and what is there.
    """

    size: int
    count: int = 0
    maximum: int | None = None
    unit: str = ""
    histogram: tuple[tuple[str, int], ...] = ()
    first: tuple[int, ...] | None = None
    values: tuple[Any, Any] | None = None
    mismatch: str = ""

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return self.count > 0 or bool(self.mismatch)

    def __str__(self) -> str:
        if self.mismatch:
            return self.mismatch
        if not self.count:
            return f"all {self.size:,} values are equal"
        assert self.first is not None and self.values is not None
        text = f"{self.count:,} of {self.size:,} values {'differs' if self.count == 1 else 'differ'}"
        if self.maximum is not None:
            text += (
                f", by {self.maximum:,} {self.unit}" if self.count == 1 else f", at most {self.maximum:,} {self.unit}"
            )
        return f"{text}; the first at {list(self.first)}: {self.values[1]} instead of {self.values[0]}"

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON holds."""
        return {
            "size": self.size,
            "count": self.count,
            "maximum": self.maximum,
            "unit": self.unit,
            "histogram": dict(self.histogram),
            "first": None if self.first is None else list(self.first),
            "values": None if self.values is None else [_plain(one) for one in self.values],
            "mismatch": self.mismatch,
        }


def _plain(value: Any) -> Any:
    if isinstance(value, (bool, int)):
        return value
    return value if isinstance(value, float) and np.isfinite(value) else str(value)


def difference(own: np.ndarray, other: np.ndarray) -> Difference:
    """Compare the other side's array with q31's, bit by bit."""
    if own.shape != other.shape or not _comparable(own.dtype, other.dtype):
        return Difference(
            own.size, mismatch=f"{other.dtype}{list(other.shape)} instead of {own.dtype}{list(own.shape)}"
        )
    if own.dtype.kind in "OSU":
        return _of_objects(own.astype(object), other.astype(object))
    if own.dtype.kind == "c":
        own, other = (np.stack([one.real, one.imag], -1) for one in (own, other))
        parts = difference(own, other)
        where = None if parts.first is None else parts.first[:-1]
        return Difference(
            own.size // 2,
            int(np.any(_differs(own, other), axis=-1).sum()),
            *(parts.maximum, parts.unit, parts.histogram, where, parts.values),
        )
    differs = _differs(own, other)
    count = int(differs.sum())
    unit = "LSB" if own.dtype.kind in "iub" else "ULP"
    if not count:
        return Difference(own.size, unit=unit)
    first = np.unravel_index(int(np.argmax(differs)), own.shape)
    magnitude, sign = _steps(own[differs], other[differs])
    number = ~(_is_nan(own[differs]) | _is_nan(other[differs]))
    histogram = _histogram(magnitude[number], sign[number])
    if number.sum() < count:
        histogram += (("NaN", int(count - number.sum())),)
    return Difference(
        own.size,
        count,
        int(magnitude[number].max()) if number.any() else None,
        unit,
        histogram,
        tuple(int(i) for i in first),
        (own[first].item(), other[first].item()),
    )


def equal(own: np.ndarray, other: np.ndarray) -> bool:
    """Whether nothing differs, without counting what does."""
    if own.shape != other.shape or not _comparable(own.dtype, other.dtype):
        return False
    if own.dtype.kind in "OSU":
        return bool(np.all(own.astype(object) == other.astype(object)))
    if own.dtype.kind == "c":
        return equal(own.real, other.real) and equal(own.imag, other.imag)
    return not _differs(own, other).any()


def _comparable(one: np.dtype, other: np.dtype) -> bool:
    return one == other or (one.kind in "OSU" and other.kind in "OSU")


def _is_float(dtype: np.dtype) -> bool:
    return dtype.kind == "f" or dtype.name == "bfloat16"  # which is of no kind of NumPy's own


def _is_nan(array: np.ndarray) -> np.ndarray:
    return np.asarray(array != array) if _is_float(array.dtype) else np.zeros(array.shape, np.bool_)


def _differs(own: np.ndarray, other: np.ndarray) -> np.ndarray:
    if not _is_float(own.dtype):
        return np.asarray(own != other)
    return np.asarray((_ordered(own) != _ordered(other)) & ~(_is_nan(own) & _is_nan(other)))


def _ordered(array: np.ndarray) -> np.ndarray:
    """Return a uint64 for each element, in the order of the elements; steps apart are numbers apart."""
    if not _is_float(array.dtype):
        if array.dtype.kind == "i":
            return array.astype(np.int64).view(np.uint64) ^ np.uint64(1 << 63)
        return array.astype(np.uint64)
    bits = np.asarray(array, order="C").view(f"u{array.dtype.itemsize}").astype(np.uint64)
    sign = np.uint64(1 << (8 * array.dtype.itemsize - 1))
    # Bit patterns of negative numbers count downwards; -0.0 comes one step before 0.0.
    return np.where(bits & sign, sign - np.uint64(1) - (bits & (sign - np.uint64(1))), bits | sign)


def _steps(own: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the magnitudes of other minus own, and where it is positive."""
    one, two = _ordered(own), _ordered(other)
    positive = two > one
    return np.where(positive, two - one, one - two), positive


def _histogram(magnitude: np.ndarray, positive: np.ndarray) -> tuple[tuple[str, int], ...]:
    counts: dict[tuple[int, int], int] = {}
    for sign in (-1, 1):
        values, numbers = np.unique(magnitude[positive == (sign > 0)], return_counts=True)
        for value, number in zip(values.tolist(), numbers.tolist(), strict=True):
            last = value if value <= EXACT else 1 << (value - 1).bit_length()
            counts[sign, last] = counts.get((sign, last), 0) + number
    ordered = sorted(counts.items(), key=lambda item: item[0][0] * item[0][1])
    return tuple((_label(*key), number) for key, number in ordered)


def _label(sign: int, last: int) -> str:
    mark = "-" if sign < 0 else "+"
    return f"{mark}{last}" if last <= EXACT else f"{mark}{last // 2 + 1}..{last}"


def _of_objects(own: np.ndarray, other: np.ndarray) -> Difference:
    differs = np.asarray(own != other, np.bool_).reshape(own.shape)
    if not differs.any():
        return Difference(own.size)
    first = tuple(int(i) for i in np.unravel_index(int(np.argmax(differs)), own.shape))
    return Difference(own.size, int(differs.sum()), first=first, values=(own[first], other[first]))
