"""CONCATENATION along the channels without a copy: who makes a part writes it among the others.

That is for kernels whose output's pixels may be further apart than they have channels (field ``output_step``), and for
parts that nobody else reads. Parts that lie one behind the other are a matter of places (:mod:`.places`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from ..kernels.operator import Input, Instruction, Output
from ..kernels.shape.concatenation import Concatenation
from .preparation import Preparation, PreparedOperator, count_uses

Instructions: TypeAlias = "dict[int, tuple[Instruction, ...]]"
"""The instructions of each compiled operator."""


def write_among_others(
    preparation: Preparation, operators: Sequence[PreparedOperator], instructions: Mapping[int, tuple[Instruction, ...]]
) -> tuple[tuple[PreparedOperator, ...], Instructions] | None:
    """Return the operators and instructions of a program with parts of CONCATENATIONs written where they are to be.

    None where there are no such parts.
    """
    written, read = count_uses(preparation, operators)
    changed, lowered = {operator.index: operator for operator in operators}, dict(instructions)
    none_moved = True
    makers = {index: operator.index for operator in operators for index in operator.operator.outputs}
    for join in operators:
        prepared, (target, *_) = join.prepared, (*join.operator.outputs, -1)
        if not isinstance(prepared, Concatenation) or join.index not in lowered or not _along_channels(join, prepared):
            continue
        if written[target] > 1 or preparation.tensors[target].is_variable:
            continue
        whole, begin, inputs = prepared.output_shape[-1], 0, list(join.operator.inputs)
        for number, (source, table) in enumerate(zip(join.operator.inputs, prepared.tables, strict=True)):
            assert join.node is not None
            channels = join.node.input(number).shape[-1]
            once = read[source] == written[source] == 1 and not preparation.tensors[source].is_variable
            maker = changed.get(makers.get(source, -1)) if once and table is None else None
            moved = None if maker is None else _moved(lowered.get(maker.index, ()), channels, whole, begin)
            if maker is not None and moved is not None:
                changed[maker.index] = replace(maker, operator=replace(maker.operator, outputs=(target,)))
                lowered[maker.index] = (moved,)
                lowered[join.index] = tuple(one for one in lowered[join.index] if not _reads(one, number))
                inputs[number] = -1
                none_moved = False
            begin += channels
        changed[join.index] = replace(join, operator=replace(join.operator, inputs=tuple(inputs)))
        if not lowered[join.index]:
            del lowered[join.index], changed[join.index]
    return None if none_moved else (tuple(changed.values()), lowered)


def _along_channels(join: PreparedOperator, prepared: Concatenation) -> bool:
    """Whether channels of 8 bits are joined, of more than one pixel."""
    shape = prepared.output_shape
    if join.node is None or join.node.output().dtype.itemsize != 1 or prepared.axis != len(shape) - 1:
        return False
    return join.operator.name == "CONCATENATION" and math.prod(shape[:-1]) > 1


def _moved(lowered: Sequence[Instruction], channels: int, whole: int, begin: int) -> Instruction | None:
    """Return an operator's one instruction with its output in pixels of ``whole`` channels; None where it is other."""
    if len(lowered) != 1 or lowered[0].fields.get("output_step") != channels:
        return None
    output = lowered[0].fields["output"]
    assert isinstance(output, Output)
    size = (output.size // channels - 1) * whole + channels
    fields = {**lowered[0].fields, "output": Output(output.index, size, begin), "output_step": whole}
    return replace(lowered[0], fields=fields)


def _reads(instruction: Instruction, number: int) -> bool:
    source = instruction.fields["input"]
    return isinstance(source, Input) and source.index == number
