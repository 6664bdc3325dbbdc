"""ADD_N: the sum of several tensors of one shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ..activation_range import clamp_float
from ..checks import require_same_type
from ..operator import Kernel, Node, Prepared
from ..profiles import Profile


@dataclass(frozen=True)
class AddN(Prepared):
    """ADD_N: no parameters."""


def prepare(node: Node, profile: Profile) -> AddN:
    """Prepare ADD_N.

    Notes
    -----
    Source: ``Prepare`` in ``kernels/add_n.cc``.
    """
    node.require(len(node.inputs) >= 2 and len(node.outputs) == 1, "at least 2 inputs and one output")
    tensors = [node.input(index) for index in range(len(node.inputs))]
    require_same_type(node, *tensors, node.output())
    node.require(len({spec.shape for spec in tensors}) == 1, "inputs of one shape")
    return AddN((tensors[0].shape,))


def evaluate(prepared: AddN, *arrays: np.ndarray) -> np.ndarray:
    """Add from the first to the last; int32 wraps, and float32 is clamped to its finite range after each addition.

    Notes
    -----
    Source: ``AddN`` in ``kernels/internal/optimized/optimized_ops.h``, on one thread.
    """
    total = arrays[0]
    largest = np.finfo(np.float32).max
    with np.errstate(all="ignore"):
        for array in arrays[1:]:
            total = total + array
            if total.dtype == np.float32:
                total = clamp_float(total, -largest, largest)
    return np.asarray(total)


KERNELS = (Kernel("ADD_N", (1, 1), (TensorType.FLOAT32, TensorType.INT32), prepare, evaluate),)
