"""The program that measures what options of quantize gain."""

from __future__ import annotations

import json
import os
import sys

import pytest

from q31.schema import write
from q31.tools.quantization import gains

from .float_networks import classifier


def run(monkeypatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["gains", *arguments])
    return gains.main()


def test_it_measures_every_option_and_mixed_precision(tmp_path, monkeypatch, capsys):
    path = os.fspath(tmp_path / "small.tflite")
    (tmp_path / "small.tflite").write_bytes(write(classifier()))
    assert run(monkeypatch, f"{path}=-1:1", "--examples", "12", "--held-out", "6", "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["name"] == "small"
    for bits in ("8", "4"):
        assert set(found["sqnr"][bits]) == set(gains.OPTIONS)
    assert found["sqnr"]["4"]["min-max"] < found["sqnr"]["4"]["gptq, biases"]
    assert found["mixed"]["float32"]["sqnr"] > found["mixed"]["int8"]["sqnr"]
    assert found["mixed"]["float32"]["bytes"] <= found["mixed"]["budget"]
    text = gains.report([{**found, "accuracy": {}}])
    assert text.count("\n| small") == 3


@pytest.mark.parametrize(
    ("given", "message"),
    [("none.tflite=0:1", "none.tflite"), ("none.tflite", "expected FILE=LOW:HIGH")],
)
def test_bad_arguments_are_one_line(given, message, monkeypatch, capsys):
    assert run(monkeypatch, given) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
