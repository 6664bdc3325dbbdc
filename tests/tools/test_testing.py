"""``q31.testing`` and the pytest plugin, as somebody's tests use them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import ml_dtypes
import numpy as np
import pytest

import q31
from q31.schema import write
from q31.testing import assert_bit_exact, read_vectors
from q31.tools.cli import main
from q31.tools.conformance.control_flow_graphs import counting
from q31.tools.digits.bundle import model_path
from small_graphs import chain

pytest_plugins = ("pytester",)

MODEL = str(model_path("integer_int8"))


def message(*arguments: object) -> str:
    with pytest.raises(AssertionError) as raised:
        assert_bit_exact(*arguments)
    return str(raised.value)


def test_equal_bits_pass() -> None:
    x = np.arange(6, dtype=np.int8).reshape(2, 3)
    nan = np.array([np.nan, -0.0], np.float32)
    assert_bit_exact(x, x.copy())
    assert_bit_exact(nan, nan.copy())
    assert_bit_exact(x, x.tolist())
    assert_bit_exact([[0, 1, 2], [3, 4, 5]], x)
    assert_bit_exact(x[0, 1], 1)
    assert_bit_exact({"y": x, "more": 1}, {"y": x})
    assert_bit_exact([x, nan], (x, nan))


def test_the_message_says_operator_index_and_difference() -> None:
    want = np.zeros((1, 4, 4, 2), np.int8)
    got = want.copy()
    got[0, 1, 2, 1] = 3
    said = message(got, want, 5)
    assert said == "operator 5: 1 of 32 values differs, by 3 LSB; the first at [0, 1, 2, 1]: 3 instead of 0"
    got[0, 3] = -1
    lines = message(got, want, SimpleNamespace(index=5, name="CONV_2D")).splitlines()
    first = "9 of 32 values differ, at most 3 LSB; the first at [0, 1, 2, 1]: 3 instead of 0"
    assert lines[0] == f"operator 5, CONV_2D: {first}"
    assert lines[1] == "  [0, 1, 2, 1]: 3 instead of 0 (+3 LSB)" and lines[2].endswith("-1 instead of 0 (-1 LSB)")
    assert len(lines) == 6 and lines[-1] == "  ... 5 more"
    assert message(got, want, q31.load(MODEL).operators[1]).startswith("operator 1, CONV_2D: ")


@pytest.mark.parametrize(
    ("got", "want", "expected"),
    [
        (np.zeros(2, np.int8), np.zeros(2, np.uint8), "int8[2] instead of uint8[2]"),
        (np.zeros((1, 2)), np.zeros(2), "float64[1, 2] instead of float64[2]"),
        (np.zeros(1, np.int8), [200], "instead of int64[1]"),  # no value of int8
        ([1.5], np.ones(1, np.int8), "float64[1] instead of int8[1]"),
        (np.float32(0.0), np.float32(-0.0), "by 1 ULP; the first at []: 0.0 instead of -0.0"),
        ({"a": 1}, {"b": 1}, "there is no 'b'; there are a"),
        (3, {"b": 1}, "expected arrays by name (b), got int"),
        ({"b": np.int8(1)}, {"b": np.int8(2)}, "'b': 1 of 1 values differs, by 1 LSB"),
        ([np.zeros(1)], [np.zeros(1), np.zeros(1)], "expected 2 arrays, got 1"),
        ([np.zeros(1), np.ones(1)], [np.zeros(1), np.zeros(1)], "array 1: 1 of 1"),
        (np.array([b"a"], object), np.array([b"b"], object), "b'a' instead of b'b'"),
    ],
)
def test_what_differs_is_said(got: object, want: object, expected: str) -> None:
    assert expected in message(got, want)


def test_traces_part_at_an_operator() -> None:
    model, other = q31.load(MODEL), q31.load(MODEL, profile="single")
    x = np.random.default_rng(0).integers(0, 2, model.inputs[0].shape).astype(model.inputs[0].dtype)
    x = np.random.default_rng(0).integers(-128, 128, model.inputs[0].shape).astype(model.inputs[0].dtype)
    assert_bit_exact(model.trace(x), q31.load(MODEL, backend="numpy").trace(x))
    said = message(other.trace(x), model.trace(x))
    assert said.startswith("operator 1, CONV_2D: 'Relu;add;Conv2D;Const_21': ") and "LSB" in said
    assert "different operators" in message(model.trace(x), q31.load(write(chain())).trace(np.zeros((1, 64), np.int8)))


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Golden vectors of the bundled model as q31 vectors writes them, as npz and as bin of either byte order."""
    folder = tmp_path_factory.mktemp("golden")
    for name, *options in (("npz",), ("bin",), ("bin", "--endianness", "big")):
        out = folder / f"{name}{len(options)}"
        command = ["vectors", MODEL, "--all", "--out", str(out), "--format", name, *options]
        assert main(command) == 0
    return folder


def test_vectors_are_read_as_they_were_written(golden: Path) -> None:
    found = [read_vectors(golden / name) for name in ("npz0", "bin0", "bin2")]
    assert [str(one) for one in found[0]] == [str(one) for one in found[1]] and len(found[0]) == 5
    for one, little, big in zip(*found, strict=True):
        assert one.arrays.keys() == little.arrays.keys()
        for name, array in one.arrays.items():
            assert_bit_exact(little[name], array, name)
            assert_bit_exact(big[name], array, name)
    convolution = found[0][1]
    assert (convolution.operator, convolution.operator_name) == (1, "CONV_2D")
    assert list(convolution.of_kind("output")) == ["output_ref"] and "weights" in convolution.of_kind("constant")
    assert convolution.stamp["profile"] == "litert"
    convolution.check(convolution["output_ref"])
    with pytest.raises(AssertionError, match="operator 1, CONV_2D: 'output_ref': 8,112 of"):
        convolution.check(convolution["output_ref"] ^ 1)
    with pytest.raises(q31.InputError, match="no array is named 'nonsense'; there are input"):
        convolution.check(0, "nonsense")


