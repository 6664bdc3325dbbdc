"""``accumulator_bits`` of load and Interpreter: whole models whose sums wrap or saturate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import q31
from q31.kernels.explain.operations import compute
from q31.tools.arrays import random_array
from q31.tools.cli import main

MODELS = Path(q31.__file__).resolve().parent / "tools/digits/models"
INT8, INT16 = MODELS / "digits_integer_int8.tflite", MODELS / "digits_int16x8.tflite"


def images(path: Path) -> np.ndarray:
    port = q31.load(path).inputs[0]
    random = np.random.default_rng(3)
    return np.concatenate([random_array(port, random) for _ in range(4)])


@pytest.mark.parametrize("path", [INT8, MODELS / "digits_integer_uint8.tflite"])
@pytest.mark.parametrize("overflow", ["wrap", "saturate"])
@pytest.mark.parametrize("profile", ["litert", "tflm", "single"])
def test_wide_enough_accumulators_give_the_models_bits(path: Path, overflow: str, profile: str) -> None:
    x = images(path)
    model = q31.load(path, profile=profile, accumulator_bits=26, overflow=overflow)
    np.testing.assert_array_equal(model(x), q31.load(path, profile=profile)(x))
    convolution = next(one for one in model.operators if one.name == "CONV_2D")
    assert not convolution.compiled


@pytest.mark.parametrize("overflow", ["wrap", "saturate"])
def test_narrow_accumulators_give_the_same_by_both_back_ends_and_the_interpreter(overflow: str) -> None:
    x = images(INT8)[:1]
    model = q31.load(INT8, accumulator_bits=14, overflow=overflow)
    other = q31.load(INT8, accumulator_bits=14, overflow=overflow, backend="numpy")
    np.testing.assert_array_equal(model(x), other(x))
    trace, plain = model.trace(x), q31.load(INT8).trace(x)
    convolution = next(one for one in trace.operators if one.name == "CONV_2D")
    assert np.any(convolution.outputs[0] != plain.operators[convolution.index].outputs[0])
    found = convolution.intermediates()
    assert found["accumulator"].min() >= -(2**13) and found["accumulator"].max() < 2**13
    np.testing.assert_array_equal(found["input_sum"], plain.operators[convolution.index].intermediates()["input_sum"])
    interpreter = q31.Interpreter(str(INT8), accumulator_bits=14, overflow=overflow)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    np.testing.assert_array_equal(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]), model(x))


@pytest.mark.parametrize("overflow", ["wrap", "saturate"])
def test_stamps_and_explanations_say_so(overflow: str) -> None:
    x = images(INT8)[:1]
    model = q31.load(INT8, accumulator_bits=13, overflow=overflow)
    trace = model.trace(x)
    assert (trace.stamp["accumulator_bits"], trace.stamp["overflow"]) == (13, overflow)
    assert f"13 bits that {overflow}" in repr(model)
    assert "accumulator_bits" not in q31.load(INT8).stamp
    explained = 0
    for operator in trace.operators:
        output: Any = operator.outputs[0]
        if operator.name not in ("CONV_2D", "FULLY_CONNECTED", "DEPTHWISE_CONV_2D"):
            continue
        for flat in range(0, output.size, max(1, output.size // 12)):
            at = tuple(int(i) for i in np.unravel_index(flat, output.shape))
            explanation = model.explain(operator.index, at, profile=["litert", "tflm"])
            assert explanation.result == output[at]
            assert explanation.stamp["accumulator_bits"] == 13
            for narration in explanation.narrations.values():
                for step in narration.steps:
                    assert compute(step.operation, step.operands) == step.result
                    if step.operation == "saturating_sum":
                        total = 0
                        for term in step.operands["terms"]:  # type: ignore[union-attr]
                            total = min(max(total + int(term), -4096), 4095)
                        assert step.result == total
                    explained += step.operation in ("saturating_sum", "wrap")
    assert explained > 4


def test_sums_of_64_bits_may_be_narrower_too() -> None:
    x = images(INT16)
    np.testing.assert_array_equal(q31.load(INT16, accumulator_bits=40)(x), q31.load(INT16)(x))
    assert np.any(q31.load(INT16, accumulator_bits=16)(x) != q31.load(INT16)(x))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"accumulator_bits": 1}, "from 2 to 64"),
        ({"accumulator_bits": 65}, "from 2 to 64"),
        ({"accumulator_bits": 16.0}, "from 2 to 64"),
        ({"accumulator_bits": True}, "from 2 to 64"),
        ({"accumulator_bits": 16, "overflow": "clip"}, "'wrap' or 'saturate'"),
        ({"overflow": "wrap"}, "accumulator_bits, too"),
    ],
)
def test_nonsense_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(q31.InputError, match=message):
        q31.load(INT8, **options)
    with pytest.raises(q31.InputError, match=message):
        q31.Interpreter(str(INT8), **options)


def test_q31_run_takes_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    narrow, plain = tmp_path / "narrow.npz", tmp_path / "plain.npz"
    options = ["--accumulator-bits", "12", "--overflow", "saturate"]
    assert main(["run", str(INT8), "-o", str(narrow), "--preserve-all", *options]) == 0
    assert "12 bits that saturate" in capsys.readouterr().out
    assert main(["run", str(INT8), "-o", str(plain), "--preserve-all"]) == 0
    with np.load(narrow) as one, np.load(plain) as other:
        assert any(np.any(one[name] != other[name]) for name in other.files)
    assert main(["run", str(INT8), "--accumulator-bits", "1"]) == 2
    assert main(["run", str(INT8), "--overflow", "wrap"]) == 2
    assert capsys.readouterr().err.count("\n") == 2


def test_q31_trace_and_explain_take_them(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--accumulator-bits", "13", "--overflow", "saturate", "--json"]
    assert main(["trace", str(INT8), *options]) == 0
    stamp = json.loads(capsys.readouterr().out)["stamp"]
    assert (stamp["accumulator_bits"], stamp["overflow"]) == (13, "saturate")
    assert main(["explain", str(INT8), "--op", "1", "--profile", "litert,tflm", *options]) == 0
    explained = json.loads(capsys.readouterr().out)
    assert explained["stamp"]["accumulator_bits"] == 13
    for profile in explained["profiles"].values():
        assert any(part.get("operation") == "saturating_sum" for part in profile["parts"])
