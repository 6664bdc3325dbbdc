"""Mfcc: mel-frequency cepstral coefficients of the frames of a spectrogram."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...schema import ModelError, TensorType
from ...schema.flexbuffer import flexbuffer_map
from ..checks import require_arity
from ..operator import Kernel, Node, Prepared
from ..profiles import Profile
from .options import integer

_FLOOR = 1e-12
_MOST_CHANNELS = 1 << 16


@dataclass(frozen=True)
class Mfcc(Prepared):
    """Channels between two frequencies, in Hz, and how many coefficients are kept of their cosine transform."""

    lower: float
    upper: float
    channels: int
    coefficients: int


def prepare(node: Node, profile: Profile) -> Mfcc:
    """Prepare Mfcc: input 0 is a squared spectrogram (audio channels, frames, bins), input 1 the sample rate.

    Notes
    -----
    Source: ``Init`` and ``Prepare`` in ``kernels/mfcc.cc``, which read frequencies as whole numbers.
    """
    require_arity(node, 2)
    source, rate = node.input(0), node.input(1)
    node.require(node.output().type is TensorType.FLOAT32, "a float32 output")
    node.require(rate.type is TensorType.INT32 and math.prod(rate.shape) == 1, "a sample rate of int32")
    node.require(len(source.shape) == 3, "a spectrogram of rank 3")
    options = flexbuffer_map(node.custom_options)
    channels = integer(node, options, "filterbank_channel_count")
    kept = integer(node, options, "dct_coefficient_count")
    node.require(channels <= _MOST_CHANNELS, f"at most {_MOST_CHANNELS} channels, not {channels}")
    node.require(0 <= kept <= _MOST_CHANNELS, f"dct_coefficient_count in [0, {_MOST_CHANNELS}], not {kept}")
    lower, upper = (float(np.float32(integer(node, options, f"{name}_frequency_limit"))) for name in ("lower", "upper"))
    return Mfcc(((*source.shape[:2], kept),), lower, upper, channels, kept)


def evaluate(prepared: Mfcc, x: np.ndarray, rate: np.ndarray) -> np.ndarray:
    """Return the lowest coefficients of the cosine transform of the logarithms of the channels' magnitudes.

    Raises
    ------
    ModelError
        There are no such channels or coefficients.

    Notes
    -----
    Source: ``Mfcc::Compute`` in ``kernels/internal/mfcc.cc``, all in float64.
    """
    frames = x.reshape(-1, x.shape[-1]).astype(np.float64)
    if not frames.shape[0] or not prepared.coefficients:
        return np.zeros(prepared.output_shape, np.float32)
    possible = 1 <= prepared.coefficients <= prepared.channels and 0 <= prepared.lower < prepared.upper
    if not possible or rate.item() <= 0 or x.shape[-1] < 2:
        raise ModelError(
            f"CUSTOM 'Mfcc': expected frequencies, channels, coefficients, bins and a sample rate that fit; got "
            f"{prepared.lower:g} to {prepared.upper:g} Hz, {prepared.channels}, {prepared.coefficients}, "
            f"{x.shape[-1]} and {rate.item()}"
        )
    energies = _mel_channels(prepared, frames, float(rate.item()))
    if energies is None:
        return np.zeros(prepared.output_shape, np.float32)
    logarithms = [[_log(value) for value in row] for row in energies.tolist()]
    result = _cosine_transform(np.array(logarithms, np.float64), prepared.coefficients)
    return result.astype(np.float32).reshape(prepared.output_shape)


def _log(value: float) -> float:
    return math.log(_FLOOR if value < _FLOOR else value)


def _mel(frequency: float) -> float:
    return 1127.0 * math.log1p(frequency / 700.0)


def _mel_channels(prepared: Mfcc, frames: np.ndarray, rate: float) -> np.ndarray | None:
    """Return the magnitudes summed under triangles that are evenly spaced in mel; None where bins are missing.

    Each bin goes to the triangles of two channels; bins are added in order.

    Notes
    -----
    Source: ``MfccMelFilterbank`` in ``kernels/internal/mfcc_mel_filterbank.cc``.
    """
    bins, channels = frames.shape[1], prepared.channels
    low = _mel(prepared.lower)
    spacing = (_mel(prepared.upper) - low) / float(channels + 1)
    centers = [low, *(low + spacing * (i + 1) for i in range(channels + 1))]
    hertz_per_bin = 0.5 * rate / float(bins - 1)
    start, end = int(1.5 + prepared.lower / hertz_per_bin), int(prepared.upper / hertz_per_bin)
    if bins <= end:
        return None
    sums = np.zeros((len(frames), channels), np.float64)
    magnitudes = np.sqrt(frames)
    channel = 0
    for bin in range(start, end + 1):
        mel = _mel(bin * hertz_per_bin)
        while channel < channels and centers[channel + 1] < mel:
            channel += 1
        weight = (centers[channel + 1] - mel) / (centers[channel + 1] - centers[channel])
        weighted = magnitudes[:, bin] * weight
        if channel > 0:
            sums[:, channel - 1] += weighted
        if channel < channels:
            sums[:, channel] += magnitudes[:, bin] - weighted
    return sums


def _cosine_transform(x: np.ndarray, count: int) -> np.ndarray:
    """Return the first coefficients of a cosine transform along the last axis; products are added in order.

    Notes
    -----
    Source: ``MfccDct`` in ``kernels/internal/mfcc_dct.cc``.
    """
    length = x.shape[1]
    norm, step = math.sqrt(2.0 / length), math.atan(1) * 4 / length
    sums = np.zeros((len(x), count), np.float64)
    for j in range(length):
        cosines = np.array([norm * math.cos(i * step * (j + 0.5)) for i in range(count)], np.float64)
        sums += cosines * x[:, j : j + 1]
    return sums


KERNELS = (Kernel("Mfcc", (1, 1), (TensorType.FLOAT32,), prepare, evaluate),)
