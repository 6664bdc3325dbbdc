"""Evaluation by several processes: the counts, and the errors, of one."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import q31
from q31.tools.digits.bundle import model_path, read_digits

MODELS = [str(model_path(name)) for name in ("float32", "integer_int8", "int16x8")]
RANDOM = np.random.default_rng(4)
IMAGES = RANDOM.integers(0, 256, (60, 28, 28), np.uint8)
LABELS = RANDOM.integers(0, 10, 60)


@pytest.fixture(scope="module")
def alone() -> dict[str, Any]:
    return q31.evaluate(MODELS, IMAGES, LABELS, timing=False).to_dict()


@pytest.mark.parametrize("batch_size", [None, 1, 13, 1000])
def test_any_batch_size_gives_the_counts_of_one_process(
    client: Any, alone: dict[str, Any], batch_size: int | None
) -> None:
    found = q31.distributed.evaluate(MODELS, IMAGES, LABELS, client, batch_size=batch_size, timing=False)
    assert found.to_dict() == alone


def test_options_are_those_of_evaluate(client: Any) -> None:
    given: dict[str, Any] = {"select": slice(1, None, 2), "limit": 20, "top": 3, "profile": "tflm", "backend": "numpy"}
    found = q31.distributed.evaluate(MODELS[1], IMAGES, LABELS, client, timing=False, **given)
    assert found.to_dict() == q31.evaluate(MODELS[1], IMAGES, LABELS, timing=False, **given).to_dict()
    assert q31.distributed.evaluate(MODELS[1], IMAGES[:9], LABELS[:9], client).models[0].milliseconds is not None


def test_a_worker_killed_half_way_changes_nothing(
    client: Any, alone: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(client.run(os.getpid).values())

    @contextmanager
    def killing(total: int, what: str) -> Iterator[Callable[[int], None]]:
        done = 0

        def advance(count: int) -> None:
            nonlocal done
            if done < total // 2 <= done + count:
                os.kill(min(before), signal.SIGKILL)
            done += count

        yield advance
        assert done == total

    monkeypatch.setattr("q31.tools.evaluation.running.advancing", killing)
    found = q31.distributed.evaluate(MODELS, IMAGES, LABELS, client, batch_size=3, timing=False, progress=True)
    assert found.to_dict() == alone
    assert set(client.run(os.getpid).values()) != before


def test_images_are_read_here_for_workers_elsewhere(client: Any, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed: pip install 'q31[image]'")
    for number, digit in enumerate(read_digits().images):
        (tmp_path / str(number % 3)).mkdir(exist_ok=True)
        image.fromarray(digit).save(tmp_path / str(number % 3) / f"{number}.png")
    found = q31.distributed.evaluate(MODELS[0], tmp_path, None, client, batch_size=2, timing=False)
    assert found.to_dict() == q31.evaluate(MODELS[0], tmp_path, timing=False).to_dict()
    (tmp_path / "1" / "4.png").write_bytes(b"no image")
    with pytest.raises(q31.InputError, match=r"4\.png: expected"):
        q31.distributed.evaluate(MODELS[0], tmp_path, None, client, timing=False)


@pytest.mark.parametrize(
    ("data", "labels", "options"),
    [
        (IMAGES, np.where(np.arange(60) < 40, LABELS, 10 + np.arange(60)), {}),
        (IMAGES[:8, :7], LABELS[:8], {}),
        (IMAGES, None, {}),
        (IMAGES[:0], LABELS[:0], {}),
        (IMAGES, LABELS, {"output": "nothing"}),
    ],
)
def test_bad_input_is_the_error_of_one_process(client: Any, data: Any, labels: Any, options: dict[str, Any]) -> None:
    with pytest.raises(q31.Error) as one:
        q31.evaluate(MODELS, data, labels, **options)
    with pytest.raises(q31.Error) as several:
        q31.distributed.evaluate(MODELS, data, labels, client, batch_size=8, **options)
    assert (type(several.value), str(several.value)) == (type(one.value), str(one.value))
