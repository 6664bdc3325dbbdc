"""Golden vectors of a model's operators: which operators, on which inputs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ...engine.model import Model, load
from ...schema import InputError
from ..arrays import random_array, read_input
from .case import Case, collect
from .folder import write_folder
from .memory import MemoryFormat

Progress = Callable[[str, int, int], None]
"""Called with what is done next, how much is done, and how much there is."""


class Vectors:
    """What :func:`vectors` returns: golden vectors, made one at a time as they are asked for.

    Attributes
    ----------
    model : the model.
    operators : the indices of the operators, in order.
    left_out : corner cases that operators do not have, each with its reason; known once the cases are made.
    """

    def __init__(
        self,
        model: Model,
        operators: Sequence[int],
        inputs: Sequence[tuple[int | None, Mapping[str, np.ndarray]]],
        corner_cases: bool,
        seed: int,
    ) -> None:
        self.model = model
        self.operators = tuple(operators)
        self.left_out: list[dict[str, Any]] = []
        self._inputs = inputs
        self._corner_cases = corner_cases
        self._seed = seed

    def __iter__(self) -> Iterator[Case]:
        return self.cases()

    def cases(self, progress: Progress | None = None) -> Iterator[Case]:
        """Yield the cases: of each operator those of the inputs in order, then its corner cases."""
        self.left_out.clear()
        total = len(self.operators) * len(self._inputs) + len(self.operators) * self._corner_cases
        done = 0
        for number, (seed, arrays) in enumerate(self._inputs):
            trace = self.model.trace(dict(arrays), seed=seed)
            for index in self.operators:
                if progress:
                    progress(trace.operators[index].name, done, total)
                suffix = "" if len(self._inputs) == 1 else str(number)
                yield collect(trace, trace.operators[index], self.model.graph, suffix)
                done += 1
        if self._corner_cases:
            from .corner_cases import corner_cases

            for index in self.operators:
                if progress:
                    progress(f"{trace.operators[index].name}, corner cases", done, total)
                yield from corner_cases(self.model, trace, index, self._seed, self.left_out)
                done += 1

    def save(
        self,
        folder: str | os.PathLike[str],
        format: str = "npz",
        memory: MemoryFormat | None = None,
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        """Write all cases into a folder, which is replaced as a whole, and return its manifest.

        Raises
        ------
        InputError, OSError
            As :func:`.folder.write_folder`.
        """
        return write_folder(folder, self.cases(progress), self.model.stamp, format, memory, self.left_out)


def vectors(
    model: str | os.PathLike[str] | bytes | Model,
    op: int | Sequence[int] | None = None,
    *,
    inputs: str | os.PathLike[str] | np.ndarray | Mapping[str, np.ndarray] | None = None,
    seed: int = 0,
    count: int = 1,
    corner_cases: bool = False,
    profile: str = "litert",
) -> Vectors:
    """Make golden vectors: operands, constants, parameters, accumulators and outputs of a model's operators.

    Parameters
    ----------
    model : path, bytes or a loaded model, which then brings its profile along.
    op : index of an operator, or several; None is all of them.
    inputs : what the model runs on: an array, arrays by name, or a file as ``q31 run`` takes it; several examples along
        the first dimension give a case each. None: ``count`` random inputs, of the seeds ``seed``, ``seed + 1``...
    seed : of random inputs, and of the search for corner cases.
    corner_cases : also make inputs, and operators derived from the model's, that hit ties at one half, saturation,
        extreme zero points and the largest shifts; what each hits is checked.
    profile : whose bits, where ``model`` is not loaded yet.

    Returns
    -------
    Vectors : to go through, or to ``save(folder, format)``.

    Raises
    ------
    InputError
        Where there is no such operator, or the inputs do not fit.
    """
    loaded = model if isinstance(model, Model) else load(model, profile=profile)
    present = len(loaded.operators)
    chosen = list(range(present)) if op is None else [op] if isinstance(op, int) else list(op)
    for index in chosen:
        if not 0 <= index < present:
            raise InputError(f"operator {index}: expected 0 to {present - 1}")
    return Vectors(loaded, chosen, _examples(loaded, inputs, seed, count), corner_cases, seed)


def _examples(model: Model, inputs: Any, seed: int, count: int) -> list[tuple[int | None, Mapping[str, np.ndarray]]]:
    if count < 1:
        raise InputError(f"count: expected 1 or more, got {count}")
    if inputs is None:
        examples: list[tuple[int | None, Mapping[str, np.ndarray]]] = []
        for one in range(seed, seed + count):
            generator = np.random.default_rng(one)
            examples.append((one, {port.name: random_array(port, generator) for port in model.inputs}))
        return examples
    if isinstance(inputs, (str, os.PathLike)):
        arrays = read_input(os.fspath(inputs), model.inputs)
    elif isinstance(inputs, Mapping):
        arrays = {name: np.asarray(array) for name, array in inputs.items()}
    elif len(model.inputs) == 1:
        arrays = {model.inputs[0].name: np.asarray(inputs)}
    else:
        raise InputError(f"the model has {len(model.inputs)} inputs: give arrays by name")
    ports = {port.name: port for port in model.inputs}
    several = {
        len(array)
        for name, array in arrays.items()
        if name in ports and array.ndim and ports[name].shape[:1] == (1,) and array.shape[1:] == ports[name].shape[1:]
    }
    if len(several) != 1 or len(arrays) != len(ports) or several == {1}:
        return [(None, arrays)]
    return [(None, {name: array[i : i + 1] for name, array in arrays.items()}) for i in range(several.pop())]
