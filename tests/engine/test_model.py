"""q31.load and Model: calling, batches, several inputs and outputs, and one clear line for each mistake."""

import subprocess
import sys
import threading

import numpy as np
import pytest

import q31
from q31.schema import write
from small_graphs import chain, classifier, dynamic_reshape, two_inputs

BACKENDS = ["numba", "numpy"]


def codes(*shape, seed=None):
    return np.random.default_rng(seed).integers(-128, 128, shape, np.int8)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_batch_gives_what_its_examples_give_one_by_one(backend):
    model = q31.load(write(classifier()), backend=backend)
    x = codes(150, 3, 4)  # more than one chunk, and a last one that is not full
    expected = np.concatenate([model(x[i : i + 1]) for i in range(len(x))])
    np.testing.assert_array_equal(model(x), expected)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_batch_baked_into_the_graph_falls_back_to_one_by_one(backend):
    open_batch, baked = (q31.load(write(classifier(shape)), backend=backend) for shape in ((-1, 12), (1, 12)))
    x = codes(9, 3, 4)
    np.testing.assert_array_equal(baked(x), open_batch(x))


def test_an_empty_batch_gives_an_empty_result():
    assert q31.load(write(classifier()))(codes(0, 3, 4)).shape == (0, 12)


def test_several_inputs_and_outputs_go_by_name_or_in_order():
    model = q31.load(write(two_inputs()))
    a, b = codes(1, 4), codes(1, 4)
    by_order, by_dict, by_keyword = model(a, b), model({"a": a, "b": b}), model(b=b, a=a)
    assert list(by_order) == ["total", "positive"]
    for name in by_order:
        np.testing.assert_array_equal(by_order[name], by_dict[name])
        np.testing.assert_array_equal(by_order[name], by_keyword[name])


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_shape_that_is_an_input_is_followed_at_run_time(backend):
    model = q31.load(write(dynamic_reshape()), backend=backend)
    x = codes(1, 12)
    for shape in ((3, 4), (12, 1), (2, -1), (3, 4)):
        y = model(x, np.array(shape, np.int32))
        np.testing.assert_array_equal(y, np.maximum(x, 3).reshape(shape))


def test_a_shape_that_does_not_fit_at_run_time_is_one_clear_error():
    model = q31.load(write(dynamic_reshape()))
    with pytest.raises(q31.ModelError, match="subgraph 0 operator 1: RESHAPE"):
        model(codes(1, 12), np.array([5, 5], np.int32))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros((1, 3, 4), np.uint8),), "input 'x': expected data type int8, got uint8"),
        ((np.zeros((1, 3, 5), np.int8),), r"input 'x': expected shape \[1, 3, 4\] or \[N, 3, 4\], got \[1, 3, 5\]"),
        ((np.zeros((3, 4), np.int8),), r"input 'x': expected shape .* got \[3, 4\]"),
        ((), "input 'x' is missing"),
        (({"z": np.zeros((1, 3, 4), np.int8)},), "no input is named 'z'"),
        ((np.zeros((1, 3, 4), np.int8), 1), "the model has 1 inputs"),
    ],
)
def test_an_input_that_does_not_fit_is_one_clear_line(arguments, message):
    with pytest.raises(q31.InputError, match=message) as caught:
        q31.load(write(classifier()))(*arguments)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_text_file_are_one_clear_line(tmp_path):
    with pytest.raises(q31.ModelError, match=r"cannot open .*nowhere.*No such file"):
        q31.load(tmp_path / "nowhere.tflite")
    text = tmp_path / "text.tflite"
    text.write_text("this is not a model")
    with pytest.raises(q31.ModelError, match=r"text\.tflite"):
        q31.load(text)


def test_unknown_profile_and_back_end_name_the_known_ones():
    content = write(chain())
    with pytest.raises(q31.InputError, match="litert, single, tflm"):
        q31.load(content, profile="cmsis")
    with pytest.raises(q31.InputError, match="numba, numpy"):
        q31.load(content, backend="cuda")


def test_threads_calling_one_model_each_get_their_own_answer():
    model = q31.load(write(classifier()))
    inputs = [codes(5, 3, 4, seed=i) for i in range(8)]
    expected = [model(x) for x in inputs]
    wrong = []

    def work(x, y):
        wrong.extend(1 for _ in range(50) if not np.array_equal(model(x), y))

    threads = [threading.Thread(target=work, args=pair) for pair in zip(inputs, expected, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_repr_names_inputs_outputs_profile_and_back_end():
    text = repr(q31.load(write(classifier()), profile="tflm", backend="numpy"))
    for part in ("3 operators", "tflm", "numpy", "x: int8[1, 3, 4]", "y: int8[1, 12]", "zero point 3"):
        assert part in text


def test_the_numpy_back_end_imports_no_numba(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(write(classifier()))
    program = (
        "import sys, numpy as np, q31\n"
        f"q31.load({str(path)!r}, backend='numpy')(np.zeros((2, 3, 4), np.int8))\n"
        "sys.exit('numba' in sys.modules or 'llvmlite' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
