"""Object code in memory, ready to be called: what of a linker kernels need, so that LLVM is not loaded to run them.

LLVM emits kernels in the large code model: every reference in them is an absolute address of 64 bits, to their own
sections or to a function of the C library. To link such an object is to lay out its sections, and to write these
addresses. Loading LLVM for it would take as long as all the rest of an import of q31, and 45 MB of memory. Anything
else (another format, another kind of relocation) is left to LLVM; see :mod:`.codecache`.

The format is that of the System V ABI: "ELF-64 Object File Format", and the AMD64 supplement's table of relocations.
"""

from __future__ import annotations

import ctypes
import mmap
import struct

from ..schema.deferred import dataclass

_HEADER = b"\x7fELF\x02\x01\x01"  # 64 bits, little endian, version 1
_RELOCATABLE_X86_64 = (1, 62)
_BITS, _SYMBOLS, _RELOCATIONS, _ZEROS = 1, 2, 4, 8  # types of sections; _BITS: the content is in the file
_WRITTEN, _IN_MEMORY = 1, 2  # flags of sections
_UNWINDING = 0x70000001  # for exceptions, which kernels do not raise
_ABSOLUTE_64 = 1
_LARGEST_ALIGNMENT = 64
_READ_AND_RUN = 0x1 | 0x4


class Unsupported(Exception):
    """An object that this loader does not place."""


@dataclass(frozen=True)
class _Section:
    type: int
    flags: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int


@dataclass(frozen=True)
class _Symbol:
    name: str
    section: int
    value: int


class PlacedObject:
    """An object's sections in memory of their own, its references resolved.

    Parameters
    ----------
    code : a relocatable object file.

    Raises
    ------
    Unsupported
        Where the object is of another format, needs other relocations or a symbol that is nowhere, or the system
        gives no memory that may hold code.
    """

    def __init__(self, code: bytes) -> None:
        try:
            self._code = code
            self._sections = self._read_sections()
            self._place()
        except (struct.error, IndexError, ValueError, OSError) as error:
            raise Unsupported(str(error)) from None

    def address(self, name: str) -> int:
        """Return the address of a symbol that the object defines; Unsupported where it does not."""
        for symbols in self._symbols.values():
            for symbol in symbols:
                if symbol.name == name and symbol.section:
                    return self._starts[symbol.section] + symbol.value
        raise Unsupported(f"no symbol {name}")

    def _read_sections(self) -> list[_Section]:
        if self._code[: len(_HEADER)] != _HEADER or struct.unpack_from("<HH", self._code, 16) != _RELOCATABLE_X86_64:
            raise Unsupported("not an object of x86-64 in ELF")
        (table,) = struct.unpack_from("<Q", self._code, 40)
        size, count = struct.unpack_from("<HH", self._code, 58)
        sections = []
        for index in range(count):
            fields = struct.unpack_from("<IIQQQQIIQQ", self._code, table + index * size)
            _, kind, flags, _, offset, length, link, info, alignment, _ = fields
            sections.append(_Section(kind, flags, offset, length, link, info, max(1, alignment)))
        return sections

    def _place(self) -> None:
        offsets: dict[int, int] = {}
        size = data_size = 0
        for index, section in enumerate(self._sections):
            if section.flags & _IN_MEMORY and section.type != _UNWINDING:
                if section.type not in (_BITS, _ZEROS) or section.alignment > _LARGEST_ALIGNMENT:
                    raise Unsupported(f"a section of type {section.type}, aligned to {section.alignment}")
                if section.flags & _WRITTEN:
                    offsets[index] = -(-data_size // _LARGEST_ALIGNMENT) * _LARGEST_ALIGNMENT
                    data_size = offsets[index] + section.size
                else:
                    offsets[index] = -(-size // section.alignment) * section.alignment
                    size = offsets[index] + section.size
        # Memory that is written to and memory that is run are never the same.
        self._memory = mmap.mmap(-1, max(1, size))
        self._data = mmap.mmap(-1, max(1, data_size))
        bases = [ctypes.addressof(ctypes.c_char.from_buffer(memory)) for memory in (self._memory, self._data)]
        written = {index: bool(self._sections[index].flags & _WRITTEN) for index in offsets}
        self._starts = {index: bases[written[index]] + offset for index, offset in offsets.items()}
        for index, offset in offsets.items():
            section = self._sections[index]
            if section.type == _BITS:
                memory = self._data if written[index] else self._memory
                memory[offset : offset + section.size] = self._code[section.offset : section.offset + section.size]
        self._symbols = {
            index: self._read_symbols(section)
            for index, section in enumerate(self._sections)
            if section.type == _SYMBOLS
        }
        for section in self._sections:
            if section.type == _RELOCATIONS and section.info in offsets:
                self._resolve(section)
        _make_executable(bases[0], len(self._memory))

    def _read_symbols(self, section: _Section) -> list[_Symbol]:
        names = self._sections[section.link].offset
        symbols = []
        for entry in range(section.offset, section.offset + section.size, 24):
            name, _, _, index, value, _ = struct.unpack_from("<IBBHQQ", self._code, entry)
            start = names + name
            symbols.append(_Symbol(self._code[start : self._code.index(b"\0", start)].decode(), index, value))
        return symbols

    def _resolve(self, relocations: _Section) -> None:
        symbols, start = self._symbols[relocations.link], self._starts[relocations.info]
        size = self._sections[relocations.info].size
        for entry in range(relocations.offset, relocations.offset + relocations.size, 24):
            offset, info, addend = struct.unpack_from("<QQq", self._code, entry)
            if info & 0xFFFFFFFF != _ABSOLUTE_64 or offset + 8 > size:
                raise Unsupported(f"a relocation of type {info & 0xFFFFFFFF}")
            symbol = symbols[info >> 32]
            target = self._starts.get(symbol.section) if symbol.section else _library_function(symbol.name)
            if target is None:
                raise Unsupported(f"no symbol {symbol.name}")
            value = target + (symbol.value if symbol.section else 0) + addend
            ctypes.c_uint64.from_address(start + offset).value = value & 0xFFFFFFFFFFFFFFFF


def _library_function(name: str) -> int | None:
    """Return the address of a function of the C library; None where there is none."""
    try:
        function = getattr(ctypes.CDLL(None), name)
    except AttributeError:
        return None
    return ctypes.cast(function, ctypes.c_void_p).value


def _make_executable(address: int, size: int) -> None:
    if ctypes.CDLL(None).mprotect(ctypes.c_void_p(address), ctypes.c_size_t(size), _READ_AND_RUN):
        raise Unsupported("the system gives no memory that may hold code")
