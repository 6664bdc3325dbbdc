"""Representative data from files: .npz, .npy and IDX, and folders of images."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from ...engine.views import Port
from ...schema import InputError
from ..arrays import read_image, read_npy, read_npz
from ..evaluation.labels import LABEL_NAMES
from ..idx import looks_like_idx, read_idx

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
"""What names of images end with."""


def file_columns(path: str, ports: Sequence[Port]) -> dict[str, np.ndarray]:
    """Return the arrays of an .npz, .npy or IDX file by input name.

    Those of an .npz have the names of inputs, or any where there is one array and one input, or those that
    ``numpy.savez`` gives to arrays without a name, which are taken in order. Labels, and what is to be tested with, are
    left out.

    Raises
    ------
    InputError
        Where the file is nothing of this, or does not fit the model's number of inputs.
    OSError
        Where it cannot be read.
    """
    os.stat(path)  # a missing file is reported before a wrong name
    names = [port.name for port in ports]
    lower = path.lower()
    if lower.endswith(".npz"):
        arrays = _without_labels(read_npz(path), names)
        if len(arrays) == len(names) and (len(names) == 1 or arrays.keys() == {f"arr_{i}" for i in range(len(names))}):
            ordered = arrays if len(names) == 1 else {name: arrays[name] for name in sorted(arrays, key=_number)}
            return dict(zip(names, ordered.values(), strict=True))
        return arrays
    if not lower.endswith(".npy") and not looks_like_idx(path):
        raise InputError(f"{path}: expected .npz, .npy, an IDX file or a folder of images")
    if len(ports) != 1:
        raise InputError(f"the model has {len(ports)} inputs: give an .npz with arrays named {', '.join(names)}")
    return {names[0]: read_npy(path) if lower.endswith(".npy") else read_idx(path)}


def _without_labels(arrays: dict[str, np.ndarray], inputs: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the arrays that inputs may be named as; of Keras's data sets those to train with."""
    others = {*LABEL_NAMES, "y_train", *(("x_test",) if "x_train" in arrays else ())}
    return {name: array for name, array in arrays.items() if name in inputs or name not in others}


def _number(name: str) -> int:
    return int(name.removeprefix("arr_"))


def image_files(folder: str) -> list[Path]:
    """Return the images in a folder and the folders in it, in the order of their paths.

    Raises
    ------
    InputError
        Where there is none.
    """
    root = Path(folder)
    found = [path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")]
    if not found:
        raise InputError(f"{folder}: no images in the folder (names ending with {', '.join(SUFFIXES)})")
    return sorted(found, key=lambda path: path.relative_to(root).parts)


def image_items(
    folder: str, ports: Sequence[Port], image_range: tuple[float, float] | None
) -> tuple[Callable[[], Iterable[np.ndarray]], int]:
    """Return what reads a folder's images one by one, resized to the model's one input, and their number.

    Raises
    ------
    InputError
        Where there is none, or the model has several inputs; of an image, when it is read.
    """
    if len(ports) != 1:
        raise InputError(f"{folder}: a folder of images is for a model with one input; this has {len(ports)}")
    if -1 in ports[0].shape_signature[1:]:
        raise InputError(f"input {ports[0].name!r}: the model leaves open what size images have: give arrays")
    paths = image_files(folder)
    return lambda: (read_image(str(path), ports[0], image_range, "an image") for path in paths), len(paths)
