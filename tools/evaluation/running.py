"""``q31.evaluate``: run models over labelled data, by turns, and count."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ...engine.batches import keeps_state
from ...engine.model import Model, load
from ...engine.views import Port
from ...kernels.profiles import Profile
from ...schema import Graph, InputError
from ..costs import costs, milliseconds
from ..ports import dequantize
from ..progress import advancing
from .counts import Counts, comparable, ranks_of
from .data import Dataset, Range, open_data
from .report import Evaluation, ModelEvaluation

_SMALLEST, _LARGEST = 16, 1024  # examples in a step of the bar
_STEP_SECONDS = 0.2
_STEP_BYTES = 64 << 20
_TIMED = 64  # examples at a time, as many as a program takes

NO_LABELS = (
    "there are no labels: give --labels, an .npz with an array named labels, or a folder with a subfolder for each "
    "class; for models that give no classes (regression, autoencoders) q31 debug FLOAT QUANTIZED --data DATA sets "
    "two models' numbers side by side"
)


@dataclass(frozen=True)
class Options:
    """How examples are given to models, and which output is of scores (its name; None: the only one)."""

    output: str | None = None
    image_range: Range | None = None


Count = Callable[[Sequence[Model], Dataset, Options, Callable[[int], None]], list[Counts]]
"""From models, data, options and what moves the bar to each model's counts."""


def evaluate(
    models: Any,
    data: Any,
    labels: Any = None,
    *,
    top: int = 5,
    limit: int | None = None,
    select: slice | None = None,
    output: str | None = None,
    image_range: Range | None = None,
    class_names: Sequence[str] = (),
    label_offset: int = 0,
    profile: str | Profile = "litert",
    backend: str | None = None,
    num_threads: int | None = None,
    timing: bool = True,
    progress: bool = False,
    count: Count | None = None,
) -> Evaluation:
    """Count how often models that classify are right.

    Parameters
    ----------
    models : a path, the bytes of a .tflite file or a loaded model, or several of these.
    data : an array of examples, a dict of them by input name, or the path of an .npz, .npy or IDX file or of a folder
        of images with a subfolder for each class. How they become a model's inputs is
        :data:`q31.tools.evaluation.values.RULE`.
    labels : class indices, or the path of an .npy, .txt, .csv or IDX file; None: those that the data has.
    top : also count labels among so many of the highest scores.
    limit : take only so many examples, from the first on.
    select : take only these, before ``limit``: ``slice(4, None, 5)`` is every fifth from index 4 on.
    output : name of the output with the scores, where there are several.
    image_range : the real numbers that the levels 0 and 255 of pixels stand for.
    class_names : names of the classes, by index.
    label_offset : added to each label: 1 for models whose class 0 is the background.
    profile, backend, num_threads : as for :func:`q31.load`, of models that are not loaded yet.
    timing : also time calls, on one example and on several, the models by turns.
    progress : whether to draw a progress bar, on a terminal.
    count : what counts, in place of this process: :mod:`q31.distributed` has one.

    Returns
    -------
    Evaluation : a row for each model; printed, it is a table. Examples are independent: what a model keeps from call to
        call is set back before each, that of loaded models, too. Of equal scores the lowest index goes first.

    Raises
    ------
    InputError
        Where the data does not fit a model, there are no labels, or a label is beyond a model's classes.
    Error, OSError
        Where a model is bad or a file cannot be read.

    Examples
    --------
    >>> q31.evaluate("model.tflite", images, labels).models[0].counts.accuracy()  # doctest: +SKIP
    0.9775
    """
    several = isinstance(models, (list, tuple))
    given = list(models) if several else [models]
    if not given:
        raise InputError("expected a model or more")
    if top < 1 or (limit is not None and limit < 1):
        raise InputError(f"expected a positive integer as {'top' if top < 1 else 'limit'}")
    loaded = [
        one if isinstance(one, Model) else load(one, profile=profile, backend=backend, num_threads=num_threads)
        for one in given
    ]
    names = [_name_of(one, place) for place, one in enumerate(given)]
    dataset = open_data(data, labels, class_names, label_offset)
    if dataset.labels is None:
        raise InputError(NO_LABELS)
    dataset = dataset if select is None else dataset.select(select)
    dataset = dataset if limit is None else dataset.part(0, limit)
    if not len(dataset):
        raise InputError("no example is selected")
    options = Options(output, image_range)
    with advancing(len(dataset), "evaluating") if progress else nullcontext(lambda count: None) as advance:
        counts = (count or _counted)(loaded, dataset, options, advance)
    example = dataset.part(0, 1)
    inputs = [example.inputs(model.inputs, image_range) for model in loaded] if timing else None
    times = _times(loaded, dataset.part(0, _TIMED), options) if timing else [None] * len(loaded)
    rows = [
        ModelEvaluation(name, model.sha256, own, cost, time, _notes(model, options))
        for name, model, own, cost, time in zip(names, loaded, counts, costs(loaded, inputs), times, strict=True)
    ]
    return Evaluation(tuple(rows), top, dataset.class_names)


