"""The conformance report: by operator and type, how many cases the oracle answered and in how many q31 differed.

Test processes attach what they counted to their test reports; the process that prints adds it up.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console

from q31.tools.conformance.cells import Cell
from q31.tools.console import table
from q31.tools.reference_types import COLUMNS
from q31.tools.support import DEFINITION, NOT_TAKEN, NOT_YET, cells

PROPERTY = "conformance"
MISMATCHES = "mismatches"


@dataclass
class Counts:
    """What became of the cases of each cell; ``differing`` are names of tests that failed."""

    answered: Counter[Cell] = field(default_factory=Counter)
    refused: Counter[Cell] = field(default_factory=Counter)
    differing: list[str] = field(default_factory=list)

    def to_json(self) -> str:
        """Return the counts as JSON text, which a test report can carry."""
        return json.dumps([[[*cell, number] for cell, number in one.items()] for one in (self.answered, self.refused)])

    def add_json(self, text: str) -> None:
        """Add counts that another process wrote."""
        for mine, theirs in zip((self.answered, self.refused), json.loads(text), strict=True):
            for operator, column, number in theirs:
                mine[operator, column] += number

    def add_report(self, report: Any) -> None:
        """Add what a pytest report of a test's call carries."""
        if report.when != "call":
            return
        texts = [value for name, value in report.user_properties if name == PROPERTY]
        for text in texts:
            self.add_json(text)
        if report.failed and texts:
            self.differing.append(report.nodeid.rsplit("::", 1)[-1])


def wanted(held_elsewhere: Iterable[str] = ()) -> list[Cell]:
    """Return the cells that the support table calls exact or bounded, of operators that an oracle of LiteRT's has."""
    skipped = tuple(held_elsewhere)
    return [
        (name, column)
        for name, row in cells().items()
        for column, text in row.items()
        if text not in (NOT_TAKEN, NOT_YET, DEFINITION) and not name.startswith(skipped)
    ]


def short_of(counts: Counts, least: int, held_elsewhere: Iterable[str] = ()) -> list[str]:
    """Return a line for each cell with fewer than ``least`` answered cases."""
    return [
        f"{name} {column}: {counts.answered[name, column]} of {least}"
        for name, column in wanted(held_elsewhere)
        if counts.answered[name, column] < least
    ]


def print_report(counts: Counts, console: Console) -> None:
    """Print a row an operator, a column a type: how many cases the oracle answered."""
    used = [column for column in COLUMNS if any(cell[1] == column for cell in counts.answered)]
    result = table("operator", *used, right=tuple(used))
    rows: Mapping[str, dict[str, int]] = {}
    for (name, column), number in sorted(counts.answered.items()):
        rows.setdefault(name, {})[column] = number  # type: ignore[attr-defined]
    for name, row in rows.items():
        result.add_row(name, *(str(row[column]) if column in row else "" for column in used))
    console.print(result)
    console.print(
        f"{len(rows)} operators, {len(counts.answered)} cells: {sum(counts.answered.values())} answers of the oracle "
        f"compared bit for bit, {sum(counts.refused.values())} cases that it refuses; "
        f"{len(counts.differing)} {MISMATCHES}{': ' if counts.differing else ''}{', '.join(counts.differing)}"
    )
