"""The table of rules and the plan, held to what TensorFlow's converter makes of small models, and to the reference.

``converter.json`` is what ``python -m q31.tools.quantization.specimens.record`` recorded where TensorFlow 2.20 is.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import q31
from q31.kernels.registry import REGISTRY
from q31.schema import QuantizationError, read
from q31.tools.conformance.oracle import Answer, resolver_for
from q31.tools.ports import quantize as quantize_port
from q31.tools.quantization.quantize import Options, quantize_activations
from q31.tools.quantization.rules import RULES
from q31.tools.quantization.specimens import MODELS
from q31.tools.quantization.specimens.description import describe
from q31.tools.quantization.specimens.sketch import SmallModel

RECORDED: dict[str, Any] = json.loads((Path(__file__).parent / "converter.json").read_text())["models"]

ACTIVATION_AS_FILTER = "the kernels take filters of zero point 0; the converter gives an activation its own"
ACTIVATION_AS_BIAS = "the kernels take biases in int32; the converter makes an activation of int8 of it"
NO_FORM = "the converter's model does not run, or gives other numbers than the float one"
NEWER = "the converter writes a version that the reference does not know"
MISREAD = "the reference reads the codes of SUM as uint8: it stays float where it may"
OWN_SCALE = "the kernel copies codes, of operands to which the converter gives scales of their own"
ONE_MORE = "the converter leaves the operator float"
PROJECTED = "what is projected gets a fixed scale: no range of it is recorded, and the reference needs zero point 0"
TOO_SMALL = "the output is always 0: its scale is too small for the reference's multiplier"
WRITTEN_OTHERWISE = "the converter writes an equal operator in its place"

PARTED = {
    "CONV_2D activation as filter": ACTIVATION_AS_FILTER,
    "DEPTHWISE_CONV_2D activation as filter": ACTIVATION_AS_FILTER,
    "TRANSPOSE_CONV activation as filter": ACTIVATION_AS_FILTER,
    "CONV_2D activation as bias": ACTIVATION_AS_BIAS,
    "FULLY_CONNECTED activation as bias": ACTIVATION_AS_BIAS,
    "FULLY_CONNECTED two inputs": WRITTEN_OTHERWISE,
    "SQUEEZE": WRITTEN_OTHERWISE,
    "EXPAND_DIMS": WRITTEN_OTHERWISE,
    "SHAPE": "the converter writes the shape as a constant",
    "TILE": NEWER,
    "DEPTH_TO_SPACE": NEWER,
    "SUM": MISREAD,
    "SUM keep_dims": MISREAD,
    "SCATTER_ND": NO_FORM,
    "MATRIX_DIAG": NO_FORM,
    "REVERSE_SEQUENCE": NO_FORM,
    "MATRIX_SET_DIAG": OWN_SCALE,
    "SPARSE_TO_DENSE": OWN_SCALE,
    "ONE_HOT": OWN_SCALE,
    "ELU": ONE_MORE,
    "ELU in between": ONE_MORE,
    "DYNAMIC_UPDATE_SLICE": ONE_MORE,
    "float into concatenation": ONE_MORE,
    "UNIDIRECTIONAL_SEQUENCE_LSTM projection": PROJECTED,
    "UNIDIRECTIONAL_SEQUENCE_LSTM projection bias": PROJECTED,
    "UNIDIRECTIONAL_SEQUENCE_LSTM into concatenation": "the hidden state needs the output's scale, and gets another",
    "UNIDIRECTIONAL_SEQUENCE_LSTM normalized": "the ranges inside are not recorded: it stays float",
    "two concatenations": "an input in two scales is quantized twice, where the converter rescales its codes",
    "SUB with itself": TOO_SMALL,
    "SQUARED_DIFFERENCE with itself": TOO_SMALL,
    "divided": "where a divisor may have the code of 0, DIV fails: it stays float",
    "weights as activation": "a constant has a scale for each channel as a filter, elsewhere it has one",
}
"""Model -> why q31 makes something else of it than the converter."""


def quantized(name: str, mode: str = "int8") -> tuple[SmallModel, bytes | None]:
    """Return a model, and what q31 makes of it with the ranges that TensorFlow recorded; None where nothing is made."""
    model = MODELS[name]()
    ranges = {int(index): tuple(range) for index, range in RECORDED[name]["ranges"].items()}
    try:
        return model, quantize_activations(model.graph, ranges, Options(mode))
    except QuantizationError:
        return model, None


def test_versions_are_those_of_kernels():
    for name, rule in RULES.items():
        assert name in REGISTRY
        low, high = REGISTRY[name].versions
        assert low <= rule.version <= high, name
        assert rule.version16 is None or low <= rule.version16 <= high, name


def test_models_are_those_that_were_recorded():
    assert RECORDED.keys() == MODELS.keys()
    assert PARTED.keys() <= MODELS.keys()


@pytest.mark.parametrize("name", MODELS)
def test_plan_is_the_converters(name):
    model, made = quantized(name)
    assert f"{zlib.crc32(model.content):08x}" == RECORDED[name]["model"], "record again: the model is another one"
    theirs = RECORDED[name]["quantized"]
    if name in PARTED:
        assert made is None or describe(read(made)) != theirs
    elif made is None:
        assert not any(type in line for line in theirs for type in ("int8", "QUANTIZE"))
    else:
        assert describe(read(made)) == theirs


def answers(content: bytes, runs: list[list[np.ndarray]]) -> list[list[np.ndarray]]:
    interpreter = q31.Interpreter(model_content=content)
    interpreter.allocate_tensors()
    results = []
    for arrays in runs:
        for detail, array in zip(interpreter.get_input_details(), arrays, strict=True):
            interpreter.set_tensor(detail["index"], array)
        interpreter.invoke()
        results.append([interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()])
    return results


def codes(model: q31.Model, floats: list[np.ndarray]) -> list[np.ndarray]:
    """Return a model's inputs, as codes where it wants codes."""
    pairs = zip(model.inputs, floats, strict=True)
    return [quantize_port(one, x) if x.dtype == np.float32 else x for one, x in pairs]


