"""Calibration by several processes: the numbers, and the errors, of one."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import q31
from q31.tools.digits.bundle import model_path
from q31.tools.quantization.calibration_file import to_json

FLOAT = str(model_path("float32"))
IMAGES = np.random.default_rng(3).uniform(-1, 1, (60, 28, 28)).astype(np.float32)


@pytest.fixture(scope="module")
def alone() -> str:
    return to_json(q31.calibrate(FLOAT, IMAGES, histogram=True))


@pytest.mark.parametrize("batch_size", [None, 1, 7, 1000])
def test_any_batch_size_gives_the_calibration_of_one_process(client: Any, alone: str, batch_size: int | None) -> None:
    found = q31.distributed.calibrate(FLOAT, IMAGES, client, batch_size=batch_size, histogram=True)
    assert to_json(found) == alone


def test_any_form_of_data_and_number_of_the_first_example(client: Any) -> None:
    def examples() -> Iterator[list[np.ndarray]]:
        yield from ([image[None]] for image in IMAGES)

    given = {"skip": 11, "limit": 30, "first_example": 100}
    model = q31.load(FLOAT, profile="tflm", backend="numpy")
    found = q31.distributed.calibrate(model, examples, client, **given)
    assert to_json(found) == to_json(q31.calibrate(model, examples, **given))
    assert found.indices.tolist() == list(range(100, 130))


def test_a_worker_killed_half_way_changes_nothing(client: Any, alone: str) -> None:
    before = set(client.run(os.getpid).values())

    def examples() -> Iterator[np.ndarray]:
        for number, image in enumerate(IMAGES):
            if number == 30:
                os.kill(min(before), signal.SIGKILL)
            yield image

    found = q31.distributed.calibrate(FLOAT, examples, client, batch_size=3, histogram=True)
    assert to_json(found) == alone
    assert set(client.run(os.getpid).values()) != before


def nan_in_data(images: np.ndarray) -> None:
    images[50, 3, 4] = np.nan


def infinity_in_a_tensor(images: np.ndarray) -> None:
    images[50] = images[55] = 3e38


@pytest.mark.parametrize("spoil", [nan_in_data, infinity_in_a_tensor])
def test_a_bad_example_is_the_error_of_one_process(client: Any, spoil: Callable[[np.ndarray], None]) -> None:
    images = IMAGES.copy()
    spoil(images)
    with pytest.raises(q31.Error) as one:
        q31.calibrate(FLOAT, images)
    with pytest.raises(q31.Error) as several:
        q31.distributed.calibrate(FLOAT, images, client, batch_size=4)
    assert (type(several.value), str(several.value)) == (type(one.value), str(one.value))
    assert "example 50" in str(one.value) and "\n" not in str(one.value)


@pytest.mark.parametrize(
    ("model", "data", "options"),
    [
        (FLOAT, IMAGES[:0], {}),
        (FLOAT, IMAGES[:, :5], {}),
        (FLOAT, IMAGES, {"first_example": -1}),
        (FLOAT, IMAGES, {"limit": 0}),
        (str(model_path("integer_int8")), np.zeros((2, 28, 28), np.int8), {}),
        (b"no model", IMAGES, {}),
    ],
)
def test_bad_input_is_the_error_of_one_process(client: Any, model: Any, data: Any, options: dict[str, int]) -> None:
    with pytest.raises(q31.Error) as one:
        q31.calibrate(model, data, **options)
    with pytest.raises(q31.Error) as several:
        q31.distributed.calibrate(model, data, client, **options)
    assert (type(several.value), str(several.value)) == (type(one.value), str(one.value))
