"""explain and trace: steps end at the traced value, say the truth, and change nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import q31
from explained_steps import recompute
from q31.tools.arrays import random_array

ROOT = Path(q31.__file__).resolve().parent
BUNDLED = sorted((ROOT / "tools/digits/models").glob("*.tflite"))
SHARED = sorted((ROOT.parent / "shared/models").rglob("*.tflite"))
PROFILES = ("litert", "tflm", "single")
SEED = int(np.random.SeedSequence().generate_state(1)[0])
"""Changes with every run; a failure shows it."""


def check(path: Path, profile: str, random: np.random.Generator, places: int) -> int:
    """Explain random values of each operator of a model, and recompute every step; return how many."""
    try:
        model = q31.load(path, profile=profile)
        trace = model.trace({port.name: random_array(port, random) for port in model.inputs})
    except q31.Error:
        return 0  # the profile refuses the model, or its random input makes no sense
    explained = 0
    for operator in trace.operators:
        output = operator.outputs[0] if operator.outputs else None
        if output is None or not output.size or operator.node is None:
            continue
        for flat in random.integers(output.size, size=places):
            at = tuple(int(i) for i in np.unravel_index(int(flat), output.shape))
            where = f"seed {SEED}, {path.name}, profile {profile}, operator {operator.index}, {at}"
            try:
                explanation = model.explain(operator.index, at)
            except q31.InputError as error:
                assert "explain" in str(error), where
                break
            parts = json.loads(json.dumps(explanation.to_dict()))["profiles"][profile]["parts"]
            steps = [part for part in parts if "operation" in part]
            for step in steps:
                recompute(step)
            assert steps[-1]["result"] == explanation.result == output[at], where
            explained += 1
    return explained


@pytest.mark.parametrize("profile", PROFILES)
def test_the_bundled_models_are_explained(profile: str) -> None:
    random = np.random.default_rng(SEED)
    assert sum(check(path, profile, random, 2) for path in BUNDLED) >= 40, SEED


@pytest.mark.parametrize("profile", PROFILES)
def test_500_values_of_published_models_are_explained(profile: str) -> None:
    if not SHARED:
        pytest.skip("the published models are not in ../shared/models beside this folder")
    random = np.random.default_rng(SEED)
    count = sum(check(path, profile, random, 2) for path in SHARED)
    print(f"{count} values explained, seed {SEED}")
    assert count >= 500, SEED


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
    ],
)
def test_what_cannot_be_explained(operator: int, at: tuple[int, ...], message: str) -> None:
    model, image = digits()
    with pytest.raises(q31.InputError, match=message):
        model.explain(operator, at, image)


def test_floats_have_no_integer_arithmetic() -> None:
    model = q31.load(ROOT / "tools/digits/models/digits_float32.tflite")
    image = random_array(model.inputs[0], np.random.default_rng(7))
    with pytest.raises(q31.InputError, match="has no integer arithmetic"):
        model.explain(0, (0, 0, 0, 0), image)
