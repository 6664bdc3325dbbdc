"""Threads that help the thread which runs a compiled program.

They are started when a program first asks for them, and are shared by all programs of the process: who announces work
last gets their help, and none depends on it. A worker looks for work in compiled code for some tens of microseconds
after it has done some, and then sleeps.

A worker that is woken keeps off the processor of the thread that wakes it, where the system lets it say so: else both
were seen to share one for milliseconds, in a virtual machine, with another idle.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import numpy as np

from .machine import kernel_address

_SIGNATURE = ctypes.CFUNCTYPE(None, ctypes.c_int64)  # releases the GIL
_SPINS = 4000
_FAR = 8  # words from one to the next, so that each has a cache line of its own


class Job(Protocol):
    """Work with a part for every worker that comes."""

    def help(self, worker: int) -> None:
        """Do what is left to do, as the worker of this number, from 0 on."""


def yield_address() -> int:
    """Return the address of the C library's ``sched_yield``; 0 where there is none."""
    try:
        function = ctypes.CDLL(None).sched_yield
    except (AttributeError, OSError, TypeError):
        return 0
    return ctypes.cast(function, ctypes.c_void_p).value or 0


class Workers:
    """Some threads, and the words of memory through which they are told of work."""

    def __init__(self, count: int) -> None:
        self._words = np.zeros(_FAR * (count + 1), np.int64)  # the generation of work, and what each worker has seen
        self._job: Job | None = None
        self._asleep = [False] * count
        self._wakes = [threading.Event() for _ in range(count)]
        self._threads = [0] * count  # the system's numbers of them, once they run
        self._avoided = [-1] * count  # the processors that they keep off
        self._announce = _SIGNATURE(kernel_address("announce"))
        self._await = _SIGNATURE(kernel_address("await_work"))
        self._block = np.array([self._words.ctypes.data], np.int64)
        for index in range(count):
            threading.Thread(target=self._serve, args=(index,), name=f"q31-worker-{index + 1}", daemon=True).start()

    def offer(self, job: Job) -> None:
        """Tell the workers of a job; those that are free will help with it."""
        self._job = job
        self._announce(self._block.ctypes.data)
        if any(self._asleep):
            own = _this_processor()
            for index, asleep in enumerate(self._asleep):
                if asleep:
                    self._asleep[index] = False
                    self._keep_off(index, own)
                    self._wakes[index].set()

    def _keep_off(self, index: int, processor: int) -> None:
        """Let a worker run on any processor of this thread but the one."""
        if self._avoided[index] == processor:
            return
        self._avoided[index] = processor
        if others := os.sched_getaffinity(0) - {processor}:
            with suppress(OSError):  # where it is not granted, the worker comes later
                os.sched_setaffinity(self._threads[index], others)

    def _serve(self, index: int) -> None:
        self._threads[index] = threading.get_native_id()
        words, wake, own = self._words, self._wakes[index], _FAR * (index + 1)
        address = words.ctypes.data
        block = np.array([address, address + 8 * own, _SPINS], np.int64)
        while True:
            self._await(block.ctypes.data)
            if words[0] == words[own]:
                self._asleep[index] = True
                if words[0] == words[own]:  # work that came before the line above would wake nobody
                    wake.wait()
                self._asleep[index] = False
                wake.clear()
                continue
            words[own] = words[0]
            job = self._job
            if job is not None:
                job.help(index)
            job = None


def _find_this_processor() -> Callable[[], int]:
    """Return a function that returns the number of the processor that runs it; -1 where that is of no use."""
    if hasattr(os, "sched_setaffinity"):
        with suppress(AttributeError, OSError, TypeError):
            return ctypes.CDLL(None).sched_getcpu
    return lambda: -1


_this_processor = _find_this_processor()
_workers: dict[int, Workers] = {}
_starting = threading.Lock()


def workers(count: int) -> Workers:
    """Return the process's workers of that number, started now or before."""
    with _starting:
        if count not in _workers:
            _workers[count] = Workers(count)
        return _workers[count]


def _forget() -> None:
    """In a child process there are none of the parent's threads."""
    global _starting
    _workers.clear()
    _starting = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
