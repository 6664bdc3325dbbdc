"""``q31.debug``: run a float model and a quantized one on the same data, every tensor kept, and measure the errors."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...engine.model import Model, load
from ...engine.views import Port, port_of
from ...kernels.profiles import Profile
from ...schema import Graph, InputError, Tensor
from ..costs import costs
from ..evaluation.data import Dataset, Range, open_data
from ..ports import quantize
from ..progress import counted
from .errors import Errors, decibels
from .local import LocalRun
from .pairing import Layer, Pairing, pair
from .report import DebuggedLayer, Debugging


def debug(
    model: str | os.PathLike[str] | bytes | Model,
    quantized: str | os.PathLike[str] | bytes | Model,
    data: Any,
    *,
    limit: int | None = None,
    select: slice | None = None,
    image_range: Range | None = None,
    profile: str | Profile = "litert",
    backend: str | None = None,
    local: bool = True,
    timing: bool = True,
    progress: bool = False,
) -> Debugging:
    """Measure what quantization costs, layer by layer.

    Parameters
    ----------
    model : path or bytes of the float .tflite file, or a loaded model.
    quantized : of the model made from it, by whatever converter.
    data : as for :func:`q31.evaluate`, without labels. It becomes the float model's inputs; the quantized model's are
        these, quantized with its inputs' scales and zero points.
    limit, select : take only so many examples, or a slice of them.
    image_range : the real numbers that the levels 0 and 255 of pixels stand for.
    profile, backend : as for :func:`q31.load`, of models that are not loaded yet.
    local : also run each operator of the quantized model on the float model's numbers, quantized, which tells what it
        adds itself.
    timing : also time calls, the models by turns.
    progress : whether to draw a progress bar, on a terminal.

    Returns
    -------
    Debugging : ``layers`` in order, ``worst`` first; printed, it is a table.

    Raises
    ------
    InputError
        Where the data does not fit, the float model is none, or the models have nothing in common.
    Error, OSError
        Where a model is bad or a file cannot be read.

    Examples
    --------
    >>> print(q31.debug("float.tflite", "int8.tflite", images))  # doctest: +SKIP
    """
    if limit is not None and limit < 1:
        raise InputError("expected a positive integer as limit")
    first, second = (
        load(one._content, profile=one.profile, backend=one.backend)  # without state of calls, and leaving it alone
        if isinstance(one, Model)
        else load(one, profile=profile, backend=backend)
        for one in (model, quantized)
    )
    _require_alike(first, second)
    pairing = pair(first.graph, second.graph)
    layers = [one for one in pairing.layers if _is_real(first.graph.subgraphs[0].tensors[one.float_tensor])]
    if not any(one.operator >= 0 for one in layers):
        raise InputError("the models have no layer in common, neither by name nor by structure")
    dataset = open_data(data, unlabelled=True)
    dataset = dataset if select is None else dataset.select(select)
    dataset = dataset if limit is None else dataset.part(0, limit)
    if not len(dataset):
        raise InputError("no example is selected")
    found = _Debugging(first, second, pairing, layers, local, image_range)
    for number in counted(range(len(dataset)), len(dataset), "debugging") if progress else range(len(dataset)):
        found.add(dataset.part(number, number + 1))
    inputs = found.inputs(dataset.part(0, 1))
    cost = costs([first, second], inputs if timing else None)
    return Debugging(
        tuple(found.layers()), len(dataset), (cost[0], cost[1]), (first.sha256, second.sha256), tuple(_notes(found))
    )


def _require_alike(first: Model, second: Model) -> None:
    if any(port.scale and port.dtype.kind in "iu" for port in first.inputs) or _has_codes(first.graph):
        raise InputError("the first model is quantized: give the float model first, then the quantized one")
    for what, one, two in (("input", first.inputs, second.inputs), ("output", first.outputs, second.outputs)):
        shapes = [[port.shape for port in ports] for ports in (one, two)]
        if shapes[0] != shapes[1]:
            texts = [", ".join(str(list(shape)) for shape in each) or "none" for each in shapes]
            raise InputError(f"the models have {what}s of different shapes: {texts[0]} and {texts[1]}")


def _has_codes(graph: Graph) -> bool:
    """Whether any operator computes codes."""
    subgraph = graph.subgraphs[0]
    made = [subgraph.tensors[index] for operator in subgraph.operators for index in operator.outputs if index >= 0]
    return any(tensor.quantization.scale and not _is_real(tensor) for tensor in made)


def _is_real(tensor: Tensor) -> bool:
    return tensor.type.name.startswith(("FLOAT", "BFLOAT"))


class Recording:
    """A model that keeps every tensor of a run, each run as if it were the first."""

    def __init__(self, model: Model) -> None:
        self._session = model._session
        self._ports = model.inputs
        self._program = self._session.program(preserve_all=True)

    def run(self, inputs: Mapping[str, np.ndarray]) -> None:
        """Run an example, by input name."""
        self._session.restart()
        self._program.restart()
        for port in self._ports:
            target = self._program.array(port.index)
            if target is None or target.dtype == object:
                self._program.set_object(port.index, inputs[port.name])
            else:
                target[...] = inputs[port.name]
        self._program.run()

    def value(self, index: int) -> np.ndarray | None:
        """Return a tensor's value in the last run."""
        return self._program.array(index)


