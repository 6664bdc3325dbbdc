"""Writing files so that nothing half written is ever left behind."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import IO

import numpy as np


@contextmanager
def write_atomically(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a file that takes its name only when the block ends well; otherwise whatever was there stays.

    What is no regular file (a pipe, a device) is written to at the end of the block.

    Raises
    ------
    OSError
        Where the folder does not exist or cannot be written.
    """
    target = Path(os.path.realpath(path))
    if target.is_dir() or (target.exists() and not target.is_file()):
        with open(target, "wb") as device:  # a folder raises here
            content = BytesIO()
            yield content
            device.write(content.getbuffer())
        return
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    except OSError as error:
        raise type(error)(error.errno, error.strerror, os.fspath(path)) from None
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def require_writable(path: str) -> None:
    """Raise OSError where a file's folder is missing or the path is a folder, before anything is computed for it."""
    if not os.path.isdir(os.path.dirname(os.path.realpath(path))):
        raise FileNotFoundError(2, "No such file or directory", path)
    if os.path.isdir(path):
        raise IsADirectoryError(21, "Is a directory", path)


def is_same_file(path: str | os.PathLike[str], other: str | os.PathLike[str]) -> bool:
    """Whether two paths lead to one file that is there: to write to the one would destroy the other."""
    return os.path.exists(path) and os.path.exists(other) and os.path.samefile(path, other)


def write_arrays(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays atomically: as .npy where the path says so and there is one, otherwise as compressed .npz.

    Unlike ``numpy.savez`` it takes any name, and the same arrays give the same bytes.

    Raises
    ------
    OSError
        Where the file cannot be written.
    """
    with write_atomically(path) as file:
        if os.fspath(path).endswith(".npy") and len(arrays) == 1:
            np.lib.format.write_array(file, next(iter(arrays.values())), allow_pickle=False)
            return
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, array in arrays.items():
                entry = zipfile.ZipInfo(f"{name}.npy")
                entry.compress_type = zipfile.ZIP_DEFLATED
                with archive.open(entry, "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)
