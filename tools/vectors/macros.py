"""The numbers of a case as macros, named as in CMSIS-NN's test data (``Tests/UnitTest/TestCases/TestData``).

What CMSIS-NN has no name for keeps the name of the prepared parameter.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...kernels.profiles import Rounding
from .case import Case, rounding_of

Value = int | float
ROUNDINGS = {Rounding.DOUBLE: 0, Rounding.SINGLE: 1, Rounding.FLOAT64: 2}
_WINDOW_AXES = (("Y", "height"), ("X", "width"))


def macros(case: Case) -> dict[str, Value]:
    """Return the macros without their prefix, in order."""
    result: dict[str, Value] = {}
    for name, value in _macros(case):
        result.setdefault(name, value)
    return result


def _macros(case: Case) -> Iterator[tuple[str, Value]]:
    output = case.named("output_ref")
    if output is not None:
        yield "DST_SIZE", output.array.size
    if case.named("weights") is not None:
        yield from _product(case)
    elif case.operator_name in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
        yield from _image(case, case["input"].shape, case["output_ref"].shape)
    elif case.operator_name == "SOFTMAX":
        rows = case["input"].shape
        yield "NUM_ROWS", math.prod(rows[:-1])
        yield "ROW_SIZE", rows[-1] if rows else 1
    for name, value in case.parameters.items():
        if isinstance(value, (int, float)) and not name.startswith("window."):
            yield from _scalar(name.removeprefix("requantization."), value)
    rounding = rounding_of(case)
    if rounding is not None:
        yield "ROUNDING", ROUNDINGS[rounding]
    if "requantization.accumulator" in case.parameters:
        yield "ACCUMULATOR_BITS", 8 * np.dtype(case.parameters["requantization.accumulator"]).itemsize


def _scalar(name: str, value: Value) -> Iterator[tuple[str, Value]]:
    """Name a parameter; offsets are what is added: an operand's is the negative of its zero point."""
    value = int(value) if isinstance(value, bool) else value
    if name.endswith("zero_point"):
        sign = 1 if name.startswith("output") else -1
        yield name.replace("zero_point", "offset").upper(), sign * value
    elif name in ("activation_min", "activation_max"):
        yield f"OUT_{name.upper()}", value
    else:
        yield name.replace("multiplier", "mult").upper().replace(".", "_"), value


def _product(case: Case) -> Iterator[tuple[str, Value]]:
    weights, output = case["weights"], case["output_ref"]
    if case.operator_name == "FULLY_CONNECTED":
        yield from (("OUT_CH", weights.shape[0]), ("IN_CH", weights.shape[-1]), ("INPUT_W", 1), ("INPUT_H", 1))
        yield from (
            ("INPUT_SIZE", weights.shape[-1]),
            ("INPUT_BATCHES", case["input"].size // max(1, weights.shape[-1])),
        )
        yield "ACCUMULATION_DEPTH", weights.shape[-1]
        multiplier, shift = case.named("output_mult"), case.named("output_shift")
        if (
            multiplier is not None
            and shift is not None
            and len({*zip(multiplier.array, shift.array, strict=True)}) == 1
        ):
            yield from (("OUTPUT_MULTIPLIER", int(multiplier.array[0])), ("OUTPUT_SHIFT", int(shift.array[0])))
        return
    if output.ndim == 4:
        yield from _image(case, case["input"].shape, output.shape)
    if case.operator_name == "DEPTHWISE_CONV_2D" and "depth_multiplier" in case.parameters:
        yield "CH_MULT", case.parameters["depth_multiplier"]


def _image(case: Case, source: tuple[int, ...], target: tuple[int, ...]) -> Iterator[tuple[str, Value]]:
    yield from (("OUT_CH", target[3]), ("IN_CH", source[3]), ("INPUT_W", source[2]), ("INPUT_H", source[1]))
    yield from (("INPUT_SIZE", math.prod(source[1:])), ("INPUT_BATCHES", source[0]))
    yield from (("OUTPUT_W", target[2]), ("OUTPUT_H", target[1]))
    window: dict[str, Any] = {
        name.removeprefix("window."): value for name, value in case.parameters.items() if name.startswith("window.")
    }
    for axis, side in _WINDOW_AXES:
        yield f"FILTER_{axis}", window[f"filter_{side}"]
        yield f"STRIDE_{axis}", window[f"stride_{side}"]
        yield f"PAD_{axis}", window["padding_top" if axis == "Y" else "padding_left"]
        yield f"DILATION_{axis}", window[f"dilation_{side}"]
    if case.operator_name == "TRANSPOSE_CONV":
        for axis, _ in _WINDOW_AXES:
            before, after = ("top", "bottom") if axis == "Y" else ("left", "right")
            yield f"PAD_{axis}_WITH_OFFSET", max(window[f"padding_{before}"], window[f"padding_{after}"])
