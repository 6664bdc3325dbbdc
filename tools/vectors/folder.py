"""A folder of golden vectors: one folder a case, and ``manifest.json``; all of it or nothing."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ...schema import InputError
from .c_headers import headers
from .case import Case, VectorArray, rounding_of
from .conventions import CONVENTIONS
from .hits import MEANINGS
from .macros import macros
from .memory import MemoryFormat, raw, words

FORMATS = ("npz", "c", "readmemh", "bin")
MANIFEST = "manifest.json"
KIND = "q31 golden vectors"


@contextmanager
def replacing(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """Give an empty folder that takes its name when the block ends well; otherwise whatever was there stays.

    Raises
    ------
    InputError
        Where the folder exists and holds something other than golden vectors.
    OSError
        Where it cannot be written.
    """
    target = Path(os.path.realpath(folder))
    require_replaceable(target, os.fspath(folder))
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    old = target.with_name(f".{target.name}.{os.getpid()}.old")
    try:
        partial.mkdir()
    except OSError as error:
        raise type(error)(error.errno, error.strerror, os.fspath(folder)) from None
    try:
        yield partial
        if target.exists():
            os.rename(target, old)
        os.rename(partial, target)
    except BaseException:
        if old.exists() and not target.exists():
            os.rename(old, target)
        raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def require_replaceable(target: Path, name: str) -> None:
    """Raise InputError where something is at a path that golden vectors must not replace."""
    if not target.exists():
        return
    if not target.is_dir():
        raise InputError(f"{name}: expected a folder, or nothing there")
    if any(target.iterdir()) and not _is_ours(target):
        raise InputError(f"{name}: the folder holds something other than golden vectors; it stays as it is")


def _is_ours(folder: Path) -> bool:
    try:
        return bool(json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["kind"] == KIND)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def write_folder(
    folder: str | os.PathLike[str],
    cases: Iterable[Case],
    stamp: Mapping[str, Any],
    format: str,
    memory: MemoryFormat | None = None,
    left_out: Iterable[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Write cases as they come, and return the manifest.

    Parameters
    ----------
    folder : replaced as a whole where it holds golden vectors.
    cases : may be a generator; errors leave the folder as it was.
    stamp : of the model.
    format : ``"npz"``, ``"c"``, ``"readmemh"`` or ``"bin"``.
    memory : layouts of all formats; words, lanes and endianness of hex and raw files.
    left_out : read after the cases: corner cases that an operator does not have, each with its reason.

    Raises
    ------
    InputError, OSError
        As :func:`replacing`; InputError for a format that there is not, or elements that do not fit the words.
    """
    if format not in FORMATS:
        raise InputError(f"no format is named {format!r}; there are {', '.join(FORMATS)}")
    memory = memory or MemoryFormat()
    with replacing(folder) as partial:
        entries = [_write_case(partial, case, format, memory) for case in cases]
        shown = {**stamp, "seed": None}
        seeds = sorted({entry["seed"] for entry in entries if entry["seed"] is not None})
        shown["seed"] = seeds[0] if len(seeds) == 1 else seeds or None
        settings = (
            memory.to_dict()
            if format in ("readmemh", "bin")
            else {name: value for name, value in memory.to_dict().items() if name.endswith("layout")}
        )
        manifest = {
            "kind": KIND,
            "stamp": shown,
            "format": {"name": format, **settings},
            "conventions": CONVENTIONS,
            "hits": MEANINGS,
            "cases": entries,
            "left_out": [dict(one) for one in left_out],
        }
        text = json.dumps(manifest, indent=1, allow_nan=False) + "\n"
        (partial / MANIFEST).write_text(text, encoding="utf-8")
    return manifest


def _write_case(folder: Path, case: Case, format: str, memory: MemoryFormat) -> dict[str, Any]:
    own = folder / case.name
    own.mkdir()
    arrays, described, strings = [], [], []
    for one in case.arrays:
        if one.array.dtype == object or one.array.dtype.kind in "SU":
            strings.append(one.name)  # no format but npz has them
            continue
        array, layout = memory.ordered(one)
        arrays.append(VectorArray(one.name, array, one.kind, layout, one.tensor))
        described.append(arrays[-1].describe())
        quantization = None if one.tensor is None else one.tensor.quantization
        if quantization is not None and len(quantization.scale) > 1:  # by letter, for the order may be another here
            along = quantization.quantized_dimension
            named = along < len(one.layout)  # a bias may repeat its weights' dimension
            described[-1]["quantized_along"] = one.layout[along] if named else one.layout or along
    if case.model is not None:
        (own / "model.tflite").write_bytes(case.model)
    _WRITERS[format](own, case, tuple(arrays), memory, described)
    rounding = rounding_of(case)
    return {
        "name": case.name,
        "operator": case.operator,
        "operator_name": case.operator_name,
        "source": case.source,
        "note": case.note,
        "seed": case.stamp.get("seed"),
        "model": None if case.model is None else f"{case.name}/model.tflite",
        "model_sha256": case.stamp["model_sha256"],
        "aims": list(case.aims),
        "hits": dict(case.hits),
        "rounding": None if rounding is None else rounding.name,
        "parameters": {name: _plain(value) for name, value in case.parameters.items()},
        "macros": {name: _plain(value) for name, value in macros(case).items()},
        "arrays": described,
        "strings_left_out": strings,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
    return (
        value
        if not isinstance(value, (float, complex)) or (isinstance(value, float) and np.isfinite(value))
        else str(value)
    )


Described = list[dict[str, Any]]


def _write_npz(own: Path, case: Case, arrays: tuple[VectorArray, ...], memory: MemoryFormat, out: Described) -> None:
    with zipfile.ZipFile(own / "vectors.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for one, entry in zip(arrays, out, strict=True):
            array = one.array if one.array.dtype.kind in "biufc" else one.array.view(f"u{one.array.dtype.itemsize}")
            with archive.open(f"{one.name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
            entry["file"] = f"{case.name}/vectors.npz"


def _write_c(own: Path, case: Case, arrays: tuple[VectorArray, ...], memory: MemoryFormat, out: Described) -> None:
    entries = {entry["name"]: entry for entry in out}
    for name, file, text in headers(case, arrays):
        (own / file).write_text(text, encoding="ascii")
        if name:
            entries[name] |= {"file": f"{case.name}/{file}", "identifier": f"{case.name}_{name}"}


def _write_hex(own: Path, case: Case, arrays: tuple[VectorArray, ...], memory: MemoryFormat, out: Described) -> None:
    for one, entry in zip(arrays, out, strict=True):
        try:
            text, info = words(one.array, memory)
        except InputError as error:
            raise InputError(f"{case.name}, {one.name}: {error}") from None
        (own / f"{one.name}.hex").write_text(text, encoding="ascii")
        entry |= {"file": f"{case.name}/{one.name}.hex", **info}


def _write_bin(own: Path, case: Case, arrays: tuple[VectorArray, ...], memory: MemoryFormat, out: Described) -> None:
    for one, entry in zip(arrays, out, strict=True):
        content = raw(one.array, memory.endianness)
        (own / f"{one.name}.bin").write_bytes(content)
        entry |= {"file": f"{case.name}/{one.name}.bin", "bytes": len(content)}


_WRITERS = {"npz": _write_npz, "c": _write_c, "readmemh": _write_hex, "bin": _write_bin}
