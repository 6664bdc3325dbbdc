"""The C library's float32 functions on arrays.

The reference calls ``expf``, ``tanhf`` and their kin of the machine's C library. NumPy has SIMD versions of its own
whose last bit differs for a third of all values, so the specification calls the C library too: bit for bit, at
about 0.3 microseconds an element. Where the library or a function is missing, float64 rounded to float32 stands in,
which differs for less than one value in a thousand.
"""

from __future__ import annotations

import ctypes
import math
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

_LIBRARIES = {
    "win32": ("ucrtbase",),
    "darwin": (None, "libSystem.dylib"),
}


@cache
def _function(name: str, arguments: int = 1) -> Callable[..., Any] | None:
    """Return ``name`` of the C library as a ufunc over Python objects, or None."""
    function = _c_function(name, arguments)
    return None if function is None else np.frompyfunc(function, arguments, 1)


def _c_function(name: str, arguments: int, number: Any = ctypes.c_float) -> Any:
    """Return ``name`` of the C library, a function of float32 or of another C number, or None."""
    for library in _LIBRARIES.get(sys.platform, ("libm.so.6", None)):
        try:
            function = getattr(ctypes.CDLL(library), name)
        except (OSError, AttributeError, TypeError):
            continue
        function.restype, function.argtypes = number, [number] * arguments
        return function
    return None


def address(name: str, number: Any = ctypes.c_float) -> int | None:
    """Return the address of a function of one number in the C library, for compiled code; None where it is missing."""
    function = _c_function(name, 1, number)
    return None if function is None else ctypes.cast(function, ctypes.c_void_p).value


def _apply(name: str, x: Any, substitute: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    x = np.asarray(x, np.float32)
    function = _function(name)
    with np.errstate(all="ignore"):
        if function is not None:
            return np.asarray(function(x), np.float32)
        return np.asarray(substitute(x.astype(np.float64)), np.float32)


def expf(x: Any) -> np.ndarray:
    """Return ``exp(x)``, float32 to float32, as the C library computes it."""
    return _apply("expf", x, np.exp)


def expm1f(x: Any) -> np.ndarray:
    """Return ``exp(x) - 1``, float32 to float32, as the C library computes it."""
    return _apply("expm1f", x, np.expm1)


def tanhf(x: Any) -> np.ndarray:
    """Return ``tanh(x)``, float32 to float32, as the C library computes it."""
    return _apply("tanhf", x, np.tanh)


def logf(x: Any) -> np.ndarray:
    """Return ``log(x)``, float32 to float32, as the C library computes it."""
    return _apply("logf", x, np.log)


def sinf(x: Any) -> np.ndarray:
    """Return ``sin(x)``, float32 to float32, as the C library computes it."""
    return _apply("sinf", x, np.sin)


def cosf(x: Any) -> np.ndarray:
    """Return ``cos(x)``, float32 to float32, as the C library computes it."""
    return _apply("cosf", x, np.cos)


def erfcf(x: Any) -> np.ndarray:
    """Return ``1 - erf(x)``, float32 to float32, as the C library computes it."""
    return _apply("erfcf", x, lambda y: np.vectorize(math.erfc, otypes=[np.float64])(y))


def _apply_to_two(name: str, x: Any, y: Any, substitute: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
    x, y = np.asarray(x, np.float32), np.asarray(y, np.float32)
    function = _function(name, 2)
    with np.errstate(all="ignore"):
        if function is not None:
            return np.asarray(function(x, y), np.float32)
        return np.asarray(substitute(x.astype(np.float64), y.astype(np.float64)), np.float32)


def powf(x: Any, y: Any) -> np.ndarray:
    """Return ``x**y``, float32 to float32, broadcast, as the C library computes it."""
    return _apply_to_two("powf", x, y, np.power)


def atan2f(y: Any, x: Any) -> np.ndarray:
    """Return the angle of the point (x, y), float32 to float32, broadcast, as the C library computes it."""
    return _apply_to_two("atan2f", y, x, np.arctan2)


def hypotf(x: Any, y: Any) -> np.ndarray:
    """Return ``sqrt(x**2 + y**2)``, float32 to float32, broadcast, as the C library computes it."""
    return _apply_to_two("hypotf", x, y, np.hypot)
