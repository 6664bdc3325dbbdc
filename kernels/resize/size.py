"""What both resizing operators share: the requested size, and which rows or columns it maps to."""

from __future__ import annotations

from ...schema import TensorType
from ..checks import require_arity, require_same_type
from ..operator import Node, Shape
from ..shape.arguments import vector

_LARGEST = 1 << 24
"""Positions beyond this are not told apart in float32, in which they are computed."""


def output_shape(node: Node) -> Shape:
    """Return (N, height, width, C): input 0 is (N, H, W, C), input 1 an int32 vector of the new height and width.

    Notes
    -----
    Source: ``Prepare`` in ``kernels/resize_bilinear.cc`` and ``kernels/resize_nearest_neighbor.cc``.
    """
    require_arity(node, 2)
    source = node.input(0)
    require_same_type(node, source, node.output())
    node.require(len(source.shape) == 4, "an input of rank 4")
    size = vector(node, 1, (TensorType.INT32,))
    node.require(len(size) == 2, "a new height and width")
    node.require(0 < min(size) <= max(size) <= _LARGEST, f"a new size of 1 to {_LARGEST} pixels, not {list(size)}")
    batches, height, width, depth = source.shape
    node.require(height > 0 and width > 0, "an image of at least one pixel")
    return (batches, *size, depth)