def test_plain_files_are_vectors(tmp_path: Path) -> None:
    np.savez(tmp_path / "b.npz", x=np.arange(3))
    np.savez(tmp_path / "a.npz", x=np.arange(4))
    assert [(one.name, one["x"].size) for one in read_vectors(tmp_path)] == [("a", 4), ("b", 3)]
    with pytest.raises(q31.InputError, match="vector a: say which array: x"):
        read_vectors(tmp_path)[0].check(np.arange(4))


def test_narrow_floats_come_back(tmp_path: Path) -> None:
    array = np.array([1.5, -2], ml_dtypes.bfloat16)
    np.savez(tmp_path / "v.npz", y=array.view(np.uint16))
    entry = {"name": "y", "kind": "output", "dtype": "bfloat16", "shape": [2], "file": "v.npz"}
    case = {"name": "c", "operator": 0, "operator_name": "RELU", "arrays": [entry]}
    (tmp_path / "manifest.json").write_text(json.dumps({"format": {"name": "npz"}, "stamp": {}, "cases": [case]}))
    (vector,) = read_vectors(tmp_path)
    vector.check(array)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "expected manifest.json, as q31 vectors writes it, or .npz files"),
        ("no", "is no manifest of golden vectors"),
        ("{}", "is no manifest of golden vectors"),
        ('{"format": {"name": "c"}, "cases": [], "stamp": {}}', "vectors of format c are not read"),
    ],
)
def test_folders_that_hold_no_vectors(content: str | None, expected: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(q31.InputError, match=expected):
        read_vectors(tmp_path)
    with pytest.raises(q31.InputError, match="expected a folder of golden vectors"):
        read_vectors(tmp_path / "none")


# The plugin

WITH_PLUGIN = ("-p", "no:q31", "-p", "q31.tools.pytest_plugin", "-p", "no:cacheprovider", "-q")
"""The plugin by its module: whether the q31 installed here has it as an entry point does not matter."""


def test_fixtures_in_somebodys_tests(pytester: pytest.Pytester, golden: Path) -> None:
    shutil.copytree(golden / "npz0", pytester.path / "tests" / "golden")
    shutil.copy(MODEL, pytester.path / "model.tflite")
    (pytester.path / "tests" / "test_mine.py").write_text(
        """
import numpy as np
import pytest
from q31.testing import assert_bit_exact, read_vectors
from pathlib import Path

def test_the_model_is_found_and_loaded_once(q31_model):
    model = q31_model("model.tflite")
    assert q31_model("../model.tflite") is model
    assert q31_model("model.tflite", profile="tflm") is not model
    assert model(np.zeros((1, 28, 28), np.int8)).shape == (1, 10)

def test_copies(q31_vectors):
    vectors = [one for one in q31_vectors("golden") if one.operator_name == "RESHAPE"]
    for vector in vectors:
        vector.check(vector["input1"].reshape(vector["output_ref"].shape))
    assert len(vectors) == 2

@pytest.mark.parametrize("vector", read_vectors(Path(__file__).parent / "golden"), ids=str)
def test_wrong(vector, q31_model):
    wrong = vector["output_ref"].copy()
    wrong.flat[3] += 2
    vector.check(wrong)
"""
    )
    result = pytester.runpytest_subprocess(*WITH_PLUGIN)
    result.assert_outcomes(passed=2, failed=5)
    result.stdout.fnmatch_lines(
        [
            "*test_wrong?op001_conv_2d?*",
            "E*AssertionError: operator 1, CONV_2D: 'output_ref': 1 of 8,112 values differs, by 2 LSB; "
            "the first at [[]0, 0, 0, 3[]]: *",
        ]
    )
    assert "assertions.py" not in result.stdout.str(), "the failure is shown where the test asserts"


def test_fixtures_say_what_is_wrong(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
def test_model(q31_model):
    q31_model("none.tflite")

def test_vectors(q31_vectors):
    q31_vectors("none")
"""
    )
    result = pytester.runpytest_subprocess(*WITH_PLUGIN)
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*ModelError: cannot open 'none.tflite'*", "*InputError: none: expected a folder*"])


def test_models_with_state_do_not_remember_other_tests(pytester: pytest.Pytester) -> None:
    (pytester.path / "counting.tflite").write_bytes(write(counting()))
    pytester.makepyfile(
        """
def test_model(q31_model):
    assert q31_model("counting.tflite") is not q31_model("counting.tflite")
"""
    )
    pytester.runpytest_subprocess(*WITH_PLUGIN).assert_outcomes(passed=1)


def test_fixtures_are_documented(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess(*WITH_PLUGIN, "--fixtures")
    result.stdout.fnmatch_lines(["q31_model*", "*Load models*", "q31_vectors*", "*Read golden vectors*"])


def test_the_plugin_is_registered_and_costs_nothing_unused() -> None:
    tomllib = pytest.importorskip("tomllib", reason="tomllib came with Python 3.11")
    project = tomllib.loads((Path(q31.__file__).parent / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"q31": "q31.tools.pytest_plugin"}
    script = (
        "import pytest, sys; before = {*sys.modules}; import q31.tools.pytest_plugin; print(*{*sys.modules} - before)"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    ours = {"q31", "q31.distributed", "q31.tools", "q31.tools.pytest_plugin"}  # q31.distributed: a name, nothing loaded
    assert {one for one in loaded if one.startswith("q31")} == ours
    assert len(loaded) <= len(ours) + 2, loaded
    assert "numpy" not in loaded
