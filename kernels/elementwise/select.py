"""SELECT and SELECT_V2: elements of one tensor or another, as a third of bools says. Bytes are copied."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ..broadcast import broadcast_shape
from ..checks import require_arity, require_same_type
from ..operator import Kernel, Node, Prepared, Shape, TensorSpec
from ..profiles import Profile
from ..shape.arguments import COPIED_TYPES


@dataclass(frozen=True)
class Select(Prepared):
    """SELECT: ``condition_shape`` is that of the condition with ones added, so that it broadcasts."""

    condition_shape: Shape


def prepare(node: Node, profile: Profile) -> Select:
    """Prepare SELECT: a condition of the operands' shape, of one bool, or of one bool per entry of the first axis.

    Notes
    -----
    Source: ``SelectPrepare`` in ``kernels/select.cc``.
    """
    condition, first, second = _operands(node)
    if (shape := _shape_of_one(node)) is not None:
        return Select((shape,), shape)
    node.require(first.shape == second.shape, "two tensors of one shape")
    rank_one = len(condition.shape) == 1 and condition.shape == first.shape[:1]
    allowed = condition.shape == first.shape or condition.shape == () or rank_one
    node.require(allowed, "a condition of the operands' shape, a scalar, or of the size of their first axis")
    ones = (1,) * (len(first.shape) - len(condition.shape)) if rank_one else ()
    return Select((first.shape,), condition.shape + ones)


def prepare_v2(node: Node, profile: Profile) -> Select:
    """Prepare SELECT_V2: all three broadcast.

    Notes
    -----
    Source: ``SelectPrepare`` in ``kernels/select.cc``.
    """
    condition, first, second = _operands(node)
    if (shape := _shape_of_one(node)) is not None:
        return Select((shape,), shape)
    shape = broadcast_shape(node, condition.shape, broadcast_shape(node, first.shape, second.shape))
    return Select((shape,), condition.shape)


def _operands(node: Node) -> tuple[TensorSpec, TensorSpec, TensorSpec]:
    require_arity(node, 3)
    condition, first, second = node.input(0), node.input(1), node.input(2)
    node.require(condition.type is TensorType.BOOL, "a condition of bool")
    require_same_type(node, first, second, node.output())
    return condition, first, second


def _shape_of_one(node: Node) -> Shape | None:
    """Return the shape the file gives the output, where all tensors have one element: the reference keeps it."""
    shapes = [node.input(index).shape for index in range(3)] + [node.output().shape]
    return node.output().shape if all(math.prod(shape) == 1 for shape in shapes) else None


def evaluate(prepared: Select, condition: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return ``a`` where the condition is true, ``b`` elsewhere."""
    chosen = np.where(condition.reshape(prepared.condition_shape), a, b)
    return chosen.reshape(prepared.output_shape)


KERNELS = (
    Kernel("SELECT", (1, 4), COPIED_TYPES, prepare, evaluate, selector=1),
    Kernel("SELECT_V2", (1, 2), COPIED_TYPES, prepare_v2, evaluate, selector=1),
)
