"""The checks that many operators' ``prepare`` share: what the reference's Prepare refuses, we refuse by name.

``prepare`` is the gate before compiled code with raw addresses, and any model that passes the schema's verification
may arrive here: whatever does not fit must end in a ModelError.
"""

from __future__ import annotations

import math
from typing import Any, TypeVar

import numpy as np

from .activation_range import type_range
from .fixed_point import INT32_MAX, quantize_multipliers
from .operator import Node, TensorSpec
from .profiles import Rounding

Options = TypeVar("Options")

_LARGEST_SINGLE = 30


def options_of(node: Node, options_type: type[Options]) -> Options:
    """Return the node's options, or the schema's defaults where they are missing or of another table.

    Notes
    -----
    LiteRT's flatbuffer conversions do the same: an absent options table leaves the defaults.
    """
    return node.options if isinstance(node.options, options_type) else options_type()


def require_arity(node: Node, inputs: int, outputs: int = 1) -> None:
    """Raise ModelError unless the node has exactly so many inputs, none left out, and outputs."""
    present = all(spec is not None for spec in node.inputs)  # "in" would compare tensors, field by field
    node.require(len(node.inputs) == inputs and present, f"{inputs} inputs")
    node.require(len(node.outputs) == outputs, f"{outputs} outputs")


def require_arity_between(node: Node, least: int, most: int, outputs: int = 1) -> None:
    """Raise ModelError unless the node has ``least`` to ``most`` inputs, of which the last are optional."""
    node.require(least <= len(node.inputs) <= most, f"{least} to {most} inputs")
    node.require(all(spec is not None for spec in node.inputs[:least]), f"none of the first {least} inputs left out")
    node.require(len(node.outputs) == outputs, f"{outputs} outputs")


def require_same_type(node: Node, *specs: TensorSpec) -> None:
    """Raise ModelError unless all tensors have one data type."""
    node.require(len({spec.type for spec in specs}) == 1, "tensors of one data type")


def require_quantized(node: Node, *specs: TensorSpec) -> None:
    """Raise ModelError unless each tensor has integers, a positive finite scale and a zero point within its type."""
    for spec in specs:
        node.require(spec.dtype.kind in "iu", f"an integer type of {spec.name!r}, not {spec.type.name.lower()}")
        scale, zero_point = float(spec.scale), spec.zero_point
        low, high = type_range(spec.type)
        node.require(math.isfinite(scale) and scale > 0, f"a positive scale of {spec.name!r}, not {scale}")
        node.require(low <= zero_point <= high, f"a zero point of {spec.name!r} in [{low}, {high}], not {zero_point}")


def require_symmetric(node: Node, *specs: TensorSpec) -> None:
    """Raise ModelError unless the zero point of each tensor is 0, as the int16 kernels demand."""
    for spec in specs:
        node.require(spec.zero_point == 0, f"zero point 0 of {spec.name!r}, not {spec.zero_point}")


def checked_multiplier(node: Node, real_multiplier: Any, rounding: Rounding = Rounding.DOUBLE) -> tuple[int, int]:
    """Return multiplier and shift of a real multiplier, or raise ModelError where it is beyond 32-bit arithmetic.

    Notes
    -----
    Source: ``QuantizeMultiplier`` in ``kernels/internal/quantization_util.cc``; built for single rounding it
    saturates multipliers from 2**30 on.
    """
    multipliers, shifts = checked_multipliers(node, np.array([real_multiplier], np.float64), rounding)
    return int(multipliers[0]), int(shifts[0])


def checked_multipliers(node: Node, real_multipliers: np.ndarray, rounding: Rounding) -> tuple[np.ndarray, np.ndarray]:
    """Do the same for several; returns two int32 arrays."""
    node.require(bool(np.all(np.isfinite(real_multipliers))), "scales whose ratio is a float32 number")
    multipliers, shifts = quantize_multipliers(real_multipliers)
    if rounding is Rounding.SINGLE:
        beyond = shifts > _LARGEST_SINGLE
        return np.where(beyond, np.int32(INT32_MAX), multipliers), np.minimum(shifts, np.int32(_LARGEST_SINGLE))
    greatest = np.max(real_multipliers, initial=0.0)
    node.require(bool(np.all(shifts <= 31)), f"scales whose ratio is below 2**31, not {greatest:g}")
    return multipliers, shifts
