"""``q31.report``: run a model on data and gather a page about it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...engine.model import Model, load
from ...kernels.profiles import Profile
from ...schema import Graph, InputError, UnsupportedOperatorError
from ..arrays import random_array
from ..debugging.running import debug
from ..evaluation.data import Range, open_data
from ..files import write_atomically
from ..node_data import GOOD_IS_HIGH, GOOD_IS_LOW, node_data
from ..progress import waiting
from .collection import Collection, Measured, collect, file_of
from .measuring import counted_over

if TYPE_CHECKING:
    from ..bench_operators import OperatorTime

EXAMPLES = 16
"""Examples that are run unless something else is asked for."""
_ROUNDS = 7


@dataclass(frozen=True)
class Report:
    """What :func:`q31.report` returns: ``content`` is what the page shows, as JSON holds it."""

    collection: Collection
    graph: Graph

    @property
    def content(self) -> dict[str, Any]:
        """What the page shows, but for the numbers to step through."""
        return self.collection.content

    def html(self) -> str:
        """Return the page."""
        from .page import page

        return page(self.collection)

    def node_data(self) -> dict[str, Any]:
        """Return for Model Explorer each operator's SQNR in dB where the float model was given, else its microseconds.

        Raises
        ------
        InputError
            Where neither was measured.
        """
        operators = self.content["operators"]
        if self.content["debugging"] is not None:
            errors = {one["index"]: one["errors"] for one in operators if one["errors"]}
            values = {index: one["sqnr_db"] for index, one in errors.items() if one["sqnr_db"] is not None}
            return node_data(self.graph, values, GOOD_IS_HIGH)
        times = {one["index"]: one["microseconds"] for one in operators if one["microseconds"] is not None}
        if not times:
            raise InputError("node data is the SQNR of each operator, or its time: neither was measured")
        return node_data(self.graph, times, GOOD_IS_LOW)

    def save(self, path: str | os.PathLike[str]) -> int:
        """Write the page, all of it or nothing; returns its bytes.

        Raises
        ------
        OSError
            Where it cannot be written.
        """
        text = self.html().encode()
        with write_atomically(path) as file:
            file.write(text)
        return len(text)


def report(
    model: str | os.PathLike[str] | bytes | Model,
    data: Any = None,
    *,
    float_model: str | os.PathLike[str] | bytes | Model | None = None,
    example: int = 0,
    limit: int | None = EXAMPLES,
    seed: int = 0,
    image_range: Range | None = None,
    profile: str | Profile = "litert",
    backend: str | None = None,
    timing: bool = True,
    title: str | None = None,
    progress: bool = False,
) -> Report:
    """Gather a page about a model: its graph, tensors, errors and times, and the arithmetic of its values.

    Parameters
    ----------
    model : path or bytes of a .tflite file, or a loaded model.
    data : as for :func:`q31.evaluate`, without labels; None is random input.
    float_model : the float model that it was made of, for the error of each layer; needs data.
    example : which example's values the page steps through.
    limit : how many examples are run, for histograms and errors; None is all.
    seed : of random input.
    image_range : the real numbers that the levels 0 and 255 of pixels stand for.
    profile, backend : as for :func:`q31.load`, of a model that is not loaded yet.
    timing : also time every operator.
    title : of the page; by default the name of the file.
    progress : whether to draw a progress bar, on a terminal.

    Raises
    ------
    InputError
        Where the data does not fit.
    Error, OSError
        Where a model is bad or a file cannot be read.

    Examples
    --------
    >>> q31.report("int8.tflite", images).save("report.html")  # doctest: +SKIP
    """
    if limit is not None and limit < 1:
        raise InputError(f"limit: expected a positive integer, got {limit}")
    if float_model is not None and data is None:
        raise InputError("the error against a float model is measured on data: give some")
    loaded = (
        load(model._content, profile=model.profile, backend=model.backend)
        if isinstance(model, Model)
        else load(model, profile=profile, backend=backend)
    )
    examples, source = _examples(loaded, data, limit, seed, image_range)
    if not 0 <= example < len(examples):
        raise InputError(f"example {example}: expected 0 to {len(examples) - 1}")
    debugging = None
    if float_model is not None:
        debugging = debug(
            float_model,
            loaded,
            data,
            limit=limit,
            image_range=image_range,
            backend=backend,
            timing=False,
            progress=progress,
        )
    counts = counted_over(loaded, examples, progress)
    source |= {"examples": len(examples), "example": example}
    with waiting("measuring") if progress else nullcontext():
        trace = loaded.trace(examples[example], seed=seed if data is None else None)
        measured = Measured(debugging, _times(loaded, seed) if timing else None)
        found = collect(loaded, trace, counts, measured, examples[example], file_of(model), title, source)
    return Report(found, loaded.graph)


def _examples(
    model: Model, data: Any, limit: int | None, seed: int, image_range: Range | None
) -> tuple[list[Mapping[str, np.ndarray]], dict[str, Any]]:
    """Return examples by input name, and where they come from."""
    if data is None:
        generator = np.random.default_rng(seed)
        return [{port.name: random_array(port, generator) for port in model.inputs}], {"source": "", "seed": seed}
    dataset = open_data(data, unlabelled=True)
    dataset = dataset if limit is None else dataset.part(0, limit)
    examples: list[Mapping[str, np.ndarray]] = []
    for number in range(len(dataset)):
        given = dataset.part(number, number + 1).inputs(model.inputs, image_range)
        examples.append({port.name: given[port.name].reshape(port.shape) for port in model.inputs})
    name = os.path.basename(os.fspath(data)) if isinstance(data, (str, os.PathLike)) else "arrays"
    return examples, {"source": name, "seed": None}


def _times(model: Model, seed: int) -> list[OperatorTime] | None:
    """Return how long each operator takes, compiled; None where nothing compiles or the profile is another one."""
    from ..bench_operators import profile as time_operators

    if model.backend != "numba" or model.profile.name != "litert":
        return None
    try:
        return time_operators(model._content, _ROUNDS, seed, 0.0)
    except (InputError, UnsupportedOperatorError):  # no random input for it
        return None
