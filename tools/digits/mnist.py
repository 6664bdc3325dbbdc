"""MNIST files and the split of the 10,000-image test file."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

from ...schema import InputError
from ..idx import read_idx

_BYTE = np.dtype(np.uint8)


@dataclass(frozen=True)
class Images:
    """Grey images ``(N, 28, 28)`` uint8, white strokes on black, and their labels ``(N,)`` uint8."""

    images: np.ndarray
    labels: np.ndarray


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
    if pixels.shape[1:] != (28, 28) or digits.shape != pixels.shape[:1] or {pixels.dtype, digits.dtype} != {_BYTE}:
        raise InputError(
            f"expected images (N, 28, 28) and labels (N,), of bytes; got {list(pixels.shape)} and {list(digits.shape)}"
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
