"""EXP and LOG: float32 by the C library, int8 and int16 by tables filled in float32."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ..activation_range import type_range
from ..checks import require_arity, require_quantized, require_same_type, require_symmetric
from ..libm import expf, logf
from ..operator import Instruction, Kernel, Node, Prepared
from ..profiles import Profile
from .interpolation import Interpolated, build_interpolated, evaluate_interpolated
from .lookup import Lookup, build_table, lower_by_tabulating, lower_function, lower_table

Function = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class FloatFunction(Prepared):
    """A float32 function applied to each element: ``"exp"`` or ``"log"``."""

    function: str


Tabulated = FloatFunction | Lookup | Interpolated


_FUNCTIONS: dict[str, Function] = {"exp": expf, "log": logf}


def _prepare(node: Node, name: str, quantized_function: Function | None = None) -> Tabulated:
    require_arity(node, 1)
    source, target = node.input(0), node.output()
    require_same_type(node, source, target)
    if source.type is TensorType.FLOAT32:
        return FloatFunction((source.shape,), name)
    require_quantized(node, source, target)
    function = quantized_function or _FUNCTIONS[name]
    if source.type is TensorType.INT16:
        require_symmetric(node, source, target)
        return Interpolated((source.shape,), build_interpolated(function, source, target))
    return Lookup((source.shape,), build_table(function, source, target))


def prepare_exp(node: Node, profile: Profile) -> Tabulated:
    """Prepare EXP.

    Notes
    -----
    Source: ``ExpPrepare`` in ``kernels/exp.cc``.
    """
    return _prepare(node, "exp")


def prepare_log(node: Node, profile: Profile) -> Tabulated:
    """Prepare LOG; in codes, what is not positive gives the least code.

    Notes
    -----
    Source: ``LogLUTPrepare`` in ``kernels/elementwise.cc``.
    """
    if node.outputs and node.output().type in (TensorType.INT8, TensorType.INT16):
        least = type_range(node.output().type)[0] - node.output().zero_point
        with np.errstate(all="ignore"):
            lowest = np.float32(least) * node.output().scale
        return _prepare(node, "log", lambda x: np.where(x <= 0, lowest, logf(x)))
    return _prepare(node, "log")


def evaluate(prepared: Tabulated, x: np.ndarray) -> np.ndarray:
    """Look each code up, or apply the function in float32. Shape and type of the result are those of ``x``."""
    if isinstance(prepared, Lookup):
        return np.asarray(prepared.table[x.view(np.uint8)])
    if isinstance(prepared, Interpolated):
        return evaluate_interpolated(prepared, x)
    return _FUNCTIONS[prepared.function](x)


def lower(prepared: Tabulated, node: Node) -> Instruction | None:
    """Lower codes to a table, EXP and LOG of float32 to calls of the C library."""
    if isinstance(prepared, Lookup):
        return lower_table(prepared.table, node)
    if isinstance(prepared, Interpolated):
        return lower_by_tabulating(evaluate, prepared, node)
    return lower_function("apply_float32", "function", f"{prepared.function}f", node)


_TYPES = (TensorType.FLOAT32, TensorType.INT8, TensorType.INT16)

KERNELS = (
    Kernel("EXP", (1, 2), _TYPES, prepare_exp, evaluate, lower),
    Kernel("LOG", (1, 2), _TYPES, prepare_log, evaluate, lower),
)
