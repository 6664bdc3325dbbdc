"""Operators by themselves: cut out of a model, changed, and run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...engine.model import Model
from ...engine.preparation import prepare
from ...engine.trace import Trace, TracedOperator
from ...kernels.profiles import Profile
from ...schema import Graph, InputError, Quantization, TensorType, write
from ...schema.builder import GraphBuilder


@dataclass(frozen=True)
class Operand:
    """A tensor of an operator; ``value`` makes it a constant."""

    name: str
    type: TensorType
    shape: tuple[int, ...]
    quantization: Quantization
    value: np.ndarray | None = None


@dataclass(frozen=True)
class Cut:
    """An operator with its tensors, which makes a model of its own. Inputs that are None are left out."""

    name: str
    version: int
    options: Any
    inputs: tuple[Operand | None, ...]
    outputs: tuple[Operand, ...]
    custom_code: str = ""
    custom_options: bytes | None = None

    @property
    def free(self) -> list[int]:
        """The places of the inputs that are no constants."""
        return [i for i, one in enumerate(self.inputs) if one is not None and one.value is None]

    def with_input(self, place: int, **fields: Any) -> Cut:
        """Return the operator with fields of an input changed."""
        one = self.inputs[place]
        assert one is not None
        return replace(self, inputs=(*self.inputs[:place], replace(one, **fields), *self.inputs[place + 1 :]))

    def with_output(self, **fields: Any) -> Cut:
        """Return the operator with fields of its first output changed."""
        return replace(self, outputs=(replace(self.outputs[0], **fields), *self.outputs[1:]))

    def with_options(self, **fields: Any) -> Cut:
        """Return the operator with options changed, of those that it has."""
        if self.options is None:
            return self
        return replace(
            self, options=replace(self.options, **{k: v for k, v in fields.items() if hasattr(self.options, k)})
        )

    def graph(self, profile: Profile) -> Graph:
        """Return the model, its outputs in the shapes that follow.

        Raises
        ------
        ModelError
            Where the operator refuses its tensors.
        """
        first = self._build(self.outputs)
        shapes = prepare(first, 0, profile).shapes
        known = [shapes[index] for index in first.subgraphs[0].outputs]
        outputs = [
            one if shape is None else replace(one, shape=shape) for one, shape in zip(self.outputs, known, strict=True)
        ]
        return self._build(outputs)

    def _build(self, outputs: Sequence[Operand]) -> Graph:
        builder = GraphBuilder()

        def add(one: Operand) -> int:
            return builder.tensor(one.name, one.type, one.shape, one.quantization, one.value)

        inputs = [-1 if one is None else add(one) for one in self.inputs]
        targets = [add(replace(one, value=None)) for one in outputs]
        fields = {"custom_code": self.custom_code, "custom_options": self.custom_options}
        builder.operator(self.name, inputs, targets, self.options, self.version, **fields)
        return builder.build([inputs[place] for place in self.free], targets)


@dataclass(frozen=True)
class Run:
    """A run of a :class:`Cut`: the model's bytes and what was traced."""

    content: bytes
    model: Model
    trace: Trace

    @property
    def operator(self) -> TracedOperator:
        """The one operator."""
        return self.trace.operators[0]


def cut(graph: Graph, operator: TracedOperator) -> Cut:
    """Cut an operator out of a model, with the shapes of a trace and its constants.

    Raises
    ------
    InputError
        Where it cannot stand by itself; says why.
    """
    own = graph.subgraphs[0].operators[operator.index]
    tensors = graph.subgraphs[0].tensors
    node = operator.node
    if node is None:
        raise InputError("it runs subgraphs")
    if own.intermediates or any(tensors[i].is_variable for i in own.inputs if i >= 0):
        raise InputError("it keeps state from run to run")
    inputs: list[Operand | None] = []
    for place, index in enumerate(own.inputs):
        if index < 0:
            inputs.append(None)
            continue
        tensor, array = tensors[index], operator.inputs[place]
        assert array is not None
        if tensor.sparsity is not None or tensor.quantization.blockwise or tensor.quantization.multi_axis:
            raise InputError(f"{tensor.name!r} is sparse, or quantized in blocks")
        stored = tensor.buffer != 0 and len(graph.buffers[tensor.buffer].data) > 0
        value = array if stored or place in operator.kernel.values else None
        inputs.append(Operand(tensor.name, tensor.type, array.shape, tensor.quantization, value))
    outputs = tuple(
        Operand(tensors[i].name, tensors[i].type, tensors[i].shape, tensors[i].quantization) for i in own.outputs
    )
    return Cut(own.name, own.version, own.options, tuple(inputs), outputs, own.custom_code, own.custom_options)


def run(operator: Cut, arrays: Mapping[int, np.ndarray], profile: Profile, seed: int | None = None) -> Run:
    """Run an operator on arrays by place.

    Raises
    ------
    ModelError, UnsupportedOperatorError, InputError
        Where the operator refuses its tensors.
    """
    content = write(operator.graph(profile))
    model = Model(content, profile=profile, backend="numpy")
    trace = model.trace(*(arrays[place] for place in operator.free), seed=seed)
    return Run(content, model, trace)


def limits(one: Operand | TensorType) -> tuple[int, int]:
    """Return the least and the greatest code of a type."""
    kind = one.type if isinstance(one, Operand) else one
    bits, signed = _BITS[kind]
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)


_BITS = {
    TensorType.INT4: (4, True),
    TensorType.INT8: (8, True),
    TensorType.UINT8: (8, False),
    TensorType.INT16: (16, True),
}
CODES = tuple(_BITS)
"""Types whose codes have corner cases."""


def random_codes(one: Operand, generator: np.random.Generator) -> np.ndarray:
    """Return uniform random codes of an operand's shape."""
    low, high = limits(one)
    dtype = {TensorType.UINT8: np.uint8, TensorType.INT16: np.int16}.get(one.type, np.int8)
    return generator.integers(low, high, one.shape, dtype, endpoint=True)


def filled(one: Operand, code: int) -> np.ndarray:
    """Return an array of one code of an operand's shape and type."""
    return np.full_like(random_codes(one, np.random.default_rng(0)), code)
