"""A conformance case: a model, usually of a single operator, and the arrays to run it on.

>>> case = single_operator(
...     "ADD", AddOptions(), inputs=[tensor(INT8, (1, 4), s1), tensor(INT8, (1, 4), s2)],
...     outputs=[result(INT8, s3)], arrays=[x, y], version=2)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Any

import numpy as np

from ...schema import Graph, GraphBuilder, Quantization, Subgraph, TensorType, numpy_dtype
from ...schema.strings import decode_strings

_OF_NO_DTYPE = ("INT4", "INT2", "UINT4", "RESOURCE", "VARIANT", "FLOAT8_E4M3FN", "FLOAT8_E5M2")


@cache
def _types_of_dtypes() -> dict[np.dtype, TensorType]:
    return {numpy_dtype(one): one for one in TensorType if one.name not in _OF_NO_DTYPE}


@dataclass(frozen=True)
class Operand:
    """A tensor of the operator under test; ``value`` makes it a constant."""

    type: TensorType
    shape: tuple[int, ...] = ()
    quantization: Quantization = field(default_factory=Quantization)
    value: np.ndarray | None = None
    shape_signature: tuple[int, ...] | None = None
    is_variable: bool = False


def tensor(
    tensor_type: TensorType, shape: Sequence[int], quantization: Quantization | None = None, **others: Any
) -> Operand:
    """Return an input that takes its value at run time."""
    return Operand(tensor_type, tuple(shape), quantization or Quantization(), **others)


def constant(
    value: np.ndarray, quantization: Quantization | None = None, tensor_type: TensorType | None = None
) -> Operand:
    """Return a constant input; ``tensor_type`` where the dtype does not say it (INT4 as int8)."""
    value = np.asarray(value)
    return Operand(tensor_type or _types_of_dtypes()[value.dtype], value.shape, quantization or Quantization(), value)


def result(tensor_type: TensorType, quantization: Quantization | None = None, shape: Sequence[int] = ()) -> Operand:
    """Return an output. Its shape in the file is not trusted by anyone, so it need not be right."""
    return Operand(tensor_type, tuple(shape), quantization or Quantization())


@dataclass(frozen=True)
class CustomOptions:
    """Stands as options of ``"CUSTOM"``: custom code and custom options."""

    code: str
    data: bytes | None = None


@dataclass(frozen=True)
class Case:
    """A model and the arrays for its inputs (in the subgraph's order).

    ``inputs`` of another shape than the graph's make both sides resize before they allocate. ``more`` holds the inputs
    of further invokes of the same interpreter, of the same shapes. ``defined`` gives what is compared of an invoke's
    outputs, for operators that leave part of them unwritten. ``resets``: variable tensors are reset between invokes.
    ``within`` is how far the oracle's numbers may be, where the support table states a bound; q31's back ends must
    agree in every bit all the same.
    """

    graph: Graph
    inputs: tuple[np.ndarray, ...]
    note: str = ""
    more: tuple[tuple[np.ndarray, ...], ...] = ()
    defined: Callable[[list[np.ndarray]], list[np.ndarray]] = field(default=list, compare=False)
    resets: bool = False
    within: float = 0.0

    @property
    def runs(self) -> tuple[tuple[np.ndarray, ...], ...]:
        """The inputs of every invoke."""
        return (self.inputs, *self.more)

    @cached_property
    def model(self) -> bytes:
        """The model as bytes of a .tflite file."""
        from ...schema import write

        return bytes(write(self.graph))

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Hypothesis prints a failing example through this."""
        printer.text(repr(self))

    def __repr__(self) -> str:
        lines = [f"Case {self.note}".rstrip()]
        subgraph = self.graph.subgraphs[0]
        for operator in subgraph.operators:
            lines.append(f"  {operator.name} version {operator.version} {operator.options}")
            lines += [f"    in  {_describe(self.graph, subgraph, index)}" for index in operator.inputs]
            lines += [f"    out {_describe(self.graph, subgraph, index)}" for index in operator.outputs]
        for number, arrays in enumerate(self.runs):
            lines += [f"  given {_summary(array)}" + (f" (invoke {number})" if self.more else "") for array in arrays]
        return "\n".join(lines)


def _summary(array: np.ndarray) -> str:
    text = f"{array.dtype}{list(array.shape)}"
    if 0 < array.size <= 24:
        return f"{text} {array.tolist()}"
    return f"{text} in {array.min()}..{array.max()}" if array.size and array.dtype != object else text


def _describe(graph: Graph, subgraph: Subgraph, index: int) -> str:
    if index < 0:
        return "none"
    item = subgraph.tensors[index]
    text = f"{index}: {item.type.name.lower()}{list(item.shape)}"
    if item.quantization.scale:
        text += f" scale {item.quantization.scale} zero point {item.quantization.zero_point}"
        if len(item.quantization.scale) > 1:
            text += f" along {item.quantization.quantized_dimension}"
    data = graph.buffers[item.buffer].data
    if len(data) and item.type is TensorType.STRING:
        text += f" = {decode_strings(data, item.name)}"
    elif len(data) and item.type not in (TensorType.INT4, TensorType.INT2, TensorType.UINT4):
        text += f" = {_summary(np.frombuffer(data, numpy_dtype(item.type)))}"
    return text


def single_operator(
    name: str,
    options: Any,
    inputs: Sequence[Operand | None],
    outputs: Sequence[Operand],
    arrays: Sequence[np.ndarray],
    *,
    version: int = 1,
    note: str = "",
) -> Case:
    """Build the model of one operator.

    Parameters
    ----------
    name, options, version : as in the schema: ``"CONV_2D"``, a dataclass of ``q31.schema.options`` or None.
    inputs : the operator's inputs in order; None where an optional one is left out. Those without a value are the
        inputs of the model. To read one tensor twice, give two operands: each is a tensor of its own.
    outputs : the operator's outputs.
    arrays : a value for each input of the model.
    """
    # Copies, so that an operand listed twice is two tensors.
    given = [None if operand is None else replace(operand) for operand in inputs]
    outputs = [replace(operand) for operand in outputs]
    sources = [
        operand for operand in given if operand is not None and operand.value is None and not operand.is_variable
    ]
    return network([(name, version, options, given, outputs)], sources, outputs, [arrays], note=note)


def network(
    operators: Sequence[tuple[str, int, Any, Sequence[Operand | None], Sequence[Operand]]],
    inputs: Sequence[Operand],
    outputs: Sequence[Operand],
    runs: Sequence[Sequence[np.ndarray]],
    *,
    note: str = "",
) -> Case:
    """Build a model of several operators: (name, version, options, inputs, outputs), in execution order.

    An operand is one tensor, however often it is read; the same object stands for it wherever it appears.
    ``runs`` has a value for each input of the model, for each invoke.
    """
    builder = GraphBuilder()
    indices: dict[int, int] = {}

    def add(operand: Operand | None) -> int:
        if operand is None:
            return -1
        if id(operand) not in indices:
            indices[id(operand)] = builder.tensor(
                f"tensor{len(indices)}",
                operand.type,
                operand.shape,
                operand.quantization,
                operand.value,
                shape_signature=operand.shape_signature,
                is_variable=operand.is_variable,
            )
        return indices[id(operand)]

    given = [add(operand) for operand in inputs]
    for name, version, options, sources, targets in operators:
        custom: dict[str, Any] = {}
        if isinstance(options, CustomOptions):
            custom, options = {"custom_code": options.code, "custom_options": options.data}, None
        builder.operator(name, [add(o) for o in sources], [add(o) for o in targets], options, version, **custom)
    first, *more = (tuple(arrays) for arrays in runs)
    return Case(builder.build(given, [add(operand) for operand in outputs]), first, note, tuple(more))