@pytest.mark.parametrize("mode", ["int8", "int8-only"])
@pytest.mark.parametrize("name", MODELS)
def test_what_is_made_runs_in_the_reference_with_the_same_bits(name, mode, oracle):
    small, made = quantized(name, mode)
    if made is None:
        pytest.skip("nothing is made of it")
    if (name, mode) != ("ELU", "int8-only") and name.startswith("ELU"):
        pytest.skip("the reference has no ELU, and what is beside it has other bits in the other resolver")
    model, seed = q31.load(made), int(np.random.default_rng().integers(2**31))
    runs = [codes(model, arrays) for arrays in small.examples(seed)]
    theirs = oracle.run_many(made, runs, resolver=resolver_for(read(made)))
    assert isinstance(theirs, Answer), f"seed {seed}: {theirs}"
    for ours, other in zip(answers(made, runs), theirs.runs, strict=True):
        for one, two in zip(ours, other, strict=True):
            np.testing.assert_array_equal(one, two, err_msg=f"seed {seed}")


ROUGH = (
    "random",
    "REDUCE_PROD",
    "two concatenations of",
    "maximum of used",
    "selected",
    "in between",
    "and integer users",
    "divided",
)
"""Products of errors, steps of FLOOR and comparisons, and tensors that are cut to a narrower output's range."""


@pytest.mark.parametrize("name", [name for name in MODELS if not any(rough in name for rough in ROUGH)])
def test_what_is_made_gives_about_the_float_numbers(name):
    small, made = quantized(name)
    if made is None:
        pytest.skip("nothing is made of it")
    runs, rough = small.examples(), any(name.startswith(one) for one in ("LSTM", "UNIDIRECTIONAL", "SVDF"))
    for exact, near in zip(answers(small.content, runs), answers(made, runs), strict=True):
        for x, y in zip(exact, near, strict=True):
            if x.dtype == np.float32:
                span = max(x.max(), 0) - min(x.min(), 0)
                np.testing.assert_allclose(y, x, rtol=0, atol=max(span, 1e-6) * (0.06 if rough else 0.03))
