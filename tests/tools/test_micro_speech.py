"""The chain from sound to a word; its features are held to tflite-micro in ``tests/kernels/test_signal_streams.py``."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from conformance.shared import SHARED, needs_shared
from q31.tools.micro_speech import LABELS, classify, filter_bank, gain_table, main, synthetic_recording

CLASSIFIER = str(SHARED / "models" / "tflm" / "micro_speech_quantized.tflite")


def write_wave(path: Path, samples: np.ndarray, rate: int = 16_000) -> str:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return str(path)


@needs_shared
def test_silence_is_silence_in_both_back_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    silence = np.zeros(8_000, np.int16)
    scores = classify(CLASSIFIER, silence, backend="numpy")
    assert tuple(scores) == LABELS and max(scores, key=lambda label: scores[label]) == "silence"
    assert classify(CLASSIFIER, silence, backend="numba") == scores
    assert main([CLASSIFIER, write_wave(tmp_path / "silence.wav", silence)]) == 0
    assert capsys.readouterr().out.startswith("silence")


def test_a_recording_at_another_rate_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_wave(tmp_path / "slow.wav", synthetic_recording(), rate=8_000)
    assert main(["model.tflite", path]) == 2
    assert "expected 16 bits at 16000 Hz; got 16 bits at 8000 Hz" in capsys.readouterr().err


def test_channels_lie_within_the_bins_and_the_gain_falls() -> None:
    first, end, (weights, unweights, bins, starts, widths) = filter_bank()
    assert (first, end) == (5, 241)
    assert len(weights) == len(unweights) == starts[-1] + widths[-1]
    # Alignment and filling add a weight of nothing, never of something.
    assert set((weights + unweights).tolist()) <= {0, 4095, 4096}
    assert int((weights + unweights > 0).sum()) == end - first
    assert bins[-1] + widths[-1] <= 257
    gains = gain_table()[[0, 1, *range(2, 125, 4)]]
    assert gains[0] == 32636 and (np.diff(gains.astype(int)) <= 0).all()
