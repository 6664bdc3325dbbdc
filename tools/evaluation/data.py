"""Data sets to judge models on: arrays, IDX files, and folders of images that are read when they are needed."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...engine.views import Port
from ...schema import InputError
from ..arrays import read_image, read_npy, read_npz
from ..idx import looks_like_idx, read_idx
from ..quantization.dataset_files import image_files
from .labels import LABEL_NAMES, as_labels, labels_among, read_labels
from .values import to_input

Range = tuple[float, float]


@dataclass(frozen=True)
class ImageFile:
    """What is in a file of an image, for processes that cannot read it themselves; ``path`` is for errors."""

    path: str
    content: bytes


@dataclass(frozen=True)
class Dataset:
    """Examples, and the class of each where that is known.

    Parameters
    ----------
    columns : arrays ``(N, ...)``, or paths of N images, by name; a single one serves a model of one input, whatever
        its name.
    labels : class indices ``(N,)`` int64, or None.
    class_names : the names of classes that the data tells, by index.
    """

    columns: Mapping[str, np.ndarray | tuple[str | ImageFile, ...]]
    labels: np.ndarray | None = None
    class_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        counts = {name: len(column) for name, column in self.columns.items()}
        if len(set(counts.values())) > 1:
            shown = ", ".join(f"{count} of {name!r}" for name, count in counts.items())
            raise InputError(f"expected as many examples of each input; got {shown}")
        if self.labels is not None and len(self.labels) != len(self):
            raise InputError(f"there are {len(self)} examples and {len(self.labels)} labels")

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def part(self, start: int, stop: int) -> Dataset:
        """Return the examples from ``start`` to before ``stop``: a shard."""
        return self.select(slice(start, stop))

    def select(self, chosen: slice) -> Dataset:
        """Return the examples of a slice."""
        columns = {name: column[chosen] for name, column in self.columns.items()}
        return replace(self, columns=columns, labels=None if self.labels is None else self.labels[chosen])

    def fetched(self) -> Dataset:
        """Return the same with images as what is in their files.

        Raises
        ------
        OSError
            Where one cannot be read.
        """
        return replace(self, columns={name: _fetched(column) for name, column in self.columns.items()})

    def inputs(self, ports: Sequence[Port], image_range: Range | None = None) -> dict[str, np.ndarray]:
        """Return every example as a model's inputs take it, ``(N, ...)`` by input name.

        Raises
        ------
        InputError
            Where the data does not fit.
        OSError
            Where an image cannot be read.
        """
        given = self.columns
        if len(ports) == 1 and ports[0].name not in given:
            unnamed = [column for name, column in given.items() if name not in LABEL_NAMES]
            given = {ports[0].name: unnamed[0]} if len(unnamed) == 1 else given
        if missing := [port.name for port in ports if port.name not in given]:
            raise InputError(f"the data has nothing for input {missing[0]!r}; it has {', '.join(given)}")
        return {port.name: _converted(given[port.name], port, image_range) for port in ports}


def _fetched(column: np.ndarray | tuple[str | ImageFile, ...]) -> np.ndarray | tuple[str | ImageFile, ...]:
    if isinstance(column, np.ndarray):
        return column
    return tuple(one if isinstance(one, ImageFile) else ImageFile(one, Path(one).read_bytes()) for one in column)


def _image(source: str | ImageFile, port: Port, image_range: Range | None) -> np.ndarray:
    if isinstance(source, ImageFile):
        return read_image(source.path, port, image_range, content=source.content)
    return read_image(source, port, image_range)


def _converted(column: np.ndarray | tuple[str | ImageFile, ...], port: Port, image_range: Range | None) -> np.ndarray:
    if isinstance(column, np.ndarray):
        return to_input(column, port, image_range)
    images = [_image(one, port, image_range).reshape(port.shape) for one in column]
    return np.concatenate(images) if images else np.empty((0, *port.shape[1:]), port.dtype)


def open_data(
    data: Any,
    labels: Any = None,
    class_names: Sequence[str] = (),
    label_offset: int = 0,
    unlabelled: bool = False,
) -> Dataset:
    """Open a data set.

    Parameters
    ----------
    data : path of an .npz, .npy or IDX file, or of a folder of images; an array ``(N, ...)``; a dict of arrays by input
        name; or a :class:`Dataset`. Arrays in an .npz are named as the inputs, one of any name serves a model of one
        input; those named labels, label, y, y_test or targets are labels. Subfolders of a folder are its classes, in
        the order of their names, or with the index that the name is.
    labels : as for :func:`.read_labels`; None: those that the data has, if any.
    class_names : names of classes by index, for labels and subfolders that have names.
    label_offset : added to each label.
    unlabelled : do not look for labels.

    Raises
    ------
    InputError
        Where data or labels are not what they should be, or do not belong together.
    OSError
        Where a file cannot be read.
    """
    found = _open(data, class_names, labels is None and not unlabelled)
    if labels is not None:
        found = replace(found, labels=read_labels(labels, class_names))
    if found.labels is not None and label_offset:
        if len(found.labels) and int(found.labels.min()) + label_offset < 0:
            raise InputError(f"label offset {label_offset}: label {found.labels.min()} would be below 0")
        found = replace(found, labels=found.labels + label_offset, class_names=())
    if class_names:
        found = replace(found, class_names=tuple(class_names))
    if not len(found):
        where = f"{os.fspath(data)}: " if isinstance(data, (str, os.PathLike)) else ""
        raise InputError(f"{where}there is no example")
    return found


def parse_slice(text: str | None) -> slice | None:
    """Return a slice written as in Python, ``START:STOP:STEP``; None of None.

    Raises
    ------
    InputError
        Where it is none.
    """
    if text is None:
        return None
    try:
        numbers = [int(one) if one.strip() else None for one in text.split(":")]
    except ValueError:
        numbers = []
    if len(numbers) not in (2, 3) or numbers[2:] == [0]:
        raise InputError(f"--select: expected START:STOP or START:STOP:STEP, such as 4::5, not {text!r}")
    return slice(*numbers)


def _open(data: Any, class_names: Sequence[str], with_labels: bool) -> Dataset:
    if isinstance(data, Dataset):
        return data
    if isinstance(data, Mapping):
        return _named({str(name): _array(value) for name, value in data.items()}, class_names, "the data", with_labels)
    if not isinstance(data, (str, os.PathLike)):
        return Dataset({"data": _array(data)})
    path = os.fspath(data)
    suffix = os.path.splitext(path)[1].lower()
    if os.path.isdir(path):
        return _folder(Path(path), class_names, with_labels)
    if suffix == ".npz":
        return _named(read_npz(path), class_names, path, with_labels)
    if suffix == ".npy":
        return Dataset({"data": _array(read_npy(path))})
    if not looks_like_idx(path):
        raise InputError(f"{path}: expected .npz, .npy, an IDX file or a folder of images")
    return Dataset({"data": _array(read_idx(path))})


def _array(value: Any) -> np.ndarray:
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise InputError(f"expected an array of examples: {error}") from None
    if array.ndim == 0 or array.dtype == object:
        raise InputError(f"expected an array of examples (N, ...), got {type(value).__name__}")
    return array


def _named(arrays: dict[str, np.ndarray], class_names: Sequence[str], where: str, with_labels: bool) -> Dataset:
    if {"x_test", "y_test"} <= arrays.keys():  # as Keras keeps its data sets
        arrays = {"x_test": arrays["x_test"], "y_test": arrays["y_test"]}
    labelled = [name for name in arrays if name in LABEL_NAMES]
    if len(labelled) == len(arrays):
        raise InputError(f"{where}: has no array of examples, only {', '.join(arrays) or 'nothing'}")
    labels = None
    if labelled and with_labels:
        labels = as_labels(labels_among(arrays, where), where, class_names)
    return Dataset(arrays, labels)  # labels, too: an input may be called y


def _folder(folder: Path, class_names: Sequence[str], with_labels: bool) -> Dataset:
    """Return a folder's images: of its subfolders, or its own."""
    classes = sorted(one for one in folder.iterdir() if one.is_dir() and not one.name.startswith("."))
    if not classes:
        return Dataset({"images": tuple(map(str, image_files(str(folder))))})
    names = [one.name for one in classes]
    if with_labels and class_names:
        if unknown := [name for name in names if name not in class_names]:
            raise InputError(f"{folder}: subfolder {unknown[0]!r} is none of the class names")
        indices = [list(class_names).index(name) for name in names]
    elif all(name.isascii() and name.isdecimal() for name in names):
        indices, names = [int(name) for name in names], []
    else:
        indices = list(range(len(names)))
    paths: list[str] = []
    labels: list[int] = []
    for index, one in zip(indices, classes, strict=True):
        found = image_files(str(one))
        paths += map(str, found)
        labels += [index] * len(found)
    return Dataset({"images": tuple(paths)}, np.array(labels, np.int64), tuple(names))
