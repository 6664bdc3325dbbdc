"""Corner cases: each hits what it says, in numbers of the test's own; C, Verilog and LiteRT agree on every one."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import q31
from q31.schema import Padding, Quantization, TensorType, write
from q31.schema.builder import GraphBuilder
from q31.schema.options import Conv2DOptions, TransposeConvOptions
from q31.tools.cli import main
from q31.tools.conformance import oracle as oracles
from q31.tools.digits.bundle import model_path
from q31.tools.vectors.case import Case
from q31.tools.vectors.folder import write_folder
from q31.tools.vectors.hits import MEANINGS
from vectors.models import INT8, INT16, PRODUCTS, UINT8, elementwise, product, run_c, run_verilog

PROFILES = ("litert", "tflm", "single")
SEED = int(np.random.SeedSequence().generate_state(1)[0])
"""Changes with every run; a failure shows it."""

EVERY = {
    *("lowest", "highest", "accumulator_high", "accumulator_low", "saturation_high", "saturation_low"),
    *("tie_positive", "tie_negative", "zero_points_lowest_highest", "zero_points_highest_lowest"),
    *("largest_right_shift", "left_shift", "largest_left_shift"),
}
DOUBLE_ONLY = {"high_multiply_tie_positive", "high_multiply_tie_negative"}
COMBINATIONS = [
    *((name, kind, "litert") for name in PRODUCTS for kind in (INT8, UINT8, INT16)),
    *((name, INT8, profile) for name in PRODUCTS for profile in ("tflm", "single")),
]
by_operator = pytest.mark.parametrize(
    ("name", "kind", "profile"), COMBINATIONS, ids=lambda one: one if isinstance(one, str) else one.name
)


@cache
def made(name: str, kind: TensorType, profile: str) -> tuple[list[Case], list[dict[str, Any]], dict[str, Any]]:
    """Return cases, what is left out and the model's stamp."""
    graph = product(name, kind, seed=3) if name in PRODUCTS else elementwise(name, kind)
    vectors = q31.vectors(write(graph), corner_cases=True, seed=SEED % 1000, profile=profile)
    return list(vectors), vectors.left_out, vectors.model.stamp


def corners(cases: list[Case]) -> dict[str, Case]:
    return {case.name.removeprefix("op000_").split(case.operator_name.lower() + "_", 1)[1]: case for case in cases[1:]}


@by_operator
def test_every_corner_is_reached(name: str, kind: TensorType, profile: str) -> None:
    cases, left_out, _ = made(name, kind, profile)
    found = corners(cases)
    double = profile == "tflm" or (profile == "litert" and name != "FULLY_CONNECTED")
    expected = EVERY | (DOUBLE_ONLY if double and kind is not INT16 else set())
    absent = {one["corner_case"] for one in left_out}
    assert found.keys() | absent == expected
    assert absent == ({one for one in expected if one.startswith("zero_points")} if kind is INT16 else set())
    for case in found.values():
        assert case.aims and all(case.hits[aim] > 0 for aim in case.aims)
        assert case.hits.keys() <= MEANINGS.keys()


