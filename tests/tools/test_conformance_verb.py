"""``q31 conformance``: what an implementation gets right and wrong is told as it is."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import q31
from q31.tools.cli import main
from q31.tools.conformance.oracle import Abort, Answer, Refusal, missing
from q31.tools.conformance.problems import generate
from q31.tools.conformance.runners import CommandRunner, make_runner
from q31.tools.conformance.verdicts import ACCEPTED, CRASHED, EXACT, OFF, REFUSED, RIGHTLY_REFUSED, judge

CELL = ("ADD", "int8")


def right(model: bytes, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """q31 again, by another way."""
    interpreter = q31.Interpreter(model_content=model, backend="numpy")
    for detail, array in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.resize_tensor_input(detail["index"], array.shape)
    interpreter.allocate_tensors()
    for detail, array in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], array)
    interpreter.invoke()
    return [interpreter.get_tensor(one["index"]) for one in interpreter.get_output_details()]


def run(runner: Any, **options: Any) -> Any:
    return q31.run_conformance(runner, operators=["ADD"], types=["int8"], examples=8, **options)[CELL]


def test_an_exact_implementation_is_exact() -> None:
    tally = run(right)
    assert not tally.failed and tally.kinds[EXACT] >= 8 and tally.kinds[RIGHTLY_REFUSED] >= 1


def test_one_code_more_is_off_by_one() -> None:
    def wrong(model: bytes, inputs: list[np.ndarray]) -> list[np.ndarray]:
        return [np.where(array < 100, array + 1, array).astype(array.dtype) for array in right(model, inputs)]

    tally = run(wrong)
    assert tally.kinds[OFF] and tally.distance == 1 and "off by 1 of" in tally.text() and "instead of" in tally.first


def test_who_answers_everything_accepts_what_must_be_refused() -> None:
    def careless(model: bytes, inputs: list[np.ndarray]) -> list[np.ndarray]:
        try:
            return right(model, inputs)
        except q31.Error:
            return [np.zeros(1, np.int8)]

    tally = run(careless)
    assert tally.kinds[ACCEPTED] and not tally.kinds[OFF] and tally.failed


def test_who_refuses_everything_refuses() -> None:
    def lazy(model: bytes, inputs: list[np.ndarray]) -> list[np.ndarray]:
        raise NotImplementedError("not today")

    tally = run(lazy)
    assert tally.kinds[REFUSED] and tally.kinds[RIGHTLY_REFUSED] and "not today" in tally.first


def test_outputs_of_which_part_is_defined_are_compared_in_part() -> None:
    results = q31.run_conformance("q31", operators=["TFLite_Detection_PostProcess"], types=["float32"], examples=3)
    assert not any(tally.failed for tally in results.values())


def test_the_problems_are_those_of_the_seed() -> None:
    def models(seed: int) -> list[bytes]:
        return [problem.model for problem in generate("ADD int8", 6, seed, "litert")]

    assert models(1) == models(1) != models(2)


PROGRAM = """\
import sys, numpy as np, q31
model, inputs, outputs = sys.argv[1:4]
interpreter = q31.Interpreter(model, backend="numpy")
with np.load(inputs) as given:
    arrays = [given[f"input_{i}"] for i in range(len(given.files))]
for detail, array in zip(interpreter.get_input_details(), arrays):
    interpreter.resize_tensor_input(detail["index"], array.shape)
interpreter.allocate_tensors()
for detail, array in zip(interpreter.get_input_details(), arrays):
    interpreter.set_tensor(detail["index"], array)
interpreter.invoke()
found = [interpreter.get_tensor(one["index"]) for one in interpreter.get_output_details()]
if outputs.endswith(".npz"):
    np.savez(outputs, **{f"output_{i}": array for i, array in enumerate(found)})
else:
    for i, array in enumerate(found):
        array.tofile(f"{outputs}/output_{i}.bin")
