"""The Interpreter's calls side by side with the same calls on ai_edge_litert's, answers and classes of error."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import q31
from q31.schema import Buffer, Graph, GraphBuilder, Padding, Quantization, Signature, TensorType, write
from q31.schema.options import AddOptions, Conv2DOptions, FullyConnectedOptions, MulOptions

litert = pytest.importorskip("ai_edge_litert.interpreter", reason="ai-edge-litert, the oracle, is not installed")

INT8, INT32, FLOAT32 = TensorType.INT8, TensorType.INT32, TensorType.FLOAT32


def _per_tensor(scale: float, zero_point: int) -> Quantization:
    return Quantization((float(np.float32(scale)),), (zero_point,))


def _per_channel(scales: tuple[float, ...], dimension: int = 0) -> Quantization:
    scales = tuple(float(np.float32(s)) for s in scales)
    return Quantization(scales, (0,) * len(scales), quantized_dimension=dimension)


def dense() -> Graph:
    """FULLY_CONNECTED of an input with a free batch, then ADD of a second input; one signature."""
    build = GraphBuilder()
    side = build.tensor("side", INT8, (1, 3), _per_tensor(0.1, 3), shape_signature=(-1, 3))
    x = build.tensor("x", INT8, (1, 4), _per_tensor(0.05, -7), shape_signature=(-1, 4))
    values = np.arange(-6, 6).reshape(3, 4) * 9
    weights = build.tensor("weights", INT8, (3, 4), _per_channel((0.01, 0.02, 0.03)), values)
    bias = build.tensor("bias", INT32, (3,), _per_channel((0.0005, 0.001, 0.0015)), (100, -200, 300))
    hidden = build.tensor("hidden", INT8, (1, 3), _per_tensor(0.08, 1), shape_signature=(-1, 3))
    y = build.tensor("y", INT8, (1, 3), _per_tensor(0.2, 0), shape_signature=(-1, 3))
    build.operator("FULLY_CONNECTED", [x, weights, bias], [hidden], FullyConnectedOptions(), 4)
    build.operator("ADD", [hidden, side], [y], AddOptions(), 2)
    signature = Signature("serving_default", 0, (("features", x), ("side", side)), (("scores", y),))
    return build.build([x, side], [y], signatures=[signature])


def two_signatures() -> Graph:
    """Two float subgraphs, each with a signature of its own."""
    subgraphs = []
    for name, operator, options in (("sum", "ADD", AddOptions()), ("product", "MUL", MulOptions())):
        build = GraphBuilder()
        a, b, c = (build.tensor(f"{name}_{label}", FLOAT32, (2,)) for label in "abc")
        build.operator(operator, [a, b], [c], options)
        subgraphs += build.build([a, b], [c], name=name).subgraphs
    signatures = tuple(Signature(s.name, n, (("a", 0), ("b", 1)), (("c", 2),)) for n, s in enumerate(subgraphs))
    return Graph(tuple(subgraphs), (Buffer(),), signatures=signatures)


def convolution() -> Graph:
    """An int8 CONV_2D of fixed shape, without a signature; its bias has no quantization."""
    build = GraphBuilder()
    image = build.tensor("image", INT8, (1, 5, 5, 2), _per_tensor(0.02, -128))
    filters = np.random.default_rng(3).integers(-127, 127, (3, 2, 2, 2), np.int8)
    weights = build.tensor("filter", INT8, filters.shape, _per_channel((0.01, 0.02, 0.005)), filters)
    bias = build.tensor("bias", INT32, (3,), value=0)
    features = build.tensor("features", INT8, (1, 4, 4, 3), _per_tensor(0.07, 5))
    options = Conv2DOptions(padding=Padding.VALID, stride_w=1, stride_h=1)
    build.operator("CONV_2D", [image, weights, bias], [features], options, 3)
    return build.build([image], [features])


MODELS = {function.__name__: bytes(write(function())) for function in (dense, two_signatures, convolution)}


def open_litert(content: bytes, **options: Any) -> Any:
    resolver = litert.OpResolverType.BUILTIN_REF
    return litert.Interpreter(model_content=content, experimental_op_resolver_type=resolver, **options)


def open_both(model: str, allocated: bool = True, **options: Any) -> tuple[Any, q31.Interpreter]:
    pair = open_litert(MODELS[model], **options), q31.Interpreter(model_content=MODELS[model], **options)
    if allocated:
        for interpreter in pair:
            allocate(interpreter)
    return pair


def allocate(interpreter: Any) -> None:
    """Allocate tensors and give every input a value, which memory of LiteRT does not have by itself."""
    interpreter.allocate_tensors()
    random = np.random.default_rng(1)
    for detail in interpreter.get_input_details():
        value = random.integers(-100, 100, detail["shape"]).astype(detail["dtype"])
        interpreter.set_tensor(detail["index"], value)


def same(expected: Any, got: Any, path: str = "") -> None:
    """Assert that two answers are equal: types, dictionaries' keys and their order, arrays' dtypes, shapes and bits."""
    if isinstance(expected, dict):
        assert type(got) is dict and list(got) == list(expected), path
        for key, value in expected.items():
            same(value, got[key], f"{path}[{key!r}]")
    elif isinstance(expected, list | tuple):
        assert type(got) is type(expected) and len(got) == len(expected), path
        for index, value in enumerate(expected):
            same(value, got[index], f"{path}[{index}]")
    elif isinstance(expected, np.ndarray):
        assert isinstance(got, np.ndarray), path
        assert (got.dtype, got.shape) == (expected.dtype, expected.shape), path
        np.testing.assert_array_equal(got, expected, err_msg=path)
    else:
        assert type(got) is type(expected) and got == expected, f"{path}: {got!r} instead of {expected!r}"


def outcome(call: Callable[[Any], Any], interpreter: Any) -> Any:
    try:
        return call(interpreter)
    except Exception as error:
        return error


def hold(model: str, call: Callable[[Any], Any], allocated: bool = True) -> Any:
    """Make a call on both interpreters and hold q31's answer or error against LiteRT's, which is returned."""
    reference, interpreter = open_both(model, allocated)
    expected, got = outcome(call, reference), outcome(call, interpreter)
    if isinstance(expected, Exception):
        assert isinstance(got, Exception), f"LiteRT raises {expected!r}, q31 answers {got!r}"
        assert isinstance(got, type(expected)), f"LiteRT raises {expected!r}, q31 {got!r}"
        assert isinstance(got, q31.Error | TypeError | AttributeError), f"not raised on purpose: {got!r}"
        assert str(got) and "\n" not in str(got), "an error is one line"
    elif isinstance(got, Exception):
        raise got
    else:
        same(expected, got)
    return expected


def zeros(shape: tuple[int, ...], dtype: Any = np.int8) -> np.ndarray:
    return np.zeros(shape, dtype)


# Details


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("allocated", [False, True])
@pytest.mark.parametrize("details", ["get_input_details", "get_output_details", "get_tensor_details"])
def test_details_have_litert_keys_types_and_values(model: str, allocated: bool, details: str) -> None:
    assert hold(model, lambda it: getattr(it, details)(), allocated)


def test_details_of_a_real_subgraph_by_index_and_of_a_missing_one() -> None:
    assert len(hold("two_signatures", lambda it: it.get_tensor_details(1))) == 3
    for index in (-1, 2):
        assert isinstance(hold("two_signatures", lambda it, i=index: it.get_tensor_details(i)), ValueError)


def test_details_after_a_resize_show_the_new_shape_and_the_old_signature() -> None:
    def resize(interpreter: Any) -> list[Any]:
        interpreter.resize_tensor_input(1, [5, 4])
        interpreter.resize_tensor_input(0, [5, 3])
        before = interpreter.get_input_details(), interpreter.get_output_details()[0]["shape_signature"]
        interpreter.allocate_tensors()
        return [before, interpreter.get_input_details(), interpreter.get_tensor_details()]

    hold("dense", resize)


def test_number_of_subgraphs() -> None:
    assert hold("two_signatures", lambda it: it.num_subgraphs()) == 2


# Order of calls


BEFORE_ALLOCATION: dict[str, Callable[[Any], Any]] = {
    "invoke": lambda it: it.invoke(),
    "set_tensor": lambda it: it.set_tensor(1, zeros((1, 4))),
    "get_tensor of an input": lambda it: it.get_tensor(1),
    "get_tensor of an output": lambda it: it.get_tensor(5),
    "get_tensor of a constant": lambda it: it.get_tensor(2),
    "tensor()": lambda it: callable(it.tensor(1)),
    "tensor()()": lambda it: it.tensor(1)(),
    "reset_all_variables": lambda it: it.reset_all_variables(),
    "get_signature_list": lambda it: it.get_signature_list(),
    "a signature runner": lambda it: it.get_signature_runner()(features=zeros((1, 4)), side=zeros((1, 3))),
}


@pytest.mark.parametrize("call", BEFORE_ALLOCATION)
def test_calls_before_allocate_tensors(call: str) -> None:
    hold("dense", BEFORE_ALLOCATION[call], allocated=False)


AFTER_A_RESIZE: dict[str, Callable[[Any], Any]] = {
    "invoke": lambda it: it.invoke(),
    "set_tensor of the resized input": lambda it: it.set_tensor(1, zeros((5, 4))),
    "get_tensor of the resized input": lambda it: it.get_tensor(1),
    "get_tensor of a constant": lambda it: it.get_tensor(2),
}


@pytest.mark.parametrize("call", AFTER_A_RESIZE)
def test_calls_between_a_resize_and_allocate_tensors(call: str) -> None:
    def resized(interpreter: Any) -> Any:
        interpreter.resize_tensor_input(1, [5, 4])
        return AFTER_A_RESIZE[call](interpreter)

    hold("dense", resized)


def test_resizing_to_the_present_shape_needs_no_new_allocation() -> None:
    def same_shape(interpreter: Any) -> Any:
        interpreter.set_tensor(1, zeros((1, 4)) + 9)
        interpreter.resize_tensor_input(1, [1, 4])
        interpreter.invoke()
        return interpreter.get_tensor(5)

    hold("dense", same_shape)


def test_allocating_twice_keeps_the_inputs() -> None:
    def twice(interpreter: Any) -> Any:
        interpreter.set_tensor(1, zeros((1, 4)) + 9)
        interpreter.allocate_tensors()
        return interpreter.get_tensor(1)

    assert hold("dense", twice).tolist() == [[9, 9, 9, 9]]


# set_tensor, get_tensor, tensor


SET: dict[str, Callable[[Any], Any]] = {
    "right": lambda it: it.set_tensor(1, zeros((1, 4))),
    "NumPy index": lambda it: it.set_tensor(np.int64(1), zeros((1, 4))),
    "strided": lambda it: it.set_tensor(1, zeros((4, 8))[1:2, ::2]),
    "another integer type": lambda it: it.set_tensor(1, zeros((1, 4), np.uint8)),
    "int64": lambda it: it.set_tensor(1, zeros((1, 4), np.int64)),
    "float32": lambda it: it.set_tensor(1, zeros((1, 4), np.float32)),
    "bool": lambda it: it.set_tensor(1, zeros((1, 4), np.bool_)),
    "list": lambda it: it.set_tensor(1, [[0, 0, 0, 0]]),
    "scalar": lambda it: it.set_tensor(1, 0),
    "NumPy scalar": lambda it: it.set_tensor(1, np.int8(0)),
    "None": lambda it: it.set_tensor(1, None),
    "string": lambda it: it.set_tensor(1, "x"),
    "wrong shape": lambda it: it.set_tensor(1, zeros((1, 5))),
    "wrong batch": lambda it: it.set_tensor(1, zeros((2, 4))),
    "rank above": lambda it: it.set_tensor(1, zeros((1, 1, 4))),
    "rank below": lambda it: it.set_tensor(1, zeros((4,))),
    "empty": lambda it: it.set_tensor(1, zeros((0, 4))),
    "index too high": lambda it: it.set_tensor(999, zeros((1, 4))),
    "index negative": lambda it: it.set_tensor(-1, zeros((1, 4))),
    "index a float": lambda it: it.set_tensor(1.0, zeros((1, 4))),
    "index a string": lambda it: it.set_tensor("1", zeros((1, 4))),
    "an output": lambda it: it.set_tensor(5, zeros((1, 3))),
    "an intermediate": lambda it: it.set_tensor(4, zeros((1, 3))),
}


@pytest.mark.parametrize("call", SET)
def test_set_tensor(call: str) -> None:
    hold("dense", SET[call])


def test_setting_a_constant_is_refused() -> None:
    """LiteRT writes into the model's memory, which ends the process where the file is mapped."""
    _, interpreter = open_both("dense")
    with pytest.raises(ValueError, match="constant"):
        interpreter.set_tensor(2, interpreter.get_tensor(2))


