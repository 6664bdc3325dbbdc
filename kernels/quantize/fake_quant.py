"""FAKE_QUANT: floats rounded to the numbers that a quantized tensor could hold."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ...schema.options import FakeQuantOptions
from ..checks import options_of, require_arity, require_same_type
from ..fixed_point import round_half_away
from ..operator import Kernel, Node, Prepared
from ..profiles import Profile


@dataclass(frozen=True)
class FakeQuant(Prepared):
    """The range, moved so that 0 is one of its steps, and the step."""

    nudged_min: np.float32
    nudged_max: np.float32
    nudged_scale: np.float32


def prepare(node: Node, profile: Profile) -> FakeQuant:
    """Prepare FAKE_QUANT; narrow_range is refused, as by the reference.

    Notes
    -----
    Source: ``Prepare`` in ``kernels/fake_quant.cc``, ``NudgeQuantizationRange`` in
    ``kernels/internal/quantization_util.h``; all in float32.
    """
    require_arity(node, 1)
    require_same_type(node, node.input(0), node.output())
    options = options_of(node, FakeQuantOptions)
    if options.narrow_range:
        raise node.unsupported("narrow_range false")
    node.require(1 <= options.num_bits <= 16, f"num_bits in [1, 16], not {options.num_bits}")
    low, high = np.float32(options.min), np.float32(options.max)
    finite = math.isfinite(low) and math.isfinite(high)
    node.require(finite and bool(low <= 0 <= high and low < high), "a range around 0")
    steps = np.float32((1 << options.num_bits) - 1)
    scale = (high - low) / steps
    invertible = scale > 0 and math.isfinite(scale) and math.isfinite(np.float32(1) / scale)
    node.require(bool(invertible), "a range whose step float32 can divide by")
    zero_point = np.float32(np.clip(round_half_away(-low / scale), 0, steps))
    return FakeQuant((node.input(0).shape,), -zero_point * scale, (steps - zero_point) * scale, scale)


def evaluate(prepared: FakeQuant, x: np.ndarray) -> np.ndarray:
    """Clamp to the range, then round to whole steps from its lower end; NaN becomes the lower end.

    Notes
    -----
    Source: ``FakeQuantizeArray`` in ``kernels/internal/quantization_util.cc``.
    """
    low, high, scale = prepared.nudged_min, prepared.nudged_max, prepared.nudged_scale
    clamped = np.where(low < x, x, low)
    clamped = np.where(clamped < high, clamped, high)
    steps = round_half_away((clamped - low) * (np.float32(1) / scale)).astype(np.float32)
    return np.asarray(steps * scale + low, np.float32)


KERNELS = (Kernel("FAKE_QUANT", (1, 2), (TensorType.FLOAT32,), prepare, evaluate),)
