"""``q31 demo``: the bits are the record's in both back ends, and a difference is told and counted."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import q31
from q31.tools import demo
from q31.tools.cli import main
from q31.tools.digits.bundle import FORMS, model_path, read_digits, reference, reference_outputs
from q31.tools.ports import from_pixels


@pytest.mark.parametrize("backend", ["numba", "numpy"])
def test_demo_reads_all_digits_and_finds_the_recorded_bits(backend: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--backend", backend]) == 0
    printed = capsys.readouterr().out
    assert "10 of 10 right" in printed
    assert "all 100 outputs equal" in printed and reference()["oracle"] in printed
    assert "ms an image (median)" in printed


@pytest.mark.parametrize("backend", ["numba", "numpy"])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_recorded_bits_on_the_drawn_digits(form: str, backend: str) -> None:
    model = q31.load(model_path(form), backend=backend)
    outputs = model(from_pixels(model.inputs[0], read_digits().images))
    expected = reference_outputs(form)
    assert outputs.dtype == expected.dtype and outputs.shape == expected.shape
    assert outputs.tobytes() == expected.tobytes()


def test_a_difference_is_exit_code_1(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from q31.tools.digits import bundle

    def one_bit_off(form: str) -> np.ndarray:
        outputs = reference_outputs(form).copy()
        outputs[3, 4] ^= 1
        return outputs

    monkeypatch.setattr(bundle, "reference_outputs", one_bit_off)
    assert main(["demo"]) == 1
    assert "1 of 100 outputs DIFFER" in capsys.readouterr().out


def test_another_model_is_not_held_against_the_record(capsys: pytest.CaptureFixture[str]) -> None:
    model = q31.load(model_path("integer_int8"))
    assert demo.verdict(model, reference_outputs("integer_int8"), reference(), reference_outputs(demo.FORM)) == 1
    assert "not the one recorded" in capsys.readouterr().out


@pytest.mark.parametrize("width", [20, 80, 120, 400])
def test_pictures_lie_side_by_side_as_the_width_allows(width: int) -> None:
    pictures = [demo.draw(image) for image in read_digits().images]
    lines = demo.gallery(pictures, [str(digit) for digit in range(10)], width)
    assert all(len(line) <= width for line in lines)
    assert sum(line.count("█") for line in lines) == sum(line.count("█") for picture in pictures for line in picture)
    captions = " ".join(line for line in lines if line[:1].isdigit()).split()
    assert captions == [str(digit) for digit in range(10)]


def test_pictures_without_unicode_are_ascii() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    result = subprocess.run([sys.executable, "-m", "q31", "demo"], capture_output=True, env=environment, timeout=120)
    assert result.returncode == 0, result.stderr
    assert result.stdout.isascii() and b"@" in result.stdout
