"""Custom operators that a program registers: both back ends, several outputs, shapes that depend on values, errors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from flatbuffers import flexbuffers

import q31
from q31.kernels.custom import flexbuffer_map, registration
from q31.kernels.operator import Node, Prepared
from q31.kernels.profiles import Profile
from q31.schema import GraphBuilder, ModelError, Quantization, TensorType, write

FLOAT32 = TensorType.FLOAT32
OPTIONS = bytes(flexbuffers.Dumps({"offset": 2.5, "axis": [0, 1]}))

pytestmark = pytest.mark.parametrize("backend", ["numpy", "numba"])


@pytest.fixture(autouse=True)
def nothing_registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(registration, "_REGISTERED", {})
    yield


def model(code: str = "Mine", outputs: int = 1, constant: bool = False, options: bytes | None = OPTIONS) -> bytes:
    """RELU, the custom operator on its result, RELU of every output."""
    builder = GraphBuilder()
    x = builder.tensor("x", FLOAT32, (2, 3), value=np.ones((2, 3), np.float32) if constant else None)
    first = builder.tensor("first", FLOAT32, (2, 3))
    middle = [builder.tensor(f"middle{i}", FLOAT32, (2, 3)) for i in range(outputs)]
    results = [builder.tensor(f"y{i}", FLOAT32, (2, 3)) for i in range(outputs)]
    builder.operator("RELU", [x], [first])
    builder.operator("CUSTOM", [first, -1], middle, custom_code=code, custom_options=options)
    for source, target in zip(middle, results, strict=True):
        builder.operator("RELU", [source], [target])
    return bytes(write(builder.build([] if constant else [x], results)))


X = np.array([[1, -2, 3], [4, 5, -6]], np.float32)
RELU_X = np.maximum(X, 0)


def invoke(content: bytes, backend: str, *inputs: np.ndarray) -> list[np.ndarray]:
    interpreter = q31.Interpreter(model_content=content, backend=backend)
    interpreter.allocate_tensors()
    for detail, array in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], array)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


@dataclass(frozen=True)
class Offset(Prepared):
    offset: float


def prepare(node: Node, profile: Profile) -> Offset:
    assert node.name == "CUSTOM" and node.custom_code == "Mine" and profile.name == "litert"
    options = flexbuffer_map(node.custom_options)
    assert options["axis"] == [0, 1]
    return Offset((node.input(0).shape,) * len(node.outputs), options["offset"])


def test_a_registered_operator_runs(backend: str) -> None:
    def evaluate(prepared: Offset, x: np.ndarray, left_out: None) -> np.ndarray:
        assert left_out is None and not x.flags.writeable
        return x + np.float32(prepared.offset)

    q31.register_custom("Mine", prepare, evaluate)
    (y,) = invoke(model(), backend, X)
    assert np.array_equal(y, RELU_X + 2.5)
    loaded = q31.load(model(), backend=backend)
    assert np.array_equal(loaded(X), RELU_X + 2.5)
    assert loaded.operators[1].name == "Mine"


def test_several_outputs(backend: str) -> None:
    q31.register_custom("Mine", prepare, lambda prepared, x, _: (x, x * 2, x + np.float32(1)))
    first, second, third = invoke(model(outputs=3), backend, X)
    assert np.array_equal(first, RELU_X) and np.array_equal(second, RELU_X * 2) and np.array_equal(third, RELU_X + 1)


def test_a_shape_that_depends_on_values(backend: str) -> None:
    q31.register_custom("Mine", lambda node, profile: Prepared((None,)), lambda prepared, x, _: x[x > 0])
    content = model()
    interpreter = q31.Interpreter(model_content=content, backend=backend)
    interpreter.allocate_tensors()
    for x in (X, -X, np.zeros_like(X)):
        interpreter.set_tensor(0, x)
        interpreter.invoke()
        assert np.array_equal(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]), x[x > 0])


def test_each_invoke_evaluates_even_of_constants(backend: str) -> None:
    calls: list[int] = []

    def evaluate(prepared: Prepared, x: np.ndarray, _: None) -> np.ndarray:
        calls.append(1)
        return x * np.float32(len(calls))

    q31.register_custom("Mine", prepare, evaluate)
    interpreter = q31.Interpreter(model_content=model(constant=True), backend=backend)
    interpreter.allocate_tensors()
    for expected in (1, 2):
        interpreter.invoke()
        assert interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0, 0] == expected


def test_what_is_not_registered_is_named(backend: str) -> None:
    with pytest.raises(q31.UnsupportedOperatorError, match=r"operator 1: CUSTOM 'Elsewhere'.*register_custom"):
        invoke(model("Elsewhere"), backend, X)
    with pytest.raises(q31.UnsupportedOperatorError, match=r"CUSTOM 'two\\nlines") as caught:
        invoke(model("two\nlines" * 1000), backend, X)
    assert len(str(caught.value)) < 300


class MineError(Exception):
    pass


def test_errors_of_the_program_are_not_swallowed(backend: str) -> None:
    def fail(*_: Any) -> Any:
        raise MineError("of my own")

    q31.register_custom("Mine", fail, fail)
    with pytest.raises(MineError, match="of my own"):
        invoke(model(), backend, X)
    q31.register_custom("Mine", prepare, fail)
    with pytest.raises(MineError, match="of my own"):
        invoke(model(), backend, X)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (None, "must return a Prepared; it returned NoneType"),
        (Prepared(()), "each of the 1 outputs"),
        (Prepared(((2, 3), (2, 3))), "each of the 1 outputs"),
        (Prepared(((2, -3),)), "each of the 1 outputs"),
        (Prepared((("2",),)), "each of the 1 outputs"),  # type: ignore[arg-type]
        (Prepared(7), "each of the 1 outputs"),  # type: ignore[arg-type]
    ],
)
def test_what_prepare_returns_is_checked(backend: str, returned: Any, message: str) -> None:
    q31.register_custom("Mine", lambda node, profile: returned, lambda prepared, x, _: x)
    with pytest.raises(q31.Error, match=f"CUSTOM 'Mine': prepare .*{message}"):
        invoke(model(), backend, X)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (None, "output 0: evaluate must return arrays; it returned NoneType"),
        ([1.0], "output 0: evaluate must return arrays; it returned list"),
        (RELU_X.astype(np.float64), "output 0: evaluate returned float64; the model has float32"),
        (RELU_X[:1], r"output 0: evaluate returned shape \[1, 3\]; prepare said \[2, 3\]"),
        ((RELU_X, RELU_X), "evaluate returned 2 arrays for 1 outputs"),
    ],
)
def test_what_evaluate_returns_is_checked(backend: str, returned: Any, message: str) -> None:
    q31.register_custom("Mine", prepare, lambda prepared, x, _: returned)
    with pytest.raises(q31.Error, match=f"CUSTOM 'Mine': {message}"):
        invoke(model(), backend, X)


def test_only_functions_are_registered(backend: str) -> None:
    with pytest.raises(q31.InputError, match="evaluate must be a function; got int"):
        q31.register_custom("Mine", prepare, 3)  # type: ignore[arg-type]
    with pytest.raises(q31.InputError, match="custom code"):
        q31.register_custom("", prepare, prepare)


def test_malformed_options_are_a_model_error(backend: str) -> None:
    q31.register_custom("Mine", prepare, lambda prepared, x, _: x)
    with pytest.raises(ModelError, match="operator 1: FlexBuffer"):
        invoke(model(options=b"\xff\xff\xff"), backend, X)


def test_a_registered_operator_replaces_q31s_own(backend: str) -> None:
    q31.register_custom("Mine", prepare, lambda prepared, x, _: x)
    q31.register_custom("Mine", prepare, lambda prepared, x, _: x + np.float32(1))
    assert np.array_equal(invoke(model(), backend, X)[0], RELU_X + 1)


def test_quantized_tensors_keep_their_parameters(backend: str) -> None:
    builder = GraphBuilder()
    quantization = Quantization((0.5,), (3,))
    x = builder.tensor("x", TensorType.INT8, (4,), quantization)
    y = builder.tensor("y", TensorType.INT8, (4,), quantization)
    builder.operator("CUSTOM", [x], [y], custom_code="Negate", version=7)

    def negate(node: Node, profile: Profile) -> Prepared:
        assert node.input(0).scale == 0.5 and node.version == 7 and node.custom_options is None
        return Offset((node.input(0).shape,), node.input(0).zero_point)

    q31.register_custom("Negate", negate, lambda prepared, x: (2 * prepared.offset - x).astype(np.int8))
    (result,) = invoke(bytes(write(builder.build([x], [y]))), backend, np.array([1, 2, 3, 4], np.int8))
    assert result.tolist() == [5, 4, 3, 2]


def test_an_operator_may_go_on_from_run_to_run(backend: str) -> None:
    def add(prepared: Offset, x: np.ndarray, left_out: None, total: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return total + x, total + x

    q31.register_custom("Mine", prepare, add, lambda prepared: np.full((2, 3), prepared.offset, np.float32))
    interpreter = q31.Interpreter(model_content=model(), backend=backend)
    interpreter.allocate_tensors()
    index = interpreter.get_output_details()[0]["index"]
    for expected in (2.5 + RELU_X, 2.5 + 2 * RELU_X, None, 2.5 + RELU_X):
        if expected is None:
            interpreter.reset_all_variables()
            continue
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], X)
        interpreter.invoke()
        assert np.array_equal(interpreter.get_tensor(index), expected)


def test_what_is_kept_must_be_an_array(backend: str) -> None:
    def forgets(prepared: Offset, x: np.ndarray, left_out: None, total: np.ndarray) -> Any:
        return x

    q31.register_custom("Mine", prepare, forgets, lambda prepared: np.zeros(1))
    with pytest.raises(q31.Error, match="returned 1 arrays for 1 outputs and one for the next run"):
        invoke(model(), backend, X)
    q31.register_custom("Mine", prepare, lambda prepared, x, none, total: (x, None), lambda prepared: np.zeros(1))
    with pytest.raises(q31.Error, match="evaluate must return an array for the next run; it returned NoneType"):
        invoke(model(), backend, X)
    q31.register_custom("Mine", prepare, forgets, lambda prepared: 0)  # type: ignore[arg-type, return-value]
    with pytest.raises(q31.Error, match="initial must return an array"):
        invoke(model(), backend, X)


@pytest.mark.parametrize(
    ("functions", "message"),
    [
        ((lambda node: None, lambda prepared, x: x), r"prepare must take \(node, profile\); it takes \(node\)"),
        ((lambda a, b, c: None, lambda prepared, x: x), "prepare must take"),
        ((lambda a, b: None, lambda: None), "evaluate must take"),
        ((lambda a, b: None, lambda *arrays: None, lambda: None), "initial must take"),
    ],
)
def test_functions_that_cannot_be_called_are_refused(backend: str, functions: Any, message: str) -> None:
    with pytest.raises(q31.InputError, match=message):
        q31.register_custom("Mine", *functions)
