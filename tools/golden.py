"""Reading golden vectors: what ``q31 vectors`` writes, or a folder of .npz files."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..schema import InputError
from .arrays import read_npz
from .assertions import assert_bit_exact

MANIFEST = "manifest.json"


@dataclass(frozen=True, repr=False)
class Vector:
    """A golden vector: arrays by name.

    Parameters
    ----------
    name : that of its case, or of its file.
    arrays : name -> array: ``input``, ``weights``, ``biases``, ``accumulator``, ``output_mult``, ``output_ref``...
    operator, operator_name : which operator of the model it is of; -1 and empty where that is not known.
    kinds : name -> ``"input"``, ``"constant"``, ``"state"``, ``"parameter"``, ``"intermediate"`` or ``"output"``.
    parameters : prepared parameters that are numbers or words: ``activation_min``, ``strides``...
    stamp : profile, q31's version, the model's SHA-256.
    model : path of the single-operator model that it was made with, where there is one.
    """

    name: str
    arrays: Mapping[str, np.ndarray]
    operator: int = -1
    operator_name: str = ""
    kinds: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    stamp: Mapping[str, Any] = field(default_factory=dict)
    model: Path | None = None

    def __getitem__(self, name: str) -> np.ndarray:
        """Return an array by name."""
        if name not in self.arrays:
            raise InputError(f"vector {self.name}: no array is named {name!r}; there are {', '.join(self.arrays)}")
        return self.arrays[name]

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        arrays = ", ".join(f"{name} {array.dtype}{list(array.shape)}" for name, array in self.arrays.items())
        return f"<Vector {self.name}: {arrays}>"

    def of_kind(self, kind: str) -> dict[str, np.ndarray]:
        """Return the arrays of a kind, such as ``"input"`` or ``"output"``, by name."""
        return {name: array for name, array in self.arrays.items() if self.kinds.get(name) == kind}

    def check(self, got: Any, name: str = "") -> None:
        """Fail unless an array has the bits of the one with that name; without a name, of the only output.

        Raises
        ------
        AssertionError
            As :func:`q31.testing.assert_bit_exact`.
        InputError
            Where there is no such array.
        """
        __tracebackhide__ = True
        if not name:
            outputs = list(self.of_kind("output"))
            if len(outputs) != 1:
                raise InputError(f"vector {self.name}: say which array: {', '.join(outputs or self.arrays)}")
            name = outputs[0]
        title = f"{self.operator}, {self.operator_name}" if self.operator_name else None
        assert_bit_exact({name: got}, {name: self[name]}, title)


def read_vectors(folder: str | os.PathLike[str]) -> list[Vector]:
    """Read a folder that ``q31 vectors`` wrote as npz or bin, or one of .npz files, each of which is a vector.

    Raises
    ------
    InputError
        Where it is neither, or a file is not what the manifest says.
    OSError
        Where a file cannot be read.
    """
    place = Path(folder)
    if not place.is_dir():
        raise InputError(f"{place}: expected a folder of golden vectors")
    if (place / MANIFEST).is_file():
        return _with_manifest(place)
    files = sorted(place.glob("*.npz"))
    if not files:
        raise InputError(f"{place}: expected {MANIFEST}, as q31 vectors writes it, or .npz files")
    return [Vector(file.stem, read_npz(str(file))) for file in files]


def _with_manifest(place: Path) -> list[Vector]:
    try:
        manifest = json.loads((place / MANIFEST).read_text(encoding="utf-8"))
        form, cases = manifest["format"], manifest["cases"]
        if form["name"] not in ("npz", "bin"):
            raise InputError(f"{place}: vectors of format {form['name']} are not read; expected npz or bin")
        return [_vector(place, case, form, manifest["stamp"]) for case in cases]
    except (KeyError, TypeError, ValueError, UnicodeDecodeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{place / MANIFEST}: is no manifest of golden vectors ({error})") from None


def _vector(place: Path, case: Mapping[str, Any], form: Mapping[str, Any], stamp: Mapping[str, Any]) -> Vector:
    files: dict[str, dict[str, np.ndarray]] = {}
    arrays: dict[str, np.ndarray] = {}
    for one in case["arrays"]:
        dtype, shape, path = _dtype(one["dtype"]), tuple(one["shape"]), str(place / one["file"])
        if form["name"] == "bin":
            order = ">" if form.get("endianness") == "big" else "<"
            content = np.frombuffer(
                Path(path).read_bytes(), f"{order}u1" if dtype.itemsize == 1 else _raw(dtype, order)
            )
            array = content.astype(content.dtype.newbyteorder("="))
        else:
            if path not in files:
                files[path] = read_npz(path)
            array = files[path].get(one["name"], np.zeros(0))
        array = array if array.dtype == dtype or array.dtype.itemsize != dtype.itemsize else array.view(dtype)
        if array.dtype != dtype or array.size != int(np.prod(shape, dtype=np.int64)):
            raise InputError(
                f"{path}: {one['name']}: expected {dtype}{list(shape)}, got {array.dtype}{list(array.shape)}"
            )
        arrays[one["name"]] = array.reshape(shape)
    model = case.get("model")
    return Vector(
        case["name"],
        arrays,
        int(case["operator"]),
        str(case["operator_name"]),
        {one["name"]: one["kind"] for one in case["arrays"]},
        case.get("parameters", {}),
        {**stamp, "model_sha256": case.get("model_sha256", stamp.get("model_sha256")), "seed": case.get("seed")},
        place / model if model else None,
    )


def _raw(dtype: np.dtype, order: str) -> str:
    """Return a type of as many bytes in an order; complex numbers keep their two parts."""
    return f"{order}{dtype.kind if dtype.kind == 'c' else 'u'}{dtype.itemsize}"


def _dtype(name: str) -> np.dtype:
    if name == "bfloat16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(name)
