"""Several threads give the bits of one, whoever comes late; several programs at once share the workers."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import q31
from q31.engine import dividing, tables
from q31.engine import workers as workers_module
from q31.engine.program import Program
from q31.engine.structure import Environment
from q31.engine.workers import Workers, workers
from q31.kernels.jit import INTERPRETED
from q31.kernels.jit.layouts import fields
from q31.kernels.operator import Instruction
from q31.kernels.profiles import LITERT
from q31.schema import Graph, read, write
from q31.tools import mobilenet

MODELS = sorted((Path(q31.__file__).parent / "tools" / "digits" / "models").glob("*.tflite"))

pytestmark = pytest.mark.skipif(INTERPRETED, reason="interpreted kernels run in one thread")


@pytest.fixture(autouse=True)
def divide_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Divide operators of any size: the models here are small."""
    monkeypatch.setattr(dividing, "LEAST_NANOSECONDS", 0)
    monkeypatch.setattr(dividing, "LEAST_NANOSECONDS_OF_STRETCH", 0)


def program_of(graph: Graph, threads: int) -> Program:
    def program(subgraph: int = 0, shapes: object = None) -> Program:
        return Program(graph, subgraph, profile=LITERT, compiled=True, environment=environment, threads=threads)

    environment = Environment(graph, program)
    return program()


def inputs_of(program: Program, seed: int) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    arrays = [program.array(index) for index in program.preparation.inputs]
    return [
        random.standard_normal(one.shape).astype(one.dtype)
        if one.dtype.kind == "f"
        else random.integers(np.iinfo(one.dtype).min, np.iinfo(one.dtype).max, one.shape, one.dtype)
        for one in arrays
        if one is not None
    ]


def graphs() -> Iterator[tuple[str, Graph]]:
    for path in MODELS:
        yield path.stem, read(path.read_bytes())
    yield "mobilenet int16x8", read(write(mobilenet.build(size=32, width=0.25)))


@pytest.mark.parametrize(("name", "graph"), [pytest.param(*pair, id=pair[0]) for pair in graphs()])
@pytest.mark.parametrize("threads", [2, 3])
def test_any_number_of_threads_gives_the_same_bits(name: str, graph: Graph, threads: int) -> None:
    alone, together = program_of(graph, 1), program_of(graph, threads)
    for seed in range(20):
        given = inputs_of(alone, seed)
        for expected, got in zip(alone.call(given), together.call(given), strict=True):
            assert np.array_equal(expected, got, equal_nan=expected.dtype.kind == "f")


def test_little_work_stays_with_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = read(write(mobilenet.build(size=32, width=0.25)))
    given = inputs_of(program_of(graph, 1), 0)
    expected = program_of(graph, 1).call(given)[0]
    for least, count in ((0, 1), (1e12, 0)):
        monkeypatch.setattr(dividing, "LEAST_NANOSECONDS_OF_STRETCH", least)
        program = program_of(graph, 2)
        assert sum(isinstance(step, tables.SharedStretch) for step in program._steps) == count
        assert np.array_equal(program.call(given)[0], expected)


def test_small_instructions_are_not_divided(monkeypatch: pytest.MonkeyPatch) -> None:
    lookup = Instruction("lookup8", {"size": 8 * 10_000})
    monkeypatch.setattr(dividing, "LEAST_NANOSECONDS", 10_000)
    assert dividing.divisible_nanoseconds(lookup) == 10_000
    monkeypatch.setattr(dividing, "LEAST_NANOSECONDS", 10_001)
    assert dividing.divisible_nanoseconds(lookup) == 0
    assert dividing.divisible_nanoseconds(Instruction("arg_max8", {"size": 1 << 30})) == 0


def test_every_divisible_kernel_can_take_a_part() -> None:
    for kernel, (names, rate) in dividing._DIVISIBLE.items():
        assert {"part", "parts", *names} <= set(fields(kernel)._fields) and rate > 0


def test_nobody_waits_for_workers_that_do_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = read(MODELS[-1].read_bytes())
    alone, together = program_of(graph, 1), program_of(graph, 4)
    monkeypatch.setattr(workers(3), "offer", lambda job: None)
    given = inputs_of(alone, 0)
    assert np.array_equal(alone.call(given)[0], together.call(given)[0])


def test_a_worker_that_is_late_takes_nothing() -> None:
    graph = read(MODELS[-1].read_bytes())
    program = program_of(graph, 2)
    given = inputs_of(program, 0)
    expected = program.call(given)[0]
    shared = [step for step in program._steps if isinstance(step, tables.SharedStretch)]
    assert shared
    for array in (program.array(index) for index in program.preparation.outputs):
        assert array is not None
        array[...] = 77
    for step in shared:
        step.help(0)  # the run is over: every part was taken
    assert all((program.array(index) == 77).all() for index in program.preparation.outputs)
    assert np.array_equal(program.call(given)[0], expected)


def test_programs_in_several_threads_at_once() -> None:
    graph = read(MODELS[-1].read_bytes())
    alone = program_of(graph, 1)
    given = [inputs_of(alone, seed) for seed in range(8)]
    expected = [alone.call(one)[0] for one in given]
    wrong: list[int] = []

    def work(number: int) -> None:
        program = program_of(graph, 3)
        for turn in range(200):
            which = (turn + number) % len(given)
            if not np.array_equal(program.call(given[which])[0], expected[which]):
                wrong.append(which)

    running = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for one in running:
        one.start()
    for one in running:
        one.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system lets no thread choose processors")
def test_a_worker_that_is_woken_keeps_off_the_processor_of_who_wakes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    own = os.sched_getaffinity(0)
    team, runs = Workers(1), []

    class Note:
        def help(self, worker: int) -> None:
            runs.append(os.sched_getaffinity(0))

    def offer_to_a_sleeper() -> set[int]:
        until(lambda: team._asleep[0])
        before = len(runs)
        team.offer(Note())
        until(lambda: len(runs) > before)
        return runs[-1]

    for processor in (*own, *own):
        monkeypatch.setattr(workers_module, "_this_processor", lambda processor=processor: processor)
        assert offer_to_a_sleeper() == (own - {processor} or own)
    monkeypatch.setattr(workers_module, "_this_processor", lambda: -1)  # where it cannot be known
    assert offer_to_a_sleeper() == own
    assert os.sched_getaffinity(0) == own


def until(condition: Callable[[], bool]) -> None:
    patience = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < patience
        time.sleep(0.001)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_child_process_has_workers_of_its_own() -> None:
    graph = read(MODELS[-1].read_bytes())
    program = program_of(graph, 2)
    given = inputs_of(program, 0)
    expected = program.call(given)[0]
    child = os.fork()
    if child == 0:
        fresh = program_of(graph, 2)
        equal = np.array_equal(fresh.call(given)[0], expected) and np.array_equal(program.call(given)[0], expected)
        os._exit(0 if equal else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_num_threads_is_limited_to_the_processors() -> None:
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    model = q31.load(MODELS[-1], num_threads=10_000)
    assert model._session._threads == min(available, 10_000)
    with pytest.raises(q31.InputError, match="num_threads: expected a positive integer"):
        q31.load(MODELS[-1], num_threads=0)
