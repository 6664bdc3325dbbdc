"""``q31 bench --profile``: how long each operator of a model takes."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ..engine.program import Program
from ..engine.session import find_profile, open_model
from ..engine.structure import Environment
from .bench_engines import random_inputs
from .console import console, table
from .macs import macs


@dataclass(frozen=True)
class OperatorTime:
    """An operator: the median of its microseconds, its share of the whole, and what it multiplies."""

    index: int
    name: str
    output: str
    microseconds: float
    share: float
    macs: int
    gmacs: float
    share_of_peak: float
    compiled: bool


def profile(path: str | bytes | memoryview, rounds: int, seed: int, peak: float) -> list[OperatorTime]:
    """Time each operator of a model by itself; what is folded away, or only another shape, takes no time."""
    graph, _ = open_model(path)
    arithmetic = find_profile("litert")

    def program(subgraph: int = 0, shapes: object = None) -> Program:
        return Program(graph, subgraph, profile=arithmetic, compiled=True, environment=environment, separate=True)

    environment = Environment(graph, program)
    own = program()
    tensors, shapes = own.preparation.tensors, own.preparation.shapes
    details = [{"dtype": own.array(index).dtype, "shape": shapes[index]} for index in own.preparation.inputs]  # type: ignore[union-attr]
    own.call(random_inputs(details, 1, seed))
    times: dict[int, list[float]] = {}
    for _ in range(rounds):
        sums: dict[int, float] = {}
        for operator, seconds in own.timed_run(time.perf_counter):
            sums[operator] = sums.get(operator, 0.0) + seconds
        for operator, seconds in sums.items():
            times.setdefault(operator, []).append(seconds)
    medians = {operator: statistics.median(measured) for operator, measured in times.items()}
    whole = sum(medians.values())
    found = []
    for operator, seconds in sorted(medians.items()):
        prepared = own.preparation.operators[operator]
        target = prepared.operator.outputs[0] if prepared.operator.outputs else -1
        text = f"{tensors[target].type.name.lower()}{list(shapes[target] or ())}" if target >= 0 else ""
        products = macs(prepared.operator, own.preparation)
        rate = products / seconds / 1e9
        found.append(
            OperatorTime(
                *(operator, prepared.operator.name, text, seconds * 1e6, seconds / whole, products, rate),
                *(rate / peak if peak else 0.0, operator in own.compiled),
            )
        )
    return found


def print_profiles(models: Sequence[str], rounds: int, seed: int, peak: float, as_json: bool) -> int:
    """Print the times of every operator of some models; return 0."""
    profiles = {path: profile(path, rounds, seed, peak) for path in models}
    if as_json:
        print(json.dumps({path: [asdict(one) for one in found] for path, found in profiles.items()}, indent=1))
        return 0
    out = console()
    for path, found in profiles.items():
        right = ("us", "share", "MMAC", "GMAC/s", "of peak")
        rows = table("", "operator", "output", *right, "", right=("", *right))
        for one in found:
            products = (
                [f"{one.macs / 1e6:.2f}", f"{one.gmacs:.1f}", f"{100 * one.share_of_peak:.0f} %"]
                if one.macs
                else [""] * 3
            )
            how = "" if one.compiled else "evaluated"
            rows.add_row(
                f"{one.index}",
                one.name,
                one.output,
                f"{one.microseconds:.1f}",
                f"{100 * one.share:.1f} %",
                *products,
                how,
            )
        out.print(Path(path).name)
        out.print(rows)
        out.print(f"{sum(one.microseconds for one in found) / 1e3:.3f} ms in all, operator by operator")
    return 0