def test_float64_is_not_taken_for_float32() -> None:
    assert isinstance(hold("two_signatures", lambda it: it.set_tensor(0, zeros((2,), np.float64))), ValueError)
    assert isinstance(hold("two_signatures", lambda it: it.set_tensor(0, [1.0, 2.0])), ValueError)


def test_set_tensor_copies_its_value() -> None:
    def change_afterwards(interpreter: Any) -> Any:
        value = zeros((1, 4))
        interpreter.set_tensor(1, value)
        value[:] = 7
        return interpreter.get_tensor(1)

    assert not hold("dense", change_afterwards).any()


def test_get_tensor_returns_a_writable_copy() -> None:
    def change_the_copy(interpreter: Any) -> Any:
        copy = interpreter.get_tensor(1)
        copy[:] = 9
        return [copy.flags.owndata, interpreter.get_tensor(1)]

    hold("dense", change_the_copy)


GET: dict[str, Callable[[Any], Any]] = {
    "constant": lambda it: it.get_tensor(3),
    "a set output": lambda it: [it.set_tensor(5, zeros((1, 3)) + 5), it.get_tensor(5)],
    "index too high": lambda it: it.get_tensor(6),
    "index far too high": lambda it: it.get_tensor(999),
    "index negative": lambda it: it.get_tensor(-1),
    "index a string": lambda it: it.get_tensor("1"),
    "index a float": lambda it: it.get_tensor(1.0),
    "no such subgraph": lambda it: it.get_tensor(0, 1),
    "subgraph negative": lambda it: it.get_tensor(0, -1),
    "function of a wrong index": lambda it: callable(it.tensor(999)),
    "view of a wrong index": lambda it: it.tensor(999)(),
    "view of a negative index": lambda it: it.tensor(-1)(),
}


