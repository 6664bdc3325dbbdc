"""``q31 bench --scaling``: what several threads gain in one call, beside what the machine has for them at all.

Three things run by turns: a call on one thread; as many independent calls at once, each on a thread of its own, which
share nothing but the machine; and a call that several threads divide. The second is what the machine can give at that
moment: processors that share a core, a cache or a clock do less together. The third cannot be expected to do more.
"""

from __future__ import annotations

import json
import statistics
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ..kernels.jit.processor import available_processors as _processors
from ..schema.errors import InputError
from .bench_engines import Engine, open_engine
from .console import console, table

_SECONDS_OF_BLOCK = 0.03


@dataclass(frozen=True)
class Scaling:
    """A model on some threads; milliseconds are medians.

    ``alone``: a call on one thread; ``apart``: of as many independent calls at once, the time of all over their number;
    ``together``: a call that the threads divide; ``possible`` and ``got``: ``alone`` over the one and the other.
    """

    model: str
    threads: int
    alone: float
    apart: float
    together: float
    possible: float
    got: float


def measure(path: str, threads: int, rounds: int, seed: int) -> Scaling:
    """Time the three by turns, each for a block of calls."""
    apart = [open_engine("q31", path, 1, 1, seed) for _ in range(threads)]
    together = open_engine("q31", path, threads, 1, seed)
    begin = time.perf_counter()
    apart[0].invoke()
    calls = max(1, int(_SECONDS_OF_BLOCK / (time.perf_counter() - begin)))
    times: tuple[list[float], list[float], list[float]] = ([], [], [])
    for _ in range(rounds):
        for engines, found in zip((apart[:1], apart, [together]), times, strict=True):
            found.append(seconds_a_call(engines, calls))
    alone, side_by_side, divided = (1e3 * statistics.median(found) for found in times)
    ratios = (alone / side_by_side, alone / divided)
    return Scaling(Path(path).name, threads, alone, side_by_side, divided, *ratios)


def seconds_a_call(engines: Sequence[Engine], calls: int) -> float:
    """Return the seconds in which each of some engines makes so many calls, all at once, over the calls of all."""

    def run(engine: Engine) -> None:
        for _ in range(calls):
            engine.invoke()

    others = [threading.Thread(target=run, args=(engine,)) for engine in engines[1:]]
    begin = time.perf_counter()
    for one in others:
        one.start()
    run(engines[0])
    for one in others:
        one.join()
    return (time.perf_counter() - begin) / (calls * len(engines))


def print_scaling(models: Sequence[str], threads: Sequence[int], rounds: int, seed: int, as_json: bool) -> int:
    """Print the table of some models; return 0."""
    several = [count for count in threads if count > 1] or [2]
    if max(several) > _processors():
        raise InputError(f"--threads: expected at most {_processors()}, the processors of this machine")
    rows = [measure(model, count, rounds, seed) for model in models for count in several]
    if as_json:
        print(json.dumps([asdict(row) for row in rows], indent=1))
        return 0
    right = ("threads", "alone, ms", "apart", "together", "possible", "got")
    columns = table("model", *right, right=right)
    for row in rows:
        numbers = (row.alone, row.apart, row.together)
        ratios = [f"{one:.2f}" for one in (row.possible, row.got)]
        columns.add_row(row.model, str(row.threads), *(f"{one:.3f}" for one in numbers), *ratios)
    out = console()
    out.print(columns)
    out.print(
        "apart: independent calls at once, the time of all over their number; together: a call that threads divide."
    )
    return 0
