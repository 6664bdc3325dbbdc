"""Batches to worker processes and back: all of them, a bounded number at a time, whatever happens to the workers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import q31
from dask_jobs import Squares
from q31.tools.distributed.batches import Batch, Pace, Sum, gathered
from q31.tools.distributed.stream import Stream, task_name


def stream(client: Any, job: Any, in_flight: int | None = None, retries: int = 2) -> Stream:
    return Stream(client, job, task_name("test", "squares"), in_flight, retries, 60)


def batches(count: int, size: int = 4) -> Iterator[Batch]:
    return gathered(range(count), Pace(size, count, 2), lambda number: 8)


def expected(count: int) -> int:
    return sum(number * number for number in range(count))


def test_every_batch_comes_back(client: Any, tmp_path: Path) -> None:
    found = list(stream(client, Squares(str(tmp_path))).run(batches(103)))
    assert sum(result.value for _, result in found) == expected(103)
    assert sorted(batch.first for batch, _ in found) == list(range(0, 103, 4))
    assert {mark.read_text() for mark in tmp_path.glob("loaded-*")} == {"."}, "loaded once a worker"
    assert len(list(tmp_path.glob("loaded-*"))) == 2


def test_no_more_batches_are_out_than_allowed(client: Any, tmp_path: Path) -> None:
    drawn = 0

    def counted() -> Iterator[Batch]:
        nonlocal drawn
        for batch in batches(60, 1):
            drawn += 1
            yield batch

    done = 0
    for _ in stream(client, Squares(str(tmp_path)), in_flight=3).run(counted()):
        assert drawn - done <= 3
        done += 1
    assert done == 60


def test_nothing_is_left_on_the_cluster(client: Any, tmp_path: Path) -> None:
    def left(dask_scheduler: Any) -> tuple[int, int]:
        return len(dask_scheduler.worker_plugins), len(dask_scheduler.tasks)

    before = client.run_on_scheduler(left)
    run = stream(client, Squares(str(tmp_path))).run(batches(100, 1))
    next(run)
    names = client.run_on_scheduler(lambda dask_scheduler: [str(key) for key in dask_scheduler.tasks])
    assert any(name.startswith("q31-test-squares-") for name in names)
    run.close()
    for _ in range(100):
        if client.run_on_scheduler(left) == before:
            break
        time.sleep(0.05)
    assert client.run_on_scheduler(left) == before


def test_a_worker_killed_half_way_changes_nothing(client: Any, tmp_path: Path) -> None:
    found = list(stream(client, Squares(str(tmp_path), deadly=(50,), deaths=1)).run(batches(100)))
    assert len(list(tmp_path.glob("died-*"))) == 1
    assert sum(result.value for _, result in found) == expected(100)
    assert len(found) == 25


def test_a_batch_that_kills_every_worker_is_one_error(client: Any, tmp_path: Path) -> None:
    job = Squares(str(tmp_path), deadly=(9,), deaths=100)
    with pytest.raises(q31.DistributedError, match=r"^examples 8 to 11: workers that had this batch die"):
        list(stream(client, job, in_flight=1, retries=0).run(batches(16)))


def test_the_first_bad_example_is_the_error(client: Any, tmp_path: Path) -> None:
    done = []
    with pytest.raises(q31.InputError, match=r"^example 41: is bad$"):
        for batch, _ in stream(client, Squares(str(tmp_path), bad=(41, 46, 47, 55))).run(batches(200)):
            done.append(batch.first)
    assert sorted(done) == list(range(0, 40, 4))


def test_an_error_of_the_data_comes_after_those_of_examples_before_it(client: Any, tmp_path: Path) -> None:
    def failing() -> Iterator[int]:
        yield from range(23)
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        list(stream(client, Squares(str(tmp_path))).run(gathered(failing(), Pace(4, None, 2), lambda one: 8)))
    with pytest.raises(q31.InputError, match="example 22: is bad"):
        job = Squares(str(tmp_path), bad=(22,))
        list(stream(client, job).run(gathered(failing(), Pace(4, None, 2), lambda one: 8)))


def test_another_error_says_where_after_other_tries(client: Any, tmp_path: Path) -> None:
    with pytest.raises(q31.DistributedError, match=r"^examples 12 to 15: AssertionError: 13 is broken$"):
        list(stream(client, Squares(str(tmp_path), broken=(13,)), retries=1).run(batches(40)))


def test_a_worker_with_another_version_is_refused(client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("q31.tools.distributed.workers.__version__", "0.0.7")
    with pytest.raises(q31.DistributedError, match=rf"has q31 {q31.__version__}, not 0\.0\.7"):
        list(stream(client, Squares(str(tmp_path))).run(batches(40)))


@pytest.mark.parametrize("wrong", [{"in_flight": 0}, {"retries": -1}, {"retries": True}])
def test_wrong_numbers(client: Any, wrong: dict[str, int]) -> None:
    with pytest.raises(q31.InputError, match=next(iter(wrong))):
        stream(client, None, **wrong)


@given(st.lists(st.integers(1, 3 << 20), max_size=40), st.none() | st.integers(1, 9), st.booleans())
def test_examples_stay_in_order_in_batches_of_a_bounded_size(sizes: list[int], fixed: int | None, known: bool) -> None:
    pace = Pace(fixed, len(sizes) if known else None, 2)
    found = list(gathered(range(len(sizes)), pace, lambda one: sizes[one], first=5))
    assert [one for batch in found for one in batch.content] == list(range(len(sizes)))
    assert [batch.first for batch in found] == [batch.content[0] + 5 for batch in found]
    for batch in found:
        assert batch.count == len(batch.content) and (fixed is None or batch.count <= fixed)
        assert batch.count == 1 or sum(sizes[one] for one in batch.content) <= 4 << 20


@given(st.lists(st.text("abc", max_size=3), max_size=30))
def test_a_sum_has_everything_once_and_in_order(parts: list[str]) -> None:
    total: Sum[str] = Sum(lambda one, two: one + two)
    for part in parts:
        total.add(part)
    assert (total.total() or "") == "".join(parts)


def test_batches_grow_while_they_take_no_time() -> None:
    pace, sizes = Pace(None, None, 2), []
    for _ in range(8):
        sizes.append(pace.size(0))
        pace.took(sizes[-1], sizes[-1] * 0.001)
    assert sizes[0] == 4 and sizes[-1] == 500 and sizes == sorted(sizes)
    pace.took(500, 600.0)
    assert pace.size(0) == 1
    assert Pace(None, 10, 4).size(8) == 1
    ending = Pace(None, 1000, 2)
    ending.took(4, 0.04)
    assert [ending.size(given) for given in (0, 900, 990)] == [32, 25, 10]
