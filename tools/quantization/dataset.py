"""Representative data in the forms that people have it in, as checked arrays for a model's inputs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from ...engine.runtime import as_array
from ...engine.views import Port, port_of
from ...schema import Graph, InputError
from ..ports import from_pixels

ImageRange = tuple[float, float]


@dataclass(frozen=True)
class Example:
    """Arrays for the inputs of a subgraph, in their order."""

    subgraph: int
    arrays: tuple[np.ndarray, ...]


class Dataset:
    """Examples for a model, checked one by one as they are drawn.

    Made by :meth:`of` from data in one of these forms:

    - an iterable of examples, or a function without arguments that returns one, such as a generator function;
    - one array for a model with one input, or a dict of arrays by input name, with examples along the first dimension
      (where the model's own first dimension is 1 this is it, otherwise it is one more);
    - the path of an .npz, .npy or IDX file of such arrays, or of a folder of images; in files, uint8 for an input of
      floating-point numbers are pixels, which become the numbers of ``image_range``.

    An example is an array for a model with one input, a list or tuple of an array for each input, a dict of arrays by
    the names of inputs, in the graph or in a signature, or a pair of a signature's key and such a dict. An array has
    the shape of its input, or lacks the first dimension where that is 1. Sizes that the model leaves open may be any;
    an array with a larger batch is still one example.

    Attributes
    ----------
    total : how many examples there are; None where the data does not tell.
    """

    def __init__(
        self,
        graph: Graph,
        items: Callable[[], Iterable[Any]],
        total: int | None,
        skipped: int = 0,
        pixels: ImageRange | None = None,
    ) -> None:
        self._graph = graph
        self._items = items
        self._skipped = skipped
        self._pixels = pixels
        self.total = total

    @classmethod
    def of(
        cls,
        data: Any,
        graph: Graph,
        *,
        skip: int = 0,
        limit: int | None = None,
        image_range: ImageRange | None = None,
    ) -> Dataset:
        """Return a dataset of representative data for a model.

        Parameters
        ----------
        data : as described above; a dataset is returned as it is.
        graph : the model.
        skip, limit : leave out so many examples, and have no more than so many.
        image_range : what black and white of pixels in files stand for; 0 and 1 by default.

        Raises
        ------
        InputError
            Where the data is nothing of this.
        OSError
            Where a file cannot be read.
        """
        from .dataset_files import file_columns, image_items

        if isinstance(data, Dataset):
            return data
        ports = _ports(graph, 0)
        items: Callable[[], Iterable[Any]]
        total: int | None
        if isinstance(data, (str, os.PathLike)):
            if os.path.isdir(data):
                columns, items, total = None, *image_items(os.fspath(data), ports, image_range)
            else:
                columns = file_columns(os.fspath(data), ports)
        elif isinstance(data, Mapping):
            columns = {name: as_array(f"input {name!r}", value) for name, value in data.items()}
        elif isinstance(data, np.ndarray):
            if len(ports) != 1:
                names = ", ".join(port.name for port in ports)
                raise InputError(f"the data: expected arrays named {names}; got an array without a name")
            columns = {ports[0].name: data}
        else:
            columns = None
            data = getattr(data, "input_gen", data)  # TensorFlow's RepresentativeDataset
            items, total = _items(data), len(data) if isinstance(data, Sequence) else None
        if columns is not None:
            items, total = _cut(columns, graph)
        _require_natural("skip", skip)
        if limit is not None:
            _require_natural("limit", limit)
        if total is not None:
            total = max(total - skip, 0)
            total = total if limit is None else min(total, limit)
        end = None if limit is None else skip + limit
        pixels = (image_range or (0.0, 1.0)) if isinstance(data, (str, os.PathLike)) else None
        return cls(graph, lambda: islice(items(), skip, end), total, skip, pixels)

    def __iter__(self) -> Iterator[Example]:
        """Yield the examples.

        Raises
        ------
        InputError
            Where one does not fit, after those before it, or there is none.
        """
        none = True
        for number, item in enumerate(self._items(), self._skipped):
            none = False
            yield _example(f"example {number}", item, self._graph, self._pixels)
        if none:
            behind = f" behind the first {self._skipped}" if self._skipped else ""
            raise InputError(f"there is no example in the data{behind}")


def _require_natural(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 0:
        raise InputError(f"{name}: expected an integer of 0 or more, got {value!r}")


def _items(data: Any) -> Callable[[], Iterable[Any]]:
    """Return what gives the examples of an iterable or of a function."""
    if callable(data):
        return lambda: _iterable(data())
    return lambda: _iterable(data)


def _iterable(data: Any) -> Iterable[Any]:
    try:
        return iter(data)
    except TypeError:
        raise InputError(f"expected examples one after the other, got {type(data).__name__}") from None


def _ports(graph: Graph, subgraph: int) -> list[Port]:
    own = graph.subgraphs[subgraph]
    return [port_of(own.tensors[index], index) for index in own.inputs]


def _cut(columns: Mapping[str, np.ndarray], graph: Graph) -> tuple[Callable[[], Iterable[Any]], int]:
    """Cut arrays, each with examples along its first dimension or of one example, into examples."""
    subgraph, order = _by_name("the data", columns, graph, 0)
    parts = []
    for name, port in zip(order, _ports(graph, subgraph), strict=True):
        array = columns[name]
        if array.ndim == 0:
            raise InputError(f"input {port.name!r}: expected examples of shape {_shape(port)}, got a number")
        one = array.ndim == len(port.shape) and port.shape[:1] != (1,)
        parts.append((name, array[None] if one else array))
    counts = {len(array) for _, array in parts}
    if len(counts) > 1:
        shown = ", ".join(f"{len(array)} of {name!r}" for name, array in parts)
        raise InputError(f"expected as many examples of each input; got {shown}")
    names = [name for name, _ in parts]
    arrays = [array for _, array in parts]
    return lambda: (dict(zip(names, one, strict=True)) for one in zip(*arrays, strict=True)), counts.pop()


def _example(place: str, item: Any, graph: Graph, pixels: ImageRange | None) -> Example:
    """Return an example's arrays in the shapes of the inputs."""
    subgraph = 0
    if isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str):
        key, item = item
        found = [one.subgraph_index for one in graph.signatures if one.key == key]
        if not found:
            names = ", ".join(one.key for one in graph.signatures) or "none"
            raise InputError(f"{place}: no signature is named {key!r}; the model has {names}")
        subgraph = found[0]
    ports = _ports(graph, subgraph)
    if isinstance(item, Mapping):
        subgraph, order = _by_name(place, item, graph, subgraph)
        values = [item[name] for name in order]
    else:
        values = list(item) if isinstance(item, (list, tuple)) else [item]
        if len(values) != len(ports):
            names = ", ".join(port.name for port in ports)
            raise InputError(f"{place}: expected {len(ports)} arrays ({names}), got {len(values)}")
    arrays = (_array(place, value, port, pixels) for value, port in zip(values, ports, strict=True))
    return Example(subgraph, tuple(arrays))


