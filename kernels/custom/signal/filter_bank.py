"""SignalFilterBank, SignalFilterBankSquareRoot, SignalFilterBankLog and SignalPCAN: mel channels from a spectrum."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ....schema import ModelError, TensorType
from ....schema.flexbuffer import flexbuffer_map
from ...checks import require_arity
from ...operator import Kernel, Node, Prepared
from ...profiles import Profile
from ..options import integer

_UINT32_MASK = 2**32 - 1


@dataclass(frozen=True)
class FilterBank(Prepared):
    """For each channel, and one before the first: the first bin, the first weight, and how many there are."""

    bins: tuple[int, ...]
    weights: tuple[int, ...]
    widths: tuple[int, ...]


def prepare_filter_bank(node: Node, profile: Profile) -> FilterBank:
    """Prepare SignalFilterBank.

    Notes
    -----
    Source: ``Prepare`` in tflite-micro's ``signal/micro/kernels/filter_bank.cc``.
    """
    require_arity(node, 6)
    node.require(all(node.input(i).type is TensorType.INT16 for i in range(1, 6)), "int16 inputs but for the first")
    node.require(all(len(node.input(i).shape) == 1 for i in range(6)), "inputs of rank 1")
    node.require(node.output().type is TensorType.UINT64, "a uint64 output")
    channels = integer(node, flexbuffer_map(node.custom_options), "num_channels")
    node.require(channels >= 0, f"num_channels of 0 or more, not {channels}")
    node.require(
        all(node.input(i).shape[0] > channels for i in (3, 4, 5)), f"starts and widths of {channels} channels and one"
    )
    bins, weights, widths = (tuple(node.value(i)[: channels + 1].tolist()) for i in (3, 4, 5))
    most_bins, most_weights = node.input(0).shape[0], min(node.input(1).shape[0], node.input(2).shape[0])
    for bin, weight, width in zip(bins, weights, widths, strict=True):
        inside = 0 <= bin <= most_bins - width and 0 <= weight <= most_weights - width
        node.require(width <= 0 or inside, "channels within the bins and the weights")
    return FilterBank(((channels,),), bins, weights, widths)


def evaluate_filter_bank(prepared: FilterBank, x: np.ndarray, *others: np.ndarray) -> np.ndarray:
    """Return the channels' energies: of each bin, its weight goes to one channel and its unweight to the next.

    Notes
    -----
    Source: ``FilterbankAccumulateChannels`` in tflite-micro's ``signal/src/filter_bank.cc``; sums wrap at 64 bits.
    """
    weights, unweights = (one.astype(np.int64).astype(np.uint64) for one in others[:2])
    energies = x.astype(np.uint64)
    channels = len(prepared.widths)
    sums = np.zeros(channels + 1, np.uint64)
    for channel, (bin, weight, width) in enumerate(zip(prepared.bins, prepared.weights, prepared.widths, strict=True)):
        if width > 0:
            these = energies[bin : bin + width]
            sums[channel : channel + 1] += np.sum(weights[weight : weight + width] * these)
            sums[channel + 1 : channel + 2] += np.sum(unweights[weight : weight + width] * these)
    return sums[1:channels]


def prepare_square_root(node: Node, profile: Profile) -> Prepared:
    """Prepare SignalFilterBankSquareRoot.

    Notes
    -----
    Source: ``FilterBankSquareRootPrepare`` in tflite-micro's
    ``signal/micro/kernels/filter_bank_square_root_common.cc``.
    """
    require_arity(node, 2)
    source, bits = node.input(0), node.input(1)
    node.require(bits.type is TensorType.INT32 and bits.shape == (), "a shift that is an int32 scalar")
    node.require(len(source.shape) == 1 and node.output().type is TensorType.UINT32, "rank 1 and a uint32 output")
    return Prepared((source.shape,))


def evaluate_square_root(prepared: Prepared, x: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """Return the rounded square root, shifted right by ``bits``.

    Raises
    ------
    ModelError
        The shift is not in [0, 31].

    Notes
    -----
    Source: ``Sqrt64`` and ``Sqrt32`` in tflite-micro's ``signal/src``: numbers of 32 bits have roots of at most 16.
    """
    shift = int(bits)
    if not 0 <= shift <= 31:
        raise ModelError(f"CUSTOM 'SignalFilterBankSquareRoot': expected a shift in [0, 31]; got {shift}")
    return np.array([_root(value) >> shift for value in x.tolist()], np.uint32)


def _root(value: int) -> int:
    root = math.isqrt(value)
    greatest = 0xFFFF if value < 2**32 else 0xFFFFFFFF
    return root + (value - root * root > root and root != greatest)


@dataclass(frozen=True)
class Log(Prepared):
    """The input is shifted left by ``input_correction_bits``; the logarithm's unit is ``1 / output_scale``."""

    input_correction_bits: int
    output_scale: int


def prepare_log(node: Node, profile: Profile) -> Log:
    """Prepare SignalFilterBankLog.

    Notes
    -----
    Source: ``FilterBankLogPrepare`` in tflite-micro's ``signal/micro/kernels/filter_bank_log.cc``.
    """
    require_arity(node, 1)
    source = node.input(0)
    node.require(len(source.shape) == 1 and node.output().type is TensorType.INT16, "rank 1 and an int16 output")
    options = flexbuffer_map(node.custom_options)
    bits, scale = integer(node, options, "input_correction_bits"), integer(node, options, "output_scale")
    node.require(0 <= bits <= 31, f"input_correction_bits in [0, 31], not {bits}")
    return Log((source.shape,), bits, scale)