"""


@pytest.mark.parametrize("outputs", ["{outputs}", "{outputs_dir}"])
def test_a_command_is_asked(tmp_path: Path, outputs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(q31.__file__).parent.parent))
    program = tmp_path / "my sim.py"
    program.write_text(PROGRAM)
    command = f"{sys.executable} '{program}' {{model}} {{inputs}} {outputs}"
    tally = q31.run_conformance(command, operators=["ADD"], types=["int8"], examples=2)[CELL]
    assert not tally.failed and tally.kinds[EXACT] >= 2


@pytest.mark.parametrize(
    ("script", "kind", "text"),
    [
        ("exit 3", Refusal, "exit code 3"),
        ("kill -9 $$", Abort, "exit code -9"),
        ("exec sleep 60", Abort, "no end in 0.5 s"),
        ("true", Abort, "neither outputs.npz nor output_0.bin was written"),
        ("echo nothing > $2", Abort, "expected an .npz file"),
        ("echo why >&2; exit 1", Refusal, "why"),
    ],
)
def test_how_a_command_ends_says_what_it_did(script: str, kind: type, text: str) -> None:
    problem = next(one for one in generate("ADD int8", 2, 0, "litert") if one.expected is not None)
    outcome = CommandRunner(f"sh -c '{script}' sh {{model}} {{outputs}}", 0.5).run(problem)
    assert isinstance(outcome, kind) and text in str(outcome)
    assert judge(problem, outcome).kind == (REFUSED if kind is Refusal else CRASHED)


@pytest.mark.parametrize(
    ("runner", "message"),
    [
        ("nobody", "runner 'nobody': expected q31, litert-ref"),
        ("./sim {model}", r"expected \{model\} and \{outputs\}"),
        ("no.module:f", "No module named"),
        ("./sim '{model} {outputs}", "No closing quotation"),
    ],
)
def test_runners_that_are_none(runner: str, message: str) -> None:
    with pytest.raises(q31.InputError, match=message):
        make_runner(runner, "litert", 1.0)


def test_a_command_that_is_not_there() -> None:
    with pytest.raises(q31.InputError, match="cannot be started"):
        run("/no/such/simulator {model} {outputs}")


def test_the_verb_prints_saves_and_says_no(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["conformance", "--operators", "ADD", "--types", "int8", "--examples", "3"]
    assert main([*common, "--runner", "q31", "--html", str(tmp_path / "t.html")]) == 0
    assert "0 not as they have to be" in capsys.readouterr().out
    assert "<td title=''>exact" in (tmp_path / "t.html").read_text()
    sys.modules["lazy_implementation"] = type("m", (), {"run": staticmethod(lambda model, inputs: 1 / 0)})  # type: ignore[assignment]
    try:
        wrong = [*common, "--runner", "lazy_implementation:run", "--failures", str(tmp_path / "failures"), "--json"]
        assert main([*wrong, "--out", str(tmp_path / "t.json")]) == 1
    finally:
        del sys.modules["lazy_implementation"]
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((tmp_path / "t.json").read_text())
    assert printed["operators"]["ADD"]["int8"]["kinds"]["refused"] >= 3
    model = next((tmp_path / "failures").glob("*.tflite"))
    with np.load(model.with_suffix(".npz")) as saved:
        got = right(model.read_bytes(), [saved["input_0"], saved["input_1"]])
        np.testing.assert_array_equal(got[0], saved["expected_0"])


def test_skipped_problems_are_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "skip.txt").write_text("# known\nADD int8  # and why\n")
    common = ["conformance", "--runner", "q31", "--operators", "ADD", "--examples", "1", "--json"]
    assert main([*common, "--types", "int8,uint8", "--skip", str(tmp_path / "skip.txt")]) == 0
    assert list(json.loads(capsys.readouterr().out)["operators"]["ADD"]) == ["uint8"]


@pytest.mark.parametrize(
    "wrong", [["--operators", "NOTHING"], ["--types", "int7"], ["--examples", "0"], ["--skip", "/no"]]
)
def test_bad_arguments_are_one_line(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conformance", "--runner", "q31", *wrong]) == 2
    error = capsys.readouterr().err
    assert error.startswith("q31: error: ") and error.count("\n") == 1


@pytest.mark.skipif(bool(missing()), reason=missing())
@pytest.mark.parametrize("runner", ["litert-ref", "litert-builtin", "litert"])
def test_litert_is_asked_by_each_resolver(runner: str) -> None:
    results = q31.run_conformance(runner, operators=["CONV_2D"], types=["int8"], examples=6)
    tally = results["CONV_2D", "int8"]
    assert tally.kinds[EXACT] >= 6
    assert runner != "litert-ref" or not tally.failed, tally.first
    problem = next(one for one in generate("CONV_2D int8 per-channel", 1, 0, "litert") if one.expected is not None)
    assert isinstance(make_runner(runner, "litert", 60.0).run(problem), Answer)
