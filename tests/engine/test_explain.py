"""explain and trace: steps end at the traced value, say the truth, and change nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import q31
from q31.tools.arrays import random_array

ROOT = Path(q31.__file__).resolve().parent
BUNDLED = sorted((ROOT / "tools/digits/models").glob("*.tflite"))
SHARED = sorted((ROOT.parent / "shared/models").rglob("*.tflite"))
PROFILES = ("litert", "tflm", "single")
SEED = int(np.random.SeedSequence().generate_state(1)[0])
"""Changes with every run; a failure shows it."""


def float32(x: float) -> float:
    return float(np.float32(x))


def high_multiply(a: int, b: int) -> int:
    """gemmlowp's own way: a nudge by the sign, and a division that truncates."""
    if a == b == -(2**31):
        return 2**31 - 1
    product = a * b
    nudged = product + (2**30 if product >= 0 else 1 - 2**30)
    return int(math.copysign(abs(nudged) // 2**31, nudged))


def divide_by_pot(x: int, exponent: int) -> int:
    """To nearest, halves away from zero, by comparing twice the rest with the divisor."""
    quotient, rest = divmod(abs(x), 2**exponent)
    return (1 if x >= 0 else -1) * (quotient + (2 * rest >= 2**exponent))


def nearest(x: float) -> int:
    return int(math.copysign(math.floor(abs(x)) + (abs(x) - math.floor(abs(x)) >= 0.5), x))


def signed(x: int, bits: int) -> int:
    return int.from_bytes((x % 2**bits).to_bytes(bits // 8, "little"), "little", signed=True)


def multiplier_and_shift(real_multiplier: float) -> list[int]:
    if real_multiplier == 0:
        return [0, 0]
    shift = math.floor(math.log2(real_multiplier)) + 1
    while real_multiplier / 2.0**shift >= 1:
        shift += 1
    while real_multiplier / 2.0**shift < 0.5:
        shift -= 1
    mantissa = nearest(real_multiplier / 2.0**shift * 2.0**31)
    mantissa, shift = (2**30, shift + 1) if mantissa == 2**31 else (mantissa, shift)
    return [0, 0] if shift < -31 else [mantissa, shift]


def newton_reciprocal(x: int, integer_bits: int) -> int:
    """1/x normalized to (1/2, 1], within what three Newton-Raphson steps in 31 bits reach."""
    return round(2.0 ** (31 + x.bit_length() - 1) / x)


OWN: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide_float32": lambda a, b: float32(float32(a) / float32(b)),
    "divide_half_up": lambda a, b: math.floor((a + b // 2) / b),
    "divide_half_away": lambda a, b: (1 if a >= 0 else -1) * ((abs(a) + b // 2) // b),
    "sum": lambda terms: sum(terms),
    "maximum": lambda terms: max(terms),
    "minimum": lambda terms: min(terms),
    "wrap_int32": lambda x: signed(x, 32),
    "wrap_int64": lambda x: signed(x, 64),
    "shift_left": lambda x, by: x * 2**by,
    "clamp": lambda x, low, high: sorted((low, x, high))[1],
    "look_up": lambda index, table: table[index],
    "real_multiplier": lambda input_scale, filter_scale, output_scale, precision: (
        (float32(input_scale * filter_scale) if precision == "float32" else input_scale * filter_scale) / output_scale
    ),
    "quantize_multiplier": multiplier_and_shift,
    "high_multiply": high_multiply,
    "rounding_divide_by_pot": divide_by_pot,
    "single_rounding_multiply": lambda x, multiplier, shift: math.floor(
        (x * multiplier + 2 ** (30 - shift)) // 2 ** (31 - shift)
    ),
    "reduce_multiplier": lambda multiplier: min((multiplier + 2**15) // 2**16, 0x7FFF),
    "multiply_by_15_bits": lambda x, multiplier, shift: (x * multiplier + 2 ** (14 - shift)) // 2 ** (15 - shift),
    "multiply_float64": lambda x, real_multiplier: float(x) * real_multiplier,
    "round_half_away": nearest,
}
"""The operations again, written for this test alone."""


def recompute(step: dict[str, Any]) -> None:
    """Hold a step of the JSON to a definition of its own."""
    operation, operands = step["operation"], step["operands"]
    if operation == "reciprocal_q31":
        assert abs(step["result"] - newton_reciprocal(**operands)) <= 8, step
        return
    assert OWN[operation](**operands) == step["result"], step
    shown = step["result"] if not isinstance(step["result"], list) else step["result"][0]
    assert repr(shown) in step["text"] or str(shown) in step["text"], step


def pairs(path: Path, profile: str, random: np.random.Generator) -> tuple[q31.Model, list[tuple[int, tuple[int, ...]]]]:
    """Trace random input; return a random place in the output of each operator that can be explained."""
    model = q31.load(path, profile=profile)
    trace = model.trace({port.name: random_array(port, random) for port in model.inputs})
    found = []
    for operator in trace.operators:
        output = operator.outputs[0] if operator.outputs else None
        if output is not None and output.size and operator.node is not None:
            at = np.unravel_index(int(random.integers(output.size)), output.shape)
            found.append((operator.index, tuple(int(i) for i in at)))
    return model, found


def check(path: Path, profile: str, random: np.random.Generator) -> int:
    """Explain a value of each operator of a model, and recompute every step; return how many."""
    try:
        model, places = pairs(path, profile, random)
    except q31.Error:
        return 0  # the profile refuses the model, or its random input makes no sense
    explained = 0
    for operator, at in places:
        try:
            explanation = model.explain(operator, at)
        except q31.InputError as error:
            assert "no integer arithmetic" in str(error)
            continue
        traced = model.trace_of_last_run.operators[operator].outputs[0]
        assert traced is not None and explanation.result == traced[at], (SEED, path, operator, at)
        parts = json.loads(json.dumps(explanation.to_dict()))["profiles"][profile]["parts"]
        for part in parts:
            if "operation" in part:
                recompute(part)
        assert parts[-1]["result"] == traced[at]
        explained += 1
    return explained


@pytest.mark.parametrize("profile", PROFILES)
def test_the_bundled_models_are_explained(profile: str) -> None:
    random = np.random.default_rng(SEED)
    assert sum(check(path, profile, random) for path in BUNDLED) >= 12, SEED


@pytest.mark.parametrize("profile", PROFILES)
def test_the_shared_models_are_explained(profile: str) -> None:
    if not SHARED:
        pytest.skip("the published models are not beside this folder")
    random = np.random.default_rng(SEED)
    assert sum(check(path, profile, random) for path in SHARED) >= 200, SEED


def digits() -> tuple[q31.Model, np.ndarray]:
    model = q31.load(ROOT / "tools/digits/models/digits_integer_int8.tflite")
    return model, random_array(model.inputs[0], np.random.default_rng(7))


def test_tracing_changes_no_bit() -> None:
    model, image = digits()
    before = model(image)
    trace = model.trace(image)
    np.testing.assert_array_equal(trace.outputs[0], before)
    np.testing.assert_array_equal(model(image), before)


def test_accumulators_requantize_to_the_outputs() -> None:
    model, image = digits()
    trace = model.trace(image)
    convolution = next(operator for operator in trace.operators if operator.name == "CONV_2D")
    found, parameters = convolution.intermediates(), convolution.parameters()
    bias = convolution.inputs[2]
    np.testing.assert_array_equal(found["accumulator"], found["accumulator_without_bias"] + bias)
    real = found["accumulator"] * parameters["requantization.real_multiplier"]
    codes = np.clip(np.round(real) + parameters["requantization.output_zero_point"], -128, 127)
    assert np.max(np.abs(codes - convolution.outputs[0])) <= 1
    x, weights = convolution.inputs[:2]
    assert x is not None and weights is not None
    window = x[0, :3, :3].astype(int) - parameters["input_zero_point"]
    assert found["input_sum"][0, 0, 0, 0] == window.sum()


def test_a_saved_trace_is_read_by_numpy(tmp_path: Path) -> None:
    model, image = digits()
    trace = model.trace(image, seed=7)
    trace.save(tmp_path / "t.npz")
    with np.load(tmp_path / "t.npz", allow_pickle=False) as file:
        stamp = json.loads(str(file["stamp"]))
        assert stamp["model_sha256"] == model.sha256 and stamp["seed"] == 7 and stamp["profile"] == "litert"
        for index, array in trace.tensors.items():
            np.testing.assert_array_equal(file[f"tensor/{index}"], array)
        assert file["operator/1/accumulator"].dtype == np.int32
        assert str(file["operator/1/prepared/requantization.rounding"]) == "DOUBLE"
    assert [path.name for path in tmp_path.iterdir()] == ["t.npz"]


def test_profiles_stand_side_by_side() -> None:
    model, image = digits()
    explanation = model.explain(1, (0, 5, 5, 2), image, profile=["litert", "single"])
    assert list(explanation.narrations) == ["litert", "single"]
    assert str(explanation).count("here the profiles part") == 1
    assert "<table>" in explanation._repr_html_()


@pytest.mark.parametrize(
    ("operator", "at", "message"),
    [
        (99, (0,), "operator 99: expected 0 to"),
        (1, (0, 0), "the output's shape is"),
        (1, (0, 26, 0, 0), "no value at"),
        (0, (0, 0, 0, 0), "no integer arithmetic"),
    ],
)
def test_what_cannot_be_explained(operator: int, at: tuple[int, ...], message: str) -> None:
    model, image = digits()
    with pytest.raises(q31.InputError, match=message):
        model.explain(operator, at, image)