def evaluate_log(prepared: Log, x: np.ndarray) -> np.ndarray:
    """Return ``output_scale * ln(x << input_correction_bits)`` as int16, 0 for numbers up to 1.

    Notes
    -----
    Source: ``FilterbankLog`` in tflite-micro's ``signal/src/filter_bank_log.cc``.
    """
    scaled = [(value << prepared.input_correction_bits) & _UINT32_MASK for value in x.tolist()]
    return np.array(
        [min(_log(value, prepared.output_scale), 2**15 - 1) if value > 1 else 0 for value in scaled], np.int16
    )


# How far log2(1 + i / 128) lies above i / 128, in 65536ths.
_ABOVE_CHORD = tuple(round(65536 * (math.log2(1 + i / 128) - i / 128)) for i in range(129))


def _log(x: int, scale: int) -> int:
    """Return ``scale * ln(x)``: log2 by a table of 128 pieces, times ln(2), each with 16 bits of fraction.

    Notes
    -----
    Source: ``Log32`` in tflite-micro's ``signal/src/log.cc``. Products wrap at 32 bits.
    """
    whole = x.bit_length() - 1
    fraction = x - (1 << whole)
    fraction = fraction << (16 - whole) if whole < 16 else fraction >> (whole - 16)
    piece = fraction >> 9
    step = (_ABOVE_CHORD[piece + 1] - _ABOVE_CHORD[piece]) * (fraction - (piece << 9))
    log2 = (whole << 16) + fraction + _ABOVE_CHORD[piece] + (step >> 16)
    natural = (45426 * log2 + (1 << 15)) >> 16
    return ((scale * natural + (1 << 15)) & _UINT32_MASK) >> 16


@dataclass(frozen=True)
class Pcan(Prepared):
    """The product of energy and gain is shifted right by ``snr_shift``."""

    snr_shift: int


_GAIN_TABLE = 4 * 32 - 3
_SNR_BITS, _OUTPUT_BITS = 12, 6


def prepare_pcan(node: Node, profile: Profile) -> Pcan:
    """Prepare SignalPCAN.

    Notes
    -----
    Source: ``PcanPrepare`` in tflite-micro's ``signal/micro/kernels/pcan.cc``. The table must cover 32 bits.
    """
    require_arity(node, 3)
    source, noise, table = (node.input(i) for i in range(3))
    node.require(noise.type is node.output().type is TensorType.UINT32, "uint32 noise and output")
    node.require(len(source.shape) == 1 and noise.shape == source.shape, "input and noise of rank 1 and one shape")
    node.require(table.type is TensorType.INT16 and len(table.shape) == 1, "an int16 table of rank 1")
    node.require(table.shape[0] >= _GAIN_TABLE, f"a table of {_GAIN_TABLE} numbers or more")
    shift = integer(node, flexbuffer_map(node.custom_options), "snr_shift")
    node.require(0 <= shift <= 63, f"snr_shift in [0, 63], not {shift}")
    return Pcan((source.shape,), shift)


def evaluate_pcan(prepared: Pcan, x: np.ndarray, noise: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Return each channel times a gain that falls with its noise, compressed where it is small.

    Notes
    -----
    Source: ``ApplyPcanAutoGainControlFixed`` in tflite-micro's ``signal/src/pcan_argc_fixed.cc``.
    """
    gains = table.tolist()
    result = []
    for energy, level in zip(x.tolist(), noise.tolist(), strict=True):
        gain = _gain(level, gains) & _UINT32_MASK
        result.append(_shrink(((energy * gain & (2**64 - 1)) >> prepared.snr_shift) & _UINT32_MASK))
    return np.array(result, np.uint32)


def _gain(x: int, table: list[int]) -> int:
    """Return the gain at a level: for each power of two three numbers of the table make a parabola."""
    if x <= 2:
        return table[x]
    interval = x.bit_length()
    constant, linear, square = table[4 * interval - 6 : 4 * interval - 3]
    fraction = (x << (11 - interval) if interval < 11 else x >> (interval - 11)) & 0x3FF
    curve = ((square * fraction >> 5) + (linear << 5)) * fraction
    return (((curve + (1 << 14)) >> 15) + constant + 2**15) % 2**16 - 2**15


def _shrink(x: int) -> int:
    """Return ``x**2 / 4`` below 2 and ``x - 1`` from there on, from 12 bits of fraction to 6."""
    if x < 2 << _SNR_BITS:
        return x * x >> (2 + 2 * _SNR_BITS - _OUTPUT_BITS)
    return (x >> (_SNR_BITS - _OUTPUT_BITS)) - (1 << _OUTPUT_BITS)


_UINT32, _UINT64 = (TensorType.UINT32,), (TensorType.UINT64,)

KERNELS = (
    Kernel("SignalFilterBank", (1, 1), _UINT32, prepare_filter_bank, evaluate_filter_bank, values=(3, 4, 5)),
    Kernel("SignalFilterBankSquareRoot", (1, 1), _UINT64, prepare_square_root, evaluate_square_root),
    Kernel("SignalFilterBankLog", (1, 1), _UINT32, prepare_log, evaluate_log),
    Kernel("SignalPCAN", (1, 1), _UINT32, prepare_pcan, evaluate_pcan),
)
