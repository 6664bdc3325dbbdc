"""GELU: floats by Eigen's own erfc and tanh, int8 and uint8 by a table, int16 by interpolation; both of the C library.

Eigen is the linear algebra library behind the reference's kernel. Its functions are polynomials and quotients of
polynomials in float32; what follows keeps their coefficients and the order of their operations, without fused
multiply-add, as the reference's binary has them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...schema import TensorType
from ...schema.options import GeluOptions
from ..checks import options_of, require_arity, require_quantized, require_same_type, require_symmetric
from ..libm import erfcf, expf, tanhf
from ..operator import Instruction, Kernel, Node, Prepared
from ..profiles import Profile
from .interpolation import Interpolated, build_interpolated, evaluate_interpolated
from .lookup import Lookup, build_table, lower_by_tabulating, lower_table

_INVERSE_SQRT_2 = float(np.sqrt(0.5))
_SQRT_2_OVER_PI = float(np.sqrt(2 / np.pi))
_LANES = 4
"""Floats that Eigen computes together; what is left over at the end goes one by one."""


@dataclass(frozen=True)
class FloatGelu(Prepared):
    """GELU of floats, with ``erfc`` or, ``approximate``, with ``tanh``."""

    approximate: bool


Gelu = FloatGelu | Lookup | Interpolated


def gelu(x: np.ndarray) -> np.ndarray:
    """Return ``x / 2 * erfc(-x / sqrt(2))`` in float32, as tables are filled.

    Notes
    -----
    Source: ``GeluTransform`` in ``kernels/internal/reference/gelu.h``.
    """
    return np.asarray((np.float32(0.5) * x) * erfcf(x * np.float32(-_INVERSE_SQRT_2)))


def gelu_approximate(x: np.ndarray) -> np.ndarray:
    """Return ``x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))`` in float32, left to right, for tables.

    Notes
    -----
    Source: ``GeluTransformApproximate`` in ``kernels/internal/reference/gelu.h``.
    """
    inner = np.float32(_SQRT_2_OVER_PI) * (x + ((np.float32(0.044715) * x) * x) * x)
    return np.asarray((np.float32(0.5) * x) * (np.float32(1) + tanhf(inner)))


def prepare(node: Node, profile: Profile) -> Gelu:
    """Prepare GELU, exact or approximate.

    Notes
    -----
    Source: ``GeluPrepare`` in ``kernels/activations.cc``.
    """
    require_arity(node, 1)
    source, target = node.input(0), node.output()
    require_same_type(node, source, target)
    approximate = options_of(node, GeluOptions).approximate
    if source.type in (TensorType.FLOAT32, TensorType.FLOAT16):
        return FloatGelu((source.shape,), approximate)
    require_quantized(node, source, target)
    function = gelu_approximate if approximate else gelu
    if source.type is TensorType.INT16:
        require_symmetric(node, source, target)
        return Interpolated((source.shape,), build_interpolated(function, source, target))
    return Lookup((source.shape,), build_table(function, source, target))


def _polynomial(x: np.ndarray, coefficients: Sequence[float]) -> np.ndarray:
    """Evaluate a polynomial by Horner's rule, the coefficient of the highest power first."""
    result = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        result = result * x + np.float32(coefficient)
    return result


_TANH_NUMERATOR = (1.394553628e-8, 2.102733560e-5, 3.520756727e-3, 1.340216100e-1)
_TANH_DENOMINATOR = (8.015776984e-7, 3.326951409e-4, 2.597254514e-2, 4.673548340e-1, 1.0)
_TANH_IS_ONE = np.float32(7.90738964080810547)


def eigen_tanh(x: np.ndarray) -> np.ndarray:
    """Return tanh of float32: an odd polynomial over an even one, on a range at whose ends it is 1.

    Notes
    -----
    Source: ``ptanh_float`` in Eigen's ``GenericPacketMathFunctions.h``.
    """
    x = np.clip(x, -_TANH_IS_ONE, _TANH_IS_ONE)
    square = x * x
    numerator = (square * x) * _polynomial(square, _TANH_NUMERATOR) + x
    return np.asarray(numerator / _polynomial(square, _TANH_DENOMINATOR))


_LOG2_E = np.float32(1.44269504088896341)
_LN_2_HIGH, _LN_2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
_EXP_IS_ZERO = np.float32(-104)
_EXP_EVEN = (1.37449637986719608306884765625e-3, 4.166965186595916748046875e-2, 0.49999988079071044921875)
_EXP_ODD = (8.36894474923610687255859375e-3, 0.16666518151760101318359375)


def eigen_exp(x: np.ndarray) -> np.ndarray:
    """Return exp of float32 that is not positive: ``2**m * exp(r)``, exp(r) by a polynomial of degree 6.

    Notes
    -----
    Source: ``pexp_float`` in Eigen's ``GenericPacketMathFunctions.h``.
    """
    exponent = np.floor(np.maximum(x, _EXP_IS_ZERO) * _LOG2_E + np.float32(0.5))
    rest = -exponent * _LN_2_LOW + (-exponent * _LN_2_HIGH + x)
    square = rest * rest
    polynomial = rest * _polynomial(square, _EXP_ODD) + _polynomial(square, _EXP_EVEN)
    significand = polynomial * square + (rest + np.float32(1))
    power = np.nan_to_num(exponent).astype(np.int32)
    return np.where(x < _EXP_IS_ZERO, np.float32(0), np.ldexp(significand, power))


