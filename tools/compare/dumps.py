"""Tensors that somebody else computed, read from .npz, .npy, raw bytes or text in hexadecimal."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...schema import Graph, InputError, bit_width, numpy_dtype
from ..arrays import read_npy, read_npz
from .hexdump import parse

SUFFIXES = (".npz", ".npy", ".bin", ".raw", ".hex", ".txt")
ALL = "all"


def find_tensor(graph: Graph, name: str, what: str = "") -> int:
    """Return the index of a tensor of the primary subgraph by its name, or by its index as text.

    Raises
    ------
    InputError
        Where there is none, or several have the name.
    """
    tensors = graph.subgraphs[0].tensors
    found = [index for index, tensor in enumerate(tensors) if tensor.name == name]
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(f"{what}tensors {', '.join(map(str, found))} are all named {name!r}: give the index")
    index = _index(name)
    if index is None:
        raise InputError(f"{what}no tensor is named {name!r}")
    if not index < len(tensors):
        raise InputError(f"{what}no tensor has the index {index}; there are {len(tensors)}")
    return index


def _index(name: str) -> int | None:
    return int(name) if name.isascii() and name.isdecimal() and len(name) < 10 else None


def read_dump(path: str, graph: Graph, layout: Sequence[str] = ()) -> tuple[dict[int, np.ndarray], dict[str, Any]]:
    """Read a dump.

    Parameters
    ----------
    path : .npz: arrays by tensor name, by index, or as ``q31 trace`` writes them. .npy: one tensor. .bin, .raw: bytes.
        .hex, .txt: text (:mod:`.hexdump`).
    graph : the model.
    layout : which tensors an .npy, raw bytes, or text without headings holds, one after the other: names or indices,
        each with ``@OFFSET`` behind it where bytes lie between; ``all`` is every operator's outputs in order. Without
        it, the model's outputs.

    Returns
    -------
    Arrays by tensor index, in one dimension where the file has no shapes; and the stamp, empty where it has none.

    Raises
    ------
    InputError
        Where the file is not what its name says, or names tensors that the model does not have.
    OSError
        Where it cannot be read.
    """
    suffix = os.path.splitext(path)[1].lower()
    if suffix == ".npz":
        if layout:
            raise InputError("--tensor is for dumps without names: .npy, .bin, and .hex without headings")
        arrays = read_npz(path)
        return by_key(arrays, graph, f"{path}: "), _stamp(arrays)
    if suffix == ".npy":
        indices = _layout(graph, layout, path)
        if len(indices) != 1:
            raise InputError(f"{path}: holds one tensor of {len(indices)}: say which with --tensor")
        return {indices[0][0]: read_npy(path)}, {}
    if suffix in (".bin", ".raw"):
        with open(path, "rb") as file:
            return split(file.read(), graph, _layout(graph, layout, path), path), {}
    if suffix not in SUFFIXES:
        raise InputError(f"{path}: expected a dump named {', '.join(SUFFIXES)}")
    with open(path, encoding="utf-8", errors="replace") as file:
        sections = parse(file.read(), path)
    tensors: dict[int, np.ndarray] = {}
    for section in sections:
        if not section.name:
            tensors |= split(bytes(section.data), graph, _layout(graph, layout, path), path)
            continue
        place = f"{path}: line {section.line}: "
        index = find_tensor(graph, section.name, place)
        if index in tensors:
            raise InputError(f"{place}tensor {index} comes a second time")
        tensors |= split(bytes(section.data), graph, [(index, None)], f"{path}: line {section.line}")
    return tensors, {}


def by_key(arrays: Mapping[Any, Any], graph: Graph, what: str = "") -> dict[int, np.ndarray]:
    """Return arrays by tensor index; keys are names, indices, ``tensor/I``, or ``NAME#I`` where names repeat.

    Raises
    ------
    InputError
        Where a key is none of the model's, in a dump that is no trace.
    """
    is_trace = any(str(key).startswith("tensor/") for key in arrays)
    found: dict[int, np.ndarray] = {}
    for key, array in arrays.items():
        name = str(key)
        if is_trace:
            if not name.startswith("tensor/"):
                continue
            name = name.removeprefix("tensor/")
        elif "#" in name and _index(name.rpartition("#")[2]) is not None and not _is_name(graph, name):
            name = name.rpartition("#")[2]
        found[find_tensor(graph, name, what)] = np.asarray(array)
    if not found:
        raise InputError(f"{what}there are no tensors in it")
    return found


def _is_name(graph: Graph, name: str) -> bool:
    return any(tensor.name == name for tensor in graph.subgraphs[0].tensors)


def _stamp(arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    stamp = arrays.get("stamp")
    if stamp is None or stamp.dtype.kind != "U" or stamp.size != 1:
        return {}
    try:
        found = json.loads(str(stamp.reshape(())[()]))
    except ValueError:
        return {}
    return {key: found[key] for key in found if key != "tensors"} if isinstance(found, dict) else {}


def _layout(graph: Graph, layout: Sequence[str], path: str) -> list[tuple[int, int | None]]:
    subgraph = graph.subgraphs[0]
    if not layout:
        return [(index, None) for index in subgraph.outputs]
    placed: list[tuple[int, int | None]] = []
    for one in layout:
        name, at, offset = one.rpartition("@")
        if one == ALL and not _is_name(graph, ALL):
            placed += [(i, None) for i in dict.fromkeys(i for each in subgraph.operators for i in each.outputs)]
        elif at and not _is_name(graph, one):
            try:
                placed.append((find_tensor(graph, name, f"--tensor {one}: "), int(offset, 0)))
            except ValueError:
                raise InputError(
                    f"--tensor {one}: expected an offset in bytes, such as 0x400, got {offset!r}"
                ) from None
        else:
            placed.append((find_tensor(graph, one, f"--tensor {one}: "), None))
    return placed


def split(data: bytes, graph: Graph, placed: Sequence[tuple[int, int | None]], path: str) -> dict[int, np.ndarray]:
    """Return the tensors that lie in bytes, each at its offset or behind the one before it.

    Raises
    ------
    InputError
        Where there are more or fewer bytes than that takes.
    """
    tensors: dict[int, np.ndarray] = {}
    end = last = 0
    for index, offset in placed:
        tensor = graph.subgraphs[0].tensors[index]
        dtype = numpy_dtype(tensor.type)
        if bit_width(tensor.type) < 8 or dtype.kind == "O":
            raise InputError(f"{path}: tensor {index} is of {tensor.type.name.lower()}, which is not read from bytes")
        size = int(np.prod(tensor.shape, dtype=np.int64)) * dtype.itemsize
        start = end if offset is None else offset
        end = start + size
        last = max(last, end)
        if start < 0 or end > len(data):
            raise InputError(
                f"{path}: tensor {index} ({tensor.name!r}) takes bytes {start:,} to {end:,}; there are {len(data):,}"
            )
        tensors[index] = np.frombuffer(data, dtype, size // dtype.itemsize, start)
    if last < len(data) and all(offset is None for _, offset in placed):
        names = ", ".join(repr(graph.subgraphs[0].tensors[index].name) for index, _ in placed[:3])
        more = ", ..." if len(placed) > 3 else ""
        raise InputError(f"{path}: {names}{more} take {last:,} bytes; there are {len(data):,} (see --tensor)")
    return tensors


def fitted(array: np.ndarray, like: np.ndarray, what: str) -> np.ndarray:
    """Return a dumped array with the shape and data type of a tensor.

    A flat array of as many elements, and one without dimensions of 1, are given the shape; numbers of another data
    type are converted where that changes none.

    Raises
    ------
    InputError
        Where it does not fit.
    """
    bare = [tuple(size for size in one.shape if size != 1) for one in (array, like)]
    if array.size != like.size or (array.ndim != 1 and bare[0] != bare[1]):
        raise InputError(f"{what}: expected {like.dtype}{list(like.shape)}, got {array.dtype}{list(array.shape)}")
    array = array.reshape(like.shape)
    if array.dtype == like.dtype or (array.dtype.kind in "OSU" and like.dtype.kind in "OSU"):
        return array
    if array.dtype.kind == "u" and array.dtype.itemsize == like.dtype.itemsize and like.dtype.name == "bfloat16":
        return array.view(like.dtype)
    if array.dtype.kind in "iufb" and (like.dtype.kind in "iufb" or like.dtype.name == "bfloat16"):
        with np.errstate(all="ignore"):
            converted = array.astype(like.dtype)
            if np.all((converted == array) | ((array != array) & (converted != converted))):
                return converted
    raise InputError(f"{what}: expected {like.dtype}, got {array.dtype} with values that are none")
