"""Tensors of every data type through the interpreter and the model: bfloat16, strings, four-bit integers."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from q31 import InputError, Interpreter, load
from q31.schema import GraphBuilder, TensorType, write


def reshaping(tensor_type: TensorType) -> bytes:
    builder = GraphBuilder()
    x, y = builder.tensor("x", tensor_type, (2, 2)), builder.tensor("y", tensor_type, (4,))
    builder.operator("RESHAPE", [x, builder.tensor("s", TensorType.INT32, (1,), value=[4])], [y])
    return bytes(write(builder.build([x], [y])))


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_bfloat16_is_that_of_ml_dtypes(backend: str) -> None:
    value = np.array([[1.0, -0.0], [np.inf, 3e38]], ml_dtypes.bfloat16)
    interpreter = Interpreter(model_content=reshaping(TensorType.BFLOAT16), backend=backend)
    (detail,) = interpreter.get_input_details()
    assert detail["dtype"] is ml_dtypes.bfloat16
    interpreter.allocate_tensors()
    interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    output = interpreter.get_output_details()[0]["index"]
    assert interpreter.get_tensor(output).tobytes() == value.tobytes()
    assert interpreter.tensor(output)().dtype == value.dtype
    assert load(reshaping(TensorType.BFLOAT16), backend=backend)(value).tobytes() == value.tobytes()


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_strings_come_as_bytes_and_are_given_as_bytes_or_text(backend: str) -> None:
    interpreter = Interpreter(model_content=reshaping(TensorType.STRING), backend=backend)
    interpreter.allocate_tensors()
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert source["dtype"] is np.bytes_
    interpreter.set_tensor(source["index"], [[b"a\0", "ü"], ["", b"\xff"]])
    interpreter.invoke()
    interpreter.set_tensor(source["index"], np.full((2, 2), "other"))
    found = interpreter.get_tensor(target["index"])
    assert (found.dtype, found.tolist()) == (np.dtype(object), [b"a\0", "ü".encode(), b"", b"\xff"])
    with pytest.raises(InputError, match=r"expected shape \[2, 2\]"):
        interpreter.set_tensor(source["index"], [b"one"])
    with pytest.raises(InputError, match="expected strings or bytes, got int"):
        interpreter.set_tensor(source["index"], np.zeros((2, 2), int))


def test_strings_that_were_never_set_are_empty() -> None:
    interpreter = Interpreter(model_content=reshaping(TensorType.STRING))
    interpreter.allocate_tensors()
    interpreter.invoke()
    assert interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).tolist() == [b""] * 4


@pytest.mark.parametrize(
    ("tensor_type", "dtype", "beyond"), [(TensorType.INT4, np.int8, 8), (TensorType.UINT4, np.uint8, 16)]
)
def test_values_beyond_four_bits_are_refused(tensor_type: TensorType, dtype: type, beyond: int) -> None:
    model = load(reshaping(tensor_type))
    assert model(np.full((2, 2), beyond - 1, dtype)).tolist() == [beyond - 1] * 4
    with pytest.raises(InputError, match=f"values of {tensor_type.name} lie between"):
        model(np.full((2, 2), beyond, dtype))
