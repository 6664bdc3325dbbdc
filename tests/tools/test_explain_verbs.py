"""``q31 trace`` and ``q31 explain`` as somebody uses them: files, tables, JSON, bad input."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import q31
from explained_steps import recompute
from q31.kernels.explain.operations import OPERATIONS
from q31.tools.cli import main
from q31.tools.digits.bundle import model_path

ROOT = Path(q31.__file__).resolve().parent
INT8, FLOAT = str(model_path("integer_int8")), str(model_path("float32"))


def prints(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 0
    printed = capsys.readouterr()
    assert "error" not in printed.err
    return printed.out


def test_trace_saves_what_it_lists(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "t.npz")
    printed = prints(capsys, "trace", INT8, "--out", out, "--seed", "3")
    for word in ("CONV_2D", "accumulator_without_bias", "input_sum", "1x26x26x12", "random input of seed 3", out):
        assert word in printed
    summary = json.loads(prints(capsys, "trace", INT8, "--seed", "3", "--json"))
    with np.load(out) as file:
        assert json.loads(str(file["stamp"]))["seed"] == 3 == summary["stamp"]["seed"]
        for operator in summary["operators"]:
            for name, entry in operator["intermediates"].items():
                array = file[f"operator/{operator['index']}/{name}"]
                assert [list(array.shape), str(array.dtype)] == [entry["shape"], entry["dtype"]]
                assert [array.min(), array.max()] == [entry["min"], entry["max"]]
            for entry in operator["outputs"]:
                assert file[f"tensor/{entry['tensor']}"].max() == entry["max"]
    assert [path.name for path in tmp_path.iterdir()] == ["t.npz"]


def test_trace_takes_a_given_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "x.npy", np.full((1, 28, 28), 5, np.int8))
    prints(capsys, "trace", INT8, "--input", str(tmp_path / "x.npy"), "--out", str(tmp_path / "t.npz"))
    with np.load(tmp_path / "t.npz") as file:
        assert json.loads(str(file["stamp"]))["seed"] is None
        assert np.all(file["tensor/0"] == 5)


def test_explain_prints_profiles_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    printed = prints(capsys, "explain", INT8, "--op", "1", "--at", "0,5,5,2", "--profile", "litert,single")
    assert printed.count("<- here the profiles") == 1
    assert "receptive field: 9 products" in printed and "the same in all profiles" in printed
    assert "litert: =" in printed and "single: =" in printed


def test_explain_takes_the_middle_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    printed = prints(capsys, "explain", INT8, "--op", "4")
    assert "this is the middle of the output, --at 0,5" in printed and "... 2016 more" in printed
    printed = prints(capsys, "explain", INT8, "--op", "4", "--all-rows")
    assert "[5, 2027]" in printed and "more (" not in printed


def test_the_json_can_be_recomputed(capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(prints(capsys, "explain", INT8, "--op", "1", "--profile", "tflm,single", "--json"))
    assert list(told["profiles"]) == ["tflm", "single"] and told["stamp"]["profile"] == "tflm"
    for profile in told["profiles"].values():
        steps = [part for part in profile["parts"] if "operation" in part]
        for step in steps:
            recompute(step)
        assert steps[-1]["result"] == profile["result"]
        assert profile["error"] == pytest.approx(profile["value"] - profile["exact"])


def test_every_operation_is_documented() -> None:
    page = (ROOT / "docs/explain.md").read_text(encoding="utf-8")
    assert [name for name in OPERATIONS if f"`{name}`" not in page] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["explain", INT8], "required: --op"),
        (["explain", INT8, "--op", "x"], "expected an integer"),
        (["explain", INT8, "--op", "99"], "operator 99: expected 0 to 4"),
        (["explain", INT8, "--op", "99", "--at", "0"], "operator 99: expected 0 to 4"),
        (["explain", INT8, "--op", "1", "--at", "0,a"], "expected an index such as"),
        (["explain", INT8, "--op", "1", "--at", "0,26,0,0"], "the output's shape is [1, 26, 26, 12]"),
        (["explain", INT8, "--op", "1", "--profile", "cmsis"], "expected litert, tflm or single"),
        (["explain", FLOAT, "--op", "1"], "has no integer arithmetic to explain"),
        (["explain", "missing.tflite", "--op", "1"], "missing.tflite'"),
        (["explain", INT8, "--op", "1", "--input", "missing.npy"], "missing.npy: No such file"),
        (["trace", INT8, "--out", "no/such/folder/t.npz"], "no/such/folder/t.npz: No such file"),
        (["trace", INT8, "--out", "."], "Is a directory"),
        (["trace", __file__], "expected"),
    ],
)
def test_bad_input_is_an_error_in_a_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(arguments)
    except SystemExit as stop:
        assert isinstance(stop.code, int)
        code = stop.code
    printed = capsys.readouterr()
    assert code == 2 and message in printed.err and printed.err.count("\n") == 1, printed
