"""``q31 bench --start``: from the start of a process to its first result, and the memory that it takes at most.

Each measurement is a process of its own that imports the engine, loads the model, feeds it zeros, runs it once and
reads its outputs. q31 has two of them: cold, with an empty cache of compiled kernels, and warm, with what the cold one
left there. Peers compile nothing that they keep: they have warm ones only. Warm processes of all engines run by turns.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ..schema.errors import InputError
from .console import console, table


@dataclass(frozen=True)
class Start:
    """The start of one engine with one model.

    ``cold``: seconds to the first result with no compiled kernels in the cache (q31 only); ``warm``: with them, a
    median; ``megabytes``: what a warm process has of the machine's memory at most, in 2**20 bytes, a median.
    """

    model: str
    engine: str
    cold: float | None
    warm: float
    megabytes: float


def start_once(engine: str, model: str, environment: Mapping[str, str]) -> tuple[float, float]:
    """Start a process that runs a model once; return the seconds to its result and its peak memory in MB.

    Raises
    ------
    InputError
        Where the process fails; the last line that it wrote on stderr says why.
    """
    command = [sys.executable, "-m", "q31.tools.first_result", engine, model]
    begin = time.monotonic()
    done = subprocess.run(command, env=dict(environment), capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise InputError(f"{Path(model).name}: {engine}: {last[:160]}")
    end, megabytes = json.loads(done.stdout.splitlines()[-1])
    return end - begin, megabytes


def measure(model: str, engines: Sequence[str], rounds: int) -> tuple[list[Start], list[str]]:
    """Start each engine with a model again and again; return its row, and why an engine is missing."""
    environment = dict(os.environ)
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # modules are compiled to bytecode once, as Python does by itself
    cold: dict[str, float] = {}
    warm: dict[str, list[tuple[float, float]]] = {}
    notes = []
    with tempfile.TemporaryDirectory() as cache:
        environment["Q31_CACHE_DIR"] = cache
        for engine in engines:
            try:
                first, _ = start_once(engine, model, environment)
            except InputError as error:
                notes.append(str(error))
                continue
            warm[engine] = []
            if engine == "q31":
                cold[engine] = first
        for _ in range(rounds):
            for engine, found in warm.items():
                found.append(start_once(engine, model, environment))
    rows = [
        Start(Path(model).name, engine, cold.get(engine), *map(statistics.median, zip(*found, strict=True)))
        for engine, found in warm.items()
    ]
    return rows, notes


def print_starts(models: Sequence[str], peers: Sequence[str], rounds: int, as_json: bool) -> int:
    """Print the table of some models; return 0."""
    rows, notes = [], []
    for model in models:
        found, missing = measure(model, ["q31", *peers], rounds)
        rows += found
        notes += missing
    if as_json:
        print(json.dumps({"rows": [asdict(row) for row in rows], "notes": notes}, indent=1))
        return 0
    right = ("cold, s", "warm, s", "peak, MB")
    columns = table("model", "engine", *right, right=right)
    before = ""
    for row in rows:
        cold = "" if row.cold is None else f"{row.cold:.2f}"
        name = row.model if row.model != before else ""
        before = row.model
        columns.add_row(name, row.engine, cold, f"{row.warm:.3f}", f"{row.megabytes:.0f}")
    out = console()
    out.print(columns)
    for note in notes:
        out.print(note)
    out.print(f"A fresh process each, to its first result; warm: medians of {rounds}.")
    return 0
