"""SignalFilterBankSpectralSubtraction: what stays of each channel when an estimate of its noise is taken away."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ....schema import TensorType
from ....schema.flexbuffer import flexbuffer_map
from ...checks import require_arity
from ...operator import Kernel, Node, Prepared
from ...profiles import Profile
from ..options import flag, integer

_UINT32_MASK = 2**32 - 1
_UINT64_MASK = 2**64 - 1


@dataclass(frozen=True)
class SpectralSubtraction(Prepared):
    """Weights as fixed-point numbers of ``fraction_bits``; a pair for even and a pair for odd channels.

    The first of a pair weighs the signal, the second the estimate so far. The estimate has ``smoothing_bits`` more
    than the signal; ``least`` is the share of the signal that always stays.
    """

    channels: int
    weights: tuple[tuple[int, int], tuple[int, int]]
    smoothing_bits: int
    fraction_bits: int
    least: int
    clamping: bool


def prepare(node: Node, profile: Profile) -> SpectralSubtraction:
    """Prepare SignalFilterBankSpectralSubtraction.

    Notes
    -----
    Source: ``Init`` and ``Prepare`` in tflite-micro's ``signal/micro/kernels/filter_bank_spectral_subtraction.cc``.
    """
    require_arity(node, 1, 2)
    node.require(all(one.type is TensorType.UINT32 for one in node.outputs), "two uint32 outputs")
    options = flexbuffer_map(node.custom_options)
    shape, channels = node.input(0).shape, integer(node, options, "num_channels")
    node.require(channels >= 0, f"num_channels of 0 or more, not {channels}")
    node.require(len(shape) == 1 and shape[0] >= channels, f"an input of rank 1, of {channels} channels")
    bits, fraction = integer(node, options, "smoothing_bits"), integer(node, options, "spectral_subtraction_bits")
    node.require(0 <= bits <= 31, f"smoothing_bits in [0, 31], not {bits}")
    node.require(0 <= fraction <= 63, f"spectral_subtraction_bits in [0, 63], not {fraction}")

    def weight(name: str) -> int:
        value = integer(node, options, name)
        node.require(value >= 0, f"{name} of 0 or more, not {value}")
        return value

    even = weight("smoothing"), weight("one_minus_smoothing")
    odd = weight("alternate_smoothing"), weight("alternate_one_minus_smoothing")
    least, clamping = weight("min_signal_remaining"), flag(node, options, "clamping")
    return SpectralSubtraction(
        ((channels,), (channels,)), channels, (even, odd), bits, fraction, least, clamping=clamping
    )


def initial(prepared: SpectralSubtraction) -> np.ndarray:
    """Return an estimate of no noise."""
    return np.zeros(prepared.channels, np.uint32)


def evaluate(
    prepared: SpectralSubtraction, x: np.ndarray, noise: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the signal without noise, the estimate of the noise, and that estimate again, for the next run.

    Notes
    -----
    Source: ``FilterbankSpectralSubtraction`` in tflite-micro's ``signal/src/filter_bank_spectral_subtraction.cc``. The
    signal is shifted within 32 bits; sums wrap at 64.
    """
    cleaned, estimates = [], []
    for channel, (signal, before) in enumerate(zip(x.tolist(), noise.tolist(), strict=False)):
        of_signal, of_estimate = prepared.weights[channel % 2]
        scaled = (signal << prepared.smoothing_bits) & _UINT32_MASK
        total = (scaled * of_signal + before * of_estimate) & _UINT64_MASK
        estimate = (total >> prepared.fraction_bits) & _UINT32_MASK
        taken = min(estimate, scaled)
        floor = (signal * prepared.least >> prepared.fraction_bits) & _UINT32_MASK
        cleaned.append(max((scaled - taken) >> prepared.smoothing_bits, floor))
        estimates.append(taken if prepared.clamping else estimate)
    result = np.array(estimates, np.uint32)
    return np.array(cleaned, np.uint32), result, result


KERNELS = (
    Kernel(
        "SignalFilterBankSpectralSubtraction",
        *((1, 1), (TensorType.UINT32,), prepare, evaluate),
        initial=initial,
        resets=True,
    ),
)
