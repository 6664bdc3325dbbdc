"""From what a data set holds to what a model's input takes."""

from __future__ import annotations

import numpy as np

from ...engine.views import Port
from ...schema import InputError
from ..ports import from_pixels, quantize

RULE = """\
real numbers are quantized with the input's scale and zero point, halves rounded away from zero, and saturated; an
input of floating-point numbers takes them as they are. uint8 data are pixels: uint8 inputs take the levels 0 to 255 as
they are, int8 inputs the levels minus 128, any other the real numbers 0 to 1, quantized where the input is; with
--image-range LOW HIGH the levels 0 to 255 stand for LOW to HIGH in every model, and are quantized where the input is.
Other integers of the input's own data type are its codes."""


def to_input(values: np.ndarray, port: Port, image_range: tuple[float, float] | None = None) -> np.ndarray:
    """Return N examples ``(N, ...)`` as an input takes them (:data:`RULE`); dimensions of 1 may be missing or extra.

    Raises
    ------
    InputError
        Where they have another shape, or the input cannot stand for them.
    """
    array = _shaped(np.asarray(values), port)
    if array.dtype == np.uint8 and (image_range is not None or port.dtype != np.uint8):
        return from_pixels(port, array, *(image_range or ()))
    if array.dtype == port.dtype:
        return array
    if array.dtype.kind == "f" and (port.dtype.kind == "f" or port.scale):
        return quantize(port, array)
    if array.dtype.kind in "iu" and port.dtype.kind in "iu" and not port.scale:
        limits = np.iinfo(port.dtype)
        if not array.size or (array.min() >= limits.min and array.max() <= limits.max):
            return array.astype(port.dtype)
        raise InputError(f"input {port.name!r}: takes {port.dtype}; the data goes from {array.min()} to {array.max()}")
    raise InputError(
        f"input {port.name!r}: {array.dtype} data are neither its codes ({port.dtype}) nor real numbers nor pixels: "
        f"give {port.dtype}, float32 or uint8"
    )


def _shaped(array: np.ndarray, port: Port) -> np.ndarray:
    """Return N examples in the shape of the input, whose first dimension is the example's."""
    if port.shape[:1] != (1,):
        raise InputError(f"input {port.name!r}: of shape {list(port.shape)}, takes no example by itself")

    def long(shape: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(size for size in shape if size != 1)

    if array.ndim == 0 or long(array.shape[1:]) != long(port.shape[1:]):
        expected = str(["N", *port.shape[1:]]).replace("'", "")
        raise InputError(f"input {port.name!r}: expected data of shape {expected}, got {list(array.shape)}")
    return array.reshape(array.shape[0], *port.shape[1:])
