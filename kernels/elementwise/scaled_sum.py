"""MUL by constants and ADD of constants, one of each for a channel, as one operator: a normalization that stands alone.

Both are computed as they are defined, one after the other; what is spared is the tensor in between. Compiled, each is
``(code * weight + offset) >> shift`` with an offset of the channel, and the product with a weight of its own, too.
Where what is shifted lies next to a whole number, the code is computed by the definition; there are few such, and the
offset is chosen with which the form gives their codes. Where there is none, there is no such form.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ...schema import TensorType
from ...schema.deferred import dataclass
from ..operator import Field, Input, Instruction, Kernel, Node, Output, Prepared
from ..profiles import Profile, Rounding
from .add_sub import QuantizedSum, definition_of, evaluate_add, evaluate_sub
from .lowering import flip_of
from .mul import QuantizedProduct
from .mul import evaluate as evaluate_mul
from .weighted_sum import Definition

_EIGHT_BIT = (TensorType.INT8, TensorType.UINT8)
_CODES = np.arange(256)
_LARGEST_SHIFT = 21  # a code, shifted by it, fits int32 beside a product
_LARGEST_PRODUCT = 2.0**30
_INT32_MAX = (1 << 31) - 1
_ADJUSTMENTS = tuple(n * 2.0**-20 for n in (1, -1, 2, -2, 3, -3))
LEAST_CHANNELS = 16
"""Of ``kernels/jit/scaled_sum.py``."""


@dataclass(frozen=True)
class Scaling:
    """``p = (code - zero_point) * weights``, then ``(p + offsets + (p < 0 ? below : 0)) >> shift``; of codes as bytes.

    ``weights`` and ``offsets`` are int32, one for each channel; of a sum, all weights are equal.
    """

    zero_point: int
    weights: np.ndarray
    offsets: np.ndarray
    below: int
    shift: int


@dataclass(frozen=True)
class ScaledSum(Prepared):
    """A product with ``factors``, then a sum or difference with ``terms``: codes, one for each channel.

    ``subtracts``: the second operator is SUB; ``term_first``: of the terms and the product. ``first`` and ``second``
    are how the two are compiled.
    """

    product: QuantizedProduct
    factors: np.ndarray
    total: QuantizedSum
    terms: np.ndarray
    subtracts: bool
    term_first: bool
    first: Scaling
    second: Scaling


def join(
    product: QuantizedProduct, factors: np.ndarray, total: QuantizedSum, node: Node, terms: np.ndarray, term_first: bool
) -> ScaledSum | None:
    """Return a product and a sum as one operator; None where there is no exact form of them.

    Parameters
    ----------
    factors, terms : constants of the product and of the sum, flat. The factors are the second operand.
    node : that of the sum; its operands are the product and the terms, or ``term_first`` the terms and the product.
    """
    first = scaling_of_product(product, factors)
    second = None if first is None else scaling_of_sum(definition_of(total, node), terms, term_first)
    if first is None or second is None:
        return None
    subtracts = node.name == "SUB"
    return ScaledSum(total.output_shapes, product, factors, total, terms, subtracts, term_first, first, second)


def scaling_of_product(product: QuantizedProduct, factors: np.ndarray) -> Scaling | None:
    """Return a form of the product with constants that is exact for all codes, if there is one."""
    if product.rounding not in (Rounding.DOUBLE, Rounding.SINGLE) or product.output_shift > 0:
        return None
    flip = 128 if factors.dtype == np.int8 else 0
    distinct, places = np.unique(factors, return_inverse=True)
    steps = distinct.astype(np.float64) - product.input2_zero_point
    steps *= product.output_multiplier / 2**31 * 2.0**product.output_shift
    shift = _largest_shift(steps)
    one = 1 << shift
    # Double rounding rounds to multiples of a unit first, and then halves away from zero.
    unit = one * 2.0**product.output_shift if product.rounding is Rounding.DOUBLE and product.output_shift < 0 else 0.0
    below, zero_point = -round(unit), product.input1_zero_point + flip
    nominal = (product.output_zero_point + flip) * one + one // 2 + round(unit / 2)

    def codes(numbers: np.ndarray, channels: np.ndarray) -> np.ndarray:
        exact = evaluate_mul(product, (numbers - flip).astype(factors.dtype), distinct[channels])
        return exact.astype(np.int64) + flip

    limits = product.activation_min + flip, product.activation_max + flip
    for nudge in (0, 1, -1):  # where one weight has no offset, its neighbour may have one
        weights = np.rint(steps * one).astype(np.int64) + nudge
        sums = (_CODES - zero_point)[:, None] * weights
        if below:
            sums += (sums < 0) * np.int64(below)
        found, wrong = _find_offsets(
            sums, np.full(len(distinct), nominal), shift, 132 + 255 * abs(nudge), limits, codes
        )
        if nudge == 0:
            chosen, offsets, missing = weights, found, wrong
        else:
            better = missing & ~wrong
            chosen, offsets = np.where(better, weights, chosen), np.where(better, found, offsets)
            missing &= wrong
        if not missing.any():
            return _checked(Scaling(zero_point, chosen[places.reshape(-1)], offsets[places.reshape(-1)], below, shift))
    return None


def scaling_of_sum(definition: Definition, terms: np.ndarray, term_first: bool) -> Scaling | None:
    """Return a form of the sum of codes and constants that is exact for all codes, if there is one."""
    flip = 128 if terms.dtype == np.int8 else 0
    distinct, places = np.unique(terms, return_inverse=True)
    operands = [(definition.scale1, definition.zero_points[0]), (definition.scale2, definition.zero_points[1])]
    (step, zero_point), (other_step, other_zero_point) = reversed(operands) if term_first else operands
    bytes_of_terms = distinct.astype(np.int64) + flip
    constant = other_step * (bytes_of_terms - other_zero_point)
    shift = min(_largest_shift(np.array([step])), _largest_shift(constant / 255))
    one = 1 << shift
    nominal = definition.zero_points[2] * one + one // 2 + np.rint(constant * one).astype(np.int64)

    def codes(numbers: np.ndarray, channels: np.ndarray) -> np.ndarray:
        first, second = (x.astype(np.int32) for x in (numbers, bytes_of_terms[channels]))
        exact = definition.codes(second, first) if term_first else definition.codes(first, second)
        return exact.astype(np.int64)

    limits = definition.code_min, definition.code_max
    for adjustment in (0.0, *_ADJUSTMENTS):
        weight = round(step * one * (1 + adjustment))
        sums = np.broadcast_to(((_CODES - zero_point) * weight)[:, None], (256, len(distinct)))
        error = 255 * abs(weight - step * one) + definition.noise * one + 2
        offsets, missing = _find_offsets(sums, nominal, shift, error, limits, codes)
        if not missing.any():
            weights = np.full(len(places.reshape(-1)), weight)
            return _checked(Scaling(zero_point, weights, offsets[places.reshape(-1)], 0, shift))
    return None


def _largest_shift(steps: np.ndarray) -> int:
    largest = max(float(np.abs(steps).max()), 2.0**-20)
    return max(min(math.floor(math.log2(_LARGEST_PRODUCT / 255 / largest)), _LARGEST_SHIFT), 1)


def _find_offsets(
    sums: np.ndarray,
    nominal: np.ndarray,
    shift: int,
    error: float,
    limits: tuple[int, int],
    codes: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Return the offsets with which sums, shifted, are the exact codes, and the channels where there is none.

    Parameters
    ----------
    sums : int64 (256, channels), of every code.
    nominal : what is added to them.
    error : how far the result may lie from the number that the definition rounds.
    limits : clamp of the codes.
    codes : of rows and columns of the sums, the exact codes.
    """
    one, there = np.int64(1) << shift, sums + nominal
    margin = math.ceil(2 * error)  # the error, and as much again for another offset
    near = ((there + margin) & (one - 1)) < 2 * margin if 2 * margin < one else np.ones(there.shape, np.bool_)
    numbers, channels = np.nonzero(near)
    right, values = codes(numbers, channels), there[numbers, channels]
    lowest = np.full(len(nominal), -math.floor(error))
    highest = -lowest
    above, below = right > limits[0], right < limits[1]
    np.maximum.at(lowest, channels[above], ((right << shift) - values)[above])
    np.minimum.at(highest, channels[below], ((right + 1 << shift) - 1 - values)[below])
    return nominal + np.clip(0, lowest, np.maximum(lowest, highest)), lowest > highest


