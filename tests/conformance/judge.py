"""Holding one case three ways: ``evaluate`` == compiled == oracle, bit for bit."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import q31
from q31.tools.conformance.case import Case
from q31.tools.conformance.cells import cells_of, named_cell
from q31.tools.conformance.differences import compare
from q31.tools.conformance.oracle import Answer, Oracle, Refusal, Result, resolver_for

from .report import Counts

FAILURES = Path(__file__).with_name("failures")
BACKENDS = ("numpy", "numba")

# A model that ends this process leaves its case behind when this variable is set.
KEEP_LAST = "Q31_CONFORMANCE_KEEP_LAST"


def run(case: Case, backend: str) -> list[np.ndarray] | q31.Error:
    """Run a case in q31 and return the outputs of every invoke, one after the other.

    An error that q31 raises on purpose is an answer too; any other exception is not caught.
    """
    try:
        interpreter = q31.Interpreter(model_content=case.model, backend=backend)
        details = interpreter.get_input_details()
        for detail, array in zip(details, case.inputs, strict=True):
            if tuple(detail["shape"]) != array.shape:
                interpreter.resize_tensor_input(detail["index"], array.shape)
        interpreter.allocate_tensors()
        outputs = []
        for number, arrays in enumerate(case.runs):
            if case.resets and number:
                interpreter.reset_all_variables()
            for detail, array in zip(details, arrays, strict=True):
                interpreter.set_tensor(detail["index"], array)
            interpreter.invoke()
            details_of_outputs = interpreter.get_output_details()
            outputs += case.defined([interpreter.get_tensor(detail["index"]) for detail in details_of_outputs])
        return outputs
    except q31.Error as error:
        return error


def ask(oracle: Oracle, case: Case) -> Result:
    """Run a case in the oracle; an answer has the outputs of every invoke, one after the other."""
    answer = oracle.run_many(case.model, case.runs, resets=case.resets, resolver=resolver_for(case.graph))
    return (
        Answer([[output for outputs in answer.runs for output in case.defined(outputs)]])
        if isinstance(answer, Answer)
        else answer
    )


@dataclass
class Tally:
    """What became of the examples of one strategy."""

    answered: int = 0
    silent: int = 0
    reasons: list[str] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)

    def no_answer(self, reason: str) -> None:
        self.silent += 1
        if reason not in self.reasons and len(self.reasons) < 5:
            self.reasons.append(reason)

    def require_mostly_answered(self, name: str) -> None:
        """Fail where the oracle answered fewer than half of the examples: such a strategy proves little."""
        total = self.answered + self.silent
        # Two standard deviations of luck are allowed: few examples are run most of the time.
        assert total and self.answered >= total / 2 - total**0.5, (
            f"{name}: the oracle answered only {self.answered} of {total} examples:\n" + "\n".join(self.reasons)
        )


def save(name: str, case: Case, message: str) -> Path:
    """Write a failing case as model, inputs and a note on how to run it again; return the model's path."""
    FAILURES.mkdir(exist_ok=True)
    stem = re.sub(r"[^A-Za-z0-9_]+", "_", name)
    model = FAILURES / f"{stem}.tflite"
    model.write_bytes(case.model)
    arrays = {f"in{i}_{k}": array for k, run in enumerate(case.runs) for i, array in enumerate(run)}
    np.savez(FAILURES / f"{stem}.npz", **arrays)
    digest = hashlib.sha256(case.model).hexdigest()
    (FAILURES / f"{stem}.txt").write_text(
        f"{name}\n{message}\n\n{case!r}\n\nmodel sha256 {digest}\n"
        f"again: python tests/conformance/replay.py {model.relative_to(FAILURES.parent.parent.parent)}\n"
    )
    return model


def judge(name: str, case: Case, oracle: Oracle, tally: Tally) -> None:
    """Hold one case three ways; on a difference save the case and raise AssertionError."""
    cells, named = cells_of(case.graph), named_cell(name)
    assert named is None or named in cells, f"the case is named {named} and holds {cells}"
    if os.environ.get(KEEP_LAST):
        save("last", case, "the last case begun before the process ended")
    expected = ask(oracle, case)
    try:
        got = {backend: run(case, backend) for backend in BACKENDS}
    except Exception as error:
        save(name, case, f"not an error raised on purpose: {error!r}")
        raise
    problem = _problem(expected, got, case.within)
    if problem and isinstance(expected, Answer):
        # Memory that LiteRT left unwritten, or an earlier model spoiled, is no answer: ask a fresh process.
        oracle.close()
        again = ask(oracle, case)
        if not isinstance(again, Answer) or compare(expected.outputs, again.outputs, case.within):
            expected, problem = Refusal("unsteady", "another process gives other bits"), _problem(None, got)
    if problem:
        path = save(name, case, problem)
        raise AssertionError(f"{problem}\n{case!r}\nsaved as {path.name}")
    if isinstance(expected, Answer):
        tally.answered += 1
        tally.counts.answered.update(cells)
    else:
        tally.no_answer(str(expected))
        tally.counts.refused.update(cells)


def _problem(expected: Result | None, got: dict[str, list[np.ndarray] | q31.Error], within: float = 0.0) -> str:
    readable, compiled = got["numpy"], got["numba"]
    if isinstance(readable, q31.Error) or isinstance(compiled, q31.Error):
        if isinstance(expected, Answer):
            error = readable if isinstance(readable, q31.Error) else compiled
            return f"the oracle answers, q31 raises {type(error).__name__}: {error}"
        if type(readable) is not type(compiled):
            return f"evaluate gives {readable!r}, compiled gives {compiled!r}"
        return ""
    if isinstance(expected, Answer):
        for label, outputs in (("evaluate", readable), ("compiled", compiled)):
            if difference := compare(expected.outputs, outputs, within):
                return f"{label} against the oracle: {difference}"
    elif difference := compare(readable, compiled):
        return f"compiled against evaluate: {difference}"
    return ""