class _Debugging:
    """One comparison as it goes through the examples."""

    def __init__(
        self,
        model: Model,
        quantized: Model,
        pairing: Pairing,
        layers: Sequence[Layer],
        local: bool,
        image_range: Range | None,
    ) -> None:
        self.model, self.quantized, self.pairing = model, quantized, pairing
        self._image_range = image_range
        self._pairs = layers
        self._runs = Recording(model), Recording(quantized)
        self._total = [Errors() for _ in layers]
        self._local = [Errors() for _ in layers]
        operators = dict.fromkeys(one.operator for one in layers if one.operator >= 0) if local else {}
        self._alone = {operator: LocalRun(quantized, operator, pairing) for operator in operators}

    def inputs(self, example: Dataset) -> list[dict[str, np.ndarray]]:
        """Return an example for both models."""
        real = example.inputs(self.model.inputs, self._image_range)
        return [real, self._quantized(real)]

    def _quantized(self, real: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        pairs = zip(self.model.inputs, self.quantized.inputs, strict=True)
        return {other.name: _as(other, real[own.name]) for own, other in pairs}

    def add(self, example: Dataset) -> None:
        """Run an example."""
        for run, inputs in zip(self._runs, self.inputs(example), strict=True):
            run.run(inputs)
        first, second = self._runs
        alone: dict[int, np.ndarray] = {}
        for one in self._alone.values():
            alone |= one.run(second.value, first.value)
        for place, layer in enumerate(self._pairs):
            real, values = first.value(layer.float_tensor), second.value(layer.tensor)
            port = self._port(layer.tensor)
            if real is None or values is None or real.shape != values.shape or real.dtype == object:
                continue
            self._total[place].add(real, values, port)
            if layer.tensor in alone and alone[layer.tensor].shape == real.shape:
                self._local[place].add(real, alone[layer.tensor], port)

    def _port(self, tensor: int) -> Port:
        return port_of(self.quantized.graph.subgraphs[0].tensors[tensor], tensor)

    def layers(self) -> list[DebuggedLayer]:
        """Return what was measured; layers whose shapes differ are left out."""
        found = []
        outputs = self.model.graph.subgraphs[0].outputs
        for layer, total, local in zip(self._pairs, self._total, self._local, strict=True):
            if not total.count:
                continue
            alone = self._alone.get(layer.operator)
            tensor = self.quantized.graph.subgraphs[0].tensors[layer.tensor]
            found.append(
                DebuggedLayer(
                    layer.operator,
                    layer.name,
                    layer.tensor,
                    tensor.name,
                    tensor.type.name.lower(),
                    total,
                    local if local.count else None,
                    weights_sqnr(self.model, self.quantized, layer),
                    alone.note if alone is not None else "",
                    layer.float_tensor in outputs,
                )
            )
        return found


def _as(port: Port, real: np.ndarray) -> np.ndarray:
    return quantize(port, real) if real.dtype.kind == "f" else real.astype(port.dtype)


def weights_sqnr(model: Model, quantized: Model, layer: Layer) -> float | None:
    """Return the signal to quantization noise of an operator's constants, in dB; None where it has none of numbers."""
    if layer.operator < 0 or layer.float_operator < 0:
        return None
    own = model.graph.subgraphs[0].operators[layer.float_operator].inputs
    others = quantized.graph.subgraphs[0].operators[layer.operator].inputs
    floats, codes = (one._program.preparation.constants for one in (model, quantized))
    signal = noise = 0.0
    for a, b in zip(own, others, strict=False):
        if a not in floats or b not in codes or floats[a].dtype.kind != "f" or floats[a].shape != codes[b].shape:
            continue
        real = floats[a].astype(np.float64)
        error = _real_numbers(quantized.graph.subgraphs[0].tensors[b], codes[b]) - real
        signal, noise = signal + float((real * real).sum()), noise + float((error * error).sum())
    return decibels(signal, noise) if signal else None


def _real_numbers(tensor: Tensor, values: np.ndarray) -> np.ndarray:
    """Return what a constant stands for, in float64."""
    quantization, real = tensor.quantization, values.astype(np.float64)
    if not quantization.scale or values.dtype.kind == "f":
        return real
    shape = [1] * values.ndim
    if len(quantization.scale) > 1:
        shape[quantization.quantized_dimension] = -1
    scale = np.array(quantization.scale, np.float64)
    zero_point = np.array(quantization.zero_point or (0,) * len(scale), np.float64)
    return scale.reshape(shape) * (real - zero_point.reshape(shape)) if values.ndim else real * scale[0]


def _notes(found: _Debugging) -> list[str]:
    notes = []
    graphs = (found.model.graph, found.quantized.graph)
    for graph, only, which in zip(
        graphs, (found.pairing.float_only, found.pairing.quantized_only), ("float", "quantized"), strict=True
    ):
        if only:
            names = ", ".join(f"{index} {graph.subgraphs[0].operators[index].name}" for index in only[:5])
            notes.append(f"only in the {which} model: {names}{', ...' if len(only) > 5 else ''}")
    return notes
