"""Functions of one int16 code by a table of 513 samples, filled in float32: EXP, LOG, RSQRT, GELU."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..fixed_point import round_half_away
from ..gemmlowp import INT16_MAX, INT16_MIN
from ..operator import Prepared, TensorSpec
from .softmax import look_up_int16


@dataclass(frozen=True)
class Interpolated(Prepared):
    """A function of an int16 code: ``table`` has its output codes at every 128th code, and at the end."""

    table: np.ndarray


def build_interpolated(
    function: Callable[[np.ndarray], np.ndarray], source: TensorSpec, target: TensorSpec
) -> np.ndarray:
    """Tabulate a float32 function over the codes of an int16 tensor at 513 points.

    Notes
    -----
    Source: ``LUTPopulateInt16`` in ``kernels/internal/common.h``, in float32. Each sample is moved by half the error
    that linear interpolation would make in the middle of its interval. A NaN becomes 0, as x86 converts it.
    """
    steps = np.arange(513).astype(np.float32)
    with np.errstate(all="ignore"):
        input_min = source.scale * np.float32(INT16_MIN - source.zero_point)
        input_max = source.scale * np.float32(INT16_MAX - source.zero_point)
        output_min = target.scale * np.float32(INT16_MIN - target.zero_point)
        output_max = target.scale * np.float32(INT16_MAX - target.zero_point)
        step = (input_max - input_min) / np.float32(512)
        inverse_scale = np.float32(65536) / (output_max - output_min)
        points = input_min + steps * step
        scaled = function(points) * inverse_scale
        samples = round_half_away(scaled[:-1])
        middles = round_half_away(function(points[:-1] + step / np.float32(2)) * inverse_scale)
        interpolated = round_half_away((scaled[1:] + samples) / np.float32(2))
        bias = round_half_away((interpolated - middles) / np.float32(2))
        last = round_half_away(function(input_max.reshape(1)) * inverse_scale)
        table = np.clip(np.concatenate([samples - bias, last]), INT16_MIN, INT16_MAX)
    return np.nan_to_num(table, nan=0).astype(np.int16)


def evaluate_interpolated(prepared: Interpolated, x: np.ndarray) -> np.ndarray:
    """Interpolate linearly between the two nearest samples; int16 to int16."""
    return look_up_int16(prepared.table, x).astype(np.int16)
