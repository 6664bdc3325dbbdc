"""Mfcc and AudioSpectrogram, and the transform behind it: what conformance cannot hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from flatbuffers import flexbuffers

from q31.kernels.fft.ooura import cdft, rdft
from q31.kernels.operator import Node, TensorSpec
from q31.kernels.profiles import PROFILES
from q31.kernels.registry import find
from q31.schema import ModelError, TensorType

FLOAT32, INT32 = TensorType.FLOAT32, TensorType.INT32


def run(name: str, options: dict[str, Any], *inputs: np.ndarray) -> np.ndarray:
    types = {"float32": FLOAT32, "int32": INT32}
    specs = tuple(TensorSpec("", types[x.dtype.name], x.shape) for x in inputs)
    data = bytes(flexbuffers.Dumps(options))
    node = Node("CUSTOM", 1, None, specs, (TensorSpec("", FLOAT32, ()),), name, data)
    kernel = find(node)
    result = kernel.evaluate(kernel.prepare(node, PROFILES["litert"]), *inputs)
    assert isinstance(result, np.ndarray)
    return result


@pytest.mark.parametrize("length", [2**k for k in range(14)])
def test_transforms_are_discrete_fourier_transforms(length: int) -> None:
    random = np.random.default_rng(length)
    real, imaginary = random.standard_normal((2, 3, length))
    result = cdft((real, imaginary))
    exact = np.fft.ifft(real + 1j * imaginary) * length  # the package turns the other way
    assert np.allclose(result[0] + 1j * result[1], exact, rtol=0, atol=1e-13 * length)
    if length > 1:
        result = rdft(real)
        assert np.allclose(result[0] - 1j * result[1], np.fft.rfft(real), rtol=0, atol=1e-13 * length)


def test_a_tone_lies_in_its_frequency() -> None:
    tone = np.cos(2 * np.pi * 4 * np.arange(32) / 32).astype(np.float32)[:, None]
    options = {"window_size": 32, "stride": 32, "magnitude_squared": False}
    assert np.allclose(run("AudioSpectrogram", options, tone)[0, 0, 2:7], [0, 4, 8, 4, 0], atol=1e-6)


def test_fewer_samples_than_a_window_give_none() -> None:
    options = {"window_size": 33, "stride": 1, "magnitude_squared": True}
    assert run("AudioSpectrogram", options, np.zeros((32, 2), np.float32)).shape == (2, 0, 33)


def test_silence_has_the_least_logarithm() -> None:
    options = {
        "upper_frequency_limit": 4000,
        "lower_frequency_limit": 20,
        "filterbank_channel_count": 4,
        "dct_coefficient_count": 2,
    }
    x, rate = np.zeros((1, 1, 65), np.float32), np.array([16000], np.int32)
    least = np.log(1e-12) * 4 * np.sqrt(2 / 4)
    assert np.allclose(run("Mfcc", options, x, rate)[0, 0], [least, 0], atol=1e-6)
    assert not run("Mfcc", options, x, np.array([1000], np.int32)).any()  # 4000 Hz is beyond the bins
    for change in ({"dct_coefficient_count": 5}, {"upper_frequency_limit": 20}, {"filterbank_channel_count": 0}):
        with pytest.raises(ModelError, match="that fit"):
            run("Mfcc", {**options, **change}, x, rate)


@pytest.mark.parametrize("change", [{"window_size": 1}, {"stride": 0}, {"window_size": "x"}, {"window_size": 2**30}])
def test_options_without_a_spectrogram_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ModelError):
        run("AudioSpectrogram", {"window_size": 4, "stride": 1, **change}, np.zeros((32, 2), np.float32))
