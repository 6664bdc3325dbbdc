"""Everything the page shows of a model, gathered: graph, tensors, errors, times, and numbers to step through."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...engine.model import Model
from ...engine.ranges import measure
from ...engine.trace import Trace, TracedOperator
from ...kernels.quirks.table import quirks_of
from ...schema import Tensor
from ..costs import weights_bytes
from ..debugging.report import Debugging
from ..inspection import plain
from ..macs import macs
from .measuring import Counts
from .pieces import Limits, Piece, limits_of
from .steppable import NotSteppableError, candidates, steppable

if TYPE_CHECKING:
    from ..bench_operators import OperatorTime

_LONGEST_LIST = 4096  # scales of a tensor that the page lists


@dataclass(frozen=True)
class Collection:
    """What the page shows: ``content`` as JSON holds it, and arrays by the names that it calls them."""

    content: dict[str, Any]
    arrays: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Measured:
    """What was measured besides the trace; None where it was not asked for."""

    debugging: Debugging | None = None
    times: Sequence[OperatorTime] | None = None


def collect(
    model: Model,
    trace: Trace,
    counts: Counts,
    measured: Measured,
    inputs: Mapping[str, np.ndarray],
    file: str,
    title: str | None,
    data: Mapping[str, Any],
) -> Collection:
    """Gather what the page shows.

    ``inputs`` are those of the trace, ``data`` says where they come from; ``title`` of the
    page, by default the ``file``'s name.
    """
    arrays: dict[str, np.ndarray] = {}
    bits = {one.index: one.to_dict(channels=False) for one in measure(model, [inputs]).operators}
    model.reset()
    times = {one.index: one for one in measured.times or ()}
    errors = _errors(measured.debugging)
    limits = limits_of(candidates(trace.operators))
    operators = [
        {
            **_operator(model, one, limits, arrays),
            "bits": bits.get(one.index),
            "microseconds": times[one.index].microseconds if one.index in times else None,
            "errors": errors.get(one.index),
        }
        for one in trace.operators
    ]
    subgraph = model.graph.subgraphs[0]
    content = {
        "title": file if title is None else title,
        "file": file,
        "stamp": {name: value for name, value in trace.stamp.items() if name != "seed"},
        "bytes": model._content.nbytes,
        "weights_bytes": weights_bytes(model.graph),
        "arena_bytes": model.arena_size,
        "inputs": list(subgraph.inputs),
        "outputs": list(subgraph.outputs),
        "data": dict(data),
        "debugging": None if measured.debugging is None else _summary(measured.debugging),
        "operators": operators,
        "tensors": [_tensor(index, one, trace, counts) for index, one in enumerate(subgraph.tensors)],
    }
    return Collection(content, arrays)


def _operator(model: Model, traced: TracedOperator, limits: Limits, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    view = model.operators[traced.index]
    reason, step = "", None
    try:
        step = _step(traced, model, limits, arrays)
    except NotSteppableError as error:
        reason = str(error)
    quirks = []
    if traced.node is not None and traced.prepared is not None:
        quirks = [quirk.name for quirk in quirks_of(traced.node, traced.prepared, model.profile)]
    preparation = model._program.preparation
    return {
        "index": traced.index,
        "name": traced.name,
        "version": view.version,
        "inputs": list(view.inputs),
        "outputs": list(view.outputs),
        "execution": "folded" if view.folded else "compiled" if view.compiled else "evaluated",
        "options": {name: one for name, one in (plain(view.options) or {}).items() if name != "class"}
        if isinstance(plain(view.options), dict)
        else {},
        "quirks": quirks,
        "macs": macs(preparation.operators[traced.index].operator, preparation),
        "step": step,
        "reason": reason,
    }


def _step(traced: TracedOperator, model: Model, limits: Limits, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    found = steppable(traced, model.profile, limits)
    pieces = {}
    for role, piece in found.pieces.items():
        name = f"operator-{traced.index}-{role}"
        arrays[name] = piece.array
        pieces[role] = _piece(name, piece)
    return {"kind": found.kind, "pieces": pieces, **found.parameters}


def _piece(name: str, piece: Piece) -> dict[str, Any]:
    return {
        "array": name,
        "dtype": str(piece.array.dtype),
        "shape": list(piece.shape),
        "box": [list(span) for span in piece.box],
        "whole": piece.whole,
    }


def _tensor(index: int, tensor: Tensor, trace: Trace, counts: Counts) -> dict[str, Any]:
    array = trace.tensors.get(index)
    quantization = tensor.quantization
    scales, zero_points = plain(quantization.scale) or [], plain(quantization.zero_point) or []
    shape = tensor.shape if array is None else array.shape
    return {
        "index": index,
        "name": tensor.name,
        "type": tensor.type.name.lower(),
        "shape": None if shape is None else list(shape),
        "constant": index in counts.constants,
        "variable": tensor.is_variable,
        "scales": scales[:_LONGEST_LIST],
        "zero_points": zero_points[:_LONGEST_LIST],
        "dimension": quantization.quantized_dimension,
        "histogram": counts.histogram(index, array),
    }


def _errors(debugging: Debugging | None) -> dict[int, dict[str, Any]]:
    if debugging is None:
        return {}
    found: dict[int, dict[str, Any]] = {}
    for one in debugging.layers:
        if one.operator >= 0:
            found.setdefault(one.operator, one.to_dict() | {"exact": one.errors.mean_squared_error == 0})
    return found


def _summary(debugging: Debugging) -> dict[str, Any]:
    return {
        "examples": debugging.examples,
        "sha256": debugging.sha256[0],
        "float_bytes": debugging.costs[0].file_bytes,
        "notes": list(debugging.notes),
    }


def file_of(model: str | os.PathLike[str] | bytes | Model) -> str:
    """Return the name of a model's file, or a word for it."""
    return os.path.basename(os.fspath(model)) if isinstance(model, (str, os.PathLike)) else "model"
