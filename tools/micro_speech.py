"""``python -m q31.tools.micro_speech MODEL [recording.wav]``: from sound to a word, as micro_speech does.

The preprocessor's graph is built here, of the operators ``Signal...`` and integer arithmetic: a window of 30 ms
becomes 40 features, and the next window begins 20 ms later. 49 windows of features, a second of sound, are what the
classifier (``micro_speech_quantized.tflite`` of tflite-micro) takes.
"""

from __future__ import annotations

import argparse
import sys
import wave
from collections.abc import Sequence

import numpy as np
from flatbuffers import flexbuffers

from ..engine.model import load
from ..schema import Error, GraphBuilder, InputError, TensorType, write
from ..schema.options import (
    AddOptions,
    CastOptions,
    ConcatenationOptions,
    DivOptions,
    MaximumMinimumOptions,
    MulOptions,
    ReshapeOptions,
    StridedSliceOptions,
)

SAMPLE_RATE = 16_000
WINDOW, STRIDE = SAMPLE_RATE * 30 // 1000, SAMPLE_RATE * 20 // 1000
WINDOWS = 49
LABELS = ("silence", "unknown", "yes", "no")

_FFT_LENGTH, _CHANNELS = 512, 40
_LOWER_HZ, _UPPER_HZ = 125.0, 7500.0
_WEIGHT_BITS = 12
_CORRECTION_BITS = 3  # the logarithm of the transform's length, less half the bits of the weights
_BLOCK = 4  # weights of a channel are filled up to a multiple of it
_PCAN_STRENGTH, _PCAN_OFFSET, _PCAN_GAIN_BITS = np.float32(0.95), np.float32(80.0), 21


def windows(samples: np.ndarray) -> np.ndarray:
    """Return a second of samples, int16, as overlapping windows (49, 480); a shorter one is filled up with zeros."""
    second = np.zeros(SAMPLE_RATE, np.int16)
    second[: len(samples)] = samples[:SAMPLE_RATE]
    return np.stack([second[start : start + WINDOW] for start in range(0, WINDOWS * STRIDE, STRIDE)])


def synthetic_recording() -> np.ndarray:
    """Return a second of made-up sound, int16: silence, a tone that rises, and noise that fades."""
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    tone = np.where((time > 0.2) & (time < 0.6), 9000 * np.sin(2 * np.pi * (200 + 2500 * time) * time), 0)
    noise = np.random.default_rng(1).integers(-6000, 6000, SAMPLE_RATE) * np.where(time > 0.5, np.exp(-6 * time), 0.01)
    return (tone + noise).astype(np.int16)


def read_wave(path: str) -> np.ndarray:
    """Return the first channel of a .wav file, int16 at 16 kHz.

    Raises
    ------
    InputError
        The file cannot be read, or is not 16-bit PCM at 16 kHz.
    """
    try:
        with wave.open(path, "rb") as file:
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            data = file.readframes(SAMPLE_RATE)
    except (OSError, EOFError, wave.Error) as error:
        raise InputError(f"{path}: cannot be read as a .wav file: {error}") from None
    if (width, rate) != (2, SAMPLE_RATE):
        raise InputError(f"{path}: expected 16 bits at {SAMPLE_RATE} Hz; got {8 * width} bits at {rate} Hz")
    return np.frombuffer(data, "<i2").reshape(-1, channels)[:, 0].astype(np.int16)


def hann_window() -> np.ndarray:
    """Return the window's weights, int16 with 12 bits of fraction."""
    phases = 2 * np.pi / WINDOW * (np.arange(WINDOW) + 0.5)
    return np.round((0.5 - 0.5 * np.cos(phases)) * 2**_WEIGHT_BITS).astype(np.int16)


def _mel(hertz: float) -> np.float32:
    return np.float32(1127.0) * np.float32(np.log1p(np.float64(np.float32(hertz) / np.float32(700.0))))


