"""The arrays that ``q31 run`` feeds to a model: read from files, made from an image, or random."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Sequence
from io import BytesIO

import numpy as np

from ..engine.views import Port
from ..schema import InputError
from .ports import from_pixels

RANDOM = "random"
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}

# What NumPy and zipfile raise on files that are not what they should be.
_MALFORMED = (
    EOFError,
    MemoryError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    SyntaxError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)

Range = tuple[float, float]


def read_input(
    source: str, ports: Sequence[Port], *, seed: int = 0, image_range: Range | None = None
) -> dict[str, np.ndarray]:
    """Return an array for each input by name.

    Parameters
    ----------
    source : path of a .npy, .npz or image file, or ``"random"``.
    ports : the model's inputs.
    seed : of random inputs.
    image_range : what the darkest and lightest level of an image stand for (see ``from_pixels``).

    Raises
    ------
    InputError
        Where the file is not what its name says, or does not fit the model.
    OSError
        Where it cannot be read.
    """
    if source == RANDOM:
        generator = np.random.default_rng(seed)
        return {port.name: random_array(port, generator) for port in ports}
    if source.lower().endswith(".npz"):
        arrays = read_npz(source)
        if len(ports) == len(arrays) == 1:
            return {ports[0].name: next(iter(arrays.values()))}
        return arrays
    if len(ports) != 1:
        names = ", ".join(port.name for port in ports)
        raise InputError(f"the model has {len(ports)} inputs: give an .npz with arrays named {names}")
    if source.lower().endswith(".npy"):
        return {ports[0].name: read_npy(source)}
    return {ports[0].name: read_image(source, ports[0], image_range)}


def random_array(port: Port, generator: np.random.Generator) -> np.ndarray:
    """Return uniform random values: 8- and 16-bit integers over their whole range, wider ones and bool 0 or 1,
    floating-point numbers, and both parts of complex ones, from -1 to 1.

    Raises
    ------
    InputError
        Where the data type has no random values (strings).
    """  # noqa: D205
    dtype, shape = port.dtype, port.shape
    if dtype.kind == "c":
        parts = generator.uniform(-1, 1, (2, *shape))
        return (parts[0] + 1j * parts[1]).astype(dtype)
    if dtype.kind == "f" or dtype.name == "bfloat16":
        return generator.uniform(-1, 1, shape).astype(dtype)
    if dtype.kind in "iu" and dtype.itemsize <= 2:
        limits = np.iinfo(dtype)
        return generator.integers(limits.min, limits.max, shape, dtype, endpoint=True)
    if dtype.kind in "iub":
        return generator.integers(0, 2, shape).astype(dtype)
    raise InputError(f"input {port.name!r}: there is no random input of {dtype}")


def read_npy(path: str) -> np.ndarray:
    """Read an .npy file; a pickle inside is refused."""
    try:
        with open(path, "rb") as file:
            return np.lib.format.read_array(file, allow_pickle=False)
    except _MALFORMED as error:
        raise InputError(f"{path}: expected an .npy file: {error}") from None


def read_npz(path: str) -> dict[str, np.ndarray]:
    """Read an .npz file; pickles inside are refused."""
    try:
        with open(path, "rb") as file, zipfile.ZipFile(file) as archive:
            arrays = {}
            for name in archive.namelist():
                with archive.open(name) as member:
                    arrays[name.removesuffix(".npy")] = np.lib.format.read_array(member, allow_pickle=False)
            return arrays
    except _MALFORMED as error:
        raise InputError(f"{path}: expected an .npz file: {error}") from None


def read_image(
    path: str,
    port: Port,
    image_range: Range | None = None,
    expected: str = ".npy, .npz or an image",
    *,
    content: bytes | None = None,
) -> np.ndarray:
    """Read an image, resized to the port's height and width, as a batch of one in the port's data type.

    ``expected`` is what an error says that the file should have been; ``content`` is what is in it, where that has been
    read elsewhere.

    Raises
    ------
    InputError
        Where Pillow is missing, the file is no image, or the port takes none.
    OSError
        Where the file cannot be read.
    """
    height, width, channels = _image_shape(port)
    if content is None:
        os.stat(path)  # a missing file is reported before a missing Pillow
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise InputError("images are read with Pillow, which is not installed: pip install 'q31[image]'") from None
    try:
        with Image.open(path if content is None else BytesIO(content)) as image:
            if image.mode.startswith(("I", "F")):
                raise InputError(f"{path}: images of more than 8 bits a channel are not supported")
            upright = ImageOps.exif_transpose(image) or image
            resized = upright.convert(_MODES[channels]).resize((width, height), Image.Resampling.BILINEAR)
    except InputError:
        raise
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"{path}: expected {expected}: {error}") from None
    return from_pixels(port, np.asarray(resized).reshape(port.shape), *(image_range or ()))


def _image_shape(port: Port) -> tuple[int, int, int]:
    """Return height, width and channels of a port that takes an image.

    Raises
    ------
    InputError
        Where it takes none.
    """
    if len(port.shape) == 3 and port.shape[0] == 1 and 0 not in port.shape:
        return port.shape[1], port.shape[2], 1
    if len(port.shape) == 4 and port.shape[0] == 1 and 0 not in port.shape and port.shape[3] in _MODES:
        return port.shape[1], port.shape[2], port.shape[3]
    raise InputError(
        f"input {port.name!r} of shape {list(port.shape)} takes no image: expected [1, height, width] "
        "or [1, height, width, 1, 3 or 4 channels]"
    )
