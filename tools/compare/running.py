"""``q31.compare``: run both sides on the same input, and each operator of q31 again on the other side's inputs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np

from ...engine.excerpt import Excerpt, constants_of, cut, run, stands_alone
from ...engine.model import Model, load
from ...engine.trace import Trace, TracedOperator
from ...kernels.profiles import Profile
from ...schema import Graph, InputError, ModelError, UnsupportedOperatorError
from ..arrays import RANDOM, random_array
from ..progress import counted, waiting
from .comparison import Comparison, Cut, OperatorComparison, Origin, TensorComparison
from .differences import difference, equal
from .dumps import fitted
from .sides import Side, compute_side, is_dump, read_side


def compare(
    model: str | os.PathLike[str] | bytes | Model,
    against: Any,
    inputs: Any = None,
    *,
    profile: str | Profile | None = None,
    backend: str | None = None,
    seed: int = 0,
    tensors: Sequence[str] = (),
) -> Comparison:
    """Compare a run of q31 with another of the same input, tensor by tensor.

    Parameters
    ----------
    model : path or bytes of a .tflite file, or a loaded model, whose state the comparison leaves alone.
    against : ``"litert-ref"`` (LiteRT's BUILTIN_REF), ``"litert"`` (as it comes, with XNNPACK), ``"profile:NAME"``,
        ``"model:OTHER.tflite"``; another model; or what was computed before: a trace, a dict of arrays by tensor name
        or index, the path of a dump (.npz, .npy, .bin, .hex: ``q31 compare --help``).
    inputs : an array, a dict of arrays by input name, or a tuple of arrays; of exactly the inputs' shapes. None: what
        the dump holds for them, else random values.
    profile, backend : as for :func:`q31.load`; None: the model's own.
    seed : of random inputs.
    tensors : which tensors a dump without names holds, by name or index.

    Returns
    -------
    Comparison : its ``equal``, ``first``, ``operators``; ``print`` gives a report.

    Raises
    ------
    InputError
        Where the inputs or the dump do not fit the model, or the other side cannot be had.
    Error, OSError
        Where a model or a dump is bad.

    Examples
    --------
    >>> q31.compare("model.tflite", "profile:single", x).equal  # doctest: +SKIP
    False
    """
    own = model._content if isinstance(model, Model) else model
    profile = profile or (model.profile if isinstance(model, Model) else "litert")
    backend = backend or (model.backend if isinstance(model, Model) else None)
    name = os.fspath(model) if isinstance(model, (str, os.PathLike)) else "MODEL.tflite"
    fresh = load(own, profile=profile, backend=backend)
    given = None if inputs is None else _by_name(fresh, inputs)
    source = "" if inputs is None else "INPUT.npz"
    return compare_loaded(fresh, against, given, Origin(name, source, seed), tensors)


def _by_name(model: Model, inputs: Any) -> dict[str, np.ndarray]:
    arrays = model._arguments(inputs if isinstance(inputs, tuple) else (inputs,), {})
    return {port.name: array for port, array in zip(model.inputs, arrays, strict=True)}


def compare_loaded(
    model: Model,
    against: Any,
    inputs: Mapping[str, np.ndarray] | None,
    origin: Origin,
    tensors: Sequence[str] = (),
    progress: bool = False,
) -> Comparison:
    """Compare a model that has not run yet; ``inputs`` None: those of a dump, else random ones of the origin's seed.

    ``progress``: show it on a terminal.

    Raises
    ------
    InputError, Error, OSError
        As :func:`compare`.
    """
    dump = read_side(against, model, tensors) if is_dump(against) else None
    if tensors and dump is None:
        raise InputError("--tensor says what a dump holds; the other side is none")
    held = {} if dump is None else _inputs_of(model, dump)
    if inputs is not None:
        for name, array in inputs.items():
            if name in held and not equal(array, held[name]):
                raise InputError(f"input {name!r} is not the one that the dump holds")
        origin = replace(origin, seed=None)
    elif len(held) == len(model.inputs) > 0:
        inputs, origin = held, replace(origin, source="", seed=None)
    elif dump is not None and origin.source != RANDOM:
        raise InputError("the dump does not hold the model's inputs: give the input that it was made with")
    else:
        generator = np.random.default_rng(origin.seed)
        inputs = {port.name: random_array(port, generator) for port in model.inputs}
        origin = replace(origin, source=RANDOM)
    with waiting("running both sides") if progress else nullcontext():
        trace = model.trace(inputs, seed=origin.seed)
        side = compute_side(against, model, inputs) if dump is None else _fit(dump, trace, model)
    return _Comparing(model, trace, side).compare(origin, progress)


def _inputs_of(model: Model, side: Side) -> dict[str, np.ndarray]:
    return {
        port.name: fitted(side.tensors[port.index], np.empty(port.shape, port.dtype), f"{side.name}: {port.name!r}")
        for port in model.inputs
        if port.index in side.tensors
    }


def _fit(side: Side, trace: Trace, model: Model) -> Side:
    produced = {index for one in model.graph.subgraphs[0].operators for index in one.outputs}
    if not produced & side.tensors.keys():
        raise InputError(f"{side.name}: holds no output of an operator")
    fit = {
        index: fitted(array, trace.tensors[index], f"{side.name}: tensor {index} ({trace.names[index]!r})")
        for index, array in side.tensors.items()
        if index in trace.tensors
    }
    return replace(side, tensors=fit)


class _Comparing:
    """One comparison as it goes through the operators."""

    def __init__(self, model: Model, trace: Trace, side: Side) -> None:
        self._model, self._trace, self._side = model, trace, side
        self._graph: Graph = model.graph
        self._constants = constants_of(model)
        self._produced = {index for one in self._graph.subgraphs[0].operators for index in one.outputs}
        # The other side's tensors, or what q31 makes of those before them where the other side does not tell.
        self._values: dict[int, np.ndarray] = dict(side.tensors)
        self._unknown: dict[int, tuple[int, ...]] = {}  # tensor -> operators whose outputs had to be derived

    def compare(self, origin: Origin, progress: bool) -> Comparison:
        """Go through the operators in order."""
        operators, cut_out = [], None
        traces = self._trace.operators
        for traced in counted(traces, len(traces), "comparing operators") if progress else traces:
            found = self._operator(traced)
            operators.append(found)
            if found.differs and cut_out is None:
                cut_out = self._cut_out(traced)
        profiles = [one for one in dict.fromkeys((self._model.profile.name, self._side.profile)) if one]
        narrow = self._model.profile.accumulator
        if narrow is not None:
            options = ("--accumulator-bits", str(narrow.bits), "--overflow", narrow.overflow.value)
            origin = replace(origin, options=options)
        return Comparison(
            operators,
            self._side.name,
            self._trace.stamp,
            self._side.stamp,
            self._side.notes,
            origin,
            profiles,
            cut_out if cut_out and cut_out.excerpt.outputs else None,
        )

    def _operator(self, traced: TracedOperator) -> OperatorComparison:
        told = [index for index in dict.fromkeys(traced.output_indices) if index in self._side.tensors]
        inputs = self._graph.subgraphs[0].operators[traced.index].inputs
        covers = tuple(sorted({one for index in inputs for one in self._unknown.get(index, ())}))
        again, note = self._again(traced)
        outputs: list[TensorComparison] = []
        for position, index in enumerate(traced.output_indices):
            own = self._trace.tensors.get(index)
            if index not in told:
                self._unknown[index] = (*covers, traced.index)
                if again is not None:
                    self._values[index] = again[position]
                continue
            if own is None or any(one.index == index for one in outputs):
                continue
            other = self._side.tensors[index]
            total = difference(own, other)
            local = None if again is None else difference(again[position], other)
            inherited = None if again is None else difference(own, again[position])
            outputs.append(TensorComparison(index, self._trace.names[index], total, local, inherited))
        return OperatorComparison(
            traced.index, traced.name, tuple(outputs), self._differing_constants(inputs), covers, note
        )

    def _differing_constants(self, inputs: Sequence[int]) -> tuple[TensorComparison, ...]:
        found = []
        for index in dict.fromkeys(inputs):
            if index in self._constants and index in self._side.tensors and index not in self._produced:
                total = difference(self._trace.tensors[index], self._side.tensors[index])
                if total:
                    found.append(TensorComparison(index, self._trace.names[index], total))
        return tuple(found)

    def _inputs(self, traced: TracedOperator) -> dict[int, np.ndarray]:
        """Return the other side's inputs of an operator; file constants and states are q31's own."""
        found = {}
        for index in self._graph.subgraphs[0].operators[traced.index].inputs:
            if index >= 0:
                own = index not in self._produced or self._graph.subgraphs[0].tensors[index].is_variable
                known = self._trace.tensors.get(index)
                value = known if own else self._values.get(index, known)
                if value is not None:
                    found[index] = value
        return found

    def _again(self, traced: TracedOperator) -> tuple[list[np.ndarray] | None, str]:
        """Return what q31's operator makes of the other side's inputs, or None and why it makes nothing."""
        inputs = self._inputs(traced)
        tensors = self._trace.tensors
        own = [tensors[index] for index in traced.output_indices if index in tensors]
        if all(equal(tensors[index], value) for index, value in inputs.items()) and len(own) == len(traced.outputs):
            return own, ""
        if not stands_alone(self._graph.subgraphs[0].operators[traced.index]):
            return None, "what it adds itself is not known: it works on what other operators keep"
        if any(tensors[index].dtype != value.dtype for index, value in inputs.items()):
            return None, "what it adds itself is not known: the other side's inputs are of another data type"
        try:
            excerpt = cut(self._graph, traced.index, {**tensors, **inputs}, self._constants)
            results = dict(zip(excerpt.outputs, self._run(excerpt, inputs), strict=True))
        except (ModelError, UnsupportedOperatorError) as error:
            return None, f"what it adds itself is not known: q31 refuses the other side's inputs: {error}"
        return [results[index] for index in traced.output_indices], ""

    def _run(self, excerpt: Excerpt, inputs: Mapping[int, np.ndarray]) -> list[np.ndarray]:
        return run(excerpt, inputs, self._model.profile, self._model.backend)

    def _cut_out(self, traced: TracedOperator) -> Cut:
        """Return the operator with the other side's inputs, by names that are its own."""
        inputs = self._inputs(traced)
        tensors = self._trace.tensors
        again, _ = self._again(traced)
        if again is None or not stands_alone(self._graph.subgraphs[0].operators[traced.index]):
            return Cut(Excerpt(self._graph, (), ()), {}, {}, {})
        excerpt = _with_names(cut(self._graph, traced.index, {**tensors, **inputs}, self._constants))
        primary = excerpt.graph.subgraphs[0]
        names = [primary.tensors[index].name for index in (*primary.inputs, *primary.outputs)]
        called = dict(zip((*excerpt.inputs, *excerpt.outputs), names, strict=True))
        own = dict(zip(traced.output_indices, again, strict=True))
        return Cut(
            excerpt,
            {called[index]: inputs[index] for index in excerpt.inputs},
            {called[index]: own[index] for index in excerpt.outputs},
            {called[index]: self._side.tensors[index] for index in excerpt.outputs if index in self._side.tensors},
        )


def _with_names(excerpt: Excerpt) -> Excerpt:
    """Return an excerpt whose tensors have names of their own, so that files can name them."""
    primary = excerpt.graph.subgraphs[0]
    used: set[str] = set()
    tensors = []
    for index, tensor in enumerate(primary.tensors):
        name = tensor.name if tensor.name and tensor.name not in used else f"{tensor.name}#{index}"
        used.add(name)
        tensors.append(replace(tensor, name=name))
    graph = replace(excerpt.graph, subgraphs=(replace(primary, tensors=tuple(tensors)), *excerpt.graph.subgraphs[1:]))
    return replace(excerpt, graph=graph)