@by_operator
def test_ties_and_clamps_are_counted_rightly(name: str, kind: TensorType, profile: str) -> None:
    for case in corners(made(name, kind, profile)[0]).values():
        counted = {"tie_positive": 0, "tie_negative": 0, "saturation_low": 0, "saturation_high": 0}
        channels = case["output_mult"].size
        zero_point = case.parameters["requantization.output_zero_point"]
        low, high = (case.parameters[f"requantization.activation_{end}"] for end in ("min", "max"))
        overflowing = False
        for i, accumulator in enumerate(case["accumulator"].reshape(-1).tolist()):
            channel = i % channels
            multiplier, shift = int(case["output_mult"][channel]), int(case["output_shift"][channel])
            if case["accumulator"].dtype == np.int64 and name != "FULLY_CONNECTED":
                multiplier = min((multiplier + 2**15) // 2**16, 0x7FFF) * 2**16
            exact = accumulator * Fraction(multiplier, 2**31) * Fraction(2) ** shift
            if profile == "litert" and name == "FULLY_CONNECTED":
                exact = accumulator * Fraction(float(case["output_real_mult"][channel]))
            overflowing |= abs(exact) >= 2**30
            inside = low - Fraction(1, 2) < exact + zero_point < high + Fraction(1, 2)
            if exact % 1 == Fraction(1, 2) and low < exact + zero_point < high:
                counted["tie_positive" if accumulator > 0 else "tie_negative"] += 1
            if not inside and exact % 1 != Fraction(1, 2):
                counted["saturation_low" if exact + zero_point < low else "saturation_high"] += 1
        if overflowing:
            continue  # shifts to the left that wrap: seen by the comparisons below
        for key, count in counted.items():
            assert case.hits.get(key, 0) >= count, (SEED, case.name, key)
            assert (case.hits.get(key, 0) > 0) == (count > 0) or key.startswith("saturation"), (SEED, case.name, key)


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
@by_operator
def test_c_agrees_on_corner_cases(name: str, kind: TensorType, profile: str, tmp_path: Path) -> None:
    cases, left_out, stamp = made(name, kind, profile)
    manifest = write_folder(tmp_path / "vectors", cases, stamp, "c", left_out=left_out)
    for case in manifest["cases"]:
        run_c(tmp_path / "vectors", case["name"], name, tmp_path / "reference", kind is INT8 and profile == "tflm")


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="iverilog is not installed")
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", PRODUCTS)
def test_verilog_agrees_on_corner_cases(name: str, profile: str, tmp_path: Path) -> None:
    cases, _, stamp = made(name, INT8, profile)
    manifest = write_folder(tmp_path / "vectors", cases, stamp, "readmemh")
    for case in manifest["cases"]:
        run_verilog(tmp_path / "vectors", case, manifest["format"], tmp_path / "bench")


ELEMENTWISE = {
    "ADD": {"all_pairs", "ties", "saturation", "largest_right_shift"},
    "SUB": {"all_pairs", "ties", "saturation", "largest_right_shift"},
    "MUL": {"all_pairs", "ties", "saturation", "largest_right_shift", "left_shift"},
    "MEAN": {"tie_positive", "tie_negative", "saturation_low", "saturation_high"},
    "AVERAGE_POOL_2D": {"tie_positive", "tie_negative"},
    "LOGISTIC": {"all_codes"},
    "SOFTMAX": set(),
}


OTHERS = [*((kind, "litert") for kind in (INT8, UINT8, INT16)), (INT8, "tflm"), (INT8, "single")]


@pytest.mark.parametrize(("kind", "profile"), OTHERS, ids=str)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_corners_of_other_operators(name: str, kind: TensorType, profile: str) -> None:
    if name == "SOFTMAX" and kind is INT16:
        pytest.skip("SOFTMAX of int16 has an output scale of its own")
    cases, left_out, _ = made(name, kind, profile)
    found = corners(cases)
    expected = ELEMENTWISE[name] | {"lowest", "highest"}
    if name in ("ADD", "SUB", "MUL", "MEAN") and kind is not INT16:
        expected |= {"zero_points_lowest_highest", "zero_points_highest_lowest"}
    if kind is INT16:
        expected -= {"all_pairs", "all_codes"}
    if (name, kind) == ("AVERAGE_POOL_2D", UINT8):
        expected -= {"tie_negative"}
    assert found.keys() == expected, (SEED, left_out)
    assert all(one["reason"] for one in left_out)


