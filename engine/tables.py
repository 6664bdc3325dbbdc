"""Tables of the compiled engine for one thread or several.

For several, a stretch is a table of shared rows: an instruction whose kernel can do a part of its work is a row in as
many parts as there are threads, instructions between such are a row of one part, which whoever comes first runs.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from ..kernels.operator import Instruction
from .binding import Binder, aligned_empty
from .machine import Stretch, kernel_address
from .workers import workers, yield_address

_SIGNATURE = ctypes.CFUNCTYPE(None, ctypes.c_int64)  # releases the GIL

_WINDOW = ("batches", "output_height", "output_width")
_PRODUCT = (*_WINDOW, "output_channels", "depth")
_LINES = (*_WINDOW, "channels", "filter_height", "filter_width")

_DIVISIBLE: Mapping[str, tuple[str, ...]] = {
    "conv_2d": _PRODUCT,
    "conv_2d_quads": _PRODUCT,
    "conv_2d_tiles": _PRODUCT,
    "conv_2d_int16": _PRODUCT,
    "float_conv_2d": _PRODUCT,
    "hybrid_conv_2d": _PRODUCT,
    "hybrid_sparse": _PRODUCT,
    "hybrid_transpose_conv": _PRODUCT,
    "depthwise_conv_2d": _LINES,
    "depthwise_conv_2d_quads": _LINES,
    "max_pool_bytes": _LINES,
    "average_pool_bytes": _LINES,
    "resize_bilinear_bytes": (*_WINDOW, "channels"),
    "turned_copy": ("boxes", "rows", "columns"),
    "depthwise_conv_2d_int16": _LINES,
    "float_depthwise_conv_2d": (*_WINDOW, "output_channels", "filter_height", "filter_width"),
}
"""Kernels with the fields ``part`` and ``parts``, and the fields whose product says how much they do."""

_LEAST_WORK = 1 << 17
"""Products, below which another thread is not worth its announcement."""

_ELEMENTS: Mapping[str, str] = {
    "lookup8": "size",
    "weighted_sum8": "sizes",
    "product8": "sizes",
    "scaled_sum8": "size",
    "greater8": "sizes",
    "dequantize_bytes": "size",
}
"""The same of kernels that do little with each element, and the field that says how many there are."""

_LEAST_ELEMENTS = 1 << 15
"""Elements, below which another thread is not worth its announcement."""

Row = tuple[int, int]
"""The addresses of a kernel and of its parameter block."""


def parts_of(instruction: Instruction, threads: int) -> list[Instruction]:
    """Return an instruction for each thread, or one alone where it is too small or its kernel cannot be divided."""
    if not _is_worth_dividing(instruction):
        return [instruction]
    return [
        replace(instruction, fields={**instruction.fields, "part": part, "parts": threads}) for part in range(threads)
    ]


def _is_worth_dividing(instruction: Instruction) -> bool:
    if instruction.kernel in _ELEMENTS:
        return _number(instruction, _ELEMENTS[instruction.kernel]) >= _LEAST_ELEMENTS
    names = _DIVISIBLE.get(instruction.kernel)
    return names is not None and math.prod(_number(instruction, name) for name in names) >= _LEAST_WORK


def _number(instruction: Instruction, field: str) -> int:
    """Return a field's number, or the product of its numbers."""
    value = instruction.fields[field]
    assert isinstance(value, int | np.ndarray)
    return int(np.prod(value))


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
        self._rows: list[list[list[Row]]] = []

    def add(self, instruction: Instruction, inputs: Sequence[int], outputs: Sequence[int]) -> None:
        """Add an instruction of an operator with these tensors."""
        address, threads = kernel_address(instruction.kernel), len(self._scratches)
        instructions = parts_of(instruction, threads) if threads > 1 else [instruction]
        parts = [
            [(address, self._binder.bind(one, inputs, outputs, scratch))]
            for one, scratch in zip(instructions, self._scratches, strict=False)
        ]
        self._binder.forget_originals()
        if len(parts) == 1 and self._rows and len(self._rows[-1]) == 1:
            self._rows[-1][0] += parts[0]
        else:
            self._rows.append(parts)

    def close(self) -> Callable[[], None] | None:
        """Return the step that runs what was added since the last call; None where that is nothing."""
        rows, self._rows = self._rows, []
        if not rows:
            return None
        if all(len(parts) == 1 for parts in rows):
            return Stretch([row for parts in rows for row in parts[0]])
        return SharedStretch(rows, len(self._scratches))