@pytest.mark.parametrize("call", GET)
def test_get_tensor(call: str) -> None:
    if call == "index too high":
        # LiteRT has temporary tensors after the model's own; here there is nothing to read.
        with pytest.raises(ValueError, match="tensor index 6"):
            GET[call](open_both("dense")[1])
        return
    hold("dense", GET[call])


def test_a_view_is_writable_contiguous_and_shows_the_tensor() -> None:
    def write_through(interpreter: Any) -> Any:
        view = interpreter.tensor(1)()
        view[:] = 11
        return [view.flags.writeable, view.flags.c_contiguous, view.flags.owndata, interpreter.get_tensor(1)]

    hold("dense", write_through)


def _with_view(call: Callable[[Any], Any], cut: bool = False) -> Callable[[Any], Any]:
    def held(interpreter: Any) -> Any:
        view = interpreter.tensor(1)()
        if cut:
            view = view[0]
        answer = outcome(call, interpreter)
        del view
        gc.collect()
        call(interpreter)  # Once the view is gone the same call goes through.
        if isinstance(answer, Exception):
            raise answer
        return answer

    return held


WHILE_A_VIEW_LIVES: dict[str, Callable[[Any], Any]] = {
    "invoke": lambda it: it.invoke(),
    "allocate_tensors": lambda it: it.allocate_tensors(),
    "resize_tensor_input": lambda it: it.resize_tensor_input(1, [1, 4]),
    "set_tensor": lambda it: it.set_tensor(1, zeros((1, 4))),
    "get_tensor": lambda it: it.get_tensor(1),
    "reset_all_variables": lambda it: it.reset_all_variables(),
    "get_signature_list": lambda it: it.get_signature_list(),
}


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("call", WHILE_A_VIEW_LIVES)
def test_calls_while_a_view_or_a_slice_of_one_lives(call: str, cut: bool) -> None:
    expected = hold("dense", _with_view(WHILE_A_VIEW_LIVES[call], cut))
    if call in ("invoke", "allocate_tensors", "resize_tensor_input"):
        assert isinstance(expected, RuntimeError)


