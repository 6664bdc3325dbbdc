"""Labels: from .npy, .txt, .csv and IDX files, as class indices."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...schema import InputError
from ..arrays import read_npy, read_npz
from ..idx import looks_like_idx, read_idx

LABEL_NAMES = ("labels", "label", "y", "y_test", "targets")
"""What arrays of labels are named in an .npz."""
_COLUMNS = ("label", "labels", "class", "target", "y")


def read_labels(source: Any, class_names: Sequence[str] = ()) -> np.ndarray:
    """Return labels ``(N,)`` int64 from a file, an array or a list.

    Parameters
    ----------
    source : path of an .npy, .npz (an array named as in :data:`LABEL_NAMES`, or the only one), IDX, .txt (one a line)
        or .csv file (the column named label, class, target or y; else the last); or an array, or a list.
    class_names : names that may stand in place of indices.

    Raises
    ------
    InputError
        Where they are not labels.
    OSError
        Where the file cannot be read.
    """
    if not isinstance(source, (str, os.PathLike)):
        return as_labels(source, "labels", class_names)
    path = os.fspath(source)
    suffix = os.path.splitext(path)[1].lower()
    if suffix == ".npy":
        return as_labels(read_npy(path), path, class_names)
    if suffix == ".npz":
        return as_labels(labels_among(read_npz(path), path), path, class_names)
    if suffix in (".txt", ".csv"):
        return as_labels(_read_text(path, suffix == ".csv"), path, class_names)
    if os.path.isfile(path) and not looks_like_idx(path):
        raise InputError(f"{path}: expected labels as .npy, .npz, .txt, .csv or IDX")
    return as_labels(read_idx(path), path, class_names)


def labels_among(arrays: dict[str, np.ndarray], path: str) -> np.ndarray:
    """Return the array of labels in an .npz: by its name, or the only one."""
    named = [arrays[name] for name in LABEL_NAMES if name in arrays]
    if named or len(arrays) == 1:
        return (named or list(arrays.values()))[0]
    raise InputError(f"{path}: expected an array named {', '.join(LABEL_NAMES)}; it has {', '.join(arrays) or 'none'}")


def as_labels(values: Any, where: str, class_names: Sequence[str] = ()) -> np.ndarray:
    """Return class indices ``(N,)`` int64 from numbers or names.

    Raises
    ------
    InputError
        Where a value is neither an index of 0 or more nor a known name, or they are no list.
    """
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise InputError(f"{where}: expected labels (N,): {error}") from None
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        hint = ": of one-hot rows, give their argmax" if array.ndim == 2 else ""
        raise InputError(f"{where}: expected labels of shape [N], got {list(array.shape)}{hint}")
    if array.dtype.kind in "US":
        return np.array([_index(str(one), where, number, class_names) for number, one in enumerate(array)], np.int64)
    if array.dtype.kind not in "iufb":
        raise InputError(f"{where}: expected labels of integers, got {array.dtype}")
    whole = array.dtype.kind != "f" or bool(np.all(np.isfinite(array) & (np.floor(array) == array)))
    if not whole or (array.size and array.min() < 0):
        raise InputError(f"{where}: expected labels of integers from 0 on")
    return array.astype(np.int64)


def _index(text: str, where: str, number: int, class_names: Sequence[str]) -> int:
    if text in class_names:
        return list(class_names).index(text)
    try:
        return int(text)
    except ValueError:
        known = "is none of the class names" if class_names else "is no integer; --class-names gives names"
        raise InputError(f"{where}: label {number + 1}: {text!r} {known}") from None


def _read_text(path: str, table: bool) -> list[str]:
    """Return the labels of a text file as text."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            if not table:
                return [line.strip() for line in file if line.strip()]
            rows = [row for row in csv.reader(file) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: expected text: {error}") from None
    if not rows:
        return []
    header = [cell.strip().lower() for cell in rows[0]]
    named = [place for place, cell in enumerate(header) if cell in _COLUMNS]
    column = named[0] if named else len(header) - 1
    short = [number for number, row in enumerate(rows, 1) if len(row) != len(header)]
    if short:
        raise InputError(f"{path}: row {short[0]} has {len(rows[short[0] - 1])} cells, the first has {len(header)}")
    return [row[column].strip() for row in (rows[1:] if named else rows)]


def read_names(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Return class names, one a line, by index.

    Raises
    ------
    InputError
        Where the file is no text, or has a name twice.
    OSError
        Where it cannot be read.
    """
    names = tuple(_read_text(os.fspath(path), table=False))
    if len(set(names)) != len(names):
        twice = next(one for one in names if names.count(one) > 1)
        raise InputError(f"{os.fspath(path)}: {twice!r} is there twice")
    return names
