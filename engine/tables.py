"""Tables of the compiled engine for one thread or several.

For several, a stretch is a table of shared rows: an instruction whose kernel can do a part of its work is a row in as
many parts as there are threads, instructions between such are a row of one part, which whoever comes first runs.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ..kernels.operator import Instruction
from . import dividing
from .binding import Binder, aligned_empty
from .dividing import divisible_nanoseconds
from .machine import Stretch, kernel_address
from .workers import workers, yield_address

_SIGNATURE = ctypes.CFUNCTYPE(None, ctypes.c_int64)  # releases the GIL

Row = tuple[int, int]
"""The addresses of a kernel and of its parameter block."""


def parts_of(instruction: Instruction, threads: int) -> list[Instruction]:
    """Return an instruction for each thread's part."""
    return [
        replace(instruction, fields={**instruction.fields, "part": part, "parts": threads}) for part in range(threads)
    ]


class SharedStretch:
    """Rows in parts, which the calling thread and workers run together.

    Parameters
    ----------
    rows : for each row, for each of its parts, its own rows in order.
    threads : how many may come, the calling one included.
    """

    def __init__(self, rows: Sequence[Sequence[Sequence[Row]]], threads: int) -> None:
        self._kept: list[np.ndarray] = []
        self._runs = aligned_empty(64 * threads).view(np.int64)[::8]  # of each thread
        kernel, pause = kernel_address("share"), yield_address()
        tables: list[list[Row]] = [[] for _ in range(threads)]
        for parts in rows:
            words = self._keep(aligned_empty(128).view(np.int64))
            own = [self._keep(np.array(part, np.int64).reshape(-1, 2)) for part in parts]
            listed = self._keep(np.array([(table.ctypes.data, len(table)) for table in own], np.int64))
            for thread, table in enumerate(tables):
                run = self._runs.ctypes.data + 64 * thread
                block = [words.ctypes.data, words.ctypes.data + 64, len(parts), run, listed.ctypes.data, pause]
                table.append((kernel, self._keep(np.array(block, np.int64)).ctypes.data))
        self._blocks = []
        for one in tables:
            walked = self._keep(np.array(one, np.int64))
            self._blocks.append(self._keep(np.array([walked.ctypes.data, len(walked)], np.int64)).ctypes.data)
        self._walk = _SIGNATURE(kernel_address("walk"))
        self._workers = workers(threads - 1)
        self._run = 0

    def _keep(self, array: np.ndarray) -> np.ndarray:
        self._kept.append(array)
        return array

    def __call__(self) -> None:
        """Run the rows in order."""
        self._run += 1
        self._workers.offer(self)
        self._runs[0] = self._run
        self._walk(self._blocks[0])

    def help(self, worker: int) -> None:
        """Take parts of the present run; of one that is over, none are left."""
        self._runs[worker + 1] = self._run
        self._walk(self._blocks[worker + 1])


class Tables:
    """Collects the rows of a stretch.

    Parameters
    ----------
    binder : makes parameter blocks.
    scratches : memory for the own use of each part of an instruction; the first is the binder's.
    """

    def __init__(self, binder: Binder, scratches: Sequence[np.ndarray]) -> None:
        self._binder = binder
        self._scratches = scratches
        self._whole: list[Row] = []
        self._divided: list[list[list[Row]]] = []
        self._nanoseconds = 0.0  # that one thread takes for what is divided

    def add(self, instruction: Instruction, inputs: Sequence[int], outputs: Sequence[int]) -> None:
        """Add an instruction of an operator with these tensors."""
        address, threads = kernel_address(instruction.kernel), len(self._scratches)
        whole = (address, self._binder.bind(instruction, inputs, outputs, self._scratches[0]))
        self._whole.append(whole)
        nanoseconds = divisible_nanoseconds(instruction) if threads > 1 else 0.0
        if nanoseconds:
            self._nanoseconds += nanoseconds
            self._divided.append(
                [
                    [(address, self._binder.bind(one, inputs, outputs, scratch))]
                    for one, scratch in zip(parts_of(instruction, threads), self._scratches, strict=True)
                ]
            )
        elif self._divided and len(self._divided[-1]) == 1:
            self._divided[-1][0].append(whole)
        else:
            self._divided.append([[whole]])
        self._binder.forget_originals()

    def close(self) -> Callable[[], None] | None:
        """Return the step that runs what was added since the last call; None where that is nothing."""
        whole, divided, nanoseconds = self._whole, self._divided, self._nanoseconds
        self._whole, self._divided, self._nanoseconds = [], [], 0.0
        if not whole:
            return None
        if nanoseconds == 0 or nanoseconds < dividing.LEAST_NANOSECONDS_OF_STRETCH:
            return Stretch(whole)
        return SharedStretch(divided, len(self._scratches))
