"""EQUAL, NOT_EQUAL, GREATER, GREATER_EQUAL, LESS, LESS_EQUAL: numbers as they are, or codes of two scales."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...schema import TensorType
from ..broadcast import broadcast_shape, broadcast_strides, collapse
from ..checks import checked_multiplier, require_arity, require_quantized, require_same_type, require_symmetric
from ..fixed_point import saturating_rounding_doubling_high_multiply
from ..operator import Instruction, Kernel, Node, Prepared
from ..profiles import Profile
from .pairs import lower_pairs
from .shifts import multiply_with_any_shift

_SPARE_BITS = 8
_BLOCK = 8


@dataclass(frozen=True)
class PlainComparison(Prepared):
    """A comparison of numbers as they are."""


@dataclass(frozen=True)
class QuantizedComparison(Prepared):
    """A comparison of codes, each brought to real numbers with 8 fractional bits.

    So few bits make numbers equal that are not, and with scales above 1 the reference loses a left shift
    (``wraps_shifts``): two defects, of which the second is reproduced by ``litert`` only. What comes of it differs
    for what the reference's binary compares eight at a time, in rows of ``row`` elements that no broadcast interrupts;
    an operand that does not move along them is a single element still, and beside it a last axis of 1 is a row.
    """

    input1_zero_point: int
    input1_multiplier: int
    input1_shift: int
    input2_zero_point: int
    input2_multiplier: int
    input2_shift: int
    wraps_shifts: bool
    row: int
    input1_moves: bool
    input2_moves: bool


def prepare(node: Node, profile: Profile) -> PlainComparison | QuantizedComparison:
    """Prepare a comparison; int16 codes are compared by EQUAL and NOT_EQUAL only, by the others as they are.

    Notes
    -----
    Source: ``ComparisonPrepareCommon`` and ``ComparisonQuantized`` in ``kernels/comparisons.cc``. The reference ends
    its process where a scale is exactly 1.
    """
    require_arity(node, 2)
    first, second, output = node.input(0), node.input(1), node.output()
    require_same_type(node, first, second)
    node.require(output.type is TensorType.BOOL, "an output of bool")
    shape = broadcast_shape(node, first.shape, second.shape)
    int16_codes = first.type is TensorType.INT16 and first.quantized and node.name in ("EQUAL", "NOT_EQUAL")
    if first.type not in (TensorType.INT8, TensorType.UINT8) and not int16_codes:
        return PlainComparison((shape,))
    require_quantized(node, first, second)
    if int16_codes:
        require_symmetric(node, first, second)
    sizes, steps = collapse(shape, broadcast_strides(first.shape, shape), broadcast_strides(second.shape, shape))
    moves = tuple(strides[-1] != 0 for strides in steps)
    return QuantizedComparison(
        (shape,),
        first.zero_point,
        *checked_multiplier(node, first.scale),
        second.zero_point,
        *checked_multiplier(node, second.scale),
        wraps_shifts=profile.reproduces_quirks,
        row=1 if shape[-1:] == (1,) and not all(moves) else sizes[-1],
        input1_moves=moves[0],
        input2_moves=moves[1],
    )


def _rescaled(x: np.ndarray, zero_point: int, multiplier: int, shift: int, wraps: bool, in_block: bool) -> np.ndarray:
    """Bring codes to real numbers with 8 fractional bits, int32.

    Where a left shift is lost, single elements are shifted right by its distance modulo 32, those of a block by so
    much that nothing but the sign is left.
    """
    shifted = (x.astype(np.int32) - np.int32(zero_point)) << _SPARE_BITS
    wraps = wraps and _is_above_one(multiplier, shift)
    if wraps and in_block:
        high = saturating_rounding_doubling_high_multiply(shifted, multiplier)
        return np.asarray((high >> 31) + (high >= 0))
    return multiply_with_any_shift(shifted, multiplier, shift, wraps)


def _is_above_one(multiplier: int, shift: int) -> bool:
    return multiplier * 2.0 ** (shift - 31) > 1


def _shifts_left(p: QuantizedComparison) -> bool:
    return _is_above_one(p.input1_multiplier, p.input1_shift) or _is_above_one(p.input2_multiplier, p.input2_shift)


def within_blocks(prepared: QuantizedComparison) -> np.ndarray:
    """Return which elements of the output are compared eight at a time: of each row, all but the last few."""
    row = prepared.row
    position = np.arange(math.prod(prepared.output_shape)) % max(row, 1)
    return np.reshape(position < row // _BLOCK * _BLOCK, prepared.output_shape)


def _evaluator(operation: Callable[[Any, Any], Any]) -> Callable[..., np.ndarray]:
    def evaluate(prepared: PlainComparison | QuantizedComparison, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Compare, with broadcasting; the result is bool.

        Notes
        -----
        Source: ``ComparisonWithScaling`` in ``kernels/internal/reference/comparisons.h``.
        """
        if isinstance(prepared, PlainComparison):
            return np.asarray(operation(a, b), bool)  # NumPy compares strings as objects
        p = prepared

        def compared(in_block: bool) -> np.ndarray:
            in_blocks = (in_block and p.input1_moves, in_block and p.input2_moves)
            wraps = p.wraps_shifts
            first = _rescaled(a, p.input1_zero_point, p.input1_multiplier, p.input1_shift, wraps, in_blocks[0])
            second = _rescaled(b, p.input2_zero_point, p.input2_multiplier, p.input2_shift, wraps, in_blocks[1])
            return np.asarray(operation(first, second))

        if not p.wraps_shifts or p.row < _BLOCK:
            return compared(False)
        return np.where(within_blocks(p), compared(True), compared(False))

    return evaluate


