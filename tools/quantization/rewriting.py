"""A graph written anew by a plan: codes in place of floats, QUANTIZE and DEQUANTIZE where the two meet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...schema import Graph, GraphBuilder, Operator, Signature, TensorType
from .parameters import Parameters
from .planning import Planner
from .recurrent import INTERMEDIATES, states
from .rules import TYPELESS
from .widening import wide_scheme

_DROPPED_METADATA = ("min_runtime_version", "CONVERSION_METADATA")
_OFFSET = {TensorType.INT8: 0, TensorType.UINT8: 128}


@dataclass(frozen=True)
class Ends:
    """The types that a model takes and gives in place of float32."""

    input: TensorType = TensorType.FLOAT32
    output: TensorType = TensorType.FLOAT32


class Rewriter:
    """Writes the planned subgraph of a graph anew; other subgraphs are taken over.

    ``codes``: (operator, operand) -> codes to write for a constant, in place of those that rounding gives.
    ``places``: operator -> where it is in the new graph, once that is written.
    """

    def __init__(self, planner: Planner, ends: Ends, codes: dict[tuple[int, int], np.ndarray] | None = None) -> None:
        self.graph, self.number, self.planner = planner.graph, planner.number, planner
        self.subgraph, self.plan = planner.subgraph, planner.make()
        self.ends, self.codes = ends, codes or {}
        self.builder = GraphBuilder()
        self._forms: dict[tuple[int, Parameters | None], int] = {}
        self._constants: dict[tuple[int, Parameters | None, int], int] = {}
        self._own: dict[int, Parameters | None] = {}
        self.places: dict[int, int] = {}

    def write(self, description: str) -> Graph:
        """Return the new graph."""
        inputs = [self._input(tensor) for tensor in self.subgraph.inputs]
        for index, operator in enumerate(self.subgraph.operators):
            self._operator(index, operator)
            # At once: the reference gives the memory of a tensor away whose RESHAPE of a RESHAPE is used up.
            for tensor in operator.outputs:
                if tensor in self.subgraph.outputs:
                    self._output(tensor)
        outputs = [self._output(tensor) for tensor in self.subgraph.outputs]
        graph = self.builder.build(
            inputs,
            outputs,
            name=self.subgraph.name,
            description=description,
            signatures=self._signatures(dict(zip(self.subgraph.inputs, inputs, strict=True)), outputs),
        )
        return _with_the_rest(graph, self.graph, self.number)

    def _signatures(self, inputs: dict[int, int], outputs: Sequence[int]) -> list[Signature]:
        places = dict(zip(self.subgraph.outputs, outputs, strict=True))
        return [
            one
            if one.subgraph_index != self.number
            else replace(
                one,
                inputs=tuple((name, inputs.get(tensor, -1)) for name, tensor in one.inputs),
                outputs=tuple((name, places.get(tensor, -1)) for name, tensor in one.outputs),
            )
            for one in self.graph.signatures
        ]

    def _add(self, tensor: int, parameters: Parameters | None, name: str = "") -> int:
        """Add an activation in a form: in float, or in codes."""
        old = self.subgraph.tensors[tensor]
        fields: dict[str, Any] = {
            "shape_signature": old.shape_signature,
            "has_rank": old.has_rank,
            "is_variable": old.is_variable,
        }
        type, quantization = (old.type, old.quantization) if parameters is None else _stored(parameters)
        return self.builder.tensor(name or old.name, type, old.shape, quantization, **fields)

    def _input(self, tensor: int) -> int:
        """Add an input of the model, and what takes it to the form its users want."""
        parameters = self.plan.tensors.get(tensor)
        users = [i for i, one in enumerate(self.subgraph.operators) if tensor in one.inputs]
        integer = parameters is not None and any(i in self.plan.operators for i in users)
        if not self.planner.is_float(tensor) or not integer or self.ends.input is TensorType.FLOAT32:
            self._own[tensor] = None
            self._forms[tensor, None] = self._add(tensor, None)
            return self._forms[tensor, None]
        assert parameters is not None
        self._own[tensor] = parameters
        if self.ends.input is parameters.type:
            self._forms[tensor, parameters] = self._add(tensor, parameters)
            return self._forms[tensor, parameters]
        outside = self._add(tensor, _as_type(parameters, self.ends.input))
        self._forms[tensor, parameters] = self._convert(tensor, outside, parameters)
        return outside

    def _output(self, tensor: int) -> int:
        """Return an output of the model in its type, under the name it had."""
        own = self._own.get(tensor)
        wanted = own
        if own is not None and self.ends.output is not own.type:
            coarse = self.plan.tensors[tensor] if own.type is TensorType.INT16 else own
            wanted = None if self.ends.output is TensorType.FLOAT32 else _as_type(coarse, self.ends.output)
        if tensor in self.subgraph.inputs or (tensor, wanted) in self._forms or tensor not in self._own:
            return self._form(tensor, wanted)
        return self._form(tensor, wanted, self.subgraph.tensors[tensor].name)

    def _form(self, tensor: int, parameters: Parameters | None, name: str = "") -> int:
        """Return a tensor in a form, converted from its own where it is not there yet."""
        if tensor < 0:
            return -1
        value = self.planner.value(tensor)
        if value is not None:
            return self._constant(tensor, parameters, value, -1)
        if tensor not in self._own:  # a variable: nothing makes it
            self._own[tensor] = None
            self._forms[tensor, None] = self._add(tensor, None)
        if (tensor, parameters) not in self._forms:
            own = self._forms[tensor, self._own[tensor]]
            self._forms[tensor, parameters] = self._convert(tensor, own, parameters, name)
        return self._forms[tensor, parameters]

    def _convert(self, tensor: int, source: int, parameters: Parameters | None, name: str = "") -> int:
        old = self.subgraph.tensors[tensor].name
        if parameters is not None and parameters.type is TensorType.INT16 and self.builder.type_of(source) in _OFFSET:
            source = self._form(tensor, None)  # QUANTIZE takes no codes of 8 bits to int16
        target = self._add(tensor, parameters, name or f"{old}_{_suffix(parameters)}")
        operator, version = ("DEQUANTIZE", 2) if parameters is None else ("QUANTIZE", 1)
        if TensorType.INT16 in (self.builder.type_of(source), self.builder.type_of(target)):
            version = {"DEQUANTIZE": 3, "QUANTIZE": 2}[operator]
        self.builder.operator(operator, [source], [target], version=version)
        return target

    def _constant(self, tensor: int, parameters: Parameters | None, value: np.ndarray, index: int) -> int:
        key = (tensor, parameters, index)
        if key not in self._constants:
            old = self.subgraph.tensors[tensor]
            if parameters is None:
                type, quantization, array = old.type, old.quantization, value
            else:
                type, quantization = _stored(parameters)
                array = self.planner.codes_of(value, parameters)
            self._constants[key] = self.builder.tensor(
                old.name, type, value.shape, quantization, array, has_rank=old.has_rank
            )
        return self._constants[key]

    def _operator(self, index: int, operator: Operator) -> None:
        integer = index in self.plan.operators
        scheme = wide_scheme(self.planner.scheme) if index in self.plan.wide else self.planner.scheme
        rule = scheme.rule(operator)
        inputs = [self._operand(index, operand, tensor, integer) for operand, tensor in enumerate(operator.inputs)]
        outputs = [self._result(tensor, integer) for tensor in operator.outputs]
        intermediates = self._intermediates(index, operator, integer)
        version, options = operator.version, operator.options
        if integer and rule is not None:
            packed = any(self.builder.type_of(one) is TensorType.INT4 for one in inputs if one >= 0)
            version = scheme.version(rule, operator, packed)
            if getattr(options, "quantized_bias_type", None) is not None:
                options = replace(options, quantized_bias_type=_bias_type(scheme.bias))
            if hasattr(options, "pot_scale_int16") and scheme.activation is TensorType.INT16:
                # Otherwise the kernel takes every scale for a power of two.
                options = replace(options, pot_scale_int16=False)
        self.places[index] = self.builder.operator(
            operator.name,
            inputs,
            outputs,
            options,
            version,
            custom_code=operator.custom_code,
            custom_options=operator.custom_options,
            intermediates=intermediates,
            mutating_variable_inputs=operator.mutating_variable_inputs,
        )

    def _intermediates(self, index: int, operator: Operator, integer: bool) -> tuple[int, ...]:
        planned = self.plan.intermediates.get(index) if integer else None
        if planned is None:
            return tuple(self._add(tensor, None) for tensor in operator.intermediates)
        stored = [(TensorType.FLOAT32, None) if one is None else _stored(one) for one in planned]
        return tuple(self.builder.tensor(n, t, (0,), q) for n, (t, q) in zip(INTERMEDIATES, stored, strict=True))

    def _operand(self, index: int, operand: int, tensor: int, integer: bool) -> int:
        if tensor < 0:
            return -1
        if self.subgraph.operators[index].name in TYPELESS and tensor in self._own:
            return self._forms[tensor, self._own[tensor]]
        seen = self.planner.seen(index, operand) if integer and self.planner.is_float(tensor) else None
        value = self.planner.value(tensor)
        if seen is not None and operand in states(self.subgraph.operators[index]):
            self._own[tensor] = seen
            self._forms[tensor, seen] = self._add(tensor, seen)
        if value is None:
            return self._form(tensor, seen)
        codes = self.codes.get((index, operand)) if integer else None
        if codes is None or seen is None:
            return self._constant(tensor, seen, value, -1)
        old, (type, quantization) = self.subgraph.tensors[tensor], _stored(seen)
        return self.builder.tensor(old.name, type, value.shape, quantization, codes, has_rank=old.has_rank)

    def _result(self, tensor: int, integer: bool) -> int:
        if tensor < 0:
            return -1
        if not integer or not self.planner.is_float(tensor):
            self._own[tensor] = None
        else:
            self._own[tensor] = self.plan.requantized_outputs.get(tensor, self.plan.tensors[tensor])
        own = self._own[tensor]
        inner = tensor in self.subgraph.outputs and own is not None and self.ends.output is not own.type
        name = f"{self.subgraph.tensors[tensor].name}_{_suffix(own)}" if inner else ""
        self._forms[tensor, own] = self._add(tensor, own, name)
        return self._forms[tensor, own]


def _suffix(parameters: Parameters | None) -> str:
    return "float" if parameters is None else parameters.type.name.lower()


def _stored(parameters: Parameters) -> tuple[TensorType, Any]:
    return parameters.type, parameters.quantization


def _bias_type(type: TensorType) -> TensorType:
    return type if type is TensorType.INT64 else TensorType.FLOAT32


def _as_type(parameters: Parameters, type: TensorType) -> Parameters:
    """Return int8 parameters as those of another 8-bit type, whose codes stand for the same numbers."""
    moved = _OFFSET[type] - _OFFSET[parameters.type]
    zero_points = tuple(one + moved for one in parameters.quantization.zero_point)
    return Parameters(type, replace(parameters.quantization, zero_point=zero_points))


def _with_the_rest(graph: Graph, old: Graph, number: int) -> Graph:
    """Put a new subgraph in the place of an old one, beside the others and the metadata."""
    buffers = list(graph.buffers)

    def kept(index: int) -> int:
        if index == 0:
            return 0
        buffers.append(old.buffers[index])
        return len(buffers) - 1

    subgraphs = [
        graph.subgraphs[0]
        if i == number
        else replace(one, tensors=tuple(replace(tensor, buffer=kept(tensor.buffer)) for tensor in one.tensors))
        for i, one in enumerate(old.subgraphs)
    ]
    metadata = tuple(replace(one, buffer=kept(one.buffer)) for one in old.metadata if one.name not in _DROPPED_METADATA)
    return replace(graph, subgraphs=tuple(subgraphs), buffers=tuple(buffers), metadata=metadata)
