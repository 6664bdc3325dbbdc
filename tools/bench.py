"""``q31 bench``: time a call of q31 and of other engines by turns, and hold their bits to the reference's.

Times are of ``invoke`` alone, medians over the rounds. The engines run by turns, so that whatever else the machine does
meets all alike. Where LiteRT is installed, its reference kernels say whether an engine's outputs have the right bits.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..schema.errors import InputError
from .bench_engines import Engine, Unavailable, open_engine, require_installed
from .console import console, table

_PEAK_PRODUCTS, _PEAK_SECONDS = 10_000_000, 0.3


@dataclass(frozen=True)
class Row:
    """One engine on one model.

    ``milliseconds``: the median of a call; ``ratio``: this over that of q31; ``gmacs``: 10**9 multiply-accumulates a
    second; ``bits``: whether the outputs are the reference's, or how many of the elements are not.
    """

    model: str
    engine: str
    threads: int
    batch: int
    milliseconds: float
    ratio: float
    gmacs: float
    share_of_peak: float
    bits: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("models", nargs="+", metavar="MODEL", help="a .tflite file")
    parser.add_argument(
        "--against", default="", metavar="ENGINES", help="engines to set beside: litert, openvino, litert-ref"
    )
    parser.add_argument("--threads", default="1", metavar="N,N", help="numbers of threads (default 1)")
    parser.add_argument("--batch", default="1", metavar="N,N", help="images at a time (default 1)")
    parser.add_argument("--rounds", type=int, help="invocations of each (default 30), or processes (default 5)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random inputs")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--profile", action="store_true", help="time every operator of q31 instead")
    instead.add_argument("--start", action="store_true", help="time processes to their first result instead")
    instead.add_argument(
        "--scaling", action="store_true", help="set threads that divide a call beside as many independent calls instead"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def _numbers(text: str, option: str) -> list[int]:
    try:
        numbers = [int(one) for one in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 1:
        raise InputError(f"{option}: expected positive integers with commas between, not {text!r}")
    return numbers


def main(arguments: argparse.Namespace) -> int:
    """Print the table; 1 where bits of q31's are not the reference's."""
    rounds = arguments.rounds
    if rounds is None:
        rounds = 5 if arguments.start else 30
    if rounds < 1:
        raise InputError(f"--rounds: expected a positive integer, not {rounds}")
    threads, batches = _numbers(arguments.threads, "--threads"), _numbers(arguments.batch, "--batch")
    peers = [name for name in arguments.against.split(",") if name]
    require_installed(peers)
    if arguments.profile:
        from .bench_operators import print_profiles

        return print_profiles(arguments.models, rounds, arguments.seed, integer_peak(), arguments.json)
    if arguments.start:
        from .bench_start import print_starts

        return print_starts(arguments.models, peers, rounds, arguments.json)
    if arguments.scaling:
        from .bench_scaling import print_scaling

        return print_scaling(arguments.models, threads, rounds, arguments.seed, arguments.json)
    peak, rows, notes = integer_peak(), [], []
    for model in arguments.models:
        for count in threads:
            for batch in batches:
                found, missing = measure(model, peers, count, batch, rounds, arguments.seed, peak)
                rows += found
                notes += missing
    if arguments.json:
        print(json.dumps({"peak_gmacs": peak, "rows": [asdict(row) for row in rows], "notes": notes}, indent=1))
    else:
        _print(rows, notes, peak)
    return int(any(row.engine == "q31" and row.bits not in ("equal", "") for row in rows))


def measure(
    path: str, peers: Sequence[str], threads: int, batch: int, rounds: int, seed: int, peak: float
) -> tuple[list[Row], list[str]]:
    """Time q31 and its peers on a model; return their rows, and why a peer is missing."""
    engines: dict[str, Engine] = {"q31": open_engine("q31", path, threads, batch, seed)}
    notes = []
    for name in peers:
        try:
            engines[name] = open_engine(name, path, threads, batch, seed)
        except Unavailable as error:
            notes.append(f"{Path(path).name}: {error}")
    # Of their first runs, for a model may keep state from run to run.
    outputs = {name: engine.outputs() for name, engine in engines.items()}
    expected = _reference(path, batch, seed, outputs)
    medians = dict(zip(engines, time_by_turns(list(engines.values()), rounds), strict=True))
    products = batch * _macs(path)
    rows = []
    for name in engines:
        seconds = medians[name]
        rate = products / seconds / 1e9
        bits = "" if expected is None else _compare(expected, outputs[name])
        ratio = seconds / medians["q31"]
        share = rate / (peak * threads) if peak else 0.0
        rows.append(Row(Path(path).name, name, threads, batch, seconds * 1e3, ratio, rate, share, bits))
    return rows, notes


def time_by_turns(engines: Sequence[Engine], rounds: int) -> list[float]:
    """Return each engine's median time of a call, in seconds."""
    times: list[list[float]] = [[] for _ in engines]
    for _ in range(rounds):
        for engine, own in zip(engines, times, strict=True):
            start = time.perf_counter()
            engine.invoke()
            own.append(time.perf_counter() - start)
    return [statistics.median(own) for own in times]


