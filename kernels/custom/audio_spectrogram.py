"""AudioSpectrogram: the magnitudes of the Fourier transforms of overlapping windows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ...schema.flexbuffer import flexbuffer_map
from ..checks import require_arity
from ..fft.ooura import rdft
from ..operator import Kernel, Node, Prepared
from ..profiles import Profile
from .options import flag, integer

_LONGEST = 1 << 20


@dataclass(frozen=True)
class AudioSpectrogram(Prepared):
    """Windows of so many samples, each beginning ``stride`` samples after the last; each filled up to ``length``."""

    window: int
    stride: int
    length: int
    squared: bool


def prepare(node: Node, profile: Profile) -> AudioSpectrogram:
    """Prepare AudioSpectrogram: the input is (samples, channels), the output (channels, windows, frequencies).

    Notes
    -----
    Source: ``Init`` and ``Prepare`` in ``kernels/audio_spectrogram.cc``.
    """
    require_arity(node, 1)
    source = node.input(0)
    node.require(node.output().type is TensorType.FLOAT32, "a float32 output")
    node.require(len(source.shape) == 2, "an input of rank 2")
    options = flexbuffer_map(node.custom_options)
    window, stride = integer(node, options, "window_size"), integer(node, options, "stride")
    node.require(2 <= window <= _LONGEST, f"window_size in [2, {_LONGEST}], not {window}")
    node.require(stride >= 1, f"a stride of 1 or more, not {stride}")
    samples, channels = source.shape
    count = 1 + (samples - window) // stride if samples >= window else 0
    length = 1 << (window - 1).bit_length()
    shape = (channels, count, 1 + length // 2)
    return AudioSpectrogram((shape,), window, stride, length, flag(node, options, "magnitude_squared"))


def evaluate(prepared: AudioSpectrogram, x: np.ndarray) -> np.ndarray:
    """Return the magnitudes, or their squares.

    Notes
    -----
    Source: ``Eval`` in ``kernels/audio_spectrogram.cc`` and ``Spectrogram`` in ``kernels/internal/spectrogram.cc``:
    float64 but for the result, which is squared magnitudes of which float32 roots are taken.
    """
    channels, count, _ = prepared.output_shape
    if not channels * count:
        return np.zeros(prepared.output_shape, np.float32)
    starts = np.arange(count) * prepared.stride
    windows = x.T[:, starts[:, None] + np.arange(prepared.window)].astype(np.float64)
    samples = np.zeros((channels, count, prepared.length))
    samples[..., : prepared.window] = windows * _hann(prepared.window)
    real, imaginary = rdft(samples)
    squares = (real * real + imaginary * imaginary).astype(np.float32)
    return squares if prepared.squared else np.sqrt(squares)


def _hann(length: int) -> np.ndarray:
    pi = math.atan(1.0) * 4.0
    return np.array([0.5 - 0.5 * math.cos(2.0 * pi * i / length) for i in range(length)])


KERNELS = (Kernel("AudioSpectrogram", (1, 1), (TensorType.FLOAT32,), prepare, evaluate),)
