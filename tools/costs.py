"""What a model costs: bytes of the file and of its weights, and the time of a call, or of whatever is done with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..engine.interpreter import Interpreter
from ..engine.model import Model
from ..schema import Graph

_FEWEST, _MOST = 3, 30
_SECONDS = 1.0  # that timing should take, unless the fewest rounds take longer


@dataclass(frozen=True)
class Cost:
    """``file_bytes``; ``weights_bytes`` of all constants; ``milliseconds``: the median of a call, None if not timed."""

    file_bytes: int
    weights_bytes: int
    milliseconds: float | None = None


class _Task:
    """Anything to be timed, as an engine that gives nothing."""

    def __init__(self, invoke: Callable[[], object]) -> None:
        self._invoke = invoke

    def invoke(self) -> None:
        """Do it."""
        self._invoke()

    def outputs(self) -> list[np.ndarray]:
        """Return nothing."""
        return []


class _Call(_Task):
    """A call on one example, timed as ``q31 bench`` times it."""

    def __init__(self, model: Model, inputs: Mapping[str, np.ndarray]) -> None:
        self._interpreter = Interpreter(model_content=model._content, profile=model.profile, backend=model.backend)
        self._interpreter.allocate_tensors()
        for details in self._interpreter.get_input_details():
            self._interpreter.set_tensor(details["index"], inputs[details["name"]])
        super().__init__(self._interpreter.invoke)


def costs(models: Sequence[Model], inputs: Sequence[Mapping[str, np.ndarray]] | None = None) -> list[Cost]:
    """Return what models cost.

    Parameters
    ----------
    models : what to measure.
    inputs : an example for each, by input name, to time calls by turns on, one thread each; None: no time is taken.
    """
    times: Sequence[float | None] = [None] * len(models)
    if inputs is not None:
        times = _timed([_Call(*both) for both in zip(models, inputs, strict=True)])
    return [
        Cost(model._content.nbytes, weights_bytes(model.graph), own) for model, own in zip(models, times, strict=True)
    ]


def milliseconds(tasks: Sequence[Callable[[], object]]) -> list[float]:
    """Return the median time of each task, done by turns; for some rounds, by how long they take."""
    return _timed([_Task(one) for one in tasks])


def _timed(tasks: Sequence[_Task]) -> list[float]:
    from .bench import time_by_turns

    once = sum(time_by_turns(tasks, 1))  # what is done for the first time takes longer
    rounds = max(_FEWEST, min(_MOST, int(_SECONDS / max(once, 1e-9))))
    return [1e3 * seconds for seconds in time_by_turns(tasks, rounds)]


def weights_bytes(graph: Graph) -> int:
    """Return the bytes of all constants of a model, as they lie in the file; shared ones once."""
    tensors = [tensor for subgraph in graph.subgraphs for tensor in subgraph.tensors]
    inside = sum(len(graph.buffers[index].data) for index in {tensor.buffer for tensor in tensors})
    used = {tensor.external_buffer for tensor in tensors}
    return inside + sum(one.length for one in graph.external_buffers if one.id in used)
