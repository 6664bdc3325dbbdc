"""Rules, and what they look at: one operator with its tensors, as the file has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ...schema import Graph, Operator, Tensor, UnsupportedOperatorError
from ...schema.constants import constant_array

PARAMETERS: Mapping[str, tuple[int, ...]] = {
    **dict.fromkeys(("ARG_MAX", "ARG_MIN", "EXPAND_DIMS", "MEAN", "MIRROR_PAD", "PAD", "PADV2", "RESHAPE"), (1,)),
    **dict.fromkeys(("REDUCE_ALL", "REDUCE_ANY", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "SUM"), (1,)),
    **dict.fromkeys(("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "REVERSE_V2", "TILE", "TRANSPOSE"), (1,)),
    **dict.fromkeys(("BATCH_TO_SPACE_ND", "SLICE", "SPACE_TO_BATCH_ND", "SPLIT_V"), (1, 2)),
    "STRIDED_SLICE": (1, 2, 3),
    "SPLIT": (0,),
    "TRANSPOSE_CONV": (0,),
}
"""Operator -> the inputs that are shapes, axes, paddings and the like: no feature maps."""


@dataclass(frozen=True)
class Source:
    """A public list: its name, with the version or date that was read, and its address."""

    name: str
    url: str


class Site:
    """An operator where it stands: its tensors, and the values of those that are constants."""

    def __init__(self, graph: Graph, subgraph_index: int, index: int) -> None:
        subgraph = graph.subgraphs[subgraph_index]
        self.graph, self.subgraph_index, self.index = graph, subgraph_index, index
        self.subgraph = subgraph
        self.operator: Operator = subgraph.operators[index]
        self.options = self.operator.options
        self.inputs = tuple(None if i < 0 else subgraph.tensors[i] for i in self.operator.inputs)
        self.outputs = tuple(subgraph.tensors[i] for i in self.operator.outputs if i >= 0)

    @property
    def name(self) -> str:
        """The schema name; the code of a custom operator."""
        return self.operator.custom_code or self.operator.name

    def input(self, position: int) -> Tensor | None:
        """Return an input; None where there is none."""
        return self.inputs[position] if position < len(self.inputs) else None

    def is_constant(self, position: int) -> bool:
        """Whether an input's value is in the file."""
        tensor = self.input(position)
        return tensor is not None and not tensor.is_variable and self.graph_has(tensor)

    def graph_has(self, tensor: Tensor) -> bool:
        """Whether the file has a tensor's value."""
        buffer = self.graph.buffers[tensor.buffer]
        return bool(tensor.external_buffer or buffer.external or len(buffer.data))

    def value(self, position: int) -> np.ndarray | None:
        """Return a constant input's value; None where it has none."""
        if not self.is_constant(position):
            return None
        try:
            return constant_array(self.graph, self.subgraph_index, self.operator.inputs[position])
        except UnsupportedOperatorError:
            return None

    def integers(self, position: int) -> list[int] | None:
        """Return a constant input's values in a flat list."""
        value = self.value(position)
        return None if value is None else [int(one) for one in value.reshape(-1)]

    @cached_property
    def activations(self) -> list[Tensor]:
        """The feature maps: inputs that are no constants, no state and no parameters, then the outputs."""
        others = PARAMETERS.get(self.name, ())
        inputs = [None if i in others or self.is_constant(i) else one for i, one in enumerate(self.inputs)]
        return [*(one for one in inputs if one is not None and not one.is_variable), *self.outputs]

    @cached_property
    def constants(self) -> list[Tensor]:
        """The inputs whose values are in the file."""
        return [t for i, t in enumerate(self.inputs) if t is not None and self.is_constant(i)]


@dataclass(frozen=True)
class Rule:
    """What a target requires of an operator.

    Parameters
    ----------
    text : the requirement, in a line.
    source : the list that has it.
    broken : returns what was found in its place, or None where the rule holds.
    """

    text: str
    source: Source
    broken: Callable[[Site], str | None]


@dataclass(frozen=True)
class Target:
    """Everything that is known of a target.

    Parameters
    ----------
    name, title : as asked for on the command line, and in full.
    listed : the list of operators; one that is not in ``operators`` is not taken.
    fallback : where operators that are not taken run.
    every : rules of every operator.
    operators : operator -> its own rules.
    notes : operator -> what the list says may happen, without a rule that decides it.
    rest_falls_back : where it is written that everything after the first operator that is not taken falls back with
        it; None where that is not so.
    stands_apart : whether an operator that is not taken leaves those after it alone.
    """

    name: str
    title: str
    listed: Source
    fallback: str
    every: tuple[Rule, ...] = ()
    operators: Mapping[str, tuple[Rule, ...]] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    rest_falls_back: Source | None = None
    stands_apart: Callable[[Site], bool] = lambda site: False


def type_name(tensor: Tensor) -> str:
    """Return a tensor's type as it is written everywhere."""
    return tensor.type.name.lower()