def evaluate_part(models: Sequence[Model], dataset: Dataset, options: Options) -> list[Counts]:
    """Return each model's counts on a part of the data: what merges, whatever the parts and their order.

    Raises
    ------
    InputError, OSError
        As :func:`evaluate`.
    """
    return _counted(models, dataset, options, lambda count: None)


def _name_of(model: Any, place: int) -> str:
    return os.path.basename(os.fspath(model)) if isinstance(model, (str, os.PathLike)) else f"model {place + 1}"


def _counted(
    models: Sequence[Model], dataset: Dataset, options: Options, advance: Callable[[int], None]
) -> list[Counts]:
    """Count in steps, which grow until they take a while."""
    merged: list[Counts] = []
    start, size = 0, _SMALLEST
    each = max(sum(port.dtype.itemsize * int(np.prod(port.shape)) for port in one.inputs) for one in models)
    largest = max(1, min(_LARGEST, _STEP_BYTES // max(each, 1)))
    while start < len(dataset):
        part = dataset.part(start, start + min(size, largest))
        began = time.perf_counter()
        found = _count(models, part, options)
        merged = [one.merge(two) for one, two in zip(merged, found, strict=True)] if merged else found
        if time.perf_counter() - began < _STEP_SECONDS:
            size *= 2
        start += len(part)
        advance(len(part))
    return merged


def _count(models: Sequence[Model], part: Dataset, options: Options) -> list[Counts]:
    assert part.labels is not None
    counts: list[Counts] = []
    first: np.ndarray | None = None
    for model in models:
        inputs = part.inputs(model.inputs, options.image_range)
        port = scores_port(model, options.output)
        outputs = _run(model, inputs, len(part), port)
        scores = np.stack([_scores(one, port) for one in outputs])
        if scores.shape[1] == 1:
            scores = _both(scores, port, model.graph)
        counts.append(Counts.of(scores, part.labels, first))
        if first is None:
            first = ranks_of(comparable(scores)[0], part.labels) == 0
    return counts


def _times(models: Sequence[Model], part: Dataset, options: Options) -> list[float | None]:
    """Return the milliseconds of an example among several."""
    tasks = []
    for model in models:
        inputs = part.inputs(model.inputs, options.image_range)
        tasks.append(partial(_run, model, inputs, len(part), scores_port(model, options.output)))
    return [one / len(part) for one in milliseconds(tasks)]


def _run(model: Model, inputs: dict[str, np.ndarray], count: int, port: Port) -> Iterable[np.ndarray]:
    """Return an output of each example."""
    examples = ({name: array[place : place + 1] for name, array in inputs.items()} for place in range(count))
    if keeps_state(model.graph, model._program):
        results = []
        for example in examples:
            model.reset()
            results.append(model(example))
        model.reset()
    elif all(one.shape[:1] == (1,) for one in model.outputs):
        together = model(inputs)
        return together if len(model.outputs) == 1 else together[port.name]
    else:
        results = list(model.map(examples))
    return results if len(model.outputs) == 1 else [one[port.name] for one in results]


def scores_port(model: Model, output: str | None) -> Port:
    """Return the output that holds class scores.

    Raises
    ------
    InputError
        Where there are several and none is named, or none has that name.
    """
    names = [port.name for port in model.outputs]
    if output is None and len(names) == 1:
        return model.outputs[0]
    if output not in names:
        asked = "several outputs" if output is None else f"no output {output!r}"
        raise InputError(f"the model has {asked}: --output says which has the scores: {', '.join(names)}")
    return model.outputs[names.index(output)]


def _scores(output: np.ndarray, port: Port) -> np.ndarray:
    """Return the scores (C,) of an example; codes of one scale stand as the real numbers do."""
    if sum(size != 1 for size in output.shape) > 1 or output.dtype.kind not in "iufbV":
        raise InputError(f"output {port.name!r}: expected an example's scores, [1, C]; got {list(output.shape)}")
    return output.reshape(-1)


def _both(scores: np.ndarray, port: Port, graph: Graph) -> np.ndarray:
    """Return the scores (N, 2) of the classes 0 and 1 of a model that gives the probability of 1, by LOGISTIC."""
    subgraph = graph.subgraphs[0]
    makers = {index: operator for operator in subgraph.operators for index in operator.outputs}
    maker = makers.get(port.index)
    while maker is not None and maker.name in ("DEQUANTIZE", "QUANTIZE", "RESHAPE"):
        maker = makers.get(maker.inputs[0])
    if maker is None or maker.name != "LOGISTIC":
        raise InputError(
            f"output {port.name!r}: one number, and no probability (LOGISTIC), is no score of classes: for models that "
            "give none (regression), q31 debug FLOAT QUANTIZED --data DATA sets two models' numbers side by side"
        )
    probability = dequantize(port, scores)
    return np.concatenate([1 - probability, probability], axis=1)


def _notes(model: Model, options: Options) -> tuple[str, ...]:
    port = scores_port(model, options.output)
    if any(port.shape == one.shape for one in model.inputs):
        return ("the output has the shape of the input: is this a classifier?",)
    return ()
