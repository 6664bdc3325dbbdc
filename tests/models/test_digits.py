"""The bundled digit classifiers give BUILTIN_REF's bits: on the bundled images always, on all of MNIST's test file
where it is at hand, one image at a time in the oracle and in batches here.
"""

from __future__ import annotations

import numpy as np
import pytest

import q31
from conformance.shared import SHARED, needs_shared
from q31.tools.conformance.differences import differences
from q31.tools.conformance.oracle import Answer, Oracle
from q31.tools.digits.bundle import DIGITS, model_path
from q31.tools.digits.mnist import read_images

INTEGER = ("integer_uint8", "integer_int8", "integer_float_fallback")
# Weights quantized alone and 16-bit activations are other issues' operators.
OTHERS = ("float32", "float16", "dynamic_range", "int16x8")
BATCH = 500


def as_input(images: np.ndarray, detail: dict) -> np.ndarray:
    """Turn grey images (N, 28, 28) uint8 into what a model's input takes."""
    real = images.astype(np.float32) / np.float32(255)
    dtype = np.dtype(detail["dtype"])
    if dtype == np.float32:
        return real
    scale, zero_point = detail["quantization"]
    codes = np.rint(real / np.float32(scale)) + zero_point
    return np.clip(codes, np.iinfo(dtype).min, np.iinfo(dtype).max).astype(dtype)


def run_in_batches(content: bytes, inputs: np.ndarray, backend: str) -> np.ndarray:
    interpreter = q31.Interpreter(model_content=content, backend=backend)
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
    outputs = []
    for start in range(0, len(inputs), BATCH):
        batch = inputs[start : start + BATCH]
        interpreter.resize_tensor_input(source["index"], batch.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(source["index"], batch)
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(target["index"]))
    return np.concatenate(outputs)


def run_one_by_one(content: bytes, inputs: np.ndarray, oracle: Oracle) -> np.ndarray:
    answer = oracle.run_many(content, [[image[None]] for image in inputs])
    assert isinstance(answer, Answer), answer
    return np.concatenate([outputs[0] for outputs in answer.runs])


def hold(form: str, images: np.ndarray, backends: tuple[str, ...], oracle: Oracle) -> None:
    content = model_path(form).read_bytes()
    inputs = as_input(images, q31.Interpreter(model_content=content).get_input_details()[0])
    expected = run_one_by_one(content, inputs, oracle)
    assert len(np.unique(expected)) > 10, "the outputs say something"
    for backend in backends:
        problem = differences(expected, run_in_batches(content, inputs, backend))
        assert not problem, f"{backend}: {problem}"


@pytest.fixture(scope="module")
def mnist() -> np.ndarray:
    folder = SHARED / "data" / "mnist"
    return read_images(folder / "t10k-images-idx3-ubyte.gz", folder / "t10k-labels-idx1-ubyte.gz").images


@pytest.fixture(scope="module")
def drawn() -> np.ndarray:
    with np.load(DIGITS) as arrays:
        images = arrays["images"]
    return np.concatenate([np.roll(images, shift, axis=(1, 2)) for shift in ((0, 0), (2, -1), (-3, 1))])


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("form", [*INTEGER, *OTHERS])
def test_bundled_digits_equal_builtin_ref(form: str, backend: str, drawn: np.ndarray, oracle: Oracle) -> None:
    hold(form, drawn, (backend,), oracle)


@needs_shared
@pytest.mark.parametrize("form", [*INTEGER, "float32"])
def test_all_of_mnist_equals_builtin_ref(form: str, mnist: np.ndarray, oracle: Oracle) -> None:
    assert mnist.shape == (10_000, 28, 28)
    hold(form, mnist, ("numba", "numpy"), oracle)
