"""From instructions to rows of the compiled engine's table.

Kernels take raw addresses, so safety lies here: every read and write of an instruction is held against the memory
of its tensor before a row exists. A program that fails the check is never run.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, MutableMapping, Sequence

import numpy as np

from ..kernels.jit.layouts import LAYOUTS
from ..kernels.operator import Fault, Field, Input, Instruction, Output, Scratch, State
from ..schema import Error
from .arena import ALIGNMENT, aligned

Memory = Callable[[int], np.ndarray]

Key = tuple[tuple[int, ...], str, str]
"""Where a constant is needed: the outputs of the operator, the kernel and its field."""

Packed = MutableMapping[Key, np.ndarray]
"""Constants that programs for other shapes of the same inputs may need, too."""

_WORTH_SHARING = 1 << 12  # bytes
_POOL = 1 << 14  # bytes that small arrays are copied into, one beside the other


def aligned_empty(size: int) -> np.ndarray:
    """Return ``size`` bytes of zeroed memory at an address that is a multiple of 64."""
    raw = np.zeros(size + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size]


def aligned_copy(array: np.ndarray) -> np.ndarray:
    """Return the array's bytes, contiguous and 64-byte aligned; no copy where they already are."""
    if array.flags.c_contiguous and array.ctypes.data % ALIGNMENT == 0:
        return array
    copy = aligned_empty(array.nbytes).view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def scratch_size(instruction: Instruction) -> int:
    """Return the scratch bytes an instruction needs in all."""
    return sum(aligned(value.size) for value in instruction.fields.values() if isinstance(value, Scratch))


class Binder:
    """Turns instructions into parameter blocks, and keeps alive what the blocks point to.

    Parameters
    ----------
    memory : tensor index -> its array, in the arena or a constant.
    scratch : memory shared by all instructions for their own use.
    packed : constants of other programs of the subgraph, such as packed weights: those that are equal are shared.
    """

    def __init__(self, memory: Memory, scratch: np.ndarray, packed: Packed | None = None) -> None:
        self._memory = memory
        self._scratch = scratch
        self._packed: Packed = {} if packed is None else packed
        self._tensors: dict[int, np.ndarray] = {}
        self._fields: dict[int, tuple[np.ndarray, int]] = {}
        self._pools = [aligned_empty(0)]  # the last is not full
        self._pool_address = self._pool_end = 0
        self._alive: list[np.ndarray] = []
        self._faults: list[tuple[np.ndarray, str]] = []

    def bind(
        self,
        instruction: Instruction,
        inputs: Sequence[int],
        outputs: Sequence[int],
        scratch: np.ndarray | None = None,
    ) -> int:
        """Return the address of the parameter block of an instruction.

        Parameters
        ----------
        instruction : from a kernel's ``lower``.
        inputs, outputs : tensor indices of the operator.
        scratch : memory for its own use, in place of what all share.

        Raises
        ------
        Error
            Where the fields are not those of the kernel's layout, or an operand would be read or written
            beyond its memory. This is a defect of q31, not of the model.
        """
        layout = LAYOUTS[instruction.kernel]
        if set(instruction.fields) != set(layout.fields):
            wrong = sorted(set(instruction.fields) ^ set(layout.fields))
            raise Error(f"kernel {instruction.kernel}: fields {wrong} do not fit its layout")
        block = aligned_empty(8 * len(layout.fields)).view(np.int64)
        scratch = self._scratch if scratch is None else scratch
        scratch_offset = 0
        for position, name in enumerate(layout.fields):
            value = instruction.fields[name]
            if isinstance(value, Scratch):
                block[position] = scratch.ctypes.data + scratch_offset
                scratch_offset += aligned(value.size)
            elif isinstance(value, np.ndarray):
                block[position] = self._field((tuple(outputs), instruction.kernel, name), value)
            else:
                block[position] = self._resolve(f"kernel {instruction.kernel}: {name}", value, inputs, outputs)
        if scratch_offset > scratch.nbytes:
            raise Error(f"kernel {instruction.kernel}: needs {scratch_offset} bytes of scratch, not planned for")
        self._alive.append(block)
        return block.ctypes.data

    def forget_originals(self) -> None:
        """Let go of the arrays of the instructions bound so far: what rows point to are aligned copies of most."""
        self._fields.clear()

    @property
    def may_fault(self) -> bool:
        """Whether faults were bound since the last call of :meth:`take_faults`."""
        return bool(self._faults)

    def take_faults(self) -> list[tuple[np.ndarray, str]]:
        """Return the flags and messages of the faults that were bound since the last call."""
        faults, self._faults = self._faults, []
        return faults

    def _resolve(self, place: str, value: Field, inputs: Sequence[int], outputs: Sequence[int]) -> int:
        if isinstance(value, Input):
            return self._operand(place, inputs[value.index], value.size, write=False)
        if isinstance(value, State):
            return self._operand(place, inputs[value.index], value.size, write=True)
        if isinstance(value, Output):
            if value.offset < 0:
                raise Error(f"{place}: byte {value.offset} of tensor {outputs[value.index]}")
            return self._operand(place, outputs[value.index], value.offset + value.size, write=True) + value.offset
        if isinstance(value, Fault):
            self._faults.append((np.zeros(1 + value.values, np.int64), value.message))
            return self._faults[-1][0].ctypes.data
        if isinstance(value, float):
            return int(struct.unpack("<q", struct.pack("<d", value))[0])
        assert not isinstance(value, (Scratch, np.ndarray))
        return int(value)

    def _operand(self, place: str, index: int, size: int, write: bool) -> int:
        array = self._memory(index)
        if not array.flags.c_contiguous or not 0 <= size <= array.nbytes:
            raise Error(f"{place}: {size} bytes of tensor {index}, which has {array.nbytes}")
        if write and not array.flags.writeable:
            raise Error(f"{place}: tensor {index} is a constant and would be written")
        return array.ctypes.data if array.flags.writeable else self._constant(index, array)

    def _constant(self, index: int, array: np.ndarray) -> int:
        if index not in self._tensors:
            self._tensors[index] = aligned_copy(array)
        return self._tensors[index].ctypes.data

    def _field(self, key: Key, array: np.ndarray) -> int:
        """Return the address of an array that an instruction brings along, or of another program's that is equal."""
        # Parts of one instruction bring the same array; the original is kept while its id is a key.
        _, address = self._fields.get(id(array), (None, None))
        if address is None:
            if array.nbytes < _WORTH_SHARING:
                address = self._small(array)
            else:
                kept = self._shared(key, array)
                self._alive.append(kept)
                address = kept.ctypes.data
            self._fields[id(array)] = (array, address)
        return address

    def _small(self, array: np.ndarray) -> int:
        """Return the address of an aligned copy of a small array, in memory that several have."""
        start, self._pool_end = self._pool_end, self._pool_end + aligned(array.nbytes)
        if self._pool_end > self._pools[-1].nbytes:
            self._pools.append(aligned_empty(_POOL))
            self._pool_address = self._pools[-1].ctypes.data
            start, self._pool_end = 0, aligned(array.nbytes)
        self._pools[-1][start : start + array.nbytes].view(array.dtype).reshape(array.shape)[...] = array
        return self._pool_address + start

    def _shared(self, key: Key, array: np.ndarray) -> np.ndarray:
        other = self._packed.get(key)
        if other is None or other.dtype != array.dtype or not np.array_equal(other, array):
            other = self._packed[key] = aligned_copy(array)
        return other