def _checked(scaling: Scaling) -> Scaling | None:
    """Return the scaling with numbers of 32 bits; None where a sum might leave them."""
    furthest = 255 * np.abs(scaling.weights).max() + np.abs(scaling.offsets).max() + abs(scaling.below)
    if furthest > _INT32_MAX:
        return None
    weights, offsets = (values.astype(np.int32) for values in (scaling.weights, scaling.offsets))
    return Scaling(scaling.zero_point, weights, offsets, scaling.below, scaling.shift)


def evaluate(prepared: ScaledSum, x: np.ndarray) -> np.ndarray:
    """Multiply and add, as the two operators do."""
    product = evaluate_mul(prepared.product, x, prepared.factors)
    add = evaluate_sub if prepared.subtracts else evaluate_add
    operands = (prepared.terms, product) if prepared.term_first else (product, prepared.terms)
    return add(prepared.total, *operands)


def lower(prepared: ScaledSum, node: Node) -> Instruction:
    """Lower to ``scaled_sum8``."""
    flip, first, second = flip_of(node), prepared.first, prepared.second
    channels, size = len(prepared.factors), math.prod(node.input(0).shape)
    weight = int(second.weights[0])
    terms = second.offsets - np.int64(second.zero_point) * weight
    fields: dict[str, Field] = {
        "input": Input(0, size),
        "output": Output(0, size),
        "size": size,
        "channels": channels,
        "sign_flip": flip,
        "zero_point": first.zero_point,
        "weights": first.weights,
        "offsets": first.offsets,
        "below": first.below,
        "shift": first.shift,
        "product_min": prepared.product.activation_min + flip,
        "product_max": prepared.product.activation_max + flip,
        "weight": weight,
        "terms": terms.astype(np.int32),  # sums wrap, and are right where they end
        "right_shift": second.shift,
        "code_min": prepared.total.activation_min + flip,
        "code_max": prepared.total.activation_max + flip,
        "part": 0,
        "parts": 1,
    }
    return Instruction("scaled_sum8", fields)


def _prepared(node: Node, profile: Profile) -> ScaledSum:
    raise NotImplementedError("made of operators that are prepared")


def kernel_of(name: str, versions: tuple[int, int]) -> Kernel:
    """Return the kernel that runs a sum together with the product before it."""
    return Kernel(name, versions, _EIGHT_BIT, _prepared, evaluate, lower)