def _by_name(place: str, given: Mapping[str, Any], graph: Graph, subgraph: int) -> tuple[int, list[str]]:
    """Return a subgraph, and under which names the arrays for its inputs are given, in order."""
    ports = _ports(graph, subgraph)
    names = [port.name for port in ports]
    if given.keys() == set(names):
        return subgraph, names
    for signature in graph.signatures:
        inputs = {index: name for name, index in signature.inputs}
        if signature.subgraph_index == subgraph and given.keys() == set(inputs.values()):
            return subgraph, [inputs[port.index] for port in ports]
    raise InputError(f"{place}: expected arrays named {', '.join(names)}; got {', '.join(map(str, given)) or 'none'}")


def _shape(port: Port) -> str:
    return str(list(port.shape_signature)).replace("-1", "any")


def _fits(shape: tuple[int, ...], port: Port) -> bool:
    expected = port.shape_signature
    return len(shape) == len(expected) and all(e in (-1, s) for s, e in zip(shape, expected, strict=True))


def _array(place: str, value: Any, port: Port, pixels: ImageRange | None) -> np.ndarray:
    """Return an example's array for an input, in its shape and without NaN or infinity; uint8 may be pixels."""
    what = f"{place}: input {port.name!r}"
    array = as_array(what, value)
    if isinstance(value, (list, tuple, float, int)) and array.dtype.kind in "fiu":
        array = array.astype(port.dtype)  # numbers of Python have no data type of their own
    if pixels is not None and array.dtype == np.uint8 and port.dtype.kind == "f":
        array = from_pixels(port, array, *pixels)
    if array.dtype != port.dtype:
        raise InputError(f"{what}: expected data type {port.dtype}, got {array.dtype}")
    if not _fits(array.shape, port):
        if port.shape[:1] != (1,) or not _fits((1, *array.shape), port):
            raise InputError(f"{what}: expected shape {_shape(port)}, got {list(array.shape)}")
        array = array[None]
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        at = tuple(np.argwhere(~np.isfinite(array))[0].tolist())
        found = "NaN" if np.isnan(array[at]) else "infinity"
        raise InputError(f"{what}: {found} at {list(at)}")
    return array
