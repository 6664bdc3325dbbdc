"""How the outputs of two implementations differ, bit by bit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def differences(expected: np.ndarray, got: np.ndarray) -> str:
    """Return in a line how two arrays differ in dtype, shape or bits; empty where they do not.

    NaN equals NaN whatever its payload; zeros of different sign differ.
    """
    if expected.dtype != got.dtype or expected.shape != got.shape:
        return f"{got.dtype}{list(got.shape)} instead of {expected.dtype}{list(expected.shape)}"
    if expected.dtype.kind == "c":
        expected, got = (np.stack([one.real, one.imag], -1) for one in (expected, got))
    if expected.dtype.name == "bfloat16":  # of no kind of NumPy's own
        expected, got = expected.astype(np.float32), got.astype(np.float32)
    same = expected == got
    if expected.dtype.kind == "f":
        same &= np.signbit(expected) == np.signbit(got)
        same |= np.isnan(expected) & np.isnan(got)
    if np.all(same):
        return ""
    places = np.argwhere(~np.asarray(same))
    first = tuple(int(i) for i in places[0])
    return (
        f"{len(places)} of {expected.size} elements differ; the first at {list(first)}: "
        f"{got[first]!r} instead of {expected[first]!r}"
    )


def compare(expected: Sequence[np.ndarray], got: Sequence[np.ndarray], within: float = 0.0) -> str:
    """Return how two lists of outputs differ, by more than ``within`` where that is given; empty where they do not."""
    if len(expected) != len(got):
        return f"{len(got)} outputs instead of {len(expected)}"
    for number, (one, other) in enumerate(zip(expected, got, strict=True)):
        if within and one.shape == other.shape and np.allclose(other, one, rtol=within, atol=within, equal_nan=True):
            continue
        if difference := differences(one, other):
            return f"output {number}: {difference}"
    return ""
