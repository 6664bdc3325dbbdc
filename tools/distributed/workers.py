"""What runs on a worker: models that were shipped to it once, and batches of examples."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from distributed import Worker, WorkerPlugin, get_worker

from ... import __version__
from ...schema import DistributedError, Error


class Job(Protocol):
    """What is done with every batch; it is shipped once to each worker, by pickle."""

    def start(self) -> Any:
        """Return what batches are run with, such as loaded models; no two batches use it at a time."""

    def run(self, state: Any, batch: Any) -> Any:
        """Return the result of a batch."""


@dataclass(frozen=True)
class Result:
    """What a worker made of a batch, and the seconds that took, loading left out."""

    value: Any
    seconds: float


@dataclass(frozen=True)
class Failed:
    """An error that q31 raised on purpose: returned, not raised, for another try would only raise it again."""

    error: Error


class ShippedJob(WorkerPlugin):
    """A job on a worker, which Dask also gives to workers that come later and to those that it starts again.

    Models are loaded when the first batch comes, by every thread that runs batches for itself.
    """

    def __init__(self, name: str, job: Job) -> None:
        self.name = name
        self._job = job
        self._version = __version__
        self._idle: list[Any] = []

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_idle": []}

    def setup(self, worker: Worker) -> None:
        """Take the lock that could not be shipped."""
        self._lock = threading.Lock()
        self._address = worker.address

    def run(self, batch: Any) -> Result | Failed:
        """Run a batch."""
        if self._version != __version__:
            return Failed(DistributedError(f"worker {self._address} has q31 {__version__}, not {self._version}"))
        with self._lock:
            state = self._idle.pop() if self._idle else None
        try:
            if state is None:
                state = self._job.start()
            began = time.perf_counter()
            result = Result(self._job.run(state, batch), time.perf_counter() - began)
        except Error as error:
            return Failed(error)
        with self._lock:
            self._idle.append(state)
        return result


def run_batch(job: str, batch: Sequence[Any]) -> Result | Failed:
    """Run a batch on the worker that this is, by a job that was shipped to it."""
    shipped = get_worker().plugins[job]
    found: Result | Failed = shipped.run(batch)
    return found
