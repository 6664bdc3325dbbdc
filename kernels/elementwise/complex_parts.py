"""REAL, IMAG and COMPLEX_ABS: from complex numbers to real ones of half the size."""

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


KERNELS = (
    Kernel("REAL", (1, 1), tuple(_REAL), prepare, evaluate_real),
    Kernel("IMAG", (1, 1), tuple(_REAL), prepare, evaluate_imag),
    Kernel("COMPLEX_ABS", (1, 1), tuple(_REAL), prepare, evaluate_abs),
)
