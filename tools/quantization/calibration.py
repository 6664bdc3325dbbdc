"""Ranges of a model's tensors, recorded while it runs on representative data."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ...schema import Graph, InputError, QuantizationError, TensorType
from .range_choice import HISTOGRAM_METHODS, METHODS, choose
from .statistics import Collector, TensorStatistics

if TYPE_CHECKING:
    from ...engine.model import Model
    from ...engine.program import Program

Key = tuple[int, int]
_FLOATS = (TensorType.FLOAT32, TensorType.FLOAT16, TensorType.BFLOAT16)


@dataclass(frozen=True)
class Calibration:
    """What representative data showed of a model's floating-point tensors.

    Statistics of shards add up: merging the calibrations of any split of the examples, in any order, gives what one
    run over all of them gives, bit for bit.

    Attributes
    ----------
    model_sha256 : of the model's bytes, in hexadecimal.
    q31_version : of the program that ran it.
    indices : int64, ascending: the numbers of the examples.
    tensors : (subgraph index, tensor index) -> statistics of a tensor that had values: inputs of the subgraphs that
        ran, and what their operators gave; no constants.
    histogram : whether there are histograms, which every method but min-max and moving-average needs.
    """

    model_sha256: str
    q31_version: str
    indices: np.ndarray
    tensors: Mapping[Key, TensorStatistics] = field(repr=False)
    histogram: bool

    @property
    def examples(self) -> int:
        """How many examples were run."""
        return len(self.indices)

    @property
    def first_example(self) -> int:
        """The lowest number of an example."""
        return int(self.indices[0])

    @property
    def stamp(self) -> dict[str, Any]:
        """Of which model the ranges are, who ran it, and on how much."""
        return {
            "model_sha256": self.model_sha256,
            "q31_version": self.q31_version,
            "examples": self.examples,
            "first_example": self.first_example,
        }

    def range(self, subgraph: int, tensor: int, method: str = "min-max", **options: Any) -> tuple[float, float] | None:
        """Return the range of a tensor; None where it has no statistics.

        Parameters
        ----------
        subgraph, tensor : the indices of the tensor.
        method : ``"min-max"``, ``"moving-average"``, ``"percentile"``, ``"mse"`` or ``"entropy"``;
            see :func:`.choose`, which also says what ``options`` there are.

        Raises
        ------
        InputError
            Where there is no such method or option.
        QuantizationError
            Where the method needs a histogram and the calibration has none.
        """
        if method not in METHODS:
            raise InputError(f"no method is named {method!r}; there are {', '.join(METHODS)}")
        found = self.tensors.get((subgraph, tensor))
        if method in HISTOGRAM_METHODS and not self.histogram:
            raise QuantizationError(f"{method} needs histograms, which the calibration has not: record it with them")
        return None if found is None else choose(found, method, **options)

    def merge(self, other: Calibration) -> Calibration:
        """Return the calibration on the examples of both.

        Raises
        ------
        InputError
            Where they are of different models or versions of q31, have an example in common, or only one has
            histograms.
        """
        for what in ("model_sha256", "q31_version", "histogram"):
            if getattr(self, what) != getattr(other, what):
                name = {"model_sha256": "models", "q31_version": "versions of q31"}.get(what)
                if name is None:
                    raise InputError("only one of the calibrations has histograms")
                raise InputError(f"calibrations of different {name}: {getattr(self, what)}, {getattr(other, what)}")
        common = np.intersect1d(self.indices, other.indices)
        if common.size:
            raise InputError(
                f"example {common[0]} is in both calibrations: give the shards' first examples their numbers"
            )
        tensors = dict(self.tensors)
        for key, statistics in other.tensors.items():
            tensors[key] = tensors[key].merged(statistics) if key in tensors else statistics
        indices = np.sort(np.concatenate([self.indices, other.indices]))
        ordered = {key: tensors[key] for key in sorted(tensors)}
        return Calibration(self.model_sha256, self.q31_version, indices, ordered, self.histogram)

    def require_model(self, model_sha256: str) -> None:
        """Raise InputError where the calibration is of another model."""
        if model_sha256 != self.model_sha256:
            raise InputError(f"the calibration is of model {self.model_sha256[:12]}..., not of {model_sha256[:12]}...")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the calibration as JSON; all of it or nothing. Equal calibrations give equal bytes.

        Raises
        ------
        OSError
            Where it cannot be written.
        """
        from ..files import write_atomically
        from .calibration_file import to_json

        with write_atomically(path) as file:
            file.write(to_json(self).encode())

    @classmethod
    def load(cls, path: str | os.PathLike[str], model: Model | None = None) -> Calibration:
        """Read what :meth:`save` wrote.

        Parameters
        ----------
        path : of the file.
        model : the model that it must be of, if given.

        Raises
        ------
        InputError
            Where the file is no calibration, or one of another model.
        OSError
            Where it cannot be read.
        """
        from .calibration_file import from_json

        with open(path, "rb") as file:
            content = file.read()
        try:
            found = from_json(content)
            if model is not None:
                found.require_model(model.sha256)
        except InputError as error:
            raise InputError(f"{os.fspath(path)}: {error}") from None
        return found


