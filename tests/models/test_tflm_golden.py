"""The ``tflm`` and ``single`` profiles against recordings of TensorFlow Lite Micro's own reference kernels.

The recordings lie in ``../shared/golden``: inputs and outputs of a few invokes, and, for some, every tensor.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

import q31
from conformance.shared import SHARED, needs_shared
from q31.tools.conformance.differences import differences

pytestmark = needs_shared

GOLDEN = SHARED / "golden"
FOLDERS = {"tflm": "tflm", "single": "tflm_single"}

# That these are recorded is checked; whatever else is recorded is held as well.
REQUIRED = (
    "ad01_int8",
    "hello_world_float",
    "hello_world_int8",
    "kws_int8",
    "micro_speech_quantized",
    "person_detect",
    "resnet8_int8",
    "vww_int8",
)


def recordings() -> list[tuple[str, str]]:
    """Return (profile, recording) pairs, a recording named as in the folder: ``extra/kws_int8``."""
    pairs = []
    for profile, folder in FOLDERS.items():
        for path in sorted((GOLDEN / folder).rglob("*.npz")):
            name = path.relative_to(GOLDEN / folder).with_suffix("").as_posix()
            if not name.startswith("trace/"):
                pairs.append((profile, name))
    return pairs


def find_model(recording: str) -> Path:
    name = recording.removeprefix("extra/")
    if name.startswith("seanet/"):
        return SHARED / "models" / "tflm" / f"{name}.tflite"
    (path,) = (p for p in (SHARED / "models").glob(f"*/{name}.tflite"))
    return path


def load(path: Path) -> dict[str, np.ndarray]:
    if not path.exists():
        return {}
    with np.load(path) as arrays:
        return {key: arrays[key] for key in arrays.files}


def invokes(arrays: Mapping[str, np.ndarray], kind: str) -> Iterator[list[np.ndarray]]:
    """Yield the inputs (``in``) or outputs (``out``) of invoke 0, 1, ..., each in order."""
    invoke = 0
    while f"{kind}0_{invoke}" in arrays:
        numbers = sorted(int(m[1]) for key in arrays if (m := re.fullmatch(rf"{kind}(\d+)_{invoke}", key)))
        yield [arrays[f"{kind}{number}_{invoke}"] for number in numbers]
        invoke += 1


def test_there_are_recordings_of_every_model_that_must_run() -> None:
    for profile in FOLDERS:
        names = {name for which, name in recordings() if which == profile}
        assert names >= set(REQUIRED) | {f"extra/{name}" for name in REQUIRED}


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize(("profile", "recording"), recordings())
def test_profile_equals_tflm_recording(profile: str, recording: str, backend: str) -> None:
    folder = GOLDEN / FOLDERS[profile]
    recorded, traced = load(folder / f"{recording}.npz"), load(folder / "trace" / f"{recording}.npz")
    interpreter = q31.Interpreter(
        model_path=find_model(recording), profile=profile, backend=backend, experimental_preserve_all_tensors=True
    )
    interpreter.allocate_tensors()
    compared = 0
    runs = zip(invokes(recorded, "in"), invokes(recorded, "out"), strict=True)
    for invoke, (inputs, outputs) in enumerate(runs):
        if backend == "numpy" and invoke >= 16:
            break
        for detail, array in zip(interpreter.get_input_details(), inputs, strict=True):
            interpreter.set_tensor(detail["index"], array)
        interpreter.invoke()
        expected = {
            f"t{detail['index']}": array
            for detail, array in zip(interpreter.get_output_details(), outputs, strict=True)
        }
        expected |= {key.split("_")[0]: array for key, array in traced.items() if key.endswith(f"_{invoke}")}
        for key in sorted(expected, key=lambda key: int(key[1:])):
            problem = differences(expected[key], interpreter.get_tensor(int(key[1:])))
            assert not problem, f"invoke {invoke}, tensor {key}: {problem}"
            compared += 1
    assert compared