def test_holding_the_function_of_tensor_is_harmless() -> None:
    def hold_function(interpreter: Any) -> Any:
        function = interpreter.tensor(5)
        interpreter.set_tensor(1, zeros((1, 4)) + 20)
        interpreter.invoke()
        return function().copy()

    hold("dense", hold_function)


# resize_tensor_input


RESIZE: dict[str, tuple[Any, ...]] = {
    "list": ([5, 4],),
    "tuple": ((5, 4),),
    "array": (np.array([5, 4]),),
    "truncated": ([5.5, 4],),
    "empty batch": ([0, 4],),
    "negative": ([-1, 4],),
    "scalar": (4,),
    "matrix": ([[5, 4]],),
    "text": ("x",),
    "strict batch": ([5, 4], True),
    "strict same": ([1, 4], True),
    "strict fixed dimension": ([5, 5], True),
    "strict rank": ([4], True),
    "strict empty batch": ([0, 4], True),
    "strict negative": ([-1, 4], True),
}


@pytest.mark.parametrize("case", RESIZE)
def test_resize_tensor_input(case: str) -> None:
    def resize(interpreter: Any) -> Any:
        interpreter.resize_tensor_input(1, *RESIZE[case])
        return interpreter.get_input_details()

    hold("dense", resize)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("index", [999, -1, 2])
