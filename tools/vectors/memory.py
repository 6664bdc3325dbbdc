"""Arrays as memory: words in hexadecimal for Verilog's ``$readmemh``, and raw bytes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ...schema import InputError
from .case import VectorArray

ENDIANNESS = ("little", "big")


@dataclass(frozen=True)
class MemoryFormat:
    """How elements lie in memory.

    Parameters
    ----------
    word_bits : width of a word, a multiple of 8; None: as many bits as ``lanes`` elements have.
    lanes : the most elements in a word; None: as many as fit into ``word_bits``, or 1.
    endianness : ``"little"``: lane 0 is in the least significant bits of a word; of an element wider than a word the
        least significant part comes first. ``"big"``: the other way round. In raw files it is the order of bytes.
    activation_layout : order of the dimensions of NHWC arrays, such as ``"NCHW"``.
    weight_layout : order of the dimensions of weights, such as ``"HWIO"``; of fully-connected ones the letters O and I.
    """

    word_bits: int | None = None
    lanes: int | None = None
    endianness: str = "little"
    activation_layout: str = "NHWC"
    weight_layout: str | None = None

    def __post_init__(self) -> None:
        if self.word_bits is not None and (self.word_bits < 8 or self.word_bits % 8 or self.word_bits > 8192):
            raise InputError(f"word bits: expected a multiple of 8 up to 8192, got {self.word_bits}")
        if self.lanes is not None and not 1 <= self.lanes <= 1024:
            raise InputError(f"lanes: expected 1 to 1024, got {self.lanes}")
        if self.word_bits and self.lanes and self.word_bits % (8 * self.lanes):
            raise InputError(f"words of {self.word_bits} bits do not divide into {self.lanes} lanes of whole bytes")
        if self.endianness not in ENDIANNESS:
            raise InputError(f"endianness: expected little or big, got {self.endianness!r}")
        for letters, expected in ((self.activation_layout, "NHWC"), (self.weight_layout or "OHWI", "OHWI")):
            if sorted(letters) != sorted(expected):
                raise InputError(f"layout {letters!r}: expected the letters {expected} in some order")

    def to_dict(self) -> dict[str, Any]:
        """Return the format as the manifest holds it."""
        return asdict(self)

    def ordered(self, one: VectorArray) -> tuple[np.ndarray, str]:
        """Return an array in the order of dimensions asked for, and the letters of that order."""
        native, wanted = one.layout, one.layout
        if native == "NHWC":
            wanted = self.activation_layout
        elif one.name == "weights" and native and self.weight_layout:
            wanted = "".join(letter for letter in self.weight_layout if letter in native)
        if wanted == native:
            return np.ascontiguousarray(one.array).reshape(one.array.shape), native
        return np.ascontiguousarray(one.array.transpose([native.index(letter) for letter in wanted])), wanted


def elements(array: np.ndarray) -> np.ndarray:
    """Return an array's elements as NumPy's integers or floats in memory order; others as bits.

    Raises
    ------
    InputError
        Where they have no fixed size (strings).
    """
    if array.dtype == object or array.dtype.kind in "SU":
        raise InputError("strings have no words")
    if array.dtype.kind == "b":
        return array.reshape(-1).view(np.uint8)
    if array.dtype.kind == "c":
        return array.reshape(-1).view(np.float32 if array.dtype.itemsize == 8 else np.float64)
    if array.dtype.kind not in "iuf":  # bfloat16 and the like
        return array.reshape(-1).view(f"u{array.dtype.itemsize}")
    return array.reshape(-1)


def raw(array: np.ndarray, endianness: str) -> bytes:
    """Return the elements' bytes."""
    flat = elements(array)
    return flat.astype(flat.dtype.newbyteorder("<" if endianness == "little" else ">")).tobytes()


def words(array: np.ndarray, memory: MemoryFormat) -> tuple[str, dict[str, Any]]:
    """Return the lines of hexadecimal words, and how they are made up.

    Raises
    ------
    InputError
        Where the elements do not fit the words.
    """
    flat = elements(array)
    size = flat.dtype.itemsize
    bits = memory.word_bits or 8 * size * (memory.lanes or 1)
    octets = flat.astype(flat.dtype.newbyteorder(">")).view(np.uint8).reshape(-1, size)
    if bits < 8 * size:
        if 8 * size % bits:
            raise InputError(f"elements of {8 * size} bits do not divide into words of {bits} bits")
        parts = 8 * size // bits
        split = octets.reshape(-1, parts, bits // 8)
        stored = split[:, ::-1] if memory.endianness == "little" else split
        info = {"lanes": 1, "lane_bits": bits, "words_per_element": parts}
    else:
        lanes = min(memory.lanes or bits // (8 * size), bits // (8 * size))
        if bits % (8 * lanes):
            raise InputError(f"words of {bits} bits do not divide into {lanes} lanes of whole bytes")
        lane = bits // 8 // lanes
        count = -(-len(flat) // lanes)
        wide = np.zeros((count * lanes, lane), np.uint8)
        wide[: len(flat), lane - size :] = octets
        if flat.dtype.kind == "i":
            wide[: len(flat), : lane - size] = np.where(flat < 0, 0xFF, 0)[:, None]
        grouped = wide.reshape(count, lanes, lane)
        stored = grouped[:, ::-1] if memory.endianness == "little" else grouped
        info = {"lanes": lanes, "lane_bits": 8 * lane, "words_per_element": 1}
    content = np.ascontiguousarray(stored).tobytes()
    text = content.hex("\n", bits // 8) + "\n" if content else ""
    return text, {"word_bits": bits, **info, "words": len(content) * 8 // bits, "elements": len(flat)}
