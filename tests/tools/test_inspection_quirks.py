"""``q31 inspect`` names the quirks that each operator of a model meets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from q31.schema import Quantization, TensorType
from q31.schema.options import SubOptions
from q31.tools.cli import main
from q31.tools.conformance.case import network, result, tensor

QUIRK = "sub-drops-left-shift"


@pytest.fixture
def model(tmp_path: Path) -> str:
    """Two subtractions, of which the second has an output multiplier above 1."""
    usual, fine = Quantization((0.01,), (0,)), Quantization((0.02 / 2**20 / 60,), (0,))
    a, b = tensor(TensorType.INT8, (5,), usual), tensor(TensorType.INT8, (5,), usual)
    outputs = [result(TensorType.INT8, usual, (5,)), result(TensorType.INT8, fine, (5,))]
    operators = [("SUB", 2, SubOptions(), [a, b], [one]) for one in outputs]
    path = tmp_path / "sub.tflite"
    path.write_bytes(network(operators, [a, b], outputs, [[]]).model)
    return str(path)


def test_in_text(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", model]) == 0
    printed = capsys.readouterr().out
    assert printed.count("quirks of the reference: ") == 1
    assert printed.index("1 SUB version 2") < printed.index(QUIRK)


@pytest.mark.parametrize(("profile", "expected"), [("litert", [[], [QUIRK]]), ("tflm", [[], []])])
def test_in_json(model: str, profile: str, expected: list[list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", model, "--json", "--profile", profile]) == 0
    (subgraph,) = json.loads(capsys.readouterr().out)["subgraphs"]
    assert [operator["quirks"] for operator in subgraph["operators"]] == expected
