"""REAL, IMAG and COMPLEX_ABS: from complex numbers to real ones of half the size. And the product for MUL."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ..checks import require_arity
from ..libm import hypotf
from ..operator import Kernel, Node, Prepared
from ..profiles import Profile

_REAL = {TensorType.COMPLEX64: TensorType.FLOAT32, TensorType.COMPLEX128: TensorType.FLOAT64}


@dataclass(frozen=True)
class ComplexPart(Prepared):
    """A real number of each complex one; the operator's name says which."""


def prepare(node: Node, profile: Profile) -> ComplexPart:
    """Prepare REAL, IMAG or COMPLEX_ABS.

    Notes
    -----
    Source: ``Prepare`` in ``kernels/complex_support.cc``.
    """
    require_arity(node, 1)
    real = _REAL.get(node.input(0).type)
    node.require(real is not None and node.output().type is real, "complex64 to float32 or complex128 to float64")
    return ComplexPart((node.input(0).shape,))


def evaluate_real(prepared: ComplexPart, x: np.ndarray) -> np.ndarray:
    """Return the real parts."""
    return np.array(x.real)


def evaluate_imag(prepared: ComplexPart, x: np.ndarray) -> np.ndarray:
    """Return the imaginary parts."""
    return np.array(x.imag)


def evaluate_abs(prepared: ComplexPart, x: np.ndarray) -> np.ndarray:
    """Return the magnitudes, by the C library's ``hypot``."""
    if x.dtype == np.complex64:
        return hypotf(x.real, x.imag)
    with np.errstate(all="ignore"):
        return np.asarray(np.hypot(x.real, x.imag))


def _direction(x: np.ndarray) -> np.ndarray:
    """Return 1 in place of an infinity and 0 in place of anything else, each with its sign."""
    return np.copysign(np.isinf(x).astype(x.dtype), x)


def _zero_for_nan(x: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(x), np.copysign(np.zeros((), x.dtype), x), x)


def multiply_complex(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Multiply complex64 as C does: a product whose parts are both NaN, but of infinities, is infinite.

    Notes
    -----
    Source: C11, annex G.5.1, which compilers follow for ``std::complex``.
    """
    re_a, im_a, re_b, im_b = np.broadcast_arrays(a.real, a.imag, b.real, b.imag)
    products = re_a * re_b, im_a * im_b, re_a * im_b, im_a * re_b
    real, imaginary = products[0] - products[1], products[2] + products[3]
    infinite_a, infinite_b = np.isinf(re_a) | np.isinf(im_a), np.isinf(re_b) | np.isinf(im_b)
    overflow = np.any(np.isinf(products), axis=0) & ~infinite_a & ~infinite_b
    re_a, im_a = (np.where(infinite_a, _direction(part), part) for part in (re_a, im_a))
    re_b, im_b = (np.where(infinite_b, _direction(part), part) for part in (re_b, im_b))
    re_a, im_a = (np.where(infinite_b | overflow, _zero_for_nan(part), part) for part in (re_a, im_a))
    re_b, im_b = (np.where(infinite_a | overflow, _zero_for_nan(part), part) for part in (re_b, im_b))
    recovered = np.isnan(real) & np.isnan(imaginary) & (infinite_a | infinite_b | overflow)
    infinity = np.float32(np.inf)
    result = np.empty(real.shape, a.dtype)
    result.real = np.where(recovered, infinity * (re_a * re_b - im_a * im_b), real)
    result.imag = np.where(recovered, infinity * (re_a * im_b + im_a * re_b), imaginary)
    return result


KERNELS = (
    Kernel("REAL", (1, 1), tuple(_REAL), prepare, evaluate_real),
    Kernel("IMAG", (1, 1), tuple(_REAL), prepare, evaluate_imag),
    Kernel("COMPLEX_ABS", (1, 1), tuple(_REAL), prepare, evaluate_abs),
)
