"""All strategies of cases, by name."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from hypothesis.strategies import SearchStrategy

from .case import Case


def collect() -> dict[str, SearchStrategy[Case]]:
    """Gather ``CASES`` of every ``cases_<family>.py`` beside this file."""
    cases: dict[str, SearchStrategy[Case]] = {}
    for path in sorted(Path(__file__).parent.glob("cases_*.py")):
        for name, strategy in import_module(f".{path.stem}", __package__).CASES.items():
            assert name not in cases, f"two cases are named {name!r}"
            cases[name] = strategy
    return cases
