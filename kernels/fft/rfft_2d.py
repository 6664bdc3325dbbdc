"""RFFT2D: the Fourier transform of real images, by Ooura's package fft2d in float64."""

from __future__ import annotations

import numpy as np

from ...schema import TensorType
from ..checks import require_arity
from ..operator import Kernel, Node, Prepared
from ..profiles import Profile
from .ooura import cdft, rdft

_LARGEST_LENGTH = 2**30


def prepare(node: Node, profile: Profile) -> Prepared:
    """Prepare RFFT2D: image (..., H, W) and two lengths, powers of two, to which it is cut or filled with zeros.

    Notes
    -----
    Source: ``Prepare`` and ``ResizeOutputandTemporaryTensors`` in ``kernels/rfft2d.cc``.
    """
    require_arity(node, 2)
    x, lengths = node.input(0), node.input(1)
    node.require(node.output().type is TensorType.COMPLEX64, "an output of type complex64")
    node.require(len(x.shape) >= 2, "an input of rank 2 or more")
    node.require(lengths.type is TensorType.INT32 and lengths.shape == (2,), "2 int32 lengths")
    height, width = map(int, node.value(1))
    for length in (height, width):
        power_of_two = 0 < length <= _LARGEST_LENGTH and length & (length - 1) == 0
        node.require(power_of_two, f"lengths that are powers of two, not {length}")
    return Prepared(((*x.shape[:-2], height, width // 2 + 1),))


def _packed(x: np.ndarray) -> np.ndarray:
    """Return the transform of rows and then of columns, in the package's layout: (..., H, W) float64, W at least 2.

    The first column of pairs holds the frequencies 0 and W / 2 of the rows, as real and imaginary part; its halves
    are told apart afterwards, up to factors that the caller knows.

    Notes
    -----
    Source: ``rdft2d``, ``cdft2d_sub`` and ``rdft2d_sub`` in fft2d's ``fftsg2d.c``. A single column, which the package
    does not define, becomes a pair with the zero beside it, and no transform of columns follows.
    """
    height, width = x.shape[-2:]
    if width == 1:
        packed = np.concatenate([x + 0.0, x - 0.0], axis=-1)
    else:
        real, imaginary = rdft(x)
        imaginary[..., 0] = real[..., width // 2]
        real, imaginary = real[..., : width // 2], imaginary[..., : width // 2]
        columns = cdft((np.swapaxes(real, -1, -2), np.swapaxes(imaginary, -1, -2)))
        packed = np.empty(x.shape)
        packed[..., 0::2], packed[..., 1::2] = (np.swapaxes(part, -1, -2) for part in columns)
    near = np.arange(1, height // 2)
    far = height - near
    packed[..., far, 0] = 0.5 * (packed[..., near, 0] - packed[..., far, 0])
    packed[..., near, 0] -= packed[..., far, 0]
    packed[..., far, 1] = 0.5 * (packed[..., near, 1] + packed[..., far, 1])
    packed[..., near, 1] -= packed[..., far, 1]
    return packed


def evaluate(prepared: Prepared, x: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Transform in float64, round to complex64; the sign of every imaginary part changes at the end.

    Notes
    -----
    Source: ``PrepareInputBuffer``, ``Rfft2dReorder`` and ``PrepareOutputBuffer`` in ``kernels/rfft2d.cc``.
    """
    height, width = (int(length) for length in lengths)
    image = np.zeros((*x.shape[:-2], height, width))
    part = x[..., :height, :width]
    image[..., : part.shape[-2], : part.shape[-1]] = part
    pairs = np.zeros((*image.shape[:-1], width + 2))
    packed = _packed(image)
    pairs[..., : packed.shape[-1]] = packed
    half = height // 2
    far = np.arange(half + 1, height)
    near = height - far
    first, last = slice(0, 2), slice(width, width + 2)
    real, imaginary = pairs[..., far, 0], pairs[..., far, 1]
    pairs[..., far, last] = np.stack([imaginary, real], axis=-1)
    pairs[..., near, last] = np.stack([imaginary, -real], axis=-1)
    pairs[..., far, first] = pairs[..., near, first] * (1, -1)
    highest = pairs[..., 0, 1].copy()
    for row in {0, half}:
        pairs[..., row, width] = pairs[..., row, 1]
        pairs[..., row, width + 1] = pairs[..., row, 1] = 0
    pairs[..., 0, width] = highest  # written last: of a single column it is the imaginary part
    result = np.empty(prepared.output_shape, np.complex64)
    size = 2 * result.shape[-1]
    result.real, result.imag = pairs[..., 0:size:2], -pairs[..., 1:size:2]
    return result


KERNELS = (Kernel("RFFT2D", (1, 1), (TensorType.FLOAT32,), prepare, evaluate, values=(1,)),)