@pytest.mark.skipif(bool(oracles.missing()), reason=oracles.missing())
@pytest.mark.parametrize("kind", [INT8, UINT8, INT16], ids=lambda one: one.name)
@pytest.mark.parametrize("name", [*PRODUCTS, *ELEMENTWISE])
def test_litert_agrees_on_corner_cases(name: str, kind: TensorType) -> None:
    if name == "SOFTMAX" and kind is INT16:
        pytest.skip("SOFTMAX of int16 has an output scale of its own")
    with oracles.Oracle() as oracle:
        for case in made(name, kind, "litert")[0][1:]:
            assert case.model is not None
            inputs = [one.array for one in case.arrays if one.kind == "input"]
            answer = oracle.run(case.model, inputs)
            assert isinstance(answer, oracles.Answer), (SEED, case.name, str(answer))
            np.testing.assert_array_equal(answer.outputs[0], case["output_ref"], err_msg=f"{SEED} {case.name}")


@pytest.mark.parametrize("shape", [(2, 21), (2, 3, 7), (1, 2, 3, 7)], ids=str)
def test_fully_connected_of_any_rank(shape: tuple[int, ...]) -> None:
    graph = product("FULLY_CONNECTED", seed=3)
    (subgraph,) = graph.subgraphs
    x, *others = subgraph.tensors
    ranked = replace(subgraph, tensors=(replace(x, shape=shape), *others[:-1], replace(others[-1], shape=(2, 6))))
    found = corners(list(q31.vectors(write(replace(graph, subgraphs=(ranked,))), corner_cases=True)))
    assert found.keys() == EVERY
    assert found["accumulator_high"]["accumulator"].max() > found["highest"]["accumulator"].max()


def test_transposed_and_grouped_convolutions_have_corner_cases() -> None:
    generator = np.random.default_rng(1)
    for name, groups in (("TRANSPOSE_CONV", 1), ("CONV_2D", 3)):
        builder = GraphBuilder()
        source = Quantization((0.02,), (-4,))
        x = builder.tensor("x", INT8, (1, 4, 3, 6), source)
        size = (3, 3, 2, 6 // groups)
        scales = Quantization((0.01, 0.02, 0.015), (0, 0, 0), 0)
        weights = builder.tensor("w", INT8, size, scales, generator.integers(-127, 128, size))
        options: Any = Conv2DOptions(Padding.SAME, stride_h=1, stride_w=1)
        inputs, shape = [x, weights], (1, 4, 3, 3)
        if name == "TRANSPOSE_CONV":
            options, shape = TransposeConvOptions(Padding.SAME, stride_h=2, stride_w=2), (1, 8, 6, 3)
            inputs = [builder.tensor("shape", TensorType.INT32, (4,), value=shape), weights, x]
        y = builder.tensor("y", INT8, shape, Quantization((0.5,), (3,)))
        builder.operator(name, inputs, [y], options, version=3)
        vectors = q31.vectors(write(builder.build([x], [y])), corner_cases=True)
        assert corners(list(vectors)).keys() == EVERY | DOUBLE_ONLY, vectors.left_out


@pytest.mark.parametrize("form", ["integer_int8", "integer_uint8", "int16x8", "float32"])
def test_the_bundled_models_have_corner_cases(form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    arguments = ["vectors", str(model_path(form)), "--all", "--out", str(out), "--corner-cases"]
    assert main(arguments) == 0
    manifest: dict[str, Any] = json.loads((out / "manifest.json").read_text())
    printed = capsys.readouterr().out
    if form == "float32":
        assert all(one["reason"] for one in manifest["left_out"]) and "no codes" in printed
        return
    assert {case["source"] for case in manifest["cases"]} == {"model", "operator", "derived"}
    for case in manifest["cases"]:
        if case["source"] == "model":
            continue
        model = q31.load(str(out / case["model"]))
        assert model.sha256 == case["model_sha256"]
        with np.load(out / case["name"] / "vectors.npz") as arrays:
            inputs = [arrays[one["name"]] for one in case["arrays"] if one["kind"] == "input"]
            np.testing.assert_array_equal(model(*inputs), arrays["output_ref"])
