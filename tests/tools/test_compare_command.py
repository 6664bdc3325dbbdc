"""``q31 compare`` as it is used: dumps of firmware, the guilty operator cut out, exit codes, wrong usage."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
import pytest

import q31
from q31.tools.arrays import random_array, read_npz
from q31.tools.cli import VERBS, main
from q31.tools.digits.bundle import model_path

MODEL = str(model_path("integer_int8"))
CONVOLVED = 8  # the output of operator 1


@pytest.fixture(scope="module")
def trace() -> q31.engine.trace.Trace:
    model = q31.load(MODEL)
    (port,) = model.inputs
    return model.trace(random_array(port, np.random.default_rng(0)), seed=0)


@pytest.fixture
def folder(tmp_path: Path, trace: q31.engine.trace.Trace) -> Path:
    """A folder with what a run left behind: its input, all of its trace, and a convolution with one value off."""
    np.save(tmp_path / "x.npy", trace.tensors[0])
    trace.save(tmp_path / "t.npz")
    wrong = trace.tensors[CONVOLVED].copy()
    wrong[0, 2, 3, 4] ^= 1
    wrong.tofile(tmp_path / "wrong.bin")
    lines = [f"{at:04x}: {wrong.tobytes()[at : at + 16].hex(' ')}" for at in range(0, wrong.nbytes, 16)]
    (tmp_path / "wrong.hex").write_text(f"tensor {CONVOLVED}\n" + "\n".join(lines) + "\n")
    return tmp_path


def compare(*arguments: object) -> int:
    try:
        return main(["compare", MODEL, *map(str, arguments)])
    except SystemExit as stop:
        return int(stop.code or 0)


def test_help_has_an_example_that_works(capsys: pytest.CaptureFixture[str]) -> None:
    assert compare("--help") == 0
    (example,) = [one for one in capsys.readouterr().out.splitlines() if "digits_integer" in one]
    words = shlex.split(example)
    assert words[:2] == ["q31", "compare"] and words[1] in VERBS
    assert compare(*words[3:]) == 1
    assert "first tensor that differs: output 8" in capsys.readouterr().out


def test_a_trace_is_equal_to_the_run_it_was_made_of(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare("--against", folder / "t.npz") == 0  # on the input that it holds
    assert capsys.readouterr().out.splitlines()[-1] == "equal: every value that 5 operators gave"
    assert compare("--against", folder / "t.npz", "--profile", "single") == 1


@pytest.mark.parametrize("arguments", [("wrong.hex",), ("wrong.bin", "--tensor", CONVOLVED)])
def test_a_value_in_a_dump_of_firmware(
    arguments: tuple[object, ...], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, *rest = arguments
    assert compare("--against", folder / str(name), "--input", folder / "x.npy", *rest) == 1
    printed = capsys.readouterr().out
    assert "operator 1, CONV_2D" in printed and "1 of 8,112 values differs, by 1 LSB" in printed
    assert f"--op 1 --at 0,2,3,4 --input {folder / 'x.npy'} --profile litert" in printed
    assert "does not tell operator 0" in printed


def test_the_guilty_operator_is_cut_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = folder / "small.tflite"
    arguments = ("--against", "profile:single", "--minimal", small, "--json")
    assert compare(*arguments) == 1
    printed = json.loads(capsys.readouterr().out)
    assert printed["written"] == [str(folder / name) for name in _PARTS]
    inputs, own, other = (read_npz(str(folder / name)) for name in _PARTS[1:])
    model = q31.load(small)
    assert [one.name for one in model.operators] == ["CONV_2D"]
    assert model(inputs).tobytes() == own[model.outputs[0].name].tobytes()
    single = q31.load(small, profile="single")(inputs)
    assert single.tobytes() == other[model.outputs[0].name].tobytes() != own[model.outputs[0].name].tobytes()
    again = ["compare", str(small), "--input", str(folder / "small.npz"), "--against"]
    assert main([*again, str(folder / "small.q31.npz")]) == 0
    assert main([*again, str(folder / "small.against.npz")]) == 1


_PARTS = ["small.tflite", "small.npz", "small.q31.npz", "small.against.npz"]


def test_nothing_is_written_where_nothing_differs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(folder.iterdir())
    assert compare("--against", "profile:litert", "--minimal", folder / "small.tflite", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["equal"] and printed["written"] == [] and printed["first"] is None
    assert sorted(folder.iterdir()) == before


def test_json_holds_every_operator(capsys: pytest.CaptureFixture[str]) -> None:
    assert compare("--against", "profile:single", "--json") == 1
    printed = json.loads(capsys.readouterr().out)
    assert [one["index"] for one in printed["operators"]] == list(range(5))
    output = printed["operators"][1]["outputs"][0]
    assert output["total"]["histogram"] == {"-1": output["total"]["count"]}
    assert output["local"] == output["total"] and output["inherited"]["count"] == 0
    assert printed["stamp"]["seed"] == 0 and printed["other_stamp"]["profile"] == "single"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "the following arguments are required: --against"),
        (("--against", "nonsense"), "--against nonsense: expected litert-ref, litert, profile:NAME"),
        (("--against", "profile:fast"), "no profile is named 'fast'; there are"),
        (("--against", "model:{}/none.tflite"), "none.tflite: No such file or directory"),
        (("--against", "model:{}/x.npy"), "x.npy"),
        (("--against", "{}/none.hex"), "none.hex: No such file or directory"),
        (("--against", "{}/bad.hex", "--input", "random"), "bad.hex: line 2: expected bytes of two hexadecimal digits"),
        (("--against", "{}/wrong.bin", "--input", "random"), "'PartitionedCall:0' take 10 bytes; there are 8,112"),
        (("--against", "{}/wrong.hex"), "the dump does not hold the model's inputs: give the input"),
        (("--against", "{}/t.npz", "--input", "{}/other.npy"), "is not the one that the dump holds"),
        (("--against", "profile:single", "--tensor", "8"), "--tensor says what a dump holds; the other side is none"),
        (("--against", "profile:single", "--minimal", "{}/part.bin"), "expected a name that ends in .tflite"),
        (("--against", "profile:single", "--minimal", "{}/none/part.tflite"), "No such file or directory"),
        (("--against", "profile:single", "--minimal", MODEL), "is the model itself"),
        (("--against", "profile:single", "--input", "{}/t.npz"), "no input is named"),
        (("--against", "{}/input_only.npz"), "holds no output of an operator"),
        (("--against", "{}/shape.npz", "--input", "random"), "expected int8[1, 10], got int64[11]"),
    ],
)
def test_wrong_usage_is_one_line(
    arguments: tuple[str, ...], message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "bad.hex").write_text("00 01\nno\n")
    np.save(folder / "other.npy", np.zeros_like(np.load(folder / "x.npy")))
    model = q31.load(MODEL)
    np.savez(folder / "input_only.npz", **{str(model.inputs[0].index): np.load(folder / "x.npy")})
    np.savez(folder / "shape.npz", **{str(model.outputs[0].index): np.zeros(11, np.int64)})
    assert compare(*(one.format(folder) for one in arguments)) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("q31: error: ") and printed.err.count("\n") == 1, printed.err
    assert message in printed.err
