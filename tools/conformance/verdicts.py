"""What became of the problems: exact, off by how much, refused, crashed; added up by operator and type."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..files import write_atomically
from .cells import Cell
from .differences import compare
from .oracle import Abort, Answer, Refusal
from .problems import Problem
from .runners import Outcome

EXACT, OFF, REFUSED, CRASHED, ACCEPTED, RIGHTLY_REFUSED = (
    "exact",
    "off",
    "refused",
    "crashed",
    "accepted",
    "rightly refused",
)
FAILURES = (OFF, REFUSED, CRASHED, ACCEPTED)
"""``accepted``: answered where it had to be refused."""


@dataclass(frozen=True)
class Verdict:
    """What became of one problem. ``distance``: the largest difference, in codes or numbers, where it is ``off``."""

    kind: str
    detail: str = ""
    distance: float = 0.0


def judge(problem: Problem, outcome: Outcome) -> Verdict:
    """Hold an outcome against what is right."""
    if isinstance(outcome, Abort):
        return Verdict(CRASHED, str(outcome))
    if problem.expected is None:
        if isinstance(outcome, Refusal):
            return Verdict(RIGHTLY_REFUSED, str(outcome))
        return Verdict(ACCEPTED, f"answered where it had to be refused: {problem.reason}")
    if isinstance(outcome, Refusal):
        return Verdict(REFUSED, str(outcome))
    assert isinstance(outcome, Answer)
    got = list(outcome.outputs)
    if len(got) == problem.outputs:
        got = problem.defined(got)
    difference = compare(problem.expected, got, problem.within)
    return Verdict(OFF, difference, _distance(problem.expected, got)) if difference else Verdict(EXACT)


def _distance(expected: Sequence[np.ndarray], got: Sequence[np.ndarray]) -> float:
    """Return the largest difference of two lists of arrays; infinity where they cannot be subtracted."""
    largest = 0.0
    for one, other in zip(expected, got, strict=False):
        if one.shape != other.shape or one.dtype != other.dtype or one.dtype.kind not in "iufb":
            return float("inf")
        with np.errstate(all="ignore"):
            difference = np.abs(one.astype(np.float64) - other.astype(np.float64))
        largest = max(largest, float(np.max(np.nan_to_num(difference, nan=np.inf), initial=0.0)))
    return largest if len(expected) == len(got) else float("inf")


@dataclass
class Tally:
    """What became of the problems of one cell."""

    kinds: Counter[str] = field(default_factory=Counter)
    distance: float = 0.0
    first: str = ""

    def add(self, verdict: Verdict) -> None:
        """Count a verdict."""
        self.kinds[verdict.kind] += 1
        self.distance = max(self.distance, verdict.distance)
        if verdict.kind in FAILURES and not self.first:
            self.first = f"{verdict.kind}: {verdict.detail}"

    @property
    def total(self) -> int:
        """How many problems there were."""
        return sum(self.kinds.values())

    @property
    def failed(self) -> bool:
        """Whether anything was not as it had to be."""
        return any(self.kinds[kind] for kind in FAILURES)

    def text(self) -> str:
        """Return the cell's text: ``"exact 40"`` (what is rightly refused is not counted), or what went wrong."""
        if not self.failed:
            return f"exact {self.kinds[EXACT]}" if self.kinds[EXACT] else f"refuses {self.total}"
        parts = []
        if self.kinds[OFF]:
            parts.append(f"{self.kinds[OFF]} off by {self.distance:g}")
        parts += [f"{self.kinds[kind]} {kind}" for kind in (REFUSED, CRASHED, ACCEPTED) if self.kinds[kind]]
        return f"{', '.join(parts)} of {self.total}"

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as JSON holds them."""
        distance = self.distance if np.isfinite(self.distance) else None
        return {"kinds": dict(self.kinds), "largest_difference": distance, "first_failure": self.first}


Results = dict[Cell, Tally]


def save_failure(folder: Path, problem: Problem, verdict: Verdict) -> Path:
    """Write a failing problem as model, inputs and expected outputs; return the model's path.

    Raises
    ------
    OSError
        Where it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(problem.model + b"".join(one.tobytes() for one in problem.inputs)).hexdigest()[:12]
    stem = folder / f"{problem.name.replace(' ', '_')}_{digest}"
    for suffix, content in (
        (".tflite", problem.model),
        (".txt", f"{problem.name}\n{verdict.kind}: {verdict.detail}\n".encode()),
    ):
        with write_atomically(f"{stem}{suffix}") as file:
            file.write(content)
    arrays = {f"input_{i}": array for i, array in enumerate(problem.inputs) if array.dtype != object}
    arrays |= {f"expected_{i}": array for i, array in enumerate(problem.expected or ()) if array.dtype != object}
    with write_atomically(f"{stem}.npz") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    return stem.with_name(f"{stem.name}.tflite")