def test_resizing_what_is_not_there_or_constant(index: int, strict: bool) -> None:
    assert isinstance(hold("dense", lambda it: it.resize_tensor_input(index, [9, 9], strict)), RuntimeError)


def test_a_refused_resize_leaves_the_interpreter_usable() -> None:
    for interpreter in open_both("dense"):
        for shape, strict in (([4], True), ("x", False), ([[5, 4]], False)):
            with pytest.raises((RuntimeError, ValueError)):
                interpreter.resize_tensor_input(1, shape, strict)
        interpreter.invoke()


@pytest.mark.parametrize("shape", [[5, 5], [4], [5], [1, 1, 4], [2, 2, 2, 3, 4], [3, 5, 5, 2]])
def test_a_shape_that_an_operator_refuses_fails_in_allocate_tensors(shape: list[int]) -> None:
    def run(interpreter: Any) -> Any:
        interpreter.resize_tensor_input(0, shape)
        allocation = outcome(lambda it: it.allocate_tensors(), interpreter)
        then = outcome(lambda it: it.invoke(), interpreter)
        interpreter.resize_tensor_input(0, [1, 5, 5, 2])
        allocate(interpreter)
        interpreter.invoke()
        return [allocation, then, interpreter.get_tensor(3)]

    reference, interpreter = open_both("convolution")
    expected, got = run(reference), run(interpreter)
    assert isinstance(got[0], type(expected[0])) and isinstance(got[1], type(expected[1]))
    same(expected[2], got[2])


