"""ELU: x, or ``exp(x) - 1`` where that is negative; float32 by the C library, int8 by a table filled in float32."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ..checks import require_arity, require_quantized, require_same_type
from ..libm import expm1f
from ..operator import Instruction, Kernel, Node, Prepared
from ..profiles import Profile
from .lookup import Lookup, build_table, lower_function, lower_table


@dataclass(frozen=True)
class FloatElu(Prepared):
    """ELU of float32."""


def elu(x: np.ndarray) -> np.ndarray:
    """Return x, or ``exp(x) - 1`` where x is negative, in float32."""
    return np.where(x < 0, expm1f(x), x)


def prepare(node: Node, profile: Profile) -> FloatElu | Lookup:
    """Prepare ELU.

    Notes
    -----
    Source: ``EluPrepare`` in ``kernels/activations.cc``.
    """
    require_arity(node, 1)
    source, target = node.input(0), node.output()
    require_same_type(node, source, target)
    if source.type is TensorType.FLOAT32:
        return FloatElu((source.shape,))
    require_quantized(node, source, target)
    return Lookup((source.shape,), build_table(elu, source, target))


def evaluate(prepared: FloatElu | Lookup, x: np.ndarray) -> np.ndarray:
    """Look each code up, or compute in float32. Shape and type of the result are those of ``x``.

    Notes
    -----
    Source: ``Elu`` in ``kernels/internal/optimized/optimized_ops.h``, whose ``expm1`` is the C library's.
    """
    if isinstance(prepared, Lookup):
        return np.asarray(prepared.table[x.view(np.uint8)])
    return elu(x)


def lower(prepared: FloatElu | Lookup, node: Node) -> Instruction | None:
    """Lower codes to a table, float32 to calls of the C library."""
    if isinstance(prepared, Lookup):
        return lower_table(prepared.table, node)
    return lower_function("elu_float32", "function", "expm1f", node)


KERNELS = (Kernel("ELU", (1, 1), (TensorType.FLOAT32, TensorType.INT8), prepare, evaluate, lower),)
