"""What tensors hold over several examples: counts of codes, and how many are at the ends of their type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...engine.model import Model
from ...schema.constants import constant_array
from ..debugging.running import Recording
from ..progress import counted

_BINS = 64
_WIDE_BINS = 256  # of int16: the upper byte


class Counts:
    """Counts of every integer tensor's codes, added up over examples."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._counts: dict[int, np.ndarray] = {}
        self._ends: dict[int, np.ndarray] = {}
        self._extremes: dict[int, tuple[int, int]] = {}
        self._run = Recording(model)
        self.constants = {
            index
            for index, tensor in enumerate(model.graph.subgraphs[0].tensors)
            if not tensor.is_variable and constant_array(model.graph, 0, index) is not None
        }
        self.constants |= {index for one in model.operators if one.folded for index in one.outputs}

    def add(self, inputs: Mapping[str, np.ndarray]) -> None:
        """Run an example and count what every tensor holds."""
        self._run.run(inputs)
        for index in range(len(self._model.graph.subgraphs[0].tensors)):
            if index not in self.constants:
                self._count(index, self._run.value(index))

    def _count(self, index: int, array: np.ndarray | None) -> None:
        if array is None or array.dtype not in (np.int8, np.uint8, np.int16) or not array.size:
            return
        found = codes_counted(array)
        limits = np.iinfo(array.dtype)
        ends = np.array([np.count_nonzero(array == limits.min), np.count_nonzero(array == limits.max)])
        low, high = int(array.min()), int(array.max())
        if index in self._counts:
            self._counts[index] += found
            self._ends[index] += ends
            low, high = min(low, self._extremes[index][0]), max(high, self._extremes[index][1])
        else:
            self._counts[index], self._ends[index] = found, ends
        self._extremes[index] = low, high

    def histogram(self, index: int, array: np.ndarray | None) -> dict[str, Any] | None:
        """Return a tensor's counts; of types without codes, and of constants, those of the array at hand."""
        if array is None or array.dtype == object or not array.size or array.dtype.kind not in "iufb":
            return None
        if index not in self._counts:
            if array.dtype not in (np.int8, np.uint8, np.int16):
                return real_histogram(array)
            self._count(index, array)
        low, high = self._extremes[index]
        limits = np.iinfo(array.dtype)
        return {
            "counts": self._counts[index].tolist(),
            "from": int(limits.min),
            "to": int(limits.max),
            "min": low,
            "max": high,
            "at_low": int(self._ends[index][0]),
            "at_high": int(self._ends[index][1]),
            "codes": True,
            "examples": index not in self.constants,
        }


def codes_counted(array: np.ndarray) -> np.ndarray:
    """Return how often each code of 8 bits is there, or each upper byte of int16, from the lowest on."""
    flat = array.reshape(-1)
    if flat.dtype == np.int16:
        flat = (flat >> 8).astype(np.int8)
    codes = flat.astype(np.int64) - np.iinfo(flat.dtype).min
    return np.bincount(codes, minlength=_WIDE_BINS)


def real_histogram(array: np.ndarray) -> dict[str, Any] | None:
    """Return the counts of other numbers between their least and their greatest; None where none is finite."""
    values = array.reshape(-1).astype(np.float64)
    values = values[np.isfinite(values)]
    if not values.size:
        return None
    low, high = float(values.min()), float(values.max())
    with np.errstate(all="ignore"):
        scaled = (values - low) * (_BINS / (high - low)) if high > low and np.isfinite(high - low) else values * 0
    places = np.minimum(scaled.astype(np.int64), _BINS - 1)
    return {
        "counts": np.bincount(places, minlength=_BINS).tolist(),
        "from": low,
        "to": high,
        "min": low,
        "max": high,
        "codes": False,
        "examples": False,
    }


def counted_over(model: Model, examples: Sequence[Mapping[str, np.ndarray]], progress: bool) -> Counts:
    """Run examples one after the other, each as if it were the first, and count."""
    found = Counts(model)
    for example in counted(examples, len(examples), "running examples") if progress else examples:
        found.add(example)
    return found
