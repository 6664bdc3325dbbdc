"""Calibrations as JSON."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import numpy as np

from ...schema import InputError
from .calibration import Calibration
from .statistics import BUCKETS, Histogram, TensorStatistics, indices_of, spans_of

_FORMAT = "q31 calibration"
_VERSION = 1
_MOST_EXAMPLES = 1 << 28  # a damaged number of them is not to fill the memory


def to_json(calibration: Calibration) -> str:
    """Return a calibration as JSON, one tensor a line: equal calibrations give equal text.

    ``examples`` are spans ``[first, end]`` of numbers, the end exclusive, and those of a tensor are left out where it
    had values in all. ``minima`` and ``maxima`` are of its examples in order. ``buckets`` are upper 16 bits of float32
    values and ``counts`` how many have them.
    """
    head = {
        "format": _FORMAT,
        "version": _VERSION,
        "q31_version": calibration.q31_version,
        "model_sha256": calibration.model_sha256,
        "examples": spans_of(calibration.indices),
        "histogram": calibration.histogram,
    }
    lines = [
        json.dumps(_tensor(key, one, calibration.indices), separators=(",", ":"))
        for key, one in sorted(calibration.tensors.items())
    ]
    opened = json.dumps(head, indent=1).removesuffix("\n}")
    return f'{opened},\n "tensors": [\n' + ",\n".join(lines) + "\n ]\n}\n"


def _tensor(key: tuple[int, int], one: TensorStatistics, indices: np.ndarray) -> dict[str, Any]:
    found: dict[str, Any] = {"subgraph": key[0], "tensor": key[1], "name": one.name, "count": one.count}
    if not np.array_equal(one.examples, indices):
        found["examples"] = spans_of(one.examples)
    found["minima"], found["maxima"] = _numbers(one.minima), _numbers(one.maxima)
    if one.histogram is not None:
        found["buckets"] = one.histogram.buckets.tolist()
        found["counts"] = one.histogram.counts.tolist()
    return found


def _numbers(values: np.ndarray) -> list[float]:
    """Return float32 values as the shortest decimal numbers that stand for them."""
    return [float(str(value)) for value in values]


def from_json(content: bytes) -> Calibration:
    """Return the calibration that JSON holds.

    Raises
    ------
    InputError
        Where it holds none, or one that contradicts itself.
    """
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"expected a calibration as JSON: {error}") from None
    if not isinstance(found, dict) or found.get("format") != _FORMAT:
        raise InputError('expected a calibration: JSON with "format": "q31 calibration"')
    if found.get("version") != _VERSION:
        raise InputError(f"expected a calibration of version {_VERSION}, got {found.get('version')!r}")
    try:
        return _calibration(found)
    except KeyError as error:
        raise InputError(f"the calibration is damaged: {error} is missing") from None
    except (TypeError, ValueError, OverflowError, MemoryError) as error:
        raise InputError(f"the calibration is damaged: {error}") from None


def _calibration(found: dict[str, Any]) -> Calibration:
    indices = _indices(found["examples"])
    sha, version, histogram = found["model_sha256"], found["q31_version"], found["histogram"]
    _require(isinstance(sha, str) and isinstance(version, str), "expected texts as model_sha256 and q31_version")
    _require(isinstance(histogram, bool), "expected true or false as histogram")
    _require(len(indices) > 0, "it has no examples")
    tensors = {}
    for one in found["tensors"]:
        key = one["subgraph"], one["tensor"]
        _require(all(type(part) is int and part >= 0 for part in key), "expected tensors by their indices")
        _require(key not in tensors, f"tensor {key[1]} of subgraph {key[0]} is there twice")
        tensors[key] = _statistics(one, indices, histogram)
    return Calibration(sha, version, indices, dict(sorted(tensors.items())), histogram)


def _statistics(one: dict[str, Any], indices: np.ndarray, histogram: bool) -> TensorStatistics:
    place = f"tensor {one['tensor']} of subgraph {one['subgraph']}"
    examples = _indices(one["examples"]) if "examples" in one else indices
    minima, maxima = (np.array(one[name], np.float64).astype(np.float32) for name in ("minima", "maxima"))
    count, name = one["count"], one["name"]
    _require(isinstance(name, str), f"{place}: expected a text as name")
    _require(minima.shape == maxima.shape == examples.shape != (0,), f"{place}: a range for each example is expected")
    _require(bool(np.isin(examples, indices).all()), f"{place}: an example that the calibration has not")
    _require(bool(np.isfinite(minima).all() and np.isfinite(maxima).all()), f"{place}: a range is not finite")
    _require(bool((minima <= maxima).all()), f"{place}: a minimum is above its maximum")
    _require(type(count) is int and count >= len(examples), f"{place}: expected its number of values as count")
    if not histogram:
        return TensorStatistics(name, examples, minima, maxima, count)
    buckets, counts = np.array(one["buckets"], np.int64), np.array(one["counts"], np.int64)
    _require(buckets.shape == counts.shape and buckets.ndim == 1, f"{place}: a count for each bucket is expected")
    _require(
        bool((np.diff(buckets) > 0).all() and (buckets >= 0).all() and (buckets < BUCKETS).all()),
        f"{place}: expected ascending buckets below {BUCKETS}",
    )
    _require(bool((counts > 0).all()) and int(counts.sum()) == count, f"{place}: the counts do not make up its values")
    return TensorStatistics(name, examples, minima, maxima, count, Histogram(buckets.astype(np.uint16), counts))


def _indices(spans: Any) -> np.ndarray:
    """Return the numbers of examples that are given as spans."""
    ends = [end for span in spans for end in span]
    ordered = all(type(end) is int for end in ends) and all(a < b for a, b in pairwise(ends))
    _require(ordered and all(len(span) == 2 for span in spans), "expected ascending spans of examples")
    _require(not ends or ends[0] >= 0, "expected numbers of examples of 0 or more")
    _require(sum(end - first for first, end in spans) <= _MOST_EXAMPLES, "too many examples")
    return indices_of(spans)


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)
