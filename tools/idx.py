"""IDX files, in which MNIST and its like are kept: a big-endian header, then one array."""

from __future__ import annotations

import gzip
import os
import struct
import zlib

import numpy as np

from ..schema import InputError

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP = b"\x1f\x8b"


def looks_like_idx(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins as an IDX file, or one compressed by gzip, does.

    Raises
    ------
    OSError
        Where the file cannot be read.
    """
    with open(path, "rb") as file:
        begin = file.read(4)
    return begin[:2] == _GZIP or (len(begin) == 4 and begin[:2] == b"\0\0" and begin[2] in _TYPES)


def read_idx(path: str | os.PathLike[str]) -> np.ndarray:
    """Read an IDX file, gzip-compressed or not, in the machine's byte order.

    Raises
    ------
    InputError
        Where the file is not IDX, or not as long as its header says.
    OSError
        Where the file cannot be read.
    """
    with open(path, "rb") as file:
        content = file.read()
    try:
        if content[:2] == _GZIP:
            content = gzip.decompress(content)
        zeros, kind, rank = struct.unpack_from(">HBB", content)
        shape = struct.unpack_from(f">{rank}I", content, 4)
    except (struct.error, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{os.fspath(path)}: expected an IDX file: {error}") from None
    if zeros != 0 or kind not in _TYPES:
        raise InputError(f"{os.fspath(path)}: expected an IDX file, of a type from 0x08 to 0x0E")
    dtype = np.dtype(_TYPES[kind])
    size = len(content) - 4 - 4 * rank
    expected = dtype.itemsize
    for length in shape:
        expected *= length
    if size != expected:
        raise InputError(f"{os.fspath(path)}: the IDX header says {expected} bytes of data, there are {size}")
    data = np.frombuffer(content, dtype, offset=4 + 4 * rank).reshape(shape)
    return data.astype(dtype.newbyteorder("="), copy=False)
