"""NEG, SQUARE, SIN, COS, FLOOR, CEIL, ROUND, SIGN, LOGICAL_NOT and ZEROS_LIKE: numbers, element by element.

Quantized codes, where an operator takes them, are numbers like others: scale and zero point are not looked at.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ..activations.lookup import lower_by_tabulating, lower_function
from ..checks import require_arity, require_same_type
from ..libm import cosf, sinf
from ..narrow_floats import NARROW, through_float32
from ..operator import Instruction, Kernel, Node, Prepared
from ..profiles import Profile


@dataclass(frozen=True)
class Unary(Prepared):
    """A function applied to each element; the operator's name says which."""


def prepare(node: Node, profile: Profile) -> Unary:
    """Prepare an operator whose output has the shape and type of its only input.

    Notes
    -----
    Source: ``GenericPrepare`` in ``kernels/elementwise.cc``, ``Prepare`` in ``kernels/neg.cc``, ``floor.cc``,
    ``sign.cc`` and ``zeros_like.cc``.
    """
    require_arity(node, 1)
    require_same_type(node, node.input(0), node.output())
    return Unary((node.input(0).shape,))


def evaluate_neg(prepared: Unary, x: np.ndarray) -> np.ndarray:
    """Negate; the least integer is its own negative. Of a quantized tensor it is the code that is negated.

    Notes
    -----
    Source: ``Negate`` in ``kernels/internal/reference/neg.h``.
    """
    return np.asarray(np.negative(x))


def evaluate_square(prepared: Unary, x: np.ndarray) -> np.ndarray:
    """Multiply float32 by itself."""
    with np.errstate(all="ignore"):
        return np.asarray(x * x)


def evaluate_sin(prepared: Unary, x: np.ndarray) -> np.ndarray:
    """Return the sine, computed in float32."""
    return through_float32(sinf, x)


def evaluate_cos(prepared: Unary, x: np.ndarray) -> np.ndarray:
    """Return the cosine, computed in float32."""
    return through_float32(cosf, x)


def evaluate_floor(prepared: Unary, x: np.ndarray) -> np.ndarray:
    """Round floats down."""
    return np.asarray(np.floor(x))


def evaluate_ceil(prepared: Unary, x: np.ndarray) -> np.ndarray:
    """Round float32 up."""
    return np.asarray(np.ceil(x))


def _round_half_to_even(x: np.ndarray) -> np.ndarray:
    floor = np.floor(x)
    above = x - floor
    goes_down = (above < 0.5) | ((above == 0.5) & (np.fmod(floor, 2) == 0))
    return np.where(goes_down, floor, floor + np.float32(1))


def evaluate_round(prepared: Unary, x: np.ndarray) -> np.ndarray:
    """Round to the nearest integer, in float32, from halfway to the even one; what rounds up to 0 is +0.

    Notes
    -----
    Source: ``RoundToNearest`` in ``kernels/internal/reference/round.h``.
    """
    return through_float32(_round_half_to_even, x)


def evaluate_sign(prepared: Unary, x: np.ndarray) -> np.ndarray:
    """Return -1, 0 or 1 by the sign of each element; a NaN stays one.

    Notes
    -----
    Source: ``kernels/sign.cc``.
    """
    signs = ((x > 0).astype(np.int8) - (x < 0).astype(np.int8)).astype(x.dtype)
    return np.where(np.isnan(x), x, signs)


def evaluate_not(prepared: Unary, x: np.ndarray) -> np.ndarray:
    """Return the opposite of each bool."""
    return np.asarray(np.logical_not(x))


def evaluate_zeros(prepared: Unary, x: np.ndarray) -> np.ndarray:
    """Return zeros of the shape and type of ``x``."""
    return np.zeros(x.shape, x.dtype)


def lower_sin(prepared: Unary, node: Node) -> Instruction | None:
    """Lower float32 to calls of the C library."""
    return lower_function("apply_float32", "function", "sinf", node)


def lower_cos(prepared: Unary, node: Node) -> Instruction | None:
    """Lower float32 to calls of the C library."""
    return lower_function("apply_float32", "function", "cosf", node)


def lower_neg(prepared: Unary, node: Node) -> Instruction | None:
    """Lower int8 to a table."""
    return lower_by_tabulating(evaluate_neg, prepared, node)


_FLOAT32 = (TensorType.FLOAT32,)
_PLAIN = (TensorType.FLOAT32, TensorType.INT32, TensorType.INT64)

KERNELS = (
    Kernel("NEG", (1, 1), (*_PLAIN, *NARROW, TensorType.INT8, TensorType.INT16), prepare, evaluate_neg, lower_neg),
    Kernel("SQUARE", (1, 1), _FLOAT32, prepare, evaluate_square),
    Kernel("SIN", (1, 1), (*_FLOAT32, TensorType.FLOAT16), prepare, evaluate_sin, lower_sin),
    Kernel("COS", (1, 1), (*_FLOAT32, TensorType.FLOAT16), prepare, evaluate_cos, lower_cos),
    Kernel("FLOOR", (1, 1), (*_FLOAT32, *NARROW), prepare, evaluate_floor),
    Kernel("CEIL", (1, 1), _FLOAT32, prepare, evaluate_ceil),
    Kernel("ROUND", (1, 1), (*_FLOAT32, *NARROW), prepare, evaluate_round),
    Kernel("SIGN", (1, 2), (TensorType.FLOAT32, TensorType.FLOAT64, TensorType.INT32), prepare, evaluate_sign),
    Kernel("LOGICAL_NOT", (1, 1), (TensorType.BOOL,), prepare, evaluate_not),
    Kernel("ZEROS_LIKE", (1, 1), _PLAIN, prepare, evaluate_zeros),
)
