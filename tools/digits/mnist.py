"""MNIST files (the IDX format) and the split of the 10,000-image test file."""

from __future__ import annotations

import gzip
import os
import struct
from dataclasses import dataclass

import numpy as np

from ...schema import InputError

_UINT8 = 0x08


@dataclass(frozen=True)
class Images:
    """Grey images ``(N, 28, 28)`` uint8, white strokes on black, and their labels ``(N,)`` uint8."""

    images: np.ndarray
    labels: np.ndarray


def read_idx(path: str | os.PathLike[str]) -> np.ndarray:
    """Read an IDX file of unsigned bytes, gzip-compressed or not.

    Raises
    ------
    InputError
        Where the file is not IDX, not of unsigned bytes, or not as long as its header says.
    OSError
        Where the file cannot be read.
    """
    with open(path, "rb") as file:
        content = file.read()
    try:
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
        zeros, data_type, rank = struct.unpack_from(">HBB", content)
        shape = struct.unpack_from(f">{rank}I", content, 4)
    except (struct.error, EOFError, gzip.BadGzipFile) as error:
        raise InputError(f"{os.fspath(path)}: expected an IDX file: {error}") from None
    data = np.frombuffer(content, np.uint8, offset=4 + 4 * rank)
    if zeros != 0 or data_type != _UINT8 or data.size != np.prod(shape):
        raise InputError(f"{os.fspath(path)}: expected an IDX file of unsigned bytes")
    return data.reshape(shape)


def read_images(images: str | os.PathLike[str], labels: str | os.PathLike[str]) -> Images:
    """Read an image file and its label file.

    Raises
    ------
    InputError
        Where a file is not IDX, or the two do not belong together.
    OSError
        Where a file cannot be read.
    """
    pixels, digits = read_idx(images), read_idx(labels)
    if pixels.shape[1:] != (28, 28) or digits.shape != pixels.shape[:1]:
        raise InputError(
            f"expected images (N, 28, 28) and labels (N,); got {list(pixels.shape)} and {list(digits.shape)}"
        )
    return Images(pixels, digits)


def split(data: Images) -> tuple[Images, Images]:
    """Split into images to train on and images held back: every fifth (index 4, 9, 14, ...) is held back.

    The first half of the MNIST test file is known to be easier than the second; taking every fifth image keeps
    both parts alike, and needs no random numbers.
    """
    held_back = np.arange(len(data.labels)) % 5 == 4
    return (
        Images(data.images[~held_back], data.labels[~held_back]),
        Images(data.images[held_back], data.labels[held_back]),
    )
