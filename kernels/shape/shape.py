"""SHAPE: the sizes of a tensor as a vector."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...schema.options import ShapeOptions
from ..checks import options_of, require_arity
from ..operator import Kernel, Node, Prepared, Shape
from ..profiles import Profile
from .arguments import ALL_TYPES, INDEX_TYPES


@dataclass(frozen=True)
class ShapeOf(Prepared):
    """The input's shape and the data type it is given in."""

    shape: Shape
    dtype: np.dtype


def prepare(node: Node, profile: Profile) -> ShapeOf:
    """Prepare SHAPE; the option ``out_type`` is int32 or int64 (``kernels/shape.cc``)."""
    require_arity(node, 1)
    target = node.output()
    out_type = options_of(node, ShapeOptions).out_type
    node.require(
        out_type in INDEX_TYPES and out_type is target.type, "an int32 or int64 output of the type in out_type"
    )
    shape = node.input(0).shape
    return ShapeOf(((len(shape),),), shape, target.dtype)


def evaluate(prepared: ShapeOf, x: np.ndarray | None = None) -> np.ndarray:
    """Return the shape; the input's values are not looked at."""
    return np.array(prepared.shape, prepared.dtype)


KERNELS = (Kernel("SHAPE", (1, 1), ALL_TYPES, prepare, evaluate, shape_only=True),)
