"""The other side of a comparison: tensors of the same model on the same input, from wherever they come."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ...engine.model import Model, load
from ...engine.session import find_profile
from ...engine.trace import Trace
from ...schema import Graph, InputError
from .dumps import SUFFIXES, by_key, read_dump

if TYPE_CHECKING:
    from ..conformance.oracle import Oracle

KINDS = "litert-ref, litert, profile:NAME, model:OTHER.tflite, or a dump named " + ", ".join(SUFFIXES)
RESOLVERS = {"litert-ref": "BUILTIN_REF", "litert": "AUTO"}
_PATIENCE = 600.0  # seconds: the reference takes some for a large model


@dataclass(frozen=True)
class Side:
    """What the other side computed.

    Parameters
    ----------
    name : what it is, for people.
    tensors : tensor index of q31's model -> array, for those that the other side tells.
    profile : the profile where it is q31 under another one.
    stamp : whose numbers they are, where that is known.
    notes : what is to be known about the numbers, a line each.
    exact : whether arrays have shapes and data types of their own; those of dumps are fitted to the model's.
    """

    name: str
    tensors: Mapping[int, np.ndarray]
    profile: str = ""
    stamp: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    exact: bool = True


def is_dump(against: Any) -> bool:
    """Whether the other side was computed before, on an input that it may hold itself."""
    if isinstance(against, (Trace, Mapping)):
        return True
    if isinstance(against, Model) or (isinstance(against, str) and against in RESOLVERS):
        return False
    return not (isinstance(against, str) and against.startswith(("profile:", "model:")))


def require_known(against: str) -> None:
    """Raise InputError, or OSError, where a name is of no side, or of a file that is not there."""
    if against in RESOLVERS:
        return
    kind, colon, name = against.partition(":")
    if colon and kind == "profile":
        find_profile(name)
    elif colon and kind == "model":
        os.stat(name)
    elif os.path.splitext(against)[1].lower() in SUFFIXES:
        os.stat(against)
    else:
        raise InputError(f"--against {against}: expected {KINDS}")


def read_side(against: Any, model: Model, layout: Sequence[str]) -> Side:
    """Return a dump as a side.

    Raises
    ------
    InputError, OSError
        As :func:`.read_dump`.
    """
    notes: list[str] = []
    if isinstance(against, Trace):
        name, tensors, stamp = "a trace", dict(against.tensors), against.stamp
    elif isinstance(against, Mapping):
        name, tensors, stamp = "given arrays", by_key(against, model.graph), {}
    else:
        name = os.fspath(against)
        if os.path.splitext(name)[1].lower() not in SUFFIXES:
            raise InputError(f"{name!r}: expected {KINDS}")
        tensors, stamp = read_dump(name, model.graph, layout)
    if stamp.get("model_sha256") not in (None, model.sha256):
        notes.append("the dump was made from a model of another SHA-256")
    return Side(name, tensors, "", stamp, tuple(notes), exact=False)


def compute_side(against: Any, model: Model, inputs: Mapping[str, np.ndarray]) -> Side:
    """Run the other side on the same input.

    Raises
    ------
    InputError
        Where there is no such side, LiteRT is not installed, or does not run the model.
    Error
        Where another model is bad.
    """
    if isinstance(against, Model):
        fresh = load(against._content, profile=against.profile, backend=against.backend)  # without state of calls
        return _other_model(fresh, "the other model", model, inputs)
    if against in RESOLVERS:
        return _litert(against, model, inputs)
    kind, _, name = against.partition(":")
    if kind == "profile":
        other = load(model._content, profile=name, backend=model.backend)
        trace = other.trace(inputs)
        return Side(f"q31, profile {name}", trace.tensors, name, trace.stamp)
    other = load(name, profile=model.profile, backend=model.backend)
    return _other_model(other, name, model, inputs)


# LiteRT


def _litert(name: str, model: Model, inputs: Mapping[str, np.ndarray]) -> Side:
    from ..conformance.oracle import Oracle, missing, resolver_for

    if missing():
        raise InputError(f"--against {name} needs the package ai-edge-litert: pip install 'q31[conformance]'")
    from importlib.metadata import version

    resolver = resolver_for(model.graph) if name == "litert-ref" else RESOLVERS[name]
    content = bytes(model._content)
    arrays = [inputs[port.name] for port in model.inputs]
    notes: list[str] = []
    with Oracle(_PATIENCE) as oracle:
        # Observed so, XNNPACK gets each operator by itself: it fuses nothing, and every tensor is computed.
        tensors = _run(oracle, name, content, arrays, resolver, all_tensors=True)
        if resolver == "AUTO":
            plain = _run(oracle, name, content, arrays, resolver, all_tensors=False)
            notes += _fusion(model.graph, tensors, plain)
    if name == "litert-ref" and resolver != RESOLVERS[name]:
        notes.append(f"the reference's resolver lacks an operator of the model; this is {resolver}")
    produced = {index for one in model.graph.subgraphs[0].operators for index in one.outputs}
    own = {index: array for index, array in tensors.items() if index in produced}
    title = "XNNPACK where it takes the operator (AUTO)" if resolver == "AUTO" else resolver
    release = version("ai-edge-litert")
    return Side(f"LiteRT {release}, {title}", own, "", {"litert": release, "resolver": resolver}, tuple(notes))


def _run(
    oracle: Oracle, name: str, content: bytes, arrays: Sequence[np.ndarray], resolver: str, all_tensors: bool
) -> Any:
    from ..conformance.oracle import Answer

    result = oracle.run_many(content, [arrays], all_tensors=all_tensors, resolver=resolver)
    if not isinstance(result, Answer):
        raise InputError(f"{name} does not run this model: {str(result)[:200]}")
    return result.runs[0]


def _fusion(graph: Graph, observed: Mapping[int, np.ndarray], plain: Sequence[np.ndarray]) -> list[str]:
    """Say where outputs change by being observed, for then operators fuse."""
    from .differences import difference

    notes = []
    for index, array in zip(graph.subgraphs[0].outputs, plain, strict=True):
        if index in observed and (changed := difference(observed[index], array)):
            name = graph.subgraphs[0].tensors[index].name
            notes.append(f"run without being observed, operators are fused, and output {name!r} is another: {changed}")
    return notes


# Another model


def _other_model(other: Model, name: str, model: Model, inputs: Mapping[str, np.ndarray]) -> Side:
    if len(other.inputs) != len(model.inputs):
        raise InputError(f"{name}: has {len(other.inputs)} inputs, the model has {len(model.inputs)}")
    trace = other.trace(*(inputs[port.name] for port in model.inputs))
    pairs, notes = pair(model.graph, other.graph)
    tensors = {own: trace.tensors[index] for own, index in pairs.items() if index in trace.tensors}
    produced = {index for one in model.graph.subgraphs[0].operators for index in one.outputs}
    if not produced & tensors.keys():
        raise InputError(f"{name}: shares no tensor with the model, neither by place nor by name")
    return Side(f"q31, {name}", tensors, "", trace.stamp, tuple(notes))


def pair(graph: Graph, other: Graph) -> tuple[dict[int, int], list[str]]:
    """Return which tensor of another graph stands for which, constants included, and what is to be known about it.

    Graphs of the same operators in the same order are paired by place, others by the names of tensors.
    """
    own, others = graph.subgraphs[0], other.subgraphs[0]

    def form(one: Any) -> tuple[Any, ...]:
        present = tuple(index >= 0 for index in one.inputs)
        return one.name, one.custom_code, present, len(one.outputs)

    pairs = dict(zip(own.inputs, others.inputs, strict=False))
    if [form(one) for one in own.operators] == [form(one) for one in others.operators]:
        for one, two in zip(own.operators, others.operators, strict=True):
            pairs |= zip((*one.inputs, *one.outputs), (*two.inputs, *two.outputs), strict=True)
        pairs.pop(-1, None)
        return pairs, _quantization(graph, other, pairs)
    names: dict[str, int] = {}
    for index, tensor in enumerate(others.tensors):
        names[tensor.name] = -1 if tensor.name in names else index
    often = Counter(tensor.name for tensor in own.tensors)
    for index, tensor in enumerate(own.tensors):
        if tensor.name and often[tensor.name] == 1 and names.get(tensor.name, -1) >= 0:
            pairs.setdefault(index, names[tensor.name])
    return pairs, ["the models have different operators: tensors are paired by name"]


def _quantization(graph: Graph, other: Graph, pairs: Mapping[int, int]) -> list[str]:
    def numbers(one: Any) -> tuple[Any, ...]:
        quantization = one.quantization
        return quantization.scale, quantization.zero_point or (0,) * len(quantization.scale)

    own, others = graph.subgraphs[0].tensors, other.subgraphs[0].tensors
    changed = [index for index, two in sorted(pairs.items()) if numbers(own[index]) != numbers(others[two])]
    if not changed:
        return []
    first = f"tensor {changed[0]} ({own[changed[0]].name!r})"
    more = "" if len(changed) == 1 else f", and {len(changed) - 1} more"
    return [f"scale or zero point of {first}{more} differ between the models"]
