"""Jobs for worker processes, which import them by name."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from q31 import InputError


@dataclass(frozen=True)
class Squares:
    """Sums of squares, and what can go wrong meanwhile.

    ``marks`` is a folder: a worker that loads the job leaves a file there, and so does one that kills itself.
    """

    marks: str
    bad: tuple[int, ...] = ()
    broken: tuple[int, ...] = ()
    deadly: tuple[int, ...] = ()
    deaths: int = 0
    seconds: float = 0.0

    def start(self) -> dict[str, int]:
        mark = Path(self.marks) / f"loaded-{os.getpid()}"
        mark.write_text(mark.read_text() + "." if mark.exists() else ".")
        return {"runs": 0}

    def run(self, state: dict[str, int], batch: list[int]) -> int:
        state["runs"] += 1
        time.sleep(self.seconds)
        for number in batch:
            if number in self.bad:
                raise InputError(f"example {number}: is bad")
            if number in self.broken:
                raise AssertionError(f"{number} is broken")
            if number in self.deadly and len(list(Path(self.marks).glob("died-*"))) < self.deaths:
                (Path(self.marks) / f"died-{os.getpid()}").touch()
                os.kill(os.getpid(), 9)
        return sum(number * number for number in batch)
