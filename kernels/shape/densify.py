"""DENSIFY: a sparse constant as a dense tensor."""

from __future__ import annotations

import numpy as np

from ...schema import TensorType
from ..checks import require_arity, require_same_type
from ..operator import Kernel, Node, Prepared
from ..profiles import Profile


def prepare(node: Node, profile: Profile) -> Prepared:
    """Prepare DENSIFY; reading the constant from the file made it dense already (``kernels/densify.cc``)."""
    require_arity(node, 1)
    source = node.input(0)
    require_same_type(node, source, node.output())
    node.require(source.value is not None, "a constant")
    return Prepared((source.shape,))


def evaluate(prepared: Prepared, x: np.ndarray) -> np.ndarray:
    """Return the dense values."""
    return x.copy()


_TYPES = (TensorType.FLOAT32, TensorType.FLOAT16, TensorType.INT8)

KERNELS = (Kernel("DENSIFY", (1, 1), _TYPES, prepare, evaluate, values=(0,)),)
