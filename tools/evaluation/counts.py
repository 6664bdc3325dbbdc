"""What a classifier got right, as integers that add up: any split of the data, in any order, gives the same counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...schema import InputError


@dataclass(frozen=True, eq=False)
class Counts:
    """How often which class was given for which, of C classes.

    Of equal scores the lowest index goes first, as ``argmax`` has it; NaN is below every number.

    Parameters
    ----------
    confusion : ``[label, predicted]`` -> examples; (C, C) int64.
    ranks : place of the label's score among all, 0 is the highest -> examples; (C,) int64.
    beside : ``[the first model was right, this one is]`` -> examples; (2, 2) int64.
    not_numbers : examples with a NaN among their scores.
    """

    confusion: np.ndarray
    ranks: np.ndarray
    beside: np.ndarray
    not_numbers: int = 0

    @staticmethod
    def empty(classes: int) -> Counts:
        """Return the counts of no example: what merging begins with."""
        square, line = np.zeros((classes, classes), np.int64), np.zeros(classes, np.int64)
        return Counts(square, line, np.zeros((2, 2), np.int64))

    @staticmethod
    def of(scores: np.ndarray, labels: np.ndarray, first_right: np.ndarray | None = None) -> Counts:
        """Count examples.

        Parameters
        ----------
        scores : (N, C), codes or real numbers.
        labels : (N,) integers.
        first_right : (N,) bool, whether the model that others are set beside is right; None: this is that model.

        Raises
        ------
        InputError
            Where a label is none of the C classes.
        """
        count, classes = scores.shape
        if beyond := [int(label) for label in labels if not 0 <= label < classes][:1]:
            raise InputError(
                f"label {beyond[0]} is beyond the model's {classes} classes, 0 to {classes - 1}; does --label-offset "
                "help, or is this output not one of class scores?"
            )
        numbers, unknown = comparable(scores)
        places = ranks_of(numbers, labels)
        right = places == 0
        confusion = np.zeros((classes, classes), np.int64)
        np.add.at(confusion, (labels, numbers.argmax(axis=1)), 1)
        beside = np.zeros((2, 2), np.int64)
        np.add.at(beside, ((right if first_right is None else first_right).astype(int), right.astype(int)), 1)
        ranks = np.bincount(places, minlength=classes).astype(np.int64) if count else np.zeros(classes, np.int64)
        return Counts(confusion, ranks, beside, int(unknown.sum()))

    def merge(self, other: Counts) -> Counts:
        """Return the counts of both; neither changes.

        Raises
        ------
        InputError
            Where they are of different numbers of classes.
        """
        if self.classes != other.classes:
            raise InputError(f"counts of {self.classes} and of {other.classes} classes do not add up")
        return Counts(
            self.confusion + other.confusion,
            self.ranks + other.ranks,
            self.beside + other.beside,
            self.not_numbers + other.not_numbers,
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Counts) and self.to_dict() == other.to_dict()

    def to_dict(self) -> dict[str, Any]:
        """Return the integers as JSON holds them."""
        return {
            "confusion": self.confusion.tolist(),
            "ranks": self.ranks.tolist(),
            "beside": self.beside.tolist(),
            "not_numbers": self.not_numbers,
        }

    @staticmethod
    def from_dict(held: Mapping[str, Any]) -> Counts:
        """Return what :meth:`to_dict` gave."""
        arrays = {name: np.array(held[name], np.int64) for name in ("confusion", "ranks", "beside")}
        return Counts(**arrays, not_numbers=int(held["not_numbers"]))

    # What follows from them

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return len(self.ranks)

    @property
    def examples(self) -> int:
        """How many examples were counted."""
        return int(self.ranks.sum())

    def right(self, top: int = 1) -> int:
        """How many examples have their class among the ``top`` highest scores."""
        return int(self.ranks[:top].sum())

    def accuracy(self, top: int = 1) -> float:
        """Return that share of the examples; NaN of none."""
        return self.right(top) / self.examples if self.examples else float("nan")

    @property
    def precision(self) -> np.ndarray:
        """Of the examples given a class, the share that is of it; (C,), NaN where none was given it."""
        return _share(self.confusion.diagonal(), self.confusion.sum(axis=0))

    @property
    def recall(self) -> np.ndarray:
        """Of the examples of a class, the share that was given it; (C,), NaN where there is none."""
        return _share(self.confusion.diagonal(), self.confusion.sum(axis=1))

    @property
    def lost(self) -> int:
        """Examples that the first model has right and this one wrong."""
        return int(self.beside[1, 0])

    @property
    def won(self) -> int:
        """Examples that the first model has wrong and this one right."""
        return int(self.beside[0, 1])

    def confused(self) -> list[tuple[int, int, int]]:
        """Return label, prediction and count of what was taken for something else, the most frequent first."""
        wrong = self.confusion - np.diag(self.confusion.diagonal())
        pairs = [(int(one), int(two), int(wrong[one, two])) for one, two in np.argwhere(wrong)]
        return sorted(pairs, key=lambda one: (-one[2], one[0], one[1]))


def comparable(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return scores that compare as numbers, NaN as the lowest, and which examples have one."""
    if scores.dtype.kind in "iub":
        return scores, np.zeros(len(scores), bool)
    numbers = scores.astype(np.float64)
    unknown: np.ndarray = np.isnan(numbers)
    return np.where(unknown, -np.inf, numbers), np.asarray(unknown.any(axis=1))


def ranks_of(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the place (N,) of each label's score in its example; of equal scores the lower index is first."""
    own = np.take_along_axis(scores, labels[:, None], axis=1)
    before = np.arange(scores.shape[1]) < labels[:, None]
    places: np.ndarray = ((scores > own) | ((scores == own) & before)).sum(axis=1)
    return places


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    shares = np.full(len(whole), np.nan)
    np.divide(part, whole, out=shares, where=whole > 0)
    return shares
