"""Reading the arguments that say where and how much: axes, shapes, paddings, begins and sizes."""

from __future__ import annotations

from ...schema import TensorType
from ..operator import Node, Shape

INDEX_TYPES = (TensorType.INT32, TensorType.INT64)

COPIED_TYPES = (
    TensorType.FLOAT32,
    TensorType.FLOAT16,
    TensorType.BFLOAT16,
    TensorType.FLOAT64,
    TensorType.INT8,
    TensorType.UINT8,
    TensorType.INT16,
    TensorType.UINT16,
    TensorType.INT32,
    TensorType.UINT32,
    TensorType.INT64,
    TensorType.UINT64,
    TensorType.BOOL,
    TensorType.COMPLEX64,
)
"""Types of 8, 16, 32 and 64 bits, which the reference moves by their size."""

FIXED_TYPES = (*COPIED_TYPES, TensorType.COMPLEX128)
"""Types whose elements have one size in bytes."""

ALL_TYPES = (*FIXED_TYPES, TensorType.STRING, TensorType.INT4, TensorType.INT2, TensorType.UINT4)
"""Types of which the reference does not look at an element."""


def integers(node: Node, index: int, types: tuple[TensorType, ...] = INDEX_TYPES) -> tuple[int, ...]:
    """Return the elements of an integer input that ``prepare`` needs, flattened.

    Raises
    ------
    ModelError
        Where its data type is not one of ``types``, or its value is not known.
    """
    spec = node.input(index)
    names = " or ".join(t.name.lower() for t in types)
    node.require(spec.type in types, f"input {index} of type {names}")
    return tuple(int(element) for element in node.value(index).ravel())


def vector(node: Node, index: int, types: tuple[TensorType, ...] = INDEX_TYPES) -> tuple[int, ...]:
    """Return the elements of an integer input of rank 1."""
    node.require(len(node.input(index).shape) == 1, f"input {index} of rank 1")
    return integers(node, index, types)


def scalar(node: Node, index: int, types: tuple[TensorType, ...] = INDEX_TYPES) -> int:
    """Return the one element of an integer input, of whatever rank."""
    elements = integers(node, index, types)
    node.require(len(elements) == 1, f"one element in input {index}")
    return elements[0]


def normalized_axis(node: Node, axis: int, rank: int) -> int:
    """Return an axis counted from the front; negative ones count from the end."""
    node.require(-rank <= axis < rank, f"an axis in [{-rank}, {rank}), not {axis}")
    return axis % rank


def without(shape: Shape, axis: int) -> Shape:
    """Return a shape without one of its axes."""
    return shape[:axis] + shape[axis + 1 :]


def require_same_parameters(node: Node) -> None:
    """Raise ModelError unless all inputs and outputs have one scale and zero point, for codes are only moved."""
    specs = [*(spec for spec in node.inputs if spec is not None), *node.outputs]
    parameters = {(spec.scale, spec.zero_point) for spec in specs}
    node.require(len(parameters) == 1, "inputs and outputs of one scale and zero point")
