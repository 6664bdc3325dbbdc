"""Which tensor of one quantized model is which of another, where both were made from one float model.

Names do not tell: TensorFlow's converter renames every constant (``tfl.pseudo_qconst3``). Operators are paired in their
order, each with one of the same name whose inputs are paired already; QUANTIZE and DEQUANTIZE are looked through, so
that one that only one side has does not part what follows. What pairs so by no input pairs by the name of its output.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ....schema import Graph, Operator, Subgraph

_LOOKED_THROUGH = ("QUANTIZE", "DEQUANTIZE")


@dataclass(frozen=True)
class TensorPair:
    """A tensor of the first model and its fellow in the second; ``role`` is its use by the operator of that name."""

    subgraph: int
    first: int
    second: int
    operator: str
    role: str


@dataclass(frozen=True)
class Pairing:
    """The pairs, and the operators that have no fellow: (subgraph, index) in each model."""

    tensors: tuple[TensorPair, ...]
    operators: int
    only_first: tuple[tuple[int, int], ...]
    only_second: tuple[tuple[int, int], ...]


@dataclass
class _Side:
    subgraph: Subgraph
    origin: dict[int, int] = field(default_factory=dict)
    """Output of a QUANTIZE or DEQUANTIZE -> what it was computed from."""
    activations: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.activations.update(self.subgraph.inputs)
        for operator in self.subgraph.operators:
            if operator.name in _LOOKED_THROUGH and operator.inputs and operator.outputs:
                source = operator.inputs[0]
                self.origin[operator.outputs[0]] = self.origin.get(source, source)
            self.activations.update(operator.outputs)

    def source(self, tensor: int) -> int:
        return self.origin.get(tensor, tensor)

    def is_activation(self, tensor: int) -> bool:
        return self.source(tensor) in self.activations

    def output_names(self, operator: Operator) -> list[str]:
        return [self.subgraph.tensors[one].name for one in operator.outputs]


def pair(first: Graph, second: Graph) -> Pairing:
    """Pair the tensors and operators of two models, subgraph by subgraph in their order."""
    tensors: list[TensorPair] = []
    operators = 0
    only_first: list[tuple[int, int]] = []
    only_second: list[tuple[int, int]] = []
    for number, (one, other) in enumerate(zip(first.subgraphs, second.subgraphs, strict=False)):
        pairs = _pair_operators(_Side(one), _Side(other))
        operators += len(pairs)
        tensors += _tensors(number, one, other, pairs)
        only_first += [(number, index) for index in range(len(one.operators)) if index not in pairs]
        taken = set(pairs.values())
        only_second += [(number, index) for index in range(len(other.operators)) if index not in taken]
    common = min(len(first.subgraphs), len(second.subgraphs))
    for graph, only in ((first, only_first), (second, only_second)):
        for number, subgraph in enumerate(graph.subgraphs[common:], common):
            only += [(number, index) for index in range(len(subgraph.operators))]
    return Pairing(tuple(tensors), operators, tuple(only_first), tuple(only_second))


def _pair_operators(one: _Side, other: _Side) -> dict[int, int]:
    """Return the index of an operator -> that of its fellow."""
    fellow = dict(zip(one.subgraph.inputs, other.subgraph.inputs, strict=False))
    pairs: dict[int, int] = {}
    free = dict(enumerate(other.subgraph.operators))

    def fits(operator: Operator, candidate: Operator) -> bool:
        if _kind(operator) != _kind(candidate) or len(operator.inputs) != len(candidate.inputs):
            return False
        any_activation = False
        for a, b in zip(operator.inputs, candidate.inputs, strict=True):
            if (a < 0) != (b < 0) or one.is_activation(a) != other.is_activation(b):
                return False
            if one.is_activation(a):
                any_activation = True
                if fellow.get(one.source(a)) != other.source(b):
                    return False
        return any_activation

    for index, operator in enumerate(one.subgraph.operators):
        candidates = [number for number, candidate in free.items() if fits(operator, candidate)]
        names = one.output_names(operator)
        named = [
            number
            for number, candidate in free.items()
            if _kind(operator) == _kind(candidate) and other.output_names(candidate) == names
        ]
        best = [number for number in candidates if number in named] or candidates or named
        if not best:
            continue
        pairs[index] = best[0]
        candidate = free.pop(best[0])
        if operator.name not in _LOOKED_THROUGH:
            fellow.update(zip(operator.outputs, candidate.outputs, strict=False))
    return pairs


def _kind(operator: Operator) -> tuple[str, str]:
    return operator.name, operator.custom_code


def _tensors(number: int, one: Subgraph, other: Subgraph, pairs: dict[int, int]) -> list[TensorPair]:
    """Return each pair once, in the order of first use."""
    seen: dict[tuple[int, int], TensorPair] = {}

    def add(a: tuple[int, ...], b: tuple[int, ...], operator: str, role: str) -> None:
        for position, (x, y) in enumerate(zip(a, b, strict=False)):
            if x >= 0 and y >= 0:
                seen.setdefault((x, y), TensorPair(number, x, y, operator, f"{role} {position}"))

    add(one.inputs, other.inputs, "", "input")
    for index, fellow in pairs.items():
        operator, candidate = one.operators[index], other.operators[fellow]
        name = f"{operator.name} {index}"
        add(operator.inputs, candidate.inputs, name, "input")
        add(operator.intermediates, candidate.intermediates, name, "intermediate")
        add(operator.outputs, candidate.outputs, name, "output")
    add(one.outputs, other.outputs, "", "output")
    return list(seen.values())
