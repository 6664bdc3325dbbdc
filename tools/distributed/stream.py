"""Batches to the workers of a Dask cluster and their results back, a bounded number at a time."""

from __future__ import annotations

import asyncio
import os
import queue
import re
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from ...engine.session import sha256
from ...schema import DistributedError, InputError
from .batches import Batch
from .clusters import threads, where

if TYPE_CHECKING:
    from concurrent.futures import Future as Pending

    from distributed import Client, Future

    from .workers import Failed, Job, Result

    Fetched = Pending[list[Result | Failed]]

_LOOK = 1.0  # seconds after which to look at the cluster again


class Stream:
    """Runs batches on the workers of a cluster.

    Parameters
    ----------
    client : of the cluster.
    job : what is done with a batch, shipped once to every worker.
    name : what tasks are called on Dask's dashboard, followed by a token of the run and the batch's number.
    in_flight : how many batches are with the cluster at a time; None: two for each thread it has.
    retries : how many times a batch is tried again whose workers died, or that failed without an error of q31's.
    timeout : seconds to wait for a worker where none is left.
    """

    def __init__(
        self, client: Client, job: Job, name: str, in_flight: int | None, retries: int, timeout: float
    ) -> None:
        _require("in_flight", in_flight, 1)
        _require("retries", retries, 0)
        self._client = client
        self._name = f"{name}-{uuid.uuid4().hex[:8]}"  # two runs on one scheduler must not share a task
        self._job = job
        self._in_flight, self._retries, self._timeout = in_flight, retries, timeout
        self._pending: dict[Future, tuple[int, Batch, int]] = {}
        self._done: queue.SimpleQueue[tuple[Future, Fetched]] = queue.SimpleQueue()
        self._threads = threads(client)
        self._looked = self._alive = time.monotonic()

    def run(self, batches: Iterable[Batch]) -> Iterator[tuple[Batch, Result]]:
        """Yield batches with their results, in the order in which they are done.

        Raises
        ------
        Error
            What the job raised: of the first batch, in the order in which they were given, of which it did; all before
            it have been yielded then. What ``batches`` raises counts as if it were a batch.
        DistributedError
            Where a batch fails in another way, or the cluster is lost.
        """
        failures: dict[int, BaseException] = {}
        source = iter(batches)
        given = 0
        with self._shipped():
            while True:
                while not failures and len(self._pending) < self._bound():
                    try:
                        batch = next(source, None)
                    except Exception as error:
                        failures[given] = error
                        break
                    if batch is None:
                        break
                    self._submit(given, batch)
                    given += 1
                first = min(failures, default=given)
                if not any(index < first for index, _, _ in self._pending.values()):
                    break
                index, batch, outcome = self._next()
                if isinstance(outcome, BaseException):
                    failures[index] = outcome
                elif outcome is not None and index < first:
                    yield batch, outcome
        if failures:
            raise failures[min(failures)]

    @contextmanager
    def _shipped(self) -> Iterator[None]:
        """Have the job on all workers, and take it and unfinished tasks away at the end."""
        try:
            self._ship()
            yield
        finally:
            with suppress(Exception):  # the cluster may have gone
                for future in self._pending:
                    future.cancel()
                self._client.unregister_worker_plugin(self._name)
            self._pending.clear()

    def _ship(self) -> None:
        from .workers import ShippedJob

        for left in reversed(range(self._retries + 1)):
            try:
                self._client.register_plugin(ShippedJob(self._name, self._job))
                return
            except Exception as error:
                if not left or not isinstance(error, OSError):  # one of these is raised where a worker is just dying
                    raise DistributedError(f"a worker cannot take the model: {error}") from None

    def _bound(self) -> int:
        """Return how many batches may be with the cluster now."""
        if time.monotonic() - self._looked > _LOOK:
            self._look()
        return max(2 * self._threads, 1) if self._in_flight is None else self._in_flight

    def _submit(self, index: int, batch: Batch, tries: int = 0) -> None:
        from .workers import run_batch

        key = f"{self._name}-{index}" + (f"-again-{tries}" if tries else "")
        future = self._client.submit(run_batch, self._name, batch.content, key=key, pure=False, retries=self._retries)
        self._pending[future] = index, batch, tries
        fetched = asyncio.run_coroutine_threadsafe(self._fetch(future), self._client.loop.asyncio_loop)
        fetched.add_done_callback(lambda done: self._done.put((future, done)))

    async def _fetch(self, future: Future) -> list[Result | Failed]:
        """Return the result of a task when it is there; nothing where it failed.

        This runs on the client's loop, and must not be cut short: the client would not fetch anything any more.
        """
        found: list[Result | Failed] = await self._client.gather([future], errors="skip", asynchronous=True)
        return found

    def _next(self) -> tuple[int, Batch, Result | BaseException | None]:
        """Wait for a batch and return its result or error; None where it is to be tried again."""
        while True:
            try:
                future, fetched = self._done.get(timeout=_LOOK)
                break
            except queue.Empty:
                self._look()
        index, batch, tries = self._pending.pop(future)
        outcome = self._outcome(future, fetched, batch, tries)
        if outcome is None:
            self._submit(index, batch, tries + 1)
        return index, batch, outcome

    def _outcome(self, future: Future, fetched: Fetched, batch: Batch, tries: int) -> Result | BaseException | None:
        from distributed import KilledWorker

        from .workers import Failed

        if future.status in ("cancelled", "lost"):
            raise DistributedError(f"{where(self._client)} has gone, or cancelled the tasks")
        error = future.exception() if future.status == "error" else fetched.exception()
        if isinstance(error, KilledWorker):
            if tries < self._retries:  # perhaps only in bad company: all batches that a dead worker had are blamed
                return None
            return DistributedError(f"{batch}: workers that had this batch die, again and again: is memory short?")
        if error is not None:
            return DistributedError(f"{batch}: {type(error).__name__}: {error}")
        found = fetched.result()[0]
        return found.error if isinstance(found, Failed) else found

    def _look(self) -> None:
        """See how many threads there are.

        Raises
        ------
        DistributedError
            Where the scheduler has gone, or there has been no worker for the timeout.
        """
        self._looked = time.monotonic()
        if self._client.status != "running":
            raise DistributedError(f"{where(self._client)} has gone")
        self._threads = threads(self._client)
        if self._threads:
            self._alive = time.monotonic()
        elif time.monotonic() - self._alive > self._timeout:
            raise DistributedError(f"{where(self._client)} has lost all its workers (waited {self._timeout:g} s)")


def task_name(verb: str, model: Any) -> str:
    """Return what the tasks of a verb are called: ``q31-calibrate-mobilenet``.

    Parameters
    ----------
    verb : what is done.
    model : a path, bytes or a loaded model, which has the first digits of its SHA-256 for a name.
    """
    if isinstance(model, (str, os.PathLike)):
        name = re.sub("[^A-Za-z0-9_.]+", "_", os.path.splitext(os.path.basename(os.fspath(model)))[0])
    else:
        name = (model.sha256 if hasattr(model, "sha256") else sha256(memoryview(model)))[:8]
    return f"q31-{verb}-{name}"


def _require(name: str, value: int | None, least: int) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
        raise InputError(f"{name}: expected an integer of {least} or more, got {value!r}")
