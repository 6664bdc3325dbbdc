"""What an evaluation says: a row for each model, and of each its classes and confusions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any

from ..costs import Cost
from .counts import Counts

_FULL_MATRIX = 100  # classes up to which JSON has the whole matrix


@dataclass(frozen=True)
class ModelEvaluation:
    """A model's row.

    ``milliseconds``: the time of an example among 64, a median, None if not timed; ``cost`` has that of one by itself.
    """

    name: str
    sha256: str
    counts: Counts
    cost: Cost
    milliseconds: float | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evaluation:
    """What :func:`q31.evaluate` returns; printed, it is a table.

    ``models`` are the rows, in the order given; ``top``: how many scores count as the highest; ``class_names``: by
    index, where the data tells them.
    """

    models: tuple[ModelEvaluation, ...]
    top: int
    class_names: tuple[str, ...] = ()

    @property
    def examples(self) -> int:
        """How many examples each model was given."""
        return self.models[0].counts.examples

    def drop(self, model: ModelEvaluation) -> float:
        """Return by how many percentage points a model's accuracy is below the first one's."""
        first = self.models[0].counts
        return 100 * (first.right() - model.counts.right()) / first.examples

    def class_name(self, index: int) -> str:
        """Return the name of a class, or its index."""
        return self.class_names[index] if index < len(self.class_names) else str(index)

    def __str__(self) -> str:
        from rich.console import Console

        text = StringIO()
        Console(file=text, width=160, highlight=False, emoji=False, markup=False).print(self.table())
        return text.getvalue().rstrip("\n")

    def table(self) -> Any:
        """Return rich's table of the models."""
        from ..console import table

        tops = ["top-1"] + [f"top-{self.top}"] * (self.top > 1)
        beside = ["lost", "won"] * (len(self.models) > 1)
        timed = ["ms/example", "ms/call"] * any(one.milliseconds is not None for one in self.models)
        numbers = ["bytes", "weights", *tops, *beside, *timed]
        shown = table("model", *numbers, right=tuple(numbers))
        for one in self.models:
            counts, cost = one.counts, one.cost
            cells = [f"{cost.file_bytes:,}", f"{cost.weights_bytes:,}", percent(counts.accuracy())]
            cells += [percent(counts.accuracy(self.top))] * (self.top > 1)
            if beside:
                cells += ["", ""] if one is self.models[0] else [f"{counts.lost:,}", f"{counts.won:,}"]
            if timed:
                cells += ["" if taken is None else f"{taken:.3g}" for taken in (one.milliseconds, cost.milliseconds)]
            shown.add_row(printable(one.name), *cells)
        return shown

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON holds it."""
        return {
            "examples": self.examples,
            "top": self.top,
            "class_names": list(self.class_names),
            "models": [self._row(one) for one in self.models],
        }

    def _row(self, one: ModelEvaluation) -> dict[str, Any]:
        counts = one.counts
        small = counts.classes <= _FULL_MATRIX
        recall, precision = counts.recall, counts.precision
        return {
            "model": one.name,
            "sha256": one.sha256,
            "file_bytes": one.cost.file_bytes,
            "weights_bytes": one.cost.weights_bytes,
            "milliseconds_example": one.milliseconds,
            "milliseconds_call": one.cost.milliseconds,
            "classes": counts.classes,
            "right": counts.right(),
            "top_1": counts.accuracy(),
            f"top_{self.top}": counts.accuracy(self.top),
            "lost": counts.lost,
            "won": counts.won,
            "not_numbers": counts.not_numbers,
            "ranks": counts.ranks.tolist(),
            "per_class": [
                {
                    "class": index,
                    "examples": int(counts.confusion[index].sum()),
                    "precision": _number(precision[index]),
                    "recall": _number(recall[index]),
                }
                for index in range(counts.classes)
            ],
            "confusion": counts.confusion.tolist() if small else None,
            "confused": [list(one) for one in counts.confused()],
            "notes": list(one.notes),
        }


def per_class(evaluation: Evaluation, one: ModelEvaluation, most: int) -> Iterator[Any]:
    """Yield a table of precision and recall, of the classes with the lowest recall where there are many."""
    from ..console import table

    counts = one.counts
    recall, precision, given = counts.recall, counts.precision, counts.confusion.sum(axis=0)
    present = [index for index in range(counts.classes) if counts.confusion[index].any() or given[index]]
    shown = present if len(present) <= most else sorted(present, key=lambda at: _below(float(recall[at])))[:most]
    numbers = ("examples", "predicted", "right", "precision", "recall")
    result = table("class", *numbers, right=numbers)
    for index in shown:
        whole = [counts.confusion[index].sum(), given[index], counts.confusion[index, index]]
        shares = [percent(precision[index]), percent(recall[index])]
        result.add_row(printable(evaluation.class_name(index)), *(f"{number:,}" for number in whole), *shares)
    if len(shown) < len(present):
        yield f"{len(shown)} of {len(present)} classes, those of the lowest recall:"
    yield result


def confusion(evaluation: Evaluation, one: ModelEvaluation, most: int) -> Iterator[Any]:
    """Yield the confusion matrix, or where there are many classes what was confused most often."""
    from ..console import table

    counts = one.counts
    names = [printable(evaluation.class_name(index)) for index in range(counts.classes)]
    if counts.classes <= most:
        # Columns are known by their place: names may be equal to others once they are cut.
        result = table("label \\ predicted")
        for name in names:
            result.add_column(name, justify="right", overflow="fold")
        for name, row in zip(names, counts.confusion, strict=True):
            result.add_row(name, *(f"{number:,}" if number else "." for number in row))
        yield result
        return
    pairs = counts.confused()
    result = table("label", "predicted", "examples", right=("examples",))
    for label, predicted, count in pairs[:most]:
        result.add_row(names[label], names[predicted], f"{count:,}")
    yield f"{min(most, len(pairs))} of {len(pairs)} confusions, the most frequent:"
    yield result


def rows_below(evaluation: Evaluation, points: float) -> Sequence[ModelEvaluation]:
    """Return the models whose accuracy is more than so many percentage points below the first one's."""
    return [one for one in evaluation.models if evaluation.drop(one) > points]


def percent(share: float) -> str:
    """Return a share as text; NaN is a dash."""
    return "-" if math.isnan(share) else f"{100 * share:.2f} %"


def printable(text: str) -> str:
    """Return text without characters that would move the cursor."""
    return "".join(one if one.isprintable() else "?" for one in text)


def _below(share: float) -> float:
    return 2.0 if math.isnan(share) else share


def _number(share: float) -> float | None:
    return None if math.isnan(share) else float(share)
