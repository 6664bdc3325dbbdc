"""What of the Keras models can be held without TensorFlow: their images, and what is said where it is missing."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from q31.tools import keras_models


@pytest.mark.parametrize("name", keras_models.NETWORKS)
def test_noise_fills_the_range_and_does_not_average_out(name: str) -> None:
    network = keras_models.NETWORKS[name]
    images = keras_models.images(network, 3, np.random.default_rng(0))
    assert images.shape == (3, network.size, network.size, 3) and images.dtype == np.float32
    low, high, span = network.low, network.high, network.high - network.low
    assert images.min() >= low and images.max() <= high
    assert images.std() > 0.2 * span
    quarter = network.size // 4
    corners = images[:, :quarter, :quarter].mean(axis=(1, 2))
    assert corners.std() > 0.02 * span


def test_a_missing_tensorflow_is_told_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    monkeypatch.setattr(sys, "argv", ["keras_models", "--out", "nowhere"])
    with pytest.raises(SystemExit, match=r"pip install \"tensorflow-cpu==2\.20\.\*\""):
        keras_models.main()
