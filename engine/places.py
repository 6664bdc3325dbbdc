"""Which tensors have the same place in memory, and from when to when each place is needed.

A tensor that is only another shape of an earlier one (RESHAPE) lies where that lies. The output of an operator that
goes through elements one by one lies where an input of it lay that nobody reads any more.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from ..kernels.operator import Lowered
from ..schema import TensorType, UnsupportedOperatorError, numpy_dtype
from . import arena
from .preparation import Preparation, PreparedOperator
from .steps import WITHOUT_FIXED_SIZE

_EIGHT_BIT = (TensorType.INT8, TensorType.UINT8)
_ELEMENTWISE = frozenset(
    [
        *("ABS", "ELU", "EXP", "GELU", "HARD_SWISH", "LEAKY_RELU", "LOG", "LOGISTIC", "NEG", "RELU", "RELU6"),
        *("RELU_0_TO_1", "RELU_N1_TO_1", "TANH", "ADD", "MAXIMUM", "MINIMUM", "MUL", "SUB"),
    ]
)
_IN_PLACE = frozenset(["lookup8", "weighted_sum8", "product8", "scaled_sum8", "greater8", "add8", "mul8"])
"""Kernels that read an element before they write it, and never again, where rows are whole vectors."""

_VECTOR = 32  # elements of the longest


def in_place(operators: Iterable[PreparedOperator]) -> frozenset[int]:
    """Return the indices of the operators whose output may lie where an input of its size lies."""
    return frozenset(operator.index for operator in operators if _is_elementwise(operator))


def _is_elementwise(operator: PreparedOperator) -> bool:
    node = operator.node
    if node is None or operator.prepared is None or operator.folded or operator.kernel.foreign:
        return False
    if operator.operator.name not in _ELEMENTWISE or len(node.outputs) != 1:
        return False
    if any(spec is None or spec.type not in _EIGHT_BIT for spec in (*node.inputs, *node.outputs)):
        return False
    # Of a row that is not of whole vectors, some elements are computed twice.
    shape = operator.prepared.output_shape
    return len(shape) > 0 and shape[-1] % _VECTOR == 0


def may_stay(operator: PreparedOperator, lowered: Lowered, places: frozenset[int]) -> bool:
    """Whether an operator may be compiled so: in place only by kernels of which it is known that they can do it."""
    if operator.index not in places or lowered is None:
        return True
    instructions = lowered if isinstance(lowered, tuple) else (lowered,)
    return len(instructions) == 1 and instructions[0].kernel in _IN_PLACE


def assign(
    preparation: Preparation, operators: Sequence[PreparedOperator], preserve_all: bool, places: frozenset[int]
) -> tuple[Mapping[int, int], Mapping[int, arena.Lifetime]]:
    """Return the tensor in whose place each other lies, and the lifetimes of those that have a place of their own.

    Parameters
    ----------
    preserve_all : every tensor has a place of its own, for good.
    places : operators whose output may lie where an input lies.
    """
    roots = {} if preserve_all else _aliases(preparation, operators)
    lifetimes = _lifetimes(preparation, operators, roots, preserve_all)
    if not preserve_all:
        _take_places(operators, roots, lifetimes, places)
    return roots, lifetimes


def _aliases(preparation: Preparation, operators: Sequence[PreparedOperator]) -> dict[int, int]:
    """Map each tensor that is only another shape of an earlier one to that one.

    Inputs are left out: the caller may write to them after a run and still read the outputs.
    """
    fixed = {*preparation.inputs, *preparation.constants}
    fixed.update(i for i, tensor in enumerate(preparation.tensors) if tensor.is_variable)
    roots: dict[int, int] = {}
    for operator in operators:
        if not operator.kernel.aliases or operator.late or operator.folded:
            continue
        source, target = operator.operator.inputs[0], operator.operator.outputs[0]
        if not fixed & {source, target} and preparation.shapes[source] is not None:
            roots[target] = roots.get(source, source)
    return roots


def _lifetimes(
    preparation: Preparation, operators: Sequence[PreparedOperator], roots: Mapping[int, int], preserve_all: bool
) -> dict[int, arena.Lifetime]:
    end = len(operators)
    first: dict[int, int] = {}
    last: dict[int, int] = {}

    def touch(index: int, step: int) -> None:
        root = roots.get(index, index)
        first[root] = min(first.get(root, step), step)
        last[root] = max(last.get(root, step), step)

    for index in (*preparation.inputs, *preparation.outputs):
        touch(index, end)
    for index in preparation.inputs:
        touch(index, -1)
    for step, operator in enumerate(operators):
        for index in (*operator.operator.inputs, *operator.operator.outputs):
            if index >= 0:
                touch(index, step)
    for index, tensor in enumerate(preparation.tensors):
        if tensor.is_variable or (preserve_all and index in first):
            touch(index, -1)
            touch(index, end)
    return {
        index: arena.Lifetime(_size(preparation, index), first[index], last[index])
        for index in first
        if index not in preparation.constants
        and preparation.shapes[index] is not None
        and preparation.tensors[index].type not in WITHOUT_FIXED_SIZE
    }


def _size(preparation: Preparation, index: int) -> int:
    tensor, shape = preparation.tensors[index], preparation.shapes[index]
    assert shape is not None
    try:
        return numpy_dtype(tensor.type).itemsize * math.prod(shape)
    except UnsupportedOperatorError as error:
        raise UnsupportedOperatorError(f"tensor {index} ({tensor.name!r}): {error}") from None


def _take_places(
    operators: Sequence[PreparedOperator],
    roots: dict[int, int],
    lifetimes: dict[int, arena.Lifetime],
    places: frozenset[int],
) -> None:
    """Put outputs where inputs end; of a tensor that lives on, nothing is overwritten.

    Inputs and outputs of the graph and variables live to the end, and constants have no lifetime.
    """
    for step, operator in enumerate(operators):
        if operator.index not in places:
            continue
        output = operator.operator.outputs[0]
        target = roots.get(output, output)
        for index in operator.operator.inputs:
            source = roots.get(index, index)
            if source == target or source not in lifetimes or target not in lifetimes:
                continue
            before, after = lifetimes[source], lifetimes[target]
            if before.last == after.first == step and before.size == after.size:
                lifetimes[source] = arena.Lifetime(before.size, before.first, after.last)
                del lifetimes[target]
                roots.update({other: source for other, root in roots.items() if root == target})
                roots[target] = source
                break
