"""Interpreted kernels (``Q31_JIT=0``) on views that know where their memory ends.

A view of :mod:`q31.kernels.jit.addressing` has the size that the kernel asks for. Here it must also lie within the
operand that the instruction declared, and no index may be negative or beyond: NumPy takes both in its stride.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from q31.engine import machine
from q31.engine.binding import Binder
from q31.kernels.jit import addressing
from q31.kernels.jit.layouts import LAYOUTS
from q31.kernels.operator import Fault, Input, Instruction, Output, Scratch, State


class OutOfBounds(Exception):
    """A kernel left its memory."""


_extents: dict[int, dict[int, int]] = {}
"""Parameter block -> address of an operand -> bytes from there on."""

_running: list[int] = []


class GuardedView:
    """What kernels use of an array, with strict bounds."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array
        self.dtype = array.dtype

    def _check(self, index: Any) -> Any:
        size = len(self._array)
        first, end = (index.start, index.stop) if isinstance(index, slice) else (int(index), int(index) + 1)
        if not 0 <= first <= end <= size:
            raise OutOfBounds(f"element {index} of {size}")
        return index

    def __getitem__(self, index: Any) -> Any:
        return self._array[self._check(index)]

    def __setitem__(self, index: Any, value: Any) -> None:
        self._array[self._check(index)] = value

    def tolist(self) -> list[Any]:
        """Read a parameter block."""
        return self._array.tolist()


def _declared(value: Any) -> int | None:
    if isinstance(value, Input | Output | Scratch | State):
        return value.size
    if isinstance(value, Fault):
        return 8 * (1 + value.values)
    return value.nbytes if isinstance(value, np.ndarray) else None


def install() -> None:
    """Guard every view that a kernel makes from now on; only where kernels are interpreted."""
    make_array, bind, run = addressing._array, Binder.bind, machine._Interpreted.run

    def guarded_array(address: int, size: int, dtype: Any) -> Any:
        extents = _extents[_running[-1]]  # a view may begin within an operand
        wanted = size * np.dtype(dtype).itemsize
        room = max((start + size - address for start, size in extents.items() if start <= address), default=-1)
        if not 0 <= wanted <= room:
            raise OutOfBounds(f"a view of {wanted} bytes where {room} were declared")
        return GuardedView(make_array(address, size, dtype))

    def remembering_bind(
        self: Binder,
        instruction: Instruction,
        inputs: Sequence[int],
        outputs: Sequence[int],
        scratch: np.ndarray | None = None,
    ) -> int:
        block = bind(self, instruction, inputs, outputs, scratch)
        fields = LAYOUTS[instruction.kernel].fields
        extents = {block: 8 * len(fields)}
        for name, address in zip(fields, make_array(block, len(fields), np.int64).tolist(), strict=True):
            if (size := _declared(instruction.fields[name])) is not None:
                extents[address] = max(size, extents.get(address, 0))
        _extents[block] = extents
        return block

    def remembering_run(self: Any, table: np.ndarray) -> None:
        for row in range(len(table)):
            _running.append(int(table[row, 1]))
            try:
                run(self, table[row : row + 1])
            finally:
                _running.pop()

    addressing._array = guarded_array
    Binder.bind = remembering_bind  # type: ignore[method-assign]
    machine._Interpreted.run = remembering_run  # type: ignore[method-assign]


def forget() -> None:
    """Forget the blocks of programs that are gone; their addresses will be used again."""
    _extents.clear()
