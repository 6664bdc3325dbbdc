"""A model's subgraphs at run time: their programs, resized inputs, and tensors by index.

What :class:`~q31.Interpreter` and its signature runners do, they do through this.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..kernels.operator import Shape
from ..schema import InputError, StateError, Subgraph, Tensor, TensorType
from ..schema.constants import constant_array
from ..schema.types import bit_width
from .details import tensor_details
from .program import Program
from .session import Session


class Runtime:
    """Holds at most one program for each subgraph.

    Resizing an input makes the program outdated: it can still be read from, but not run, until ``allocate``.
    """

    def __init__(self, session: Session) -> None:
        self.graph = session.graph
        self._session = session
        self._programs: dict[int, Program] = {}
        self._resized: dict[int, dict[int, Shape]] = {}
        self._outdated: set[int] = set()

    def subgraph(self, subgraph_index: int) -> Subgraph:
        """Return a subgraph, or raise InputError where there is none of that index."""
        if not 0 <= subgraph_index < len(self.graph.subgraphs):
            raise InputError(f"subgraph {subgraph_index}: expected 0 to {len(self.graph.subgraphs) - 1}")
        return self.graph.subgraphs[subgraph_index]

    def tensor(self, index: int, subgraph_index: int = 0) -> Tensor:
        """Return a tensor's description from the file, or raise InputError where there is none of that index."""
        tensors = self.subgraph(subgraph_index).tensors
        if not 0 <= operator.index(index) < len(tensors):
            raise InputError(f"tensor index {index}: expected 0 to {len(tensors) - 1}")
        return tensors[index]

    def details(self, index: int, subgraph_index: int = 0) -> dict[str, Any]:
        """Describe a tensor as LiteRT does."""
        tensor = self.tensor(index, subgraph_index)
        shape = self._resized.get(subgraph_index, {}).get(index)
        program = self._programs.get(subgraph_index)
        if program is not None and shape is None:
            array = program.array(index)
            shape = program.preparation.shapes[index] if array is None else array.shape
        return tensor_details(int(index), tensor, shape)

    def memory(self, index: int, subgraph_index: int = 0) -> np.ndarray:
        """Return a tensor's own memory, or raise StateError where it has none yet. Constants always have."""
        tensor = self.tensor(index, subgraph_index)
        program = self._programs.get(subgraph_index)
        if program is None:
            array = None if tensor.is_variable else constant_array(self.graph, subgraph_index, index)
        elif subgraph_index in self._outdated and index in self._resized[subgraph_index]:
            array, program = None, None
        else:
            array = program.array(index)
        if array is None:
            todo = "call allocate_tensors() first"
            if program is not None:
                todo = "it is not computed yet, or only with experimental_preserve_all_tensors; call invoke()"
            raise StateError(f"tensor {index} ({tensor.name!r}) has no data: {todo}")
        return array

    def set(self, index: int, value: Any, subgraph_index: int = 0) -> None:
        """Copy a value into a tensor; its shape and data type must be the tensor's."""
        tensor = self.tensor(index, subgraph_index)
        name = f"tensor {index} ({tensor.name!r})"
        array = as_strings(name, value) if tensor.type is TensorType.STRING else as_array(name, value)
        target = self.memory(index, subgraph_index)
        if array.dtype != target.dtype:
            raise InputError(f"{name}: expected data type {target.dtype}, got {array.dtype}")
        if array.shape != target.shape:
            raise InputError(f"{name}: expected shape {list(target.shape)}, got {list(array.shape)}")
        if not target.flags.writeable:
            raise InputError(f"{name} is a constant of the model and cannot be set")
        require_range(name, tensor.type, array)
        if array.dtype == object:  # replaced, for what was computed from the old one may lie on its memory
            self._programs[subgraph_index].set_object(index, array)
        else:
            target[...] = array

    def resize(self, index: int, size: Any, subgraph_index: int = 0, strict: bool = False) -> None:
        """Give an input another shape; ``allocate`` must be called before the subgraph runs again."""
        tensor = self.tensor(index, subgraph_index)
        name = f"tensor {index} ({tensor.name!r})"
        try:
            sizes = np.array(size, np.int32)
        except (ValueError, TypeError, OverflowError):
            sizes = np.array(0)
        if sizes.ndim != 1:
            raise InputError(f"{name}: expected a shape as a list of sizes, got {size!r}")
        shape = tuple(sizes.tolist())
        if any(dimension < 0 for dimension in shape):
            raise InputError(f"{name}: a shape has no negative sizes, got {list(shape)}")
        if index not in self.graph.subgraphs[subgraph_index].inputs:
            raise InputError(f"{name} is not an input and cannot be resized")
        if strict and not _fits(shape, tensor.shape_signature or tensor.shape):
            allowed = list(tensor.shape_signature or tensor.shape)
            raise InputError(f"{name}: strict resizing allows {allowed}, got {list(shape)}")
        resized = self._resized.setdefault(subgraph_index, {})
        if resized.get(index, tensor.shape) != shape:
            resized[index] = shape
            self._outdated.add(subgraph_index)

    def allocate(self, subgraph_index: int = 0) -> None:
        """Prepare a subgraph for its current input shapes, unless it is."""
        if subgraph_index not in self._programs or subgraph_index in self._outdated:
            resized = self._resized.get(subgraph_index)
            self._programs[subgraph_index] = self._session.program(subgraph_index, resized)
            self._outdated.discard(subgraph_index)

    def invoke(self, subgraph_index: int = 0) -> None:
        """Run a subgraph on what its input tensors hold."""
        program = self._programs.get(subgraph_index)
        if program is None or subgraph_index in self._outdated:
            raise StateError("the model is not ready to run: call allocate_tensors() first")
        program.run()

    def reset_variables(self) -> None:
        """Set the variable tensors of every subgraph back to their first value."""
        for program in self._programs.values():
            program.reset_variables()


def as_array(name: str, value: Any) -> np.ndarray:
    """Return a value as an array, or raise InputError where it is none: nested lists of different lengths."""
    try:
        return np.asarray(value)
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(f"{name}: expected an array, got {type(value).__name__}: {error}") from None


def require_range(name: str, tensor_type: TensorType, array: np.ndarray) -> None:
    """Raise InputError where an array has values beyond a type of fewer bits than its elements, such as int4."""
    bits = bit_width(tensor_type)
    if array.dtype.kind not in "iu" or bits == 8 * array.dtype.itemsize or not array.size:
        return
    least, greatest = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if array.dtype.kind == "i" else (0, 2**bits - 1)
    if array.min() < least or array.max() > greatest:
        raise InputError(f"{name}: values of {tensor_type.name} lie between {least} and {greatest}")


def as_strings(name: str, value: Any) -> np.ndarray:
    """Return strings as a new object array of bytes; text becomes UTF-8, as LiteRT does it."""
    try:
        given = np.array(value, object)
    except (ValueError, TypeError) as error:
        raise InputError(f"{name}: expected an array of strings, got {type(value).__name__}: {error}") from None
    strings = np.empty(given.shape, object)
    for place, item in np.ndenumerate(given):
        if not isinstance(item, (str, bytes)):
            raise InputError(f"{name}: expected strings or bytes, got {type(item).__name__} at {list(place)}")
        strings[place] = item.encode() if isinstance(item, str) else bytes(item)
    return strings


def _fits(shape: Shape, signature: Shape) -> bool:
    """Whether only dimensions that are -1 in the signature differ from it."""
    return len(shape) == len(signature) and all(s in (-1, d) for s, d in zip(signature, shape, strict=True))