def calibrate(
    model: Model | str | os.PathLike[str] | bytes,
    data: Any,
    *,
    progress: bool = False,
    histogram: bool = False,
    first_example: int = 0,
    skip: int = 0,
    limit: int | None = None,
    num_threads: int | None = None,
) -> Calibration:
    """Run a float model on representative data and record the ranges of its tensors.

    Every example runs by itself: what earlier ones left in variables is set back.

    Parameters
    ----------
    model : a loaded model, a path, or bytes.
    data : representative examples; :class:`.Dataset` says in which forms.
    progress : draw a progress bar, on a terminal.
    histogram : record histograms, too, which the methods percentile, mse and entropy need.
    first_example : the number of the first example, for shards that are to be merged.
    skip, limit : leave out so many examples, and use no more than so many.
    num_threads : how many examples run at a time, at most as there are processors; None is as many as are of use. The
        calibration is the same.

    Raises
    ------
    InputError
        Where an example does not fit the model, has NaN or infinity among its values, or there is none.
    QuantizationError
        Where a tensor comes to have NaN or infinity among its values, or the model has no floating-point tensors.
    ModelError, UnsupportedOperatorError
        Where the model cannot be loaded or run.
    """
    from ...engine.model import Model, load
    from ..progress import counted
    from .dataset import Dataset
    from .sharing import record, threads_for

    loaded = model if isinstance(model, Model) else load(model)
    require_number_of_first(first_example)
    dataset = Dataset.of(data, loaded.graph, skip=skip, limit=limit)
    threads = threads_for(loaded, num_threads, dataset.total)
    examples = counted(dataset, dataset.total, "calibrating") if progress else dataset
    return record(examples, int(first_example), lambda: Recorder(loaded, histogram, None), threads)


def require_number_of_first(first_example: Any) -> None:
    """Raise InputError where this is not the number of an example."""
    if isinstance(first_example, bool) or not isinstance(first_example, (int, np.integer)) or first_example < 0:
        raise InputError(f"first_example: expected an integer of 0 or more, got {first_example!r}")


class Recorder:
    """Runs examples with every tensor kept, and gathers statistics of the floating-point ones.

    Raises QuantizationError where the model has none.
    """

    def __init__(self, model: Model, histogram: bool, num_threads: int | None) -> None:
        from ...engine.session import Session

        self._sha256 = model.sha256
        self._graph = model.graph
        self._histogram = histogram
        self._session = Session(
            model.graph,
            model.profile,
            model.backend,
            preserve_all=True,
            num_threads=num_threads,
            observer=self._observe,
        )
        self._collectors: dict[Key, Collector] = {}
        self._recorded = [list(_recorded(model.graph, index)) for index in range(len(model.graph.subgraphs))]
        if not any(self._recorded):
            raise QuantizationError("the model has no floating-point tensors whose ranges could be recorded")
        self._example = 0

    def run(self, example: int, subgraph: int, arrays: tuple[np.ndarray, ...]) -> None:
        """Run an example and take what its tensors hold then."""
        self._example = example
        self._session.run_anew(subgraph, arrays)

    def _observe(self, subgraph: int, program: Program) -> None:
        """Take what the tensors of a subgraph hold after a run of it."""
        for index in self._recorded[subgraph]:
            array = program.array(index)
            if array is None:
                continue
            collector = self._collectors.get((subgraph, index))
            if collector is None:
                name = self._graph.subgraphs[subgraph].tensors[index].name
                place = f"subgraph {subgraph}: tensor {index} ({name!r})"
                collector = self._collectors[subgraph, index] = Collector(name, place, self._histogram)
            collector.add(self._example, array)

    def calibration(self, first: int, end: int) -> Calibration:
        """Return what the examples from ``first`` to before ``end`` showed, all since the last time; begin anew."""
        from ... import __version__

        statistics = ((key, self._collectors[key].statistics()) for key in sorted(self._collectors))
        found = {key: one for key, one in statistics if one is not None}
        self._collectors.clear()
        indices = np.arange(first, end, dtype=np.int64)
        return Calibration(self._sha256, __version__, indices, found, self._histogram)


def _recorded(graph: Graph, index: int) -> Iterator[int]:
    """Yield the floating-point tensors of a subgraph that runs give values: its inputs, then what operators give."""
    subgraph = graph.subgraphs[index]
    outputs = (tensor for operator in subgraph.operators for tensor in operator.outputs)
    variables = (i for i, tensor in enumerate(subgraph.tensors) if tensor.is_variable)
    for tensor in dict.fromkeys((*subgraph.inputs, *outputs, *variables)):
        if tensor >= 0 and subgraph.tensors[tensor].type in _FLOATS:
            yield tensor