def filter_bank() -> tuple[int, int, tuple[np.ndarray, ...]]:
    """Return the first bin that counts, the one after the last, and SignalFilterBank's inputs 1 to 5.

    Channels overlap by half: a bin between the centers of two goes to both, by weight and unweight, in mel.
    """
    hertz_per_bin = SAMPLE_RATE / 2 / (_FFT_LENGTH // 2)
    lower = _mel(_LOWER_HZ)
    spacing = (_mel(_UPPER_HZ) - lower) / np.float32(_CHANNELS + 1)
    centers = lower + spacing * np.arange(1, _CHANNELS + 2, dtype=np.float32)
    first = start = round(1 + _LOWER_HZ / hertz_per_bin)
    weights: list[int] = []
    unweights: list[int] = []
    rows: list[tuple[int, int, int]] = []
    for channel, center in enumerate(centers):
        end = start
        while _mel(end * hertz_per_bin) <= center:
            end += 1
        before = centers[channel - 1] if channel else lower
        shares = [(center - _mel(bin * hertz_per_bin)) / (center - before) for bin in range(start, end)]
        aligned = start // 2 * 2
        width = -(-(end - aligned) // _BLOCK) * _BLOCK
        rows.append((aligned, len(weights), width))
        around = [0] * (start - aligned), [0] * (width - (end - aligned))
        one = 1 << _WEIGHT_BITS
        weights += [*around[0], *(int(share * one) for share in shares), *around[1]]
        unweights += [*around[0], *(int((1 - share) * one) for share in shares), *around[1]]
        start = end
    columns = tuple(np.array(column, np.int16) for column in zip(*rows, strict=True))
    return first, start, (np.array(weights, np.int16), np.array(unweights, np.int16), *columns)


def gain_table() -> np.ndarray:
    """Return SignalPCAN's table: the gain at powers of two of the noise, and the parabola from each to the next."""

    def gain(noise: int) -> int:
        level = np.float32(noise) / np.float32(1 << (10 - _CORRECTION_BITS)) + _PCAN_OFFSET
        value = np.float32(1 << _PCAN_GAIN_BITS) * np.float32(np.float64(level) ** -np.float64(_PCAN_STRENGTH))
        return int(min(value + np.float32(0.5), np.float32(2**15 - 1)))

    table = np.zeros(4 * 32 - 3, np.int16)
    table[:2] = gain(0), gain(1)
    for interval in range(2, 33):
        low = 1 << (interval - 1)
        at_low, halfway, at_next = gain(low), gain(low + low // 2), gain(min(2 * low, 2**32 - 1))
        linear = 4 * (halfway - at_low) - (at_next - at_low)
        table[4 * interval - 6 : 4 * interval - 3] = at_low, linear, at_next - at_low - linear
    return table


class _Chain:
    """A graph whose operators each take the one before."""

    def __init__(self) -> None:
        self.builder = GraphBuilder()
        self._count = 0

    def result(self, type: TensorType, shape: Sequence[int]) -> int:
        self._count += 1
        return self.builder.tensor(f"tensor{self._count}", type, shape)

    def constant(self, value: np.ndarray | int, type: TensorType) -> int:
        self._count += 1
        value = np.asarray(value)
        return self.builder.tensor(f"constant{self._count}", type, value.shape, value=value)

    def signal(self, name: str, inputs: Sequence[int], type: TensorType, size: int, **options: int) -> int:
        target = self.result(type, (size,))
        self.custom(name, inputs, [target], **options)
        return target

    def custom(self, name: str, inputs: Sequence[int], outputs: Sequence[int], **options: int) -> None:
        data = bytes(flexbuffers.Dumps(options))
        self.builder.operator("CUSTOM", inputs, outputs, custom_code=name, custom_options=data)

    def cast(self, source: int, type: TensorType, size: int) -> int:
        target = self.result(type, (size,))
        self.builder.operator("CAST", [source], [target], CastOptions())
        return target


def preprocessor() -> bytes:
    """Return the model from a window, int16 (1, 480), to its features, int8 (40,); it keeps an estimate of the noise.

    Notes
    -----
    Source: ``FeatureParams`` and ``generate_feature_for_frame`` in tflite-micro's
    ``tensorflow/lite/micro/examples/micro_speech/audio_preprocessor.py``.
    """
    chain = _Chain()
    window = chain.builder.tensor("audio_frame", TensorType.INT16, (1, WINDOW))
    energy, shift, bank = _spectrum(chain, window)
    channels = chain.signal("SignalFilterBank", [energy, *bank], TensorType.UINT64, _CHANNELS, num_channels=_CHANNELS)
    root = chain.signal("SignalFilterBankSquareRoot", [channels, shift], TensorType.UINT32, _CHANNELS)
    cleaned, noise = (chain.result(TensorType.UINT32, (_CHANNELS,)) for _ in range(2))
    chain.custom(
        "SignalFilterBankSpectralSubtraction",
        [root],
        [cleaned, noise],
        alternate_one_minus_smoothing=(1 << 14) - int(0.06 * (1 << 14)),
        alternate_smoothing=int(0.06 * (1 << 14)),
        clamping=False,
        min_signal_remaining=int(0.05 * (1 << 14)),
        num_channels=_CHANNELS,
        one_minus_smoothing=(1 << 14) - int(0.025 * (1 << 14)),
        smoothing=int(0.025 * (1 << 14)),
        smoothing_bits=10,
        spectral_subtraction_bits=14,
    )
    table = chain.constant(gain_table(), TensorType.INT16)
    gained = chain.signal("SignalPCAN", [cleaned, noise, table], TensorType.UINT32, _CHANNELS, snr_shift=6)
    scales = {"input_correction_bits": _CORRECTION_BITS, "output_scale": 64}
    logarithm = chain.signal("SignalFilterBankLog", [gained], TensorType.INT16, _CHANNELS, **scales)
    return bytes(write(chain.builder.build([window], [_as_int8(chain, logarithm)])))


def _spectrum(chain: _Chain, window: int) -> tuple[int, int, list[int]]:
    """Return the energies, zero outside of the bins that count, the bits they are shifted by, and the filter bank."""
    bins = _FFT_LENGTH // 2 + 1
    weights = chain.constant(hann_window(), TensorType.INT16)
    weighted = chain.result(TensorType.INT16, (1, WINDOW))
    chain.custom("SignalWindow", [window, weights], [weighted], shift=_WEIGHT_BITS)
    flat, shape = (
        chain.result(TensorType.INT16, (WINDOW,)),
        chain.constant(np.array([WINDOW], np.int32), TensorType.INT32),
    )
    chain.builder.operator("RESHAPE", [weighted, shape], [flat], ReshapeOptions((WINDOW,)))
    scaled, shift = chain.result(TensorType.INT16, (WINDOW,)), chain.result(TensorType.INT32, ())
    chain.custom("SignalFftAutoScale", [flat], [scaled, shift])
    options = {"T": int(TensorType.INT16), "fft_length": _FFT_LENGTH}
    spectrum = chain.signal("SignalRfft", [scaled], TensorType.INT16, 2 * bins, **options)
    first, end, bank = filter_bank()
    energy = chain.signal("SignalEnergy", [spectrum], TensorType.UINT32, bins, end_index=end, start_index=first)
    # SignalEnergy leaves the other bins as they were in memory: here they become 0.
    signed = chain.cast(energy, TensorType.INT32, bins)
    inner = chain.result(TensorType.INT32, (end - first,))
    limits = [chain.constant(np.array([value], np.int32), TensorType.INT32) for value in (first, end, 1)]
    chain.builder.operator("STRIDED_SLICE", [signed, *limits], [inner], StridedSliceOptions())
    zeros = [chain.constant(np.zeros(size, np.int32), TensorType.INT32) for size in (first, bins - end)]
    whole = chain.result(TensorType.INT32, (bins,))
    chain.builder.operator("CONCATENATION", [zeros[0], inner, zeros[1]], [whole], ConcatenationOptions())
    constants = [chain.constant(value, TensorType.INT16) for value in bank]
    return chain.cast(whole, TensorType.UINT32, bins), shift, constants


def _as_int8(chain: _Chain, logarithm: int) -> int:
    """Return the features as the classifier's input: ``x * 256 / (25.6 * 26) - 128``, rounded, within int8."""
    value = chain.cast(logarithm, TensorType.INT32, _CHANNELS)
    for name, number, options in (
        ("MUL", 256, MulOptions()),
        ("ADD", 333, AddOptions()),
        ("DIV", 666, DivOptions()),
        ("ADD", -128, AddOptions()),
        ("MINIMUM", 127, MaximumMinimumOptions()),
        ("MAXIMUM", -128, MaximumMinimumOptions()),
    ):
        target = chain.result(TensorType.INT32, (_CHANNELS,))
        chain.builder.operator(name, [value, chain.constant(number, TensorType.INT32)], [target], options)
        value = target
    return chain.cast(value, TensorType.INT8, _CHANNELS)


def features(samples: np.ndarray, *, backend: str | None = None) -> np.ndarray:
    """Return the features of a second of samples (int16, 16 kHz), int8 (49, 40)."""
    model = load(preprocessor(), profile="tflm", backend=backend)
    return np.stack([np.asarray(model(window[None])) for window in windows(samples)])


def classify(classifier: str, samples: np.ndarray, *, backend: str | None = None) -> dict[str, int]:
    """Return the classifier's int8 score for each label."""
    model = load(classifier, profile="tflm", backend=backend)
    shape = model.inputs[0].shape
    scores = np.asarray(model(features(samples, backend=backend).reshape(shape)))
    return dict(zip(LABELS, scores.reshape(-1).tolist(), strict=True))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the word in a recording."""
    parser = argparse.ArgumentParser(prog="python -m q31.tools.micro_speech", description=main.__doc__)
    parser.add_argument("classifier", help="micro_speech_quantized.tflite of tflite-micro")
    parser.add_argument("recording", nargs="?", help="a .wav file of 16 bits at 16 kHz (default: a made-up sound)")
    given = parser.parse_args(arguments)
    try:
        samples = synthetic_recording() if given.recording is None else read_wave(given.recording)
        scores = classify(given.classifier, samples)
    except (Error, OSError) as error:
        print(f"micro_speech: {error}", file=sys.stderr)
        return 2
    print(f"{max(scores, key=lambda label: scores[label])}  {scores}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
