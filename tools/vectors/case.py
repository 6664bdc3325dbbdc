"""One golden vector: an operator's operands, constants, parameters, accumulators and outputs, by name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...engine.trace import Trace, TracedOperator
from ...kernels.operator import TensorSpec
from ...kernels.profiles import Rounding
from ...schema import Graph

_CONVOLUTION = (("input", "NHWC"), ("weights", "OHWI"), ("biases", "O"))
ROLES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "CONV_2D": _CONVOLUTION,
    "DEPTHWISE_CONV_2D": (("input", "NHWC"), ("weights", "IHWO"), ("biases", "O")),
    "TRANSPOSE_CONV": (("output_shape", ""), ("weights", "OHWI"), ("input", "NHWC"), ("biases", "O")),
    "FULLY_CONNECTED": (("input", ""), ("weights", "OI"), ("biases", "O")),
}
"""Operator -> name and layout of its inputs in order; those of other operators are input, or input1, input2..."""

_RENAMED = {
    "requantization.multiplier": "output_mult",
    "requantization.shift": "output_shift",
    "requantization.real_multiplier": "output_real_mult",
}


@dataclass(frozen=True)
class VectorArray:
    """An array of a vector.

    Parameters
    ----------
    name : what it is to the operator: input, weights, biases, output_mult, accumulator, output_ref...
    array : its values, in C order of ``layout``.
    kind : input, constant, state, parameter, intermediate or output.
    layout : a letter a dimension, such as NHWC or OHWI; empty where the dimensions have no names.
    tensor : what the model says of it, where it is a tensor of the model.
    """

    name: str
    array: np.ndarray
    kind: str
    layout: str = ""
    tensor: TensorSpec | None = None

    def describe(self) -> dict[str, Any]:
        """Return what the manifest says of it beside its file."""
        result: dict[str, Any] = {"name": self.name, "kind": self.kind, "dtype": str(self.array.dtype)}
        result |= {"shape": list(self.array.shape), "layout": self.layout or "C order"}
        if self.tensor is not None:
            quantization = self.tensor.quantization
            result |= {"tensor": self.tensor.name, "type": self.tensor.type.name.lower()}
            result |= {"scale": list(quantization.scale), "zero_point": list(quantization.zero_point)}
        return result


@dataclass(frozen=True)
class Case:
    """A golden vector.

    Parameters
    ----------
    name : an identifier in C, which also names the folder.
    operator, operator_name : index in the model the case is of, and name.
    arrays, parameters : arrays, and prepared parameters that are numbers or words.
    stamp : profile, oracle, q31's version, the model's SHA-256, the seed of random input.
    source : ``"model"``: the operator as it ran in the model; ``"operator"``: the operator by itself, on other inputs;
        ``"derived"``: an operator of other quantization, weights, bias or shape.
    model : bytes of the single-operator model the case was made with, where it is not the whole model.
    aims : what the case was made to hit; each was found among ``hits`` when it was made.
    hits : what the outputs hit, and how many of them.
    note : how it was made.
    """

    name: str
    operator: int
    operator_name: str
    arrays: tuple[VectorArray, ...]
    parameters: Mapping[str, Any]
    stamp: Mapping[str, Any]
    source: str = "model"
    model: bytes | None = None
    aims: tuple[str, ...] = ()
    hits: Mapping[str, int] = field(default_factory=dict)
    note: str = ""

    def __getitem__(self, name: str) -> np.ndarray:
        """Return an array by name."""
        return {one.name: one.array for one in self.arrays}[name]

    def named(self, name: str) -> VectorArray | None:
        """Return an array with its description, None where there is none."""
        return next((one for one in self.arrays if one.name == name), None)


def identifier(text: str) -> str:
    """Return text as a lower-case identifier of C."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def case_name(operator: TracedOperator, suffix: str = "") -> str:
    """Return an operator's name for folders and identifiers, such as ``op003_conv_2d``."""
    return f"op{operator.index:03}_{identifier(operator.name)}{'_' if suffix else ''}{suffix}"


def collect(trace: Trace, operator: TracedOperator, graph: Graph, suffix: str = "", **fields: Any) -> Case:
    """Return the vector of an operator of a trace; ``fields`` are further ones of :class:`Case`."""
    inputs = graph.subgraphs[0].operators[operator.index].inputs
    arrays = [*_operands(operator, graph, inputs), *_computed(operator)]
    parameters = {}
    for name, value in operator.parameters().items():
        if isinstance(value, np.ndarray) and value.ndim:
            arrays.append(
                VectorArray(_RENAMED.get(name, name.replace(".", "_")), value, "parameter", _per_channel(name))
            )
        elif name != "output_shapes":
            parameters[name] = value.item() if isinstance(value, (np.generic, np.ndarray)) else value
    named = fields.pop("name", None) or case_name(operator, suffix)
    return Case(named, operator.index, operator.name, tuple(arrays), parameters, trace.stamp, **fields)


def rounding_of(case: Case) -> Rounding | None:
    """Return how a case's accumulators are rounded, None where nothing is requantized."""
    found = case.parameters.get("requantization.rounding", case.parameters.get("rounding"))
    return None if found is None else Rounding[found]


def _per_channel(name: str) -> str:
    return "O" if name in _RENAMED else ""


def _layout(array: np.ndarray) -> str:
    return "NHWC" if array.ndim == 4 else ""


def _operands(operator: TracedOperator, graph: Graph, indices: tuple[int, ...]) -> Iterator[VectorArray]:
    given = [(i, array) for i, array in enumerate(operator.inputs) if array is not None]
    roles = ROLES.get(operator.name)
    for place, array in given:
        tensor = graph.subgraphs[0].tensors[indices[place]]
        stored = tensor.buffer != 0 and len(graph.buffers[tensor.buffer].data) > 0
        kind = "state" if tensor.is_variable else "constant" if stored else "input"
        name, layout = "input" if len(given) == 1 else f"input{place + 1}", _layout(array)
        if roles is not None and place < len(roles):
            name, layout = roles[place]
        layout = layout if len(layout) == array.ndim else ""
        yield VectorArray(name, array, kind, layout, operator.node.inputs[place] if operator.node else None)


def _computed(operator: TracedOperator) -> Iterator[VectorArray]:
    for name, array in operator.intermediates().items():
        yield VectorArray(name, array, "intermediate", _layout(array))
    for place, output in enumerate(operator.outputs):
        if output is not None:
            name = "output_ref" if len(operator.outputs) == 1 else f"output{place + 1}_ref"
            spec = operator.node.outputs[place] if operator.node else None
            yield VectorArray(name, output, "output", _layout(output), spec)
