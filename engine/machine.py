"""The compiled engine's machine: it walks a table of (kernel address, parameter block address) in one call.

Every kernel has the signature ``void(int64 block)``; a block is a row of int64 values that the kernel reads by name.

To add a kernel
---------------
1. Give it a line in ``kernels/jit/layouts.py``: its module and the names of its fields in order.
2. Write the function of that name in ``kernels/jit/<module>.py``::

       NEGATE = fields("negate8")

       def negate8(block: Any) -> None:
           p = read_block(block, NEGATE)
           source = int8_view(p.input, p.size)
           target = int8_view(p.output, p.size)
           for i in range(p.size):
               target[i] = max(-source[i], -127)

   Helpers it calls carry ``@helper``, or ``@fragment`` where one place calls them (from ``.addressing``). All fields
   are int64; ``float_field(p.scale)`` reads one that was passed as a float. Views are bare pointers. Modules of
   ``kernels/jit`` import each other, numba, llvmlite and NumPy only: the cache's key is the content of that folder.
3. Kernels neither raise nor allocate: memory comes from ``Scratch`` fields; a ``range`` whose step is not a constant
   may raise. Integer arithmetic is int64 unless both sides are smaller and cast (``np.int32(x)``); to wrap as int32
   does, cast the result. Write the inner loop over the contiguous index so that LLVM vectorises it; where it does not,
   ``.vectors`` has vectors as values. No fastmath; LLVM contracts no multiplication and addition by itself.
4. ``lower`` in the operator's module returns ``Instruction("negate8", {...})`` with exactly these fields.
   A ``State`` field is a variable tensor, updated where it lies; a ``Fault`` field is where a kernel tells of values
   that make no sense.

``Q31_ISA=generic`` in the environment leaves every choice of instructions to LLVM. ``Q31_JIT=0`` runs the same
kernels as plain Python over bounds-checked arrays: slow, for coverage and for finding a kernel that runs out of its
memory.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..kernels.jit import INTERPRETED
from ..kernels.jit.layouts import LAYOUTS

_SIGNATURE = ctypes.CFUNCTYPE(None, ctypes.c_int64)  # releases the GIL


class _Interpreted:
    """Stand-in for the code cache: an address is a kernel's position in LAYOUTS, plus one."""

    _names = tuple(LAYOUTS)

    def addresses(self, kernels: Iterable[str]) -> list[int]:
        return [self._names.index(kernel) + 1 for kernel in kernels]

    def address(self, kernel: str) -> int:
        return self.addresses([kernel])[0]

    def run(self, table: np.ndarray) -> None:
        from .compiler import python_kernel

        for kernel, block in table.tolist():
            python_kernel(self._names[kernel - 1])(block)


def _open_cache() -> Any:
    if INTERPRETED:
        return _Interpreted()
    from .codecache import CodeCache

    return CodeCache()


_cache: Any = _open_cache()


def kernel_address(name: str) -> int:
    """Return the address of a compiled kernel, compiling it if it is in no cache."""
    return _cache.address(name)


def load_kernels(names: Iterable[str]) -> None:
    """Load or compile several kernels ahead of :func:`kernel_address`, as one batch for the progress report."""
    _cache.addresses(names)


def warmup(progress: Callable[[str, int, int], None] | None = None) -> int:
    """Compile every kernel that is not in the cache yet.

    Parameters
    ----------
    progress : called for each kernel compiled, with its name, how many were before it and how many there are.

    Returns
    -------
    int : how many kernels there are, compiled now or before.
    """
    if progress is not None:
        set_progress(progress)
    load_kernels(LAYOUTS)
    return len(LAYOUTS)


def set_progress(progress: Callable[[str, int, int], None]) -> None:
    """Replace the line on stderr by a callback (kernel name, compiled so far, in all), as a progress bar needs."""
    _cache.progress = progress


class Stretch:
    """Rows of the table, ready to run: ``stretch()`` calls each kernel with its block, in one compiled call.

    Parameters
    ----------
    rows : (kernel address, parameter block address) pairs. The caller keeps blocks and their memory alive.
    """

    __slots__ = ("_block", "_call", "_row", "_table")

    def __init__(self, rows: Sequence[tuple[int, int]]) -> None:
        self._table = np.array(rows, np.int64).reshape(-1, 2)
        self._row = np.array([self._table.ctypes.data, len(self._table)], np.int64)
        self._block = self._row.ctypes.data
        if INTERPRETED:
            self._call: Callable[[int], Any] = lambda block: _cache.run(self._table)
        else:
            self._call = _SIGNATURE(kernel_address("walk"))

    def __call__(self) -> None:
        """Run the rows in order."""
        self._call(self._block)

    def __len__(self) -> int:
        return len(self._table)


def run(rows: Sequence[tuple[int, int]]) -> None:
    """Run rows once. To run them again and again, keep a :class:`Stretch`."""
    Stretch(rows)()