def test_invoking_again_finds_the_inputs_unchanged() -> None:
    def twice(interpreter: Any) -> Any:
        interpreter.invoke()
        first = interpreter.get_tensor(5)
        interpreter.invoke()
        return [first, interpreter.get_tensor(5), interpreter.get_tensor(0), interpreter.get_tensor(1)]

    first, second, *_ = hold("dense", twice)
    assert first.tolist() == second.tolist()


@pytest.mark.parametrize("batch", [1, 5, 0, 64])
def test_a_resized_batch_gives_the_same_bits(batch: int) -> None:
    random = np.random.default_rng(batch)
    x = random.integers(-128, 127, (batch, 4), np.int8, endpoint=True)
    side = random.integers(-128, 127, (batch, 3), np.int8, endpoint=True)

    def run(interpreter: Any) -> Any:
        interpreter.resize_tensor_input(1, x.shape)
        interpreter.resize_tensor_input(0, side.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(1, x)
        interpreter.set_tensor(0, side)
        interpreter.invoke()
        return interpreter.get_tensor(5)

    assert hold("dense", run).shape == (batch, 3)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_preserved_intermediate_tensors(backend: str) -> None:
    reference = open_litert(MODELS["dense"], experimental_preserve_all_tensors=True)
    interpreter = q31.Interpreter(
        model_content=MODELS["dense"], experimental_preserve_all_tensors=True, backend=backend
    )
    for one in (reference, interpreter):
        one.allocate_tensors()
        one.set_tensor(1, np.array([[1, 50, -100, 127]], np.int8))
        one.set_tensor(0, np.array([[3, -4, 5]], np.int8))
        one.invoke()
    for index in range(6):
        same(reference.get_tensor(index), interpreter.get_tensor(index), f"tensor {index}")


# Opening


def _path(folder: Path, content: bytes | None) -> str:
    path = folder / "model.tflite"
    if content is not None:
        path.write_bytes(content)
    return str(path)


CONTENT = {
    "truncated": MODELS["dense"][: len(MODELS["dense"]) // 2],
    "a byte short": MODELS["dense"][:-1],
    "text": b"This is not a model, it is a line of text.\n" * 3,
    "short": b"TFL3",
    "zeros": bytes(1000),
}


@pytest.mark.parametrize("case", [*CONTENT, "missing", "empty"])
def test_files_that_are_no_model(case: str, tmp_path: Path) -> None:
    path = _path(tmp_path, None if case == "missing" else CONTENT.get(case, b""))
    with pytest.raises(ValueError):
        litert.Interpreter(model_path=path)
    with pytest.raises(q31.Error) as caught:
        q31.Interpreter(model_path=path)
    assert isinstance(caught.value, ValueError)
    assert path in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("case", CONTENT)
def test_content_that_is_no_model(case: str) -> None:
    with pytest.raises(ValueError):
        open_litert(CONTENT[case])
    with pytest.raises(q31.ModelError):
        q31.Interpreter(model_content=CONTENT[case])


def test_a_directory_is_no_model(tmp_path: Path) -> None:
    for opener in (litert.Interpreter, q31.Interpreter):
        with pytest.raises(ValueError):
            opener(model_path=str(tmp_path))


def test_path_and_content_both_or_neither() -> None:
    for opener in (litert.Interpreter, q31.Interpreter):
        for arguments in ({}, {"model_path": "x", "model_content": b"y"}, {"model_content": b""}):
            with pytest.raises(ValueError):
                opener(**arguments)


@pytest.mark.parametrize("arguments", [{"model_path": 5}, {"model_content": "text"}])
def test_path_or_content_of_the_wrong_type(arguments: dict[str, Any]) -> None:
    for opener in (litert.Interpreter, q31.Interpreter):
        with pytest.raises(TypeError):
            opener(**arguments)


def test_a_path_may_be_text_bytes_or_pathlike(tmp_path: Path) -> None:
    path = _path(tmp_path, MODELS["dense"])
    for form in (path, path.encode(), Path(path)):
        for opener in (litert.Interpreter, q31.Interpreter):
            opener(model_path=form)
            opener(form)


def test_content_may_be_any_bytes() -> None:
    """LiteRT takes bytes only; q31 whatever has a buffer."""
    for form in (bytes, bytearray, memoryview):
        q31.Interpreter(model_content=form(MODELS["dense"])).allocate_tensors()


@pytest.mark.parametrize("threads", [1, 4, None, True, 0, -1, "2", 2.0])
def test_num_threads(threads: Any) -> None:
    expected = outcome(lambda _: bool(open_litert(MODELS["dense"], num_threads=threads)), None)
    got = outcome(lambda _: bool(q31.Interpreter(model_content=MODELS["dense"], num_threads=threads)), None)
    assert isinstance(got, type(expected)), (expected, got)


# Signatures


@pytest.mark.parametrize("model", MODELS)
def test_signature_list(model: str) -> None:
    hold(model, lambda it: it.get_signature_list())


SIGNATURES: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "only signature": ("dense", lambda it: it.get_signature_runner()(features=zeros((1, 4)), side=zeros((1, 3)))),
    "by name": (
        "dense",
        lambda it: it.get_signature_runner("serving_default")(side=zeros((1, 3)), features=zeros((1, 4))),
    ),
    "of several": (
        "two_signatures",
        lambda it: [
            it.get_signature_runner(key)(a=np.float32([1, 2]), b=np.float32([5, 7])) for key in ("sum", "product")
        ],
    ),
    "None of several": ("two_signatures", lambda it: it.get_signature_runner()),
    "None of none": ("convolution", lambda it: it.get_signature_runner()),
    "name where none": ("convolution", lambda it: it.get_signature_runner("serving_default")),
    "unknown": ("dense", lambda it: it.get_signature_runner("nope")),
    "empty name": ("dense", lambda it: it.get_signature_runner("")),
    "number": ("dense", lambda it: it.get_signature_runner(3)),
    "no inputs": ("dense", lambda it: it.get_signature_runner()()),
    "an input missing": ("dense", lambda it: it.get_signature_runner()(features=zeros((1, 4)))),
    "an input too many": (
        "dense",
        lambda it: it.get_signature_runner()(features=zeros((1, 4)), side=zeros((1, 3)), other=zeros((1, 3))),
    ),
    "a wrong name": ("dense", lambda it: it.get_signature_runner()(features=zeros((1, 4)), other=zeros((1, 3)))),
    "positional": ("dense", lambda it: it.get_signature_runner()(zeros((1, 4)), zeros((1, 3)))),
    "a wrong dtype": (
        "dense",
        lambda it: it.get_signature_runner()(features=zeros((1, 4), np.float32), side=zeros((1, 3))),
    ),
    "shapes that do not fit": (
        "dense",
        lambda it: it.get_signature_runner()(features=zeros((5, 4)), side=zeros((3, 3))),
    ),
    "input details": ("dense", lambda it: it.get_signature_runner().get_input_details()),
    "output details": ("dense", lambda it: it.get_signature_runner().get_output_details()),
    "details of several": ("two_signatures", lambda it: it.get_signature_runner("product").get_output_details()),
}


@pytest.mark.parametrize("case", SIGNATURES)
def test_signature_runner(case: str) -> None:
    hold(*SIGNATURES[case])


def test_a_signature_runner_resizes_to_its_arguments() -> None:
    def run(interpreter: Any) -> Any:
        runner = interpreter.get_signature_runner()
        answers = [runner(features=zeros((n, 4)) + n, side=zeros((n, 3)) - n) for n in (3, 1, 3, 2)]
        return [answers, interpreter.get_input_details(), runner.get_output_details()]

    hold("dense", run)
