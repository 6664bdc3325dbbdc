"""The buffer of a string tensor.

It holds a count as int32, then count + 1 int32 offsets from the buffer's start, then the bytes of the strings:
string i lies between offsets i and i + 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from .errors import ModelError


def string_offsets(data: memoryview, place: str) -> np.ndarray:
    """Return the count + 1 offsets of a string buffer, verified; ``place`` begins the message of the ModelError."""
    if len(data) < 4:
        raise ModelError(f"{place}: {len(data)} bytes are too few for a string buffer")
    count = int(np.frombuffer(data, "<i4", 1)[0])
    table_end = 4 * (count + 2)
    if count < 0 or table_end > len(data):
        raise ModelError(f"{place}: a string buffer of {len(data)} bytes cannot hold {count} strings")
    offsets = np.frombuffer(data, "<i4", count + 1, 4)
    if offsets[0] < table_end or offsets[-1] > len(data) or np.any(offsets[1:] < offsets[:-1]):
        raise ModelError(f"{place}: the offsets of the string buffer are not in order or lead out of it")
    return offsets


def decode_strings(data: memoryview, place: str) -> list[bytes]:
    """Return the strings of a buffer as bytes."""
    offsets = string_offsets(data, place).tolist()
    return [bytes(data[start:end]) for start, end in pairwise(offsets)]


def encode_strings(strings: Sequence[bytes]) -> bytes:
    """Return the buffer of a string tensor."""
    lengths = np.array([0, *map(len, strings)], dtype=np.int64)
    offsets = np.cumsum(lengths) + 4 * (len(strings) + 2)
    return np.array([len(strings), *offsets], dtype="<i4").tobytes() + b"".join(strings)