def _lowerer(operation: Callable[[Any, Any], Any]) -> Callable[..., Instruction | None]:
    def lower(prepared: PlainComparison | QuantizedComparison, node: Node) -> Instruction | None:
        """Lower codes of 8 bits to a table, but where a code's result depends on where it lies in a row."""
        p = prepared
        if isinstance(p, PlainComparison) or (p.wraps_shifts and _shifts_left(p)):
            return None

        def compare(a: np.ndarray, b: np.ndarray) -> np.ndarray:
            first = _rescaled(a, p.input1_zero_point, p.input1_multiplier, p.input1_shift, False, False)
            second = _rescaled(b, p.input2_zero_point, p.input2_multiplier, p.input2_shift, False, False)
            return np.asarray(operation(first, second))

        return lower_pairs(node, p.output_shape, compare)

    return lower


_ORDERED = (
    TensorType.FLOAT32,
    TensorType.FLOAT16,
    TensorType.INT8,
    TensorType.UINT8,
    TensorType.INT16,
    TensorType.INT32,
    TensorType.INT64,
)

KERNELS = (
    Kernel(
        "EQUAL",
        (1, 5),
        (TensorType.BOOL, TensorType.STRING, *_ORDERED),
        prepare,
        _evaluator(np.equal),
        _lowerer(np.equal),
    ),
    Kernel(
        "NOT_EQUAL",
        (1, 4),
        (TensorType.BOOL, TensorType.STRING, *_ORDERED),
        prepare,
        _evaluator(np.not_equal),
        _lowerer(np.not_equal),
    ),
    Kernel("GREATER", (1, 2), (*_ORDERED, TensorType.BFLOAT16), prepare, _evaluator(np.greater), _lowerer(np.greater)),
    Kernel("GREATER_EQUAL", (1, 3), _ORDERED, prepare, _evaluator(np.greater_equal), _lowerer(np.greater_equal)),
    Kernel("LESS", (1, 3), (*_ORDERED, TensorType.BFLOAT16), prepare, _evaluator(np.less), _lowerer(np.less)),
    Kernel("LESS_EQUAL", (1, 2), _ORDERED, prepare, _evaluator(np.less_equal), _lowerer(np.less_equal)),
)
