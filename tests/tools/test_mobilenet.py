"""The int16x8 MobileNet made for measurements: alive in every layer, the same each time, equal to the reference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from q31 import Interpreter
from q31.schema import write
from q31.tools import cli, mobilenet
from q31.tools.bench_engines import random_inputs


@pytest.fixture(scope="module")
def model() -> bytes:
    return write(mobilenet.build(size=96, width=0.25))


def test_codes_spread_over_their_type_in_every_layer(model: bytes) -> None:
    interpreter = Interpreter(model_content=model, experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    details = interpreter.get_input_details()
    for one, array in zip(details, random_inputs(details, 1, seed=0), strict=True):
        interpreter.set_tensor(one["index"], array)
    interpreter.invoke()
    for details in interpreter.get_tensor_details():
        if details["name"] in ("convolution", "depthwise"):
            codes = interpreter.get_tensor(details["index"])
            assert np.mean(codes == 0) < 0.75 and np.mean(codes == 32767) < 0.1
            assert codes.std() > 3000


def test_the_same_arguments_make_the_same_bytes(model: bytes) -> None:
    assert write(mobilenet.build(size=96, width=0.25)) == model
    assert write(mobilenet.build(size=96, width=0.25, seed=1)) != model


def test_it_gives_the_bits_of_the_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "mobilenet.tflite")
    monkeypatch.setattr("sys.argv", ["mobilenet", path, "--size", "96", "--width", "0.25"])
    assert mobilenet.main() == 0
    assert cli.main(["bench", path, "--rounds", "1"]) == 0