def _rounding_error_of_square(x: np.ndarray, square: np.ndarray) -> np.ndarray:
    """Return ``x * x - square``, which is exact: Dekker's product by Veltkamp's halves of ``x``."""
    scaled = x * np.float32(4097)
    high = scaled + (x - scaled)
    low = x - high
    return np.asarray(low * low + (low * high + (high * low + (high * high - square))))


_ERFC_SMALL = (
    *(5.61802298761904239654541015625e-04, -4.91381669417023658752441406250e-03, 2.67075151205062866210937500000e-02),
    *(-1.12800106406211853027343750000e-01, 3.76122951507568359375000000000e-01, -1.12837910652160644531250000000),
)
_ERFC_NUMERATOR = (0.10208116471767425537109375, 0.42920666933059692382812500, 0.32379078865051269531250000,
                   0.053971976041793823242187500)  # fmt: skip
_ERFC_DENOMINATOR = (0.017251677811145782470703125, 0.39137163758277893066406250, 1.0, 0.62173241376876831054687500,
                     0.095662862062454223632812500)  # fmt: skip
_ERFC_IS_CONSTANT = np.float32(11)


def eigen_erfc(x: np.ndarray, exp: Callable[[np.ndarray], np.ndarray] = eigen_exp) -> np.ndarray:
    """Return ``1 - erf(x)`` of float32.

    Up to 1 it is a polynomial; beyond, ``exp(-x**2)`` times a quotient of polynomials in ``1 / x**2``.

    Parameters
    ----------
    x : float32.
    exp : the exponential function, :func:`eigen_exp` or the C library's.

    Notes
    -----
    Source: ``generic_fast_erfc`` in Eigen's ``SpecialFunctionsImpl.h`` and ``twoprod_low`` in
    ``GenericPacketMathDoubleWord.h``.
    """
    x = np.clip(x, -_ERFC_IS_CONSTANT, _ERFC_IS_CONSTANT)
    square, one = x * x, np.float32(1)
    small = x * _polynomial(square, _ERFC_SMALL) + one
    power = exp(-square)
    power = power - power * _rounding_error_of_square(x, square)
    inverse = one / square
    quotient = _polynomial(inverse, _ERFC_NUMERATOR) / (x * _polynomial(inverse, _ERFC_DENOMINATOR))
    large = power * quotient + np.where(x < 0, np.float32(2), np.float32(0))
    return np.where(square > one, large, small)


def _float_gelu(x: np.ndarray, erfc: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Compute the exact form in the type of ``x``, each operation rounded to it."""
    real: Any = x.dtype.type
    return np.asarray((real(0.5) * x) * _widened(erfc, x * real(-_INVERSE_SQRT_2)))


def _float_gelu_approximate(x: np.ndarray) -> np.ndarray:
    """Compute the approximate form in the type of ``x``, each operation rounded to it."""
    real: Any = x.dtype.type
    inner = real(_SQRT_2_OVER_PI) * (x + real(0.044715) * ((x * x) * x))
    return np.asarray((real(0.5) * x) * (real(1) + _widened(eigen_tanh, inner)))


def _widened(function: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> np.ndarray:
    return function(x.astype(np.float32, copy=False)).astype(x.dtype, copy=False)


def evaluate_float(prepared: FloatGelu, x: np.ndarray) -> np.ndarray:
    """Apply GELU to floats. Shape and type of the result are those of ``x``.

    float32 goes through Eigen four at a time; for the one to three elements left over, its erfc takes the C library's
    ``expf`` in place of its own exponential.

    Notes
    -----
    Source: ``Gelu`` in ``kernels/internal/reference/gelu.h``.
    """
    if prepared.approximate:
        return _float_gelu_approximate(x)
    result = _float_gelu(x, eigen_erfc)
    leftover = x.size % _LANES
    if leftover and x.dtype == np.float32:
        last = np.ravel(x)[-leftover:]
        result = np.ascontiguousarray(result)
        result.reshape(-1)[-leftover:] = _float_gelu(last, lambda y: eigen_erfc(y, expf))
    return result


def evaluate(prepared: Gelu, x: np.ndarray) -> np.ndarray:
    """Look each code up, or compute with floats. Shape and type of the result are those of ``x``."""
    if isinstance(prepared, Lookup):
        return np.asarray(prepared.table[x.view(np.uint8)])
    if isinstance(prepared, Interpolated):
        return evaluate_interpolated(prepared, x)
    with np.errstate(all="ignore"):
        return evaluate_float(prepared, x)


def lower(prepared: Gelu, node: Node) -> Instruction | None:
    """Lower codes to a table; floats stay with ``evaluate``."""
    if isinstance(prepared, Lookup):
        return lower_table(prepared.table, node)
    return lower_by_tabulating(evaluate, prepared, node)


_TYPES = (TensorType.FLOAT32, TensorType.FLOAT16, TensorType.INT8, TensorType.UINT8, TensorType.INT16)

KERNELS = (Kernel("GELU", (1, 2), _TYPES, prepare, evaluate, lower),)
