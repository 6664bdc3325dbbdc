"""Which tensor of a quantized model stands for which of the float model that it was made of.

Operators are paired in their order, each with one of the same kind whose output has the same name, or else with the
first whose inputs are paired already, or else with whatever gives an output of that name: where a converter has fused
two operators, the last one's. QUANTIZE and DEQUANTIZE of the quantized model are looked through: behind them is what
was computed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ...schema import Graph, Operator, Subgraph

EDGES = ("QUANTIZE", "DEQUANTIZE")


@dataclass(frozen=True)
class Layer:
    """An output of an operator in both models; operators are -1 for an input of the models."""

    name: str
    float_operator: int
    operator: int
    float_tensor: int
    tensor: int


@dataclass(frozen=True)
class Pairing:
    """The layers in the order of the float model.

    Parameters
    ----------
    layers : what is paired, inputs first.
    fellows : tensor of the quantized model -> the float model's.
    sources : output of a QUANTIZE or DEQUANTIZE of the quantized model -> what was computed.
    float_only, quantized_only : operators that have no fellow.
    """

    layers: tuple[Layer, ...]
    fellows: Mapping[int, int]
    sources: Mapping[int, int]
    float_only: tuple[int, ...]
    quantized_only: tuple[int, ...]

    def fellow(self, tensor: int) -> int | None:
        """Return the float model's tensor for one of the quantized model; None where there is none."""
        return self.fellows.get(self.sources.get(tensor, tensor))


def pair(model: Graph, quantized: Graph) -> Pairing:
    """Pair the primary subgraphs of a float model and of a quantized one."""
    return _Pairing(model.subgraphs[0], quantized.subgraphs[0]).pair()


class _Pairing:
    def __init__(self, one: Subgraph, other: Subgraph) -> None:
        self._one, self._other = one, other
        self._computed = {*one.inputs, *(index for operator in one.operators for index in operator.outputs)}
        self._sources = _sources(other)
        self._own_sources = _sources(one)
        self._fellows: dict[int, int] = dict(zip(other.inputs, one.inputs, strict=False))
        self._free = {index: operator for index, operator in enumerate(other.operators) if operator.name not in EDGES}
        self._named = _names(other, self._sources)
        self._own_names = _names(one, self._own_sources)

    def pair(self) -> Pairing:
        layers = list(self._inputs())
        float_only = []
        for index, operator in enumerate(self._one.operators):
            if operator.name in EDGES:
                continue
            found = self._find(operator)
            if found is None:
                float_only.append(index)
                continue
            fellow = self._free.pop(found)
            for own, others in zip(operator.outputs, fellow.outputs, strict=False):
                self._fellows[others] = own
                layers.append(Layer(fellow.custom_code or fellow.name, index, found, own, others))
        return Pairing(tuple(layers), self._fellows, self._sources, tuple(float_only), tuple(self._free))

    def _inputs(self) -> Iterator[Layer]:
        """Yield inputs, each with the first tensor of codes that it becomes."""
        for own, others in zip(self._one.inputs, self._other.inputs, strict=False):
            quantized = [
                operator.outputs[0]
                for operator in self._other.operators
                if operator.name == "QUANTIZE" and operator.inputs[:1] == (others,)
            ]
            tensor = others if self._other.tensors[others].quantization.scale else next(iter(quantized), None)
            if tensor is not None:
                yield Layer("input", -1, -1, own, tensor)

    def _find(self, operator: Operator) -> int | None:
        name = self._one.tensors[operator.outputs[0]].name if operator.outputs else ""
        named = self._named.get(name)
        if named in self._free and _kind(self._free[named]) == _kind(operator):
            return named
        for index, candidate in self._free.items():
            called = self._other.tensors[candidate.outputs[0]].name if candidate.outputs else ""
            if called in self._own_names and called in self._named and called != name:
                continue  # it stands for another one
            if self._fits(operator, candidate):
                return index
        return named if named in self._free else None

    def _fits(self, operator: Operator, candidate: Operator) -> bool:
        """Whether operators are of one kind and all inputs that either computes are paired."""
        if _kind(operator) != _kind(candidate) or len(operator.inputs) != len(candidate.inputs):
            return False
        own = [self._own_sources.get(index, index) for index in operator.inputs]
        others = [self._fellows.get(self._sources.get(index, index)) for index in candidate.inputs]
        pairs = [(a, b) for a, b in zip(own, others, strict=True) if a in self._computed or b is not None]
        return bool(pairs) and all(a == b for a, b in pairs)


def _names(subgraph: Subgraph, sources: Mapping[int, int]) -> dict[str, int]:
    """Return the operator behind each output's name, where the name is there once."""
    makers = {index: place for place, operator in enumerate(subgraph.operators) for index in operator.outputs}
    often = Counter(tensor.name for tensor in subgraph.tensors)
    named = {}
    for index in makers:
        name, source = subgraph.tensors[index].name, sources.get(index, index)
        if name and often[name] == 1 and source in makers:
            named[name] = makers[source]
    return named


def _sources(subgraph: Subgraph) -> dict[int, int]:
    """Return the output of each QUANTIZE and DEQUANTIZE -> what it was computed from."""
    sources: dict[int, int] = {}
    for operator in subgraph.operators:
        if operator.name in EDGES and operator.inputs and operator.outputs:
            source = operator.inputs[0]
            sources[operator.outputs[0]] = sources.get(source, source)
    return sources


def _kind(operator: Operator) -> tuple[str, str]:
    return operator.name, operator.custom_code
