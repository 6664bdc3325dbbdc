"""Compiles several kernels at once: this process one by one, and beside it processes that are started for that.

numba compiles one function at a time in a process. Another process is a fresh interpreter that this module runs in:
nothing of the program's main module is imported there, so that it needs no guard, and nothing is forked. Names of
kernels go to it and object code comes back, through pipes. Where there is no such process, or it ends before it
answered, this process compiles what is left.
"""

from __future__ import annotations

import os
import queue
import struct
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import IO

from ..kernels.jit.layouts import LAYOUTS
from ..kernels.jit.processor import available_processors
from .codecache import cache_key, create_target, entry_point

_MOST_PROCESSES = 8  # each takes some 150 MB
_START = (
    "import sys; sys.path[:] = sys.argv[2:]; from importlib import import_module; import_module(sys.argv[1]).serve()"
)
_PATIENCE_SECONDS = 60.0
_LENGTH = struct.Struct("<q")


def compile_kernels(kernels: Sequence[str], begin: Callable[[str], None]) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the object code of each kernel, as they are ready.

    Parameters
    ----------
    kernels : their names.
    begin : called with each name in this thread: before the kernel is compiled here, or when another process has it.

    Raises
    ------
    KeyError
        Where there is no kernel of a name.
    RuntimeError
        Where a kernel needs more than the C library at run time.
    """
    order = {name: place for place, name in enumerate(LAYOUTS)}
    waiting = deque(sorted(kernels, key=order.__getitem__))  # what takes longest stands first there
    with _Helpers(waiting, min(available_processors(), len(kernels), _MOST_PROCESSES) - 1) as helpers:
        from .compiler import compile_kernel  # imports numba

        target = create_target()
        for _ in kernels:
            name, code = _take(waiting), None
            if name is None:
                name, code = helpers.result()
            begin(name)
            yield name, compile_kernel(name, entry_point(name), target) if code is None else code


def _take(waiting: deque[str]) -> str | None:
    try:
        return waiting.popleft()
    except IndexError:
        return None


class _Helpers:
    """Processes that compile what they take from a queue, each served by a thread."""

    def __init__(self, waiting: deque[str], count: int) -> None:
        self._waiting = waiting
        self._results: queue.SimpleQueue[tuple[str, bytes | None]] = queue.SimpleQueue()
        self._processes = [process for process in (_start() for _ in range(count)) if process is not None]
        self._threads = [threading.Thread(target=self._serve, args=(one,), daemon=True) for one in self._processes]

    def __enter__(self) -> _Helpers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type | None, value: BaseException | None, traceback: TracebackType | None) -> None:
        self._waiting.clear()
        self._end()
        for thread in self._threads:
            thread.join()

    def _end(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()

    def result(self) -> tuple[str, bytes | None]:
        """Wait for a kernel that another process took; no code where that process ended or takes too long."""
        try:
            return self._results.get(timeout=_PATIENCE_SECONDS)
        except queue.Empty:
            self._end()
            return self._results.get()

    def _serve(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None and process.stdout is not None
        with suppress(OSError), process.stdin, process.stdout:  # closing a broken pipe fails once more
            code: bytes | None = b""
            while code is not None and (name := _take(self._waiting)) is not None:
                code = _ask(name, process.stdin, process.stdout)
                self._results.put((name, code))


def _start() -> subprocess.Popen[bytes] | None:
    """Start a process that compiles; None where the system does not, or this program is not Python's own."""
    program = sys.executable or ""
    if getattr(sys, "frozen", False) or not os.path.basename(program).lower().startswith("python"):
        return None  # a program that has Python built in would start once more
    command = [program, "-c", _START, __name__, *sys.path]
    pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
    try:
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=nowhere)
    except OSError:
        return None


def _ask(name: str, to: IO[bytes], back: IO[bytes]) -> bytes | None:
    """Let a process compile a kernel; None where it ended, or would compile other code than this process."""
    try:
        to.write(f"{name} {cache_key()}\n".encode())
        to.flush()
        head = back.read(_LENGTH.size)
        if len(head) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack(head)
        code = back.read(length)
        return code if len(code) == length else None
    except (OSError, ValueError):
        return None


def serve() -> None:
    """Compile the kernels that standard input names, and write their object code to standard output."""
    back = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no object code
    from .compiler import compile_kernel

    target, key = create_target(), cache_key()
    for line in sys.stdin:
        name, expected = line.split()
        if key != expected:
            return
        code = compile_kernel(name, entry_point(name), target)
        back.write(_LENGTH.pack(len(code)) + code)
        back.flush()
