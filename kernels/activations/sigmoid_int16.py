"""LOGISTIC and TANH on int16: linear interpolation in one table of the logistic function.

The table has a value for every 1/24 from 0 to 10.625; tanh(x) is ``2 * logistic(2x) - 1``.
"""

from __future__ import annotations

import numpy as np

from ...schema.deferred import dataclass
from ..checks import require_symmetric
from ..fixed_point import INT32_MIN
from ..operator import Node, Prepared
from ..power_of_two import power_of_two

_FRACTIONAL_BITS = 12  # of an int16 in Q3.12, the input format without rescaling
_ROUNDED_UP = (
    4, 8, 12, 14, 15, 16, 17, 19, 20, 21, 22, 25, 27, 28, 29, 30, 31, 33, 34, 35, 37, 39, 40, 41, 43, 44, 45, 46, 49,
    50, 54, 62, 63, 64, 66, 82, 86, 93, 100, 103, 112, 116, 135, 255,
)  # fmt: skip


def _sigmoid_table() -> np.ndarray:
    """Return 65536 * logistic(i / 24) for i from 0 to 255, as the reference's ``sigmoid_table_uint16`` has it.

    Its 44 entries named above are one more than the rounded value; nothing is above 65535.
    """
    table = np.round(65536 / (1 + np.exp(-np.arange(256) / 24))).astype(np.int64)
    table = np.minimum(table, 65535)
    table[list(_ROUNDED_UP)] += 1
    return np.minimum(table, 65535)


SIGMOID_TABLE = _sigmoid_table()


@dataclass(frozen=True)
class InterpolatedSigmoid(Prepared):
    """LOGISTIC or TANH of int16 codes.

    Parameters
    ----------
    input_multiplier, input_shift : bring a code to steps of 1/12288 (of 1/12288 of the doubled argument for TANH):
        ``(code * multiplier + rounding) >> shift``.
    index_shift : bits below the table's index: 9, or 8 for TANH.
    is_tanh : whether the result is ``2 * logistic - 1``.
    """

    input_multiplier: int
    input_shift: int
    index_shift: int
    is_tanh: bool


def _input_rescaling(scale: np.float32, largest_left_shift: int) -> tuple[int, int]:
    """Return multiplier and right shift of the input.

    Notes
    -----
    Source: ``TanhPrepare`` and ``SigmoidPrepare`` in ``kernels/activations.cc``. A scale that is the format's own
    power of two needs the factor 3 only; for others 12288 times the scale is cut (not rounded) to an integer after
    doubling it to 14 bits.
    """
    exponent = power_of_two(scale)
    if exponent is not None and 0 <= _FRACTIONAL_BITS + exponent <= largest_left_shift:
        return 3 << (_FRACTIONAL_BITS + exponent), 0
    multiplier = float(scale) * 4096.0 * 3.0
    shift = 0
    while multiplier <= 32767.0 / 2.0 and shift <= 30:
        multiplier, shift = multiplier * 2, shift + 1
    return int(multiplier) if multiplier < 2**31 else INT32_MIN, shift


def _require_q15_output(node: Node) -> None:
    require_symmetric(node, node.input(0), node.output())
    scale = node.output().scale
    node.require(power_of_two(scale) == -15, f"an output scale of 1/32768, not {scale}")


def prepare_logistic_int16(node: Node) -> InterpolatedSigmoid:
    """Prepare LOGISTIC of int16; types and quantization have been checked."""
    _require_q15_output(node)
    node.require(node.output().scale == np.float32(1 / 32768), f"an output scale of 1/32768, not {node.output().scale}")
    return InterpolatedSigmoid((node.input(0).shape,), *_input_rescaling(node.input(0).scale, 0), 9, False)


def prepare_tanh_int16(node: Node) -> InterpolatedSigmoid:
    """Prepare TANH of int16; types and quantization have been checked."""
    _require_q15_output(node)
    return InterpolatedSigmoid((node.input(0).shape,), *_input_rescaling(node.input(0).scale, 1), 8, True)


def evaluate_interpolated(prepared: InterpolatedSigmoid, x: np.ndarray) -> np.ndarray:
    """Interpolate in the table; int16 to int16 of the same shape.

    Notes
    -----
    Source: the int16 ``Logistic`` and ``Tanh`` of ``kernels/internal/reference/integer_ops/logistic.h`` and ``tanh.h``.
    """
    rounding = (1 << prepared.input_shift) >> 1
    product = (x.astype(np.int64) * prepared.input_multiplier + rounding).astype(np.int32)
    argument = product.astype(np.int64) >> prepared.input_shift
    magnitude = np.abs(argument)
    index = magnitude >> prepared.index_shift
    fraction = magnitude & ((1 << prepared.index_shift) - 1)
    below = SIGMOID_TABLE[np.minimum(index, 254)]
    above = SIGMOID_TABLE[np.minimum(index, 254) + 1]
    value = (below << prepared.index_shift) + fraction * (above - below)
    if prepared.is_tanh:
        value = np.where(index >= 255, 0xFFFF << 8, value)
        value = np.where(argument >= 0, value - (1 << 23) + (1 << 7), -value + (1 << 23) + (1 << 7) - 1) >> 8
    else:
        value = np.where(index >= 255, 0x7FFF << 10, value)
        value = np.where(argument >= 0, value + (1 << 9), (1 << 25) - value + (1 << 9) - 1) >> 10
    return np.asarray(value, np.int16)
