"""Examples shared among threads of this process, each of which runs its own with memory of its own."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ...engine.model import Model
from ...engine.session import choose_threads
from ...kernels.jit.processor import available_processors

if TYPE_CHECKING:
    from .calibration import Calibration, Recorder
    from .dataset import Example

_MOST = 8
_WORTHWHILE = 1 << 16  # bytes of activations, from which an example takes longer than handing it to a thread
_FEW = 8  # examples, which are run before another thread has its program ready


def threads_for(model: Model, num_threads: int | None, total: int | None) -> int:
    """Return how many threads share the examples: so many, or, without a number, as many as are of use.

    Raises
    ------
    InputError
        Where the number is no positive integer.
    """
    if num_threads is None:
        some = model.arena_size >= _WORTHWHILE and (total is None or total > _FEW)
        num_threads = min(available_processors(), _MOST) if some else 1
    return choose_threads(num_threads, model.backend)


def record(examples: Iterable[Example], first: int, new_recorder: Callable[[], Recorder], threads: int) -> Calibration:
    """Run examples, numbered from ``first`` on, and return their calibration.

    They are drawn in this thread, one after the other, and errors are raised in their order, as if there were one
    thread; so the calibration and the error are the same for any number of threads.

    Raises
    ------
    Error
        What drawing or running the first bad example raises.
    """
    end = first
    if threads == 1:
        recorder = new_recorder()
        for example in examples:
            recorder.run(end, example.subgraph, example.arrays)
            end += 1
        return recorder.calibration(first, end)

    recorders = [new_recorder() for _ in range(threads)]
    numbers: list[list[int]] = [[] for _ in range(threads)]
    places = deque(range(threads))
    own = threading.local()

    def begin() -> None:
        own.place = places.popleft()

    def run(number: int, subgraph: int, arrays: tuple[np.ndarray, ...]) -> None:
        # A thread takes what waits in the order in which it came, so its numbers ascend.
        recorders[own.place].run(number, subgraph, arrays)
        numbers[own.place].append(number)

    waiting: deque[Future[None]] = deque()
    with ThreadPoolExecutor(threads, "q31-calibrate", initializer=begin) as pool:
        try:
            try:
                for example in examples:
                    if len(waiting) == 2 * threads:
                        waiting.popleft().result()
                    # copies, for a generator may use the arrays again for its next example
                    arrays = tuple(np.array(array) for array in example.arrays)
                    waiting.append(pool.submit(run, end, example.subgraph, arrays))
                    end += 1
            except Exception:  # of the data: an error of an example before it comes first
                while waiting:
                    waiting.popleft().result()
                raise
            while waiting:
                waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
    parts = [
        replace(recorder.calibration(first, first), indices=np.array(ran, np.int64))
        for recorder, ran in zip(recorders, numbers, strict=True)
    ]
    merged = parts[0]
    for part in parts[1:]:
        merged = merged.merge(part)
    return merged
