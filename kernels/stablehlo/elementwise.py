"""STABLEHLO_ADD, STABLEHLO_MULTIPLY, STABLEHLO_MAXIMUM and STABLEHLO_MINIMUM: of two tensors of one shape."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ...schema import TensorType
from ..checks import require_arity, require_same_type
from ..operator import Kernel, Node, Prepared
from ..profiles import Profile
from ..shape.arguments import COPIED_TYPES

TYPES = tuple(one for one in COPIED_TYPES if one not in (TensorType.BFLOAT16, TensorType.COMPLEX64))


def prepare(node: Node, profile: Profile) -> Prepared:
    """Prepare an operator on two tensors of one type and one shape; nothing is broadcast.

    Notes
    -----
    Source: ``ElementwisePrepare`` in ``kernels/stablehlo_elementwise.cc``.
    """
    require_arity(node, 2)
    require_same_type(node, node.input(0), node.input(1), node.output())
    node.require(node.input(0).shape == node.input(1).shape, "inputs of one shape")
    return Prepared((node.input(0).shape,))


def maximum(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the greater of two, the first where they do not compare: C++'s ``std::max``."""
    return np.where(a < b, b, a)


def minimum(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the lesser of two, the first where they do not compare: C++'s ``std::min``."""
    return np.where(b < a, b, a)


def evaluate(
    operation: Callable[[Any, Any], np.ndarray], prepared: Prepared, a: np.ndarray, b: np.ndarray
) -> np.ndarray:
    """Apply the operation to the values; integers wrap, float16 is computed in float32 and rounded.

    Notes
    -----
    Source: ``EvalWithType`` in ``kernels/stablehlo_elementwise.h``.
    """
    return np.asarray(operation(a, b), a.dtype)


OPERATIONS: dict[str, Callable[[Any, Any], np.ndarray]] = {
    "STABLEHLO_ADD": np.add,
    "STABLEHLO_MULTIPLY": np.multiply,
    "STABLEHLO_MAXIMUM": maximum,
    "STABLEHLO_MINIMUM": minimum,
}

KERNELS = tuple(
    Kernel(name, (1, 1), TYPES, prepare, partial(evaluate, operation)) for name, operation in OPERATIONS.items()
)
