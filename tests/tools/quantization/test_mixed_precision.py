"""Sensitivity and mixed precision: what is spared is spared, budgets hold, and the reference runs what is written."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

import q31
from q31.schema import TensorType, read, write
from q31.tools.cli import main
from q31.tools.quantization.sensitivity import sqnr

from .float_networks import classifier
from .test_quantize import reference
from .test_refinement import images


@pytest.fixture(scope="module")
def content() -> bytes:
    return write(classifier())


def kinds(content: bytes) -> dict[str, list[str]]:
    """Return the types of the inputs of operators that have weights, by name."""
    subgraph = read(content).subgraphs[0]
    found: dict[str, list[str]] = {}
    for operator in subgraph.operators:
        if operator.name in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
            found.setdefault(operator.name, []).append(subgraph.tensors[operator.inputs[0]].type.name)
    return found


@pytest.mark.parametrize("mode", ["int8", "int8-only"])
@pytest.mark.parametrize("operators", [[0], [2, 3], [0, 1, 2, 3, 5, 6], [6]])
def test_operators_of_int16_run_in_the_reference_with_the_same_bits(content, mode, operators):
    written = q31.quantize(content, mode, images(20), int16_operators=operators)
    model = q31.load(written)
    subgraph = model.graph.subgraphs[0]
    wide = [
        one.name
        for one in subgraph.operators
        if one.name not in ("QUANTIZE", "DEQUANTIZE") and subgraph.tensors[one.outputs[0]].type is TensorType.INT16
    ]
    assert wide == [classifier().subgraphs[0].operators[index].name for index in operators]
    for x in images(3, 7)[:, None]:
        if model.inputs[0].dtype != np.float32:
            x = np.random.default_rng(0).integers(-128, 128, x.shape).astype(np.int8)
        np.testing.assert_array_equal(model(x), reference(written, x))


def test_all_in_int16_is_nearer_than_int8(content):
    exact = [q31.load(content)(one[None]) for one in images(30)]
    found = []
    for operators in ([], range(7)):
        model = q31.load(q31.quantize(content, "int8", images(30), int16_operators=operators))
        found.append(sqnr(exact, [model(one[None]) for one in images(30)]))
    assert found[1] > found[0] + 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"int16_operators": [7]}, "operator 7, which is to be int16: there is none of that number"),
        ({"int16_operators": [2], "keep_float": [2]}, "operator 2, CONV_2D, which is to be int16, stays float"),
    ],
)
def test_what_cannot_be_int16(content, options, message):
    with pytest.raises(q31.QuantizationError, match=message):
        q31.quantize(content, "int8", images(2), **options)


def test_sensitivity_is_what_quantizing_so_gives(content):
    data = images(20)
    exact = [q31.load(content)(one[None]) for one in data]
    found = q31.sensitivity(content, data)
    assert [one.operator for one in found.layers] == [0, 1, 2, 5, 6]  # MAX_POOL_2D and RESHAPE are carried along
    for keep, expected in (
        ([], found.sqnr),
        ([1], found.layers[1].spared),
        ([0, 2, 3, 4, 5, 6], found.layers[1].alone),
    ):
        model = q31.load(q31.quantize(content, "int8", data, keep_float=keep))
        assert sqnr(exact, [model(one[None]) for one in data]) == pytest.approx(expected, abs=1e-6)
    assert found.layers[0].weight_bytes == 16 * 27 * 4
    assert str(found).count("\n") == 6
    assert json.loads(json.dumps(found.to_dict()))["layers"][0]["name"] == "CONV_2D"


@pytest.mark.parametrize("precision", ["float32", "int16"])
def test_a_budget_is_kept_and_used(content, precision):
    plain = len(q31.quantize(content, "int8", images(20)))
    budget = plain + 9000
    found = q31.mixed_precision(content, images(20), size_budget=budget, precision=precision)
    assert found.size == len(found.content) <= budget and found.size_before == plain
    assert found.operators and found.sqnr > found.sqnr_before
    types = {one for kind in kinds(found.content).values() for one in kind}
    assert precision.upper() in types
    exact = [q31.load(content)(one[None]) for one in images(20)]
    model = q31.load(found.content)
    assert sqnr(exact, [model(one[None]) for one in images(20)]) == pytest.approx(found.sqnr, abs=1e-6)


def test_it_stops_at_the_target(content):
    low = q31.mixed_precision(content, images(20), target_sqnr=1.0)
    assert low.operators == () and low.size == low.size_before
    some = q31.mixed_precision(content, images(20), target_sqnr=low.sqnr + 1)
    more = q31.mixed_precision(content, images(20), target_sqnr=1000.0)
    assert 0 < len(some.operators) < len(more.operators)
    assert some.sqnr >= low.sqnr + 1


def test_the_model_returned_has_the_refinements(content):
    found = q31.mixed_precision(
        content, images(20), size_budget=12000, weight_bits=4, rounding="gptq", correct_bias=True
    )
    plain = q31.mixed_precision(content, images(20), size_budget=12000, weight_bits=4)
    assert found.operators == plain.operators
    assert found.sqnr > plain.sqnr


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, q31.InputError, "expected a size budget"),
        ({"size_budget": 10}, q31.QuantizationError, "size_budget 10: the model has"),
        ({"size_budget": 99999, "precision": "int4"}, q31.InputError, "precision 'int4'"),
        ({"size_budget": 99999, "mode": "int8-only"}, q31.InputError, "mode int8-only has no operators of float32"),
    ],
)
def test_bad_arguments(content, options, error, message):
    with pytest.raises(error, match=message):
        q31.mixed_precision(content, images(2), **options)


def test_the_command(content, tmp_path, capsys):
    model, data, out = (os.fspath(tmp_path / name) for name in ("float.tflite", "data.npy", "out.tflite"))
    (tmp_path / "float.tflite").write_bytes(content)
    np.save(data, images(10))
    given = ["quantize", model, "-o", out]
    assert (
        main([*given, "-d", data, "--equalize", "--rounding", "gptq", "--correct-bias", "--weight-scale", "mse"]) == 0
    )
    assert main([*given, "-d", data, "--int16", "0"]) == 0
    capsys.readouterr()
    assert main([*given, "-d", data, "--size-budget", "30000", "--spare", "int16", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["mixed_precision"]["operators"] and report["bytes_after"] == os.path.getsize(out)
    assert main([*given, "-d", data, "--target-sqnr", "20"]) == 0
    assert "spared: " in capsys.readouterr().out
    os.remove(out)
    assert main([*given, "-d", data, "--size-budget", "30"]) == 2
    assert "size_budget 30: the model has" in capsys.readouterr().err
    assert not os.path.exists(out)
