"""examples/mnist: what the program prints is measured, holds the tutorial's finding, and its page is true."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import q31
from conformance.shared import SHARED, needs_shared
from q31.tools.conformance.oracle import missing
from q31.tools.digits.bundle import model_path, read_digits, reference
from q31.tools.quantization.quantize import MODES
from q31.tools.quantization.range_choice import METHODS

ROOT = Path(q31.__file__).parent
FOLDER = ROOT / "examples" / "mnist"
PROGRAM = FOLDER / "quantize_digits.py"
MNIST = SHARED / "data" / "mnist"
PAGE = (FOLDER / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The program as a module, in a folder where there is no MNIST."""
    monkeypatch.delenv("MNIST_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    specification = importlib.util.spec_from_file_location("quantize_digits", PROGRAM)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    monkeypatch.setitem(sys.modules, "quantize_digits", module)  # where its dataclasses look for themselves
    specification.loader.exec_module(module)
    return module


def run(program: ModuleType, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", [str(PROGRAM), *arguments])
    return program.main()


def table(
    program: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> dict[str, Any]:
    """Run the program; returns its JSON."""
    assert run(program, monkeypatch, "--json", *arguments) == 0
    return json.loads(capsys.readouterr().out)


def agrees(row: dict[str, Any]) -> bool:
    """Whether LiteRT computed the same bits, or is not there."""
    return row["litert_equal"] is (None if missing() else True)


def test_without_mnist_it_says_so_and_takes_the_drawn_digits(
    program: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(program, monkeypatch, "--json", "--out", "made") == 0
    output, error = capsys.readouterr()
    assert error.count("\n") == 1 and "t10k-images-idx3-ubyte.gz" in error and "https://" in error
    found = json.loads(output)
    assert "drawn digits, not MNIST" in found["data"]
    for row in found["rows"]:
        assert row["q31"]["right"] == 1.0 and row["q31"]["drop"] == 0 and agrees(row), row["name"]
        path = tmp_path / "made" / f"{row['name'].replace(', ', '_').replace(' ', '_')}.tflite"
        assert path.stat().st_size == row["q31"]["bytes"], row["name"]
    assert (tmp_path / "made" / "float32.tflite").read_bytes() == model_path("float32").read_bytes()
    with np.load(tmp_path / "made" / "held_back.npz") as arrays:
        np.testing.assert_array_equal(arrays["image"], read_digits().images)


def test_there_is_a_row_for_each_mode_and_each_model_of_the_converter(program: ModuleType) -> None:
    modes = {arguments.get("mode", "float32") for _, arguments, _ in program.KINDS}
    assert modes == {"float32", *MODES}
    bundled = {path.stem.removeprefix("digits_") for path in model_path("float32").parent.iterdir()}
    assert {converters for _, _, converters in program.KINDS if converters} == bundled - {"float32"}


@needs_shared
def test_on_mnist_no_mode_loses_more_than_the_tutorial_allows(
    program: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("MNIST_DIR", str(MNIST))
    rows = table(program, monkeypatch, capsys, "--out", str(tmp_path))["rows"]
    recorded = {form: one["held_back_correct"] / reference()["held_back"] for form, one in reference()["forms"].items()}
    assert rows[0]["q31"]["right"] == recorded["float32"]
    forms = {name: converters for name, _, converters in program.KINDS}
    for row in rows:
        assert row["q31"]["drop"] <= 0.3 and agrees(row), row["name"]
        if row["converter"] is not None:
            assert row["converter"]["right"] == recorded[forms[row["name"]]], row["name"]
            assert row["q31"]["bytes"] <= row["converter"]["bytes"] * 1.02, row["name"]
        if row["name"].startswith("int8") and row["converter"] is not None:
            assert row["apart"] == 0, f"{row['name']}: the converter had the same images"
    paths = [tmp_path / f"{row['name'].replace(', ', '_').replace(' ', '_')}.tflite" for row in rows]
    judged = q31.evaluate(paths, tmp_path / "held_back.npz", timing=False)
    for row, one in zip(rows, judged.models, strict=True):
        assert one.counts.accuracy() == row["q31"]["right"] and one.cost.weights_bytes == row["q31"]["constants"]


@needs_shared
def test_a_damaged_image_spoils_min_max_and_not_a_moving_average(
    program: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MNIST_DIR", str(MNIST))
    assert run(program, monkeypatch, "--methods") == 0
    lines = capsys.readouterr().out.splitlines()[3:]
    found = {line.split()[0]: [float(cell.rstrip("%")) for cell in line.split()[1:]] for line in lines}
    assert list(found) == list(METHODS)
    right = {method: numbers[1::4] for method, numbers in found.items()}  # of good images, of the two faulty sets
    highs = {method: numbers[0::4] for method, numbers in found.items()}
    assert all(good >= 97.4 for good, _, _ in right.values())
    assert max(right["min-max"][1:]) < 75 and min(highs["min-max"][1:]) > 200
    assert min(right["moving-average"]) > 97.4 and max(highs["moving-average"]) < 5
    assert right["percentile"][1] > 96 and highs["percentile"][1] < 5


def test_a_model_that_loses_too_much_fails_the_program(
    program: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program, "LARGEST_DROP", -1)
    assert run(program, monkeypatch) == 1
    assert "int8-only, int8 ends" in capsys.readouterr().err.splitlines()[-1]


def test_other_bits_in_litert_fail_the_program(
    program: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program, "litert_outputs", lambda content, inputs: np.zeros((10, 10), np.int8))
    assert run(program, monkeypatch) == 1
    output, error = capsys.readouterr()
    assert "DIFFERS" in output and error.splitlines()[-1].startswith("other bits in LiteRT: float32, ")


def test_without_litert_its_column_is_empty(
    program: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    assert run(program, monkeypatch, "--json") == 0
    output, error = capsys.readouterr()
    assert {row["litert_equal"] for row in json.loads(output)["rows"]} == {None} and "ai-edge-litert" in error


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--images", "nowhere.gz", "--labels", "nowhere.gz"], "nowhere.gz"),
        (["--images", "nowhere.gz"], "both --images and --labels"),
        (["--images", "nowhere.gz", "--labels", ""], "both --images and --labels"),
        (["--images", str(PROGRAM), "--labels", str(PROGRAM)], "IDX"),
        (["--calibrate", "0"], "--calibrate 0: expected a positive number"),
        (["--out", str(PROGRAM)], "quantize_digits.py"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_input_is_one_line(
    program: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    assert run(program, monkeypatch, *arguments) == 2
    output, error = capsys.readouterr()
    assert output == "" and error.count("\n") == 1 and said in error


def blocks() -> list[tuple[str, str]]:
    """Return the page's blocks: language and text."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def command(line: str) -> list[str]:
    words = shlex.split(line)
    return [sys.executable, *words[1:]] if words[0] == "python" else [sys.executable, "-m", *words]


def test_the_pages_commands_run_and_its_tables_are_what_they_print(tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    environment = {**os.environ, "MNIST_DIR": str(MNIST)}
    exact = MNIST.is_dir() and not missing()
    script = ""  # Python blocks go on from one another
    printed = ""
    for language, text in blocks():
        if language == "":
            assert not exact or printed == text, f"the page shows\n{text}and the program prints\n{printed}"
            continue
        if language == "python":
            script += text
            commands = [[sys.executable, "-c", script]]
        else:
            commands = [command(line) for line in text.replace("\\\n", " ").splitlines()]
        for words in commands:
            done = subprocess.run(
                words, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=300, encoding="utf-8"
            )
            assert done.returncode == 0, f"{words}: {done.stderr}"
            printed = done.stdout
    made = [tmp_path / "digits" / name for name in ("mine.tflite", "int8-only_int8_ends.tflite")]
    assert made[0].read_bytes() == made[1].read_bytes()
    if exact:
        plain, better = (tmp_path / "digits" / name for name in ("int8-only_int4_weights.tflite", "int4_gptq.tflite"))
        model, data = tmp_path / "digits" / "float32.tflite", tmp_path / "digits" / "held_back.npz"
        before, after = (q31.debug(model, one, data, timing=False).outputs[0].errors.sqnr for one in (plain, better))
        assert round(before) == 21 and round(after) == 29, "as the page says"
