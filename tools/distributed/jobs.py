"""What workers do with batches: record ranges, or count how often models are right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...engine.model import Model
from ...kernels.profiles import Profile
from ..evaluation.counts import Counts
from ..evaluation.data import Dataset as Labelled
from ..evaluation.running import Options, evaluate_part
from ..quantization.calibration import Calibration, Recorder
from ..quantization.dataset import Example


@dataclass(frozen=True)
class ShippedModel:
    """A model as it travels: its bytes, and how it is to be loaded."""

    content: bytes
    profile: Profile
    backend: str
    num_threads: int | None

    @staticmethod
    def of(model: Model, num_threads: int | None) -> ShippedModel:
        """Return a loaded model as it travels."""
        return ShippedModel(bytes(model._content), model.profile, model.backend, num_threads)

    def load(self) -> Model:
        """Return the model, loaded again."""
        return Model(self.content, profile=self.profile, backend=self.backend, num_threads=self.num_threads)


@dataclass(frozen=True)
class CalibrationJob:
    """Records the ranges of a model's tensors; a batch is the number of its first example, and the examples."""

    model: ShippedModel
    histogram: bool

    def start(self) -> Recorder:
        """Load the model."""
        return Recorder(self.model.load(), self.histogram, self.model.num_threads)

    def run(self, state: Recorder, batch: tuple[int, Sequence[Example]]) -> Calibration:
        """Return the calibration on these examples."""
        first, examples = batch
        for number, example in enumerate(examples, first):
            state.run(number, example.subgraph, example.arrays)
        return state.calibration(first, first + len(examples))


@dataclass(frozen=True)
class EvaluationJob:
    """Counts how often models are right; a batch is a part of the data."""

    models: tuple[ShippedModel, ...]
    options: Options

    def start(self) -> list[Model]:
        """Load the models."""
        return [one.load() for one in self.models]

    def run(self, state: list[Model], batch: Labelled) -> list[ShippedCounts]:
        """Return each model's counts."""
        return [ShippedCounts.of(one) for one in evaluate_part(state, batch, self.options)]


@dataclass(frozen=True)
class ShippedCounts:
    """Counts as they travel: a few examples leave most of the confusion matrix empty."""

    places: np.ndarray
    values: np.ndarray
    ranks: np.ndarray
    beside: np.ndarray
    not_numbers: int

    @staticmethod
    def of(counts: Counts) -> ShippedCounts:
        """Return counts as they travel."""
        places = np.flatnonzero(counts.confusion)
        values = counts.confusion.reshape(-1)[places]
        return ShippedCounts(places, values, counts.ranks, counts.beside, counts.not_numbers)

    def counts(self) -> Counts:
        """Return the counts."""
        classes = len(self.ranks)
        confusion = np.zeros(classes * classes, np.int64)
        confusion[self.places] = self.values
        return Counts(confusion.reshape(classes, classes), self.ranks, self.beside, self.not_numbers)
