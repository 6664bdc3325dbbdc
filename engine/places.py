"""Which tensors have the same place in memory, and from when to when each place is needed.

A tensor that is only another shape of an earlier one (RESHAPE) lies where that lies. The output of an operator that
goes through elements one by one lies where an input of it lay that nobody reads any more. What CONCATENATION or PACK
puts one behind the other lies there from the start.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set

import numpy as np

from ..kernels.operator import Input, Instruction, Lowered
from ..kernels.shape.concatenation import Concatenation
from ..schema import TensorType, UnsupportedOperatorError, numpy_dtype
from ..schema.deferred import dataclass
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


@dataclass(frozen=True)
class Place:
    """The bytes of a tensor: from ``offset`` on, those of the tensor ``root``."""

    root: int
    offset: int = 0


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


def without_copies_in_place(
    operator: PreparedOperator, lowered: Sequence[Instruction], arrays: Sequence[np.ndarray | None]
) -> tuple[Instruction, ...]:
    """Return the instructions of an operator; of one that joins tensors, those for what does not lie there already."""
    if not isinstance(operator.prepared, Concatenation):
        return tuple(lowered)
    target = arrays[operator.operator.outputs[0]]
    assert target is not None
    there, address = set(), target.ctypes.data
    for number, index in enumerate(operator.operator.inputs):
        if index < 0:  # written among the others without a copy, where nothing lies one behind the other
            continue
        source = arrays[index]
        assert source is not None
        if source.ctypes.data == address:  # what is read and written at once shares no byte otherwise
            there.add(number)
        address += source.nbytes
    return tuple(one for one in lowered if not _reads(one, there))


def _reads(instruction: Instruction, numbers: Set[int]) -> bool:
    source = instruction.fields["input"]
    return isinstance(source, Input) and source.index in numbers


def assign(
    preparation: Preparation, operators: Sequence[PreparedOperator], preserve_all: bool, places: frozenset[int]
) -> tuple[Mapping[int, Place], arena.Layout]:
    """Return where each tensor lies that lies within another, and the layout of those with a place of their own.

    Parameters
    ----------
    preserve_all : every tensor has a place of its own, for good.
    places : operators whose output may lie where an input lies.
    """
    if preserve_all:
        return {}, arena.plan(_lifetimes(preparation, operators, {}, preserve_all))
    aliases = _aliases(preparation, operators)
    joined = _join(preparation, operators, aliases)
    apart = _plan(preparation, operators, aliases, places)
    if joined == aliases:
        return apart
    together = _plan(preparation, operators, joined, places)
    # What is put together needs its place from the first part on, though seldom as much as parts and whole.
    return together if together[1].size <= apart[1].size else apart


def _plan(
    preparation: Preparation,
    operators: Sequence[PreparedOperator],
    roots: Mapping[int, Place],
    places: frozenset[int],
) -> tuple[Mapping[int, Place], arena.Layout]:
    lifetimes, roots = _lifetimes(preparation, operators, roots, preserve_all=False), dict(roots)
    _take_places(preparation, operators, roots, lifetimes, places)
    return roots, arena.plan(lifetimes)


def _fixed(preparation: Preparation) -> frozenset[int]:
    """Return the tensors that lie where they lie.

    Inputs are among them: the caller may write to them after a run and still read the outputs.
    """
    variables = (i for i, tensor in enumerate(preparation.tensors) if tensor.is_variable)
    return frozenset((*preparation.inputs, *preparation.constants, *variables))


def _aliases(preparation: Preparation, operators: Sequence[PreparedOperator]) -> dict[int, Place]:
    """Map each tensor that is only another shape of an earlier one to that one."""
    fixed = _fixed(preparation)
    roots: dict[int, Place] = {}
    for operator in operators:
        if not operator.kernel.aliases or operator.late or operator.folded:
            continue
        source, target = operator.operator.inputs[0], operator.operator.outputs[0]
        if not fixed & {source, target} and preparation.shapes[source] is not None:
            roots[target] = roots.get(source, Place(source))
    return roots


def _join(
    preparation: Preparation, operators: Sequence[PreparedOperator], aliases: Mapping[int, Place]
) -> dict[int, Place]:
    """Return the aliases, and with them the tensors that are put one behind the other: whoever writes them joins them.

    The tensors are still what they were for whoever else reads them, for nothing else is written there.
    """
    fixed = _fixed(preparation)
    written = Counter(index for operator in operators for index in operator.operator.outputs)
    shapes, roots = preparation.shapes, dict(aliases)
    for operator in operators:
        prepared, target = operator.prepared, operator.operator.outputs[0] if operator.operator.outputs else -1
        if not isinstance(prepared, Concatenation) or operator.folded or target in fixed or written[target] > 1:
            continue
        if prepared.output_shape == () or math.prod(prepared.output_shape[: prepared.axis]) != 1:
            continue
        offset = 0
        for source, table in zip(operator.operator.inputs, prepared.tables, strict=True):
            size = _size(preparation, source)
            place = roots.get(source, Place(source))
            group = [place.root, *(index for index, other in roots.items() if other.root == place.root)]
            whole = place.offset == 0 and size == _size(preparation, place.root)
            alone = not fixed.intersection(group) and all(written[index] == 1 for index in group)
            end = roots.get(target, Place(target))
            if table is None and whole and alone and end.root not in group and shapes[place.root] is not None:
                for index in group:
                    roots[index] = Place(end.root, end.offset + offset + roots.get(index, Place(index)).offset)
            offset += size
    return roots


def _lifetimes(
    preparation: Preparation, operators: Sequence[PreparedOperator], roots: Mapping[int, Place], preserve_all: bool
) -> dict[int, arena.Lifetime]:
    end = len(operators)
    first: dict[int, int] = {}
    last: dict[int, int] = {}

    def touch(index: int, step: int) -> None:
        root = roots[index].root if index in roots else index
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
    preparation: Preparation,
    operators: Sequence[PreparedOperator],
    roots: dict[int, Place],
    lifetimes: dict[int, arena.Lifetime],
    places: frozenset[int],
) -> None:
    """Put outputs where inputs end; of a tensor that lives on, nothing is overwritten.

    Inputs and outputs of the graph and variables live to the end, and constants have no lifetime.
    """
    for step, operator in enumerate(operators):
        if operator.index not in places:
            continue
        inputs, output = operator.operator.inputs, operator.operator.outputs[0]
        target = roots.get(output, Place(output)).root
        for index in inputs:
            source = roots.get(index, Place(index)).root
            if source == target or source not in lifetimes or target not in lifetimes:
                continue
            before, after = lifetimes[source], lifetimes[target]
            # A tensor that is a part of the place is read at other times than it is overwritten.
            there = [output, *(one for one in inputs if roots.get(one, Place(one)).root == source)]
            whole = all(_size(preparation, one) == before.size for one in there)
            if before.last == after.first == step and before.size == after.size and whole:
                lifetimes[source] = arena.Lifetime(before.size, before.first, after.last)
                del lifetimes[target]
                moved = {other: Place(source, at.offset) for other, at in roots.items() if at.root == target}
                roots.update({**moved, target: Place(source)})
                break
