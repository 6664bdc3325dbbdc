"""The assertion of tests that hold an implementation to bits; its message says operator, index and difference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .compare.differences import Difference, difference

_SHOWN = 4


def assert_bit_exact(got: Any, want: Any, operator: Any = None) -> None:
    """Fail unless arrays have the same shape, data type and bits.

    Parameters
    ----------
    got, want : arrays; dicts of arrays by name, of which all that ``want`` has are compared; sequences of arrays; or
        traces, whose operators are compared in order. Where only one of the two is an array, the other (a list, a
        number) is given its data type, if that changes no value. NaN equals NaN; zeros of different sign differ.
    operator : what the message names: an index, a name, or anything with ``index`` and ``name``, as an operator of
        ``q31.Model.operators`` or of a trace.

    Raises
    ------
    AssertionError
        Where they differ: says operator, tensor, how many values, by how much at most, and the first ones by index.

    Examples
    --------
    >>> import numpy as np
    >>> assert_bit_exact(np.array([1, 2], np.int8), np.array([1, 4], np.int8), "CONV_2D")
    Traceback (most recent call last):
    AssertionError: operator CONV_2D: 1 of 2 values differs, by 2 LSB; the first at [1]: 2 instead of 4
    """
    __tracebackhide__ = True
    message = _message(got, want, operator)
    if message:
        raise AssertionError(message)


def _message(got: Any, want: Any, operator: Any) -> str:
    if _is_trace(got) and _is_trace(want):
        return _of_traces(got, want)
    where = _title(operator)
    if isinstance(want, Mapping):
        if not isinstance(got, Mapping):
            return f"{where}expected arrays by name ({', '.join(map(str, want))}), got {type(got).__name__}"
        if missing := [str(name) for name in want if name not in got]:
            return f"{where}there is no {missing[0]!r}; there are {', '.join(map(str, got)) or 'none'}"
        found = [(f"{name!r}: ", got[name], want[name]) for name in want]
    elif isinstance(want, (list, tuple)) and any(isinstance(one, np.ndarray) for one in want):
        if not isinstance(got, (list, tuple)) or len(got) != len(want):
            return f"{where}expected {len(want)} arrays, got {_kind(got)}"
        found = [(f"array {index}: ", *pair) for index, pair in enumerate(zip(got, want, strict=True))]
    else:
        found = [("", got, want)]
    return _first(where, found)


def _kind(got: Any) -> str:
    return f"{len(got)}" if isinstance(got, (list, tuple)) else type(got).__name__


def _first(where: str, pairs: Iterable[tuple[str, Any, Any]]) -> str:
    for name, got, want in pairs:
        one, other = _alike(got, want)
        if found := difference(other, one):
            return f"{where}{name}{_described(found, one, other)}"
    return ""


def _alike(got: Any, want: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return both as arrays; what is none gets the other's data type where its values allow."""
    one, other = np.asarray(got), np.asarray(want)
    typed = [isinstance(each, (np.ndarray, np.generic)) for each in (got, want)]
    if one.dtype != other.dtype and typed == [True, False]:
        other = _converted(other, one.dtype)
    elif one.dtype != other.dtype and typed == [False, True]:
        one = _converted(one, other.dtype)
    return one, other


def _converted(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    try:
        with np.errstate(all="ignore"):
            converted = array.astype(dtype)
    except (TypeError, ValueError, OverflowError):
        return array
    same = np.asarray((converted == array) | ((converted != converted) & (array != array)))
    return converted if same.all() else array


def _described(found: Difference, got: np.ndarray, want: np.ndarray) -> str:
    """Return a difference in a line, and the values after the first that differ in lines of their own."""
    if found.mismatch or found.count < 2 or got.dtype.kind == "c":
        return str(found)
    lines = [str(found)]
    for place in _places(got, want):
        step = difference(want[place], got[place])
        lines.append(f"  {list(place)}: {got[place]} instead of {want[place]} ({step.histogram[0][0]} {step.unit})")
    if found.count > _SHOWN:
        lines.append(f"  ... {found.count - _SHOWN:,} more")
    return "\n".join(lines)


def _places(got: np.ndarray, want: np.ndarray) -> Iterator[tuple[int, ...]]:
    shown, flat = 0, zip(got.reshape(-1), want.reshape(-1), strict=True)
    for index, (one, other) in enumerate(flat):
        if shown == _SHOWN:
            return
        if difference(np.asarray(other), np.asarray(one)):
            shown += 1
            yield tuple(int(i) for i in np.unravel_index(index, got.shape))


def _title(operator: Any) -> str:
    if operator is None:
        return ""
    index, name = getattr(operator, "index", None), getattr(operator, "name", None)
    if isinstance(index, int) and isinstance(name, str):
        return f"operator {index}, {name}: "
    return f"operator {operator}: "


# Traces


def _is_trace(one: Any) -> bool:
    return all(hasattr(one, name) for name in ("tensors", "operators", "stamp"))


def _of_traces(got: Any, want: Any) -> str:
    forms: Sequence[Any] = [[(one.index, one.name) for one in trace.operators] for trace in (got, want)]
    if forms[0] != forms[1]:
        return "the traces are of models with different operators"
    for one, other in zip(got.operators, want.operators, strict=True):
        named = zip(
            want.names and [want.names[i] for i in other.output_indices], one.outputs, other.outputs, strict=True
        )
        told = [(f"{name!r}: ", own, each) for name, own, each in named if own is not None and each is not None]
        if message := _first(_title(other), told):
            return message
    return ""