def _reference(
    path: str, batch: int, seed: int, outputs: Mapping[str, Sequence[np.ndarray]]
) -> Sequence[np.ndarray] | None:
    """Return the outputs of LiteRT's reference kernels; None where they cannot be had."""
    if "litert-ref" in outputs:
        return outputs["litert-ref"]
    if importlib.util.find_spec("ai_edge_litert") is None:
        return None
    try:
        return open_engine("litert-ref", path, 1, batch, seed).outputs()
    except Unavailable:
        return None


def _compare(expected: Sequence[np.ndarray], got: Sequence[np.ndarray]) -> str:
    different = total = 0
    for one, other in zip(expected, got, strict=True):
        if one.shape != other.shape or one.dtype != other.dtype:
            return "other shapes or types"
        same = (one == other) | ((one != one) & (other != other))
        different += int(np.size(same) - np.count_nonzero(same))
        total += one.size
    return "equal" if different == 0 else f"{100 * different / total:.2g} % differ"


def _macs(path: str) -> int:
    from ..engine.preparation import prepare
    from ..engine.session import find_profile, open_model
    from .macs import macs

    graph, _ = open_model(path)
    preparation = prepare(graph, 0, find_profile("litert"))
    return sum(macs(one.operator, preparation) for one in preparation.operators)


def integer_peak() -> float:
    """Return 10**9 multiply-accumulates a second of a loop that does nothing else, one thread; 0 without numba.

    The best of many short runs over a while: other work on the machine takes a processor for some milliseconds on end.
    """
    if importlib.util.find_spec("numba") is None:
        return 0.0
    from ..engine.machine import Stretch, kernel_address
    from ..kernels.jit.peak import NUMBERS, PRODUCTS, RESULTS

    numbers = np.random.default_rng(0).integers(-100, 100, NUMBERS // 2).astype(np.int16)
    result = np.zeros(RESULTS, np.int32)
    rounds = _PEAK_PRODUCTS // PRODUCTS
    block = np.array([rounds, numbers.ctypes.data, result.ctypes.data], np.int64)
    stretch = Stretch([(kernel_address("integer_peak"), block.ctypes.data)])
    best, end = _seconds(stretch), time.perf_counter() + _PEAK_SECONDS
    while time.perf_counter() < end:
        best = min(best, _seconds(stretch))
    return rounds * PRODUCTS / best / 1e9


def _seconds(function: Any) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def _print(rows: Sequence[Row], notes: Sequence[str], peak: float) -> None:
    right = ("threads", "batch", "ms", "ratio", "GMAC/s", "of peak")
    columns = table("model", "engine", *right, "bits", right=right)
    for cells in _cells(rows):
        columns.add_row(*cells)
    out = console()
    out.print(columns)
    for note in notes:
        out.print(note)
    out.print(f"Medians; ratio: over q31's time. The peak is {peak:.0f} GMAC/s a thread, measured just now.")


def _cells(rows: Sequence[Row]) -> Iterator[list[str]]:
    before = ""
    for row in rows:
        rate = f"{row.gmacs:.1f}" if row.gmacs else ""
        share = f"{100 * row.share_of_peak:.0f} %" if row.share_of_peak else ""
        name = row.model if row.model != before else ""
        before = row.model
        numbers = [f"{row.threads}", f"{row.batch}", f"{row.milliseconds:.3f}", f"{row.ratio:.2f}", rate, share]
        yield [name, row.engine, *numbers, row.bits]
