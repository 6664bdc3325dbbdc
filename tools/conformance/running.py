"""Putting the problems to an implementation, and counting what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ...engine.session import find_profile
from ...schema import InputError
from . import problems as problem_sets
from .cells import named_cell
from .runners import make_runner
from .verdicts import FAILURES, Results, Tally, judge, save_failure


def run_conformance(
    runner: str | Callable[..., Any],
    *,
    operators: Sequence[str] = (),
    types: Sequence[str] = (),
    examples: int = 20,
    seed: int = 0,
    profile: str = "litert",
    timeout: float = 60.0,
    skip: Sequence[str] = (),
    failures: str | Path | None = None,
    progress: Callable[[str, int, int], None] = lambda name, done, total: None,
) -> Results:
    """Put the problems to an implementation and return, for each operator and type, what became of them.

    Parameters
    ----------
    runner : a callable ``f(model: bytes, inputs: list of arrays) -> outputs``, or what ``--runner`` takes.
    operators, types : only these.
    examples : problems of each kind.
    seed : of the problems.
    profile : whose bits are right.
    timeout : seconds a command or LiteRT may take.
    skip : ``"OPERATOR"`` or ``"OPERATOR TYPE"``, left out.
    failures : folder in which failing problems are saved.

    Raises
    ------
    InputError
        Where there are no such problems, or the runner cannot be had.
    """
    find_profile(profile)
    if examples < 1:
        raise InputError(f"examples: expected a positive number, got {examples}")
    names = problem_sets.select(problem_sets.strategies(), operators, types)
    names = [name for name in names if not _skipped(name, skip)]
    asked, results = make_runner(runner, profile, timeout), Results()
    try:
        for done, name in enumerate(names):
            progress(name, done, len(names))
            for problem in problem_sets.generate(name, examples, seed, profile):
                verdict = judge(problem, asked.run(problem))
                results.setdefault(problem.cell, Tally()).add(verdict)
                if failures is not None and verdict.kind in FAILURES:
                    save_failure(Path(failures), problem, verdict)
        progress("", len(names), len(names))
    finally:
        asked.close()
    return results


def _skipped(name: str, skip: Sequence[str]) -> bool:
    operator, column = named_cell(name) or ("", "")
    return operator in skip or f"{operator} {column}" in skip
