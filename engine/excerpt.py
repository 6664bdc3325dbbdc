"""One operator cut out of a model: a graph of its own, which runs on whatever inputs it is given."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..kernels.profiles import Profile
from ..schema import Buffer, Graph, InputError, Operator, Quantization, Subgraph, Tensor
from ..schema.constants import encode_constant
from .memory import copy_of
from .session import Session
from .structure import STRUCTURAL, is_stateful

if TYPE_CHECKING:
    from .model import Model

_SHARED_STATE = ("HASHTABLE_FIND", "HASHTABLE_SIZE", "READ_VARIABLE")


@dataclass(frozen=True)
class Excerpt:
    """A graph of one operator.

    ``inputs`` and ``outputs`` are tensor indices of the model it was cut out of, in the order of the graph's own.
    """

    graph: Graph
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def stands_alone(operator: Operator) -> bool:
    """Whether an operator gives the same by itself: it neither reads nor changes what other operators keep."""
    return not is_stateful(operator) and operator.name not in _SHARED_STATE


def constants_of(model: Model) -> frozenset[int]:
    """Return the tensors whose values are known before a run: the file's constants, and what follows from them."""
    return frozenset(model._program.preparation.constants)


def cut(graph: Graph, operator: int, values: Mapping[int, np.ndarray], constants: Collection[int]) -> Excerpt:
    """Cut an operator of the primary subgraph out, with its constants and their quantization.

    Parameters
    ----------
    graph : the model.
    operator : index of the operator.
    values : tensor index -> array; gives the shapes, and the values of constants that the file does not hold.
    constants : the tensors that are constants, as :func:`constants_of` gives them.

    Raises
    ------
    InputError
        Where there is no such operator.
    """
    subgraph = graph.subgraphs[0]
    if not 0 <= operator < len(subgraph.operators):
        raise InputError(f"operator {operator}: expected 0 to {len(subgraph.operators) - 1}")
    own = subgraph.operators[operator]
    kept = _tensors_of(subgraph, own)
    produced = {index for each in subgraph.operators for index in each.outputs}
    folded = {index: values[index] for index in kept if index in constants and index in produced - {*own.outputs}}
    others = graph.subgraphs[1:] if own.name in STRUCTURAL or own.name.startswith("STABLEHLO") else ()

    buffers: list[Buffer] = [graph.buffers[0] if graph.buffers else Buffer()]
    places: dict[int, int] = {0: 0}

    def buffer(index: int) -> int:
        if index not in places:
            places[index] = len(buffers)
            buffers.append(replace(graph.buffers[index], external=False))
        return places[index]

    tensors: list[Tensor] = []
    renumbered = {index: position for position, index in enumerate(kept)}
    for index in kept:
        tensor = replace(subgraph.tensors[index], shape_signature=None)
        if index in values:
            tensor = replace(tensor, shape=values[index].shape)
        if index in folded:
            data = memoryview(encode_constant(folded[index], tensor.type))
            tensor = replace(tensor, buffer=len(buffers), sparsity=None)
            buffers.append(Buffer(data, explicitly_empty=not len(data)))
        else:
            tensor = replace(tensor, buffer=buffer(tensor.buffer))
        tensors.append(replace(tensor, quantization=_renumber(tensor.quantization, renumbered)))
    others = tuple(
        replace(one, tensors=tuple(replace(tensor, buffer=buffer(tensor.buffer)) for tensor in one.tensors))
        for one in others
    )

    inputs = tuple(
        index
        for index in dict.fromkeys(own.inputs)
        if index >= 0 and index not in constants and not subgraph.tensors[index].is_variable
    )
    outputs = tuple(dict.fromkeys(own.outputs))

    def numbers(indices: Sequence[int]) -> tuple[int, ...]:
        return tuple(renumbered.get(index, -1) for index in indices)

    alone = replace(
        own,
        inputs=numbers(own.inputs),
        outputs=numbers(own.outputs),
        intermediates=numbers(own.intermediates),
        debug_metadata_index=-1,
        large_custom_options=False,
    )
    primary = Subgraph("main", tuple(tensors), (alone,), numbers(inputs), numbers(outputs))
    description = f"operator {operator}, {own.custom_code or own.name}, cut out of a model by q31"
    external = (graph.external_buffer_groups, graph.external_buffers)
    return Excerpt(
        Graph((primary, *others), tuple(buffers), description, 3, (), (), (), *external),
        inputs,
        outputs,
    )


def _tensors_of(subgraph: Subgraph, operator: Operator) -> list[int]:
    """Return the tensors that an operator names, and those that hold scales and zero points of them."""
    kept = [index for index in (*operator.inputs, *operator.outputs, *operator.intermediates) if index >= 0]
    for index in tuple(kept):
        quantization = subgraph.tensors[index].quantization
        for one in (quantization.blockwise, quantization.multi_axis):
            kept += [] if one is None else [each for each in (one.scales, one.zero_points) if each >= 0]
    return sorted(set(kept))


def _renumber(quantization: Quantization, renumbered: Mapping[int, int]) -> Quantization:
    for name in ("blockwise", "multi_axis"):
        one = getattr(quantization, name)
        if one is not None:
            scales, zero_points = (renumbered.get(index, -1) for index in (one.scales, one.zero_points))
            quantization = replace(quantization, **{name: replace(one, scales=scales, zero_points=zero_points)})
    return quantization


def run(
    excerpt: Excerpt, values: Mapping[int, np.ndarray], profile: str | Profile, backend: str | None
) -> list[np.ndarray]:
    """Run an excerpt on values by the tensor indices of the model; returns the outputs in order.

    Raises
    ------
    ModelError, UnsupportedOperatorError
        Where the operator cannot be prepared for these values, or refuses them.
    """
    program = Session(excerpt.graph, profile, backend).program(preserve_all=True)
    for own, index in zip(excerpt.graph.subgraphs[0].inputs, excerpt.inputs, strict=True):
        target = program.array(own)
        if target is None or target.dtype == object:
            program.set_object(own, values[index])
        else:
            target[...] = values[index]
    program.run()
    return [copy_of(program.output(own)) for own in excerpt.graph.subgraphs[0].outputs]
