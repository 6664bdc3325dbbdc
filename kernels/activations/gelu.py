"""GELU: floats by Eigen's own erfc and tanh, int8 and uint8 by a table, int16 by interpolation; both of the C library.

Eigen is the linear algebra library behind the reference's kernel (module ``kernels/eigen.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...schema import TensorType
from ...schema.options import GeluOptions
from ..checks import options_of, require_arity, require_quantized, require_same_type, require_symmetric
from ..eigen import eigen_erfc, eigen_tanh
from ..libm import erfcf, expf, tanhf
from ..operator import Instruction, Kernel, Node, Prepared
from ..profiles import Profile
from .interpolation import Interpolated, build_interpolated, evaluate_interpolated
from .lookup import Lookup, build_table, lower_by_tabulating, lower_elements, lower_function, lower_table

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
    """Lower codes to a table, float32 to its formula; float16 stays with ``evaluate``."""
    if isinstance(prepared, Lookup):
        return lower_table(prepared.table, node)
    if isinstance(prepared, FloatGelu):
        if prepared.approximate:
            return lower_elements("gelu_approximate_float32", node)
        return lower_function("gelu_float32", "exponential", "expf", node)
    return lower_by_tabulating(evaluate, prepared, node)


_TYPES = (TensorType.FLOAT32, TensorType.FLOAT16, TensorType.INT8, TensorType.UINT8, TensorType.INT16)

KERNELS = (Kernel("GELU", (1, 2), _TYPES, prepare, evaluate, lower),)
