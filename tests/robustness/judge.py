"""Whether q31 took a broken model as it should: an answer, the same by both back ends, or an error on purpose."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

from conformance.judge import BACKENDS
from q31.tools.conformance.differences import compare
from robustness.jobs import Job, Outcome
from robustness.process import Died, Worker

FAILURES = Path(__file__).with_name("failures")


def hold(worker: Worker, job: Job, name: str) -> None:
    """Run a job; where something goes wrong, save it for ``replay.py`` and raise AssertionError."""
    if wrong := problem(worker, job):
        FAILURES.mkdir(exist_ok=True)
        saved = FAILURES / f"{re.sub('[^A-Za-z0-9_]+', '_', name.split()[0])}.pkl"
        saved.write_bytes(pickle.dumps(job))
        raise AssertionError(f"{name} (saved as {saved.name}): {wrong}")


def problem(worker: Worker, job: Job) -> str:
    """Run a job and return what went wrong, or an empty string."""
    try:
        outcomes = worker.ask(job)
    except Died as death:
        return f"the process died: {death}"
    for name, outcome in outcomes.items():
        if outcome.kind == "defect":
            return f"{name}: {outcome.name}: {outcome.text}"
    return _disagreement({name: outcomes[name] for name in BACKENDS})


def _disagreement(outcomes: dict[str, Outcome]) -> str:
    if all(outcome.kind == "large" or "memory" in outcome.text for outcome in outcomes.values()):
        return ""  # which of them runs out of memory first is not the model's affair
    (name, first), *others = outcomes.items()
    for other_name, other in others:
        if first.kind != other.kind or first.name != other.name:
            return f"{name}: {_brief(first)}; {other_name}: {_brief(other)}"
        if first.kind == "answer" and (difference := compare(first.outputs, other.outputs)):
            return f"{other_name} against {name}: {difference}"
    return ""


def _brief(outcome: Outcome) -> str:
    return f"{outcome.kind} {outcome.name} {outcome.text}".strip()
