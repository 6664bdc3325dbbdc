"""RESHAPE, SQUEEZE and EXPAND_DIMS: the same elements in the same order under another shape."""

from __future__ import annotations

import math

import numpy as np

from ...schema import TensorType
from ...schema.options import ReshapeOptions, SqueezeOptions
from ..checks import options_of, require_arity, require_same_type
from ..operator import Instruction, Kernel, Node, Prepared, Shape
from ..profiles import Profile
from . import copies
from .arguments import ALL_TYPES, integers, normalized_axis, scalar


def _truncating_divide(a: int, b: int) -> int:
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def requested_shape(node: Node) -> tuple[int, ...]:
    """Return the shape RESHAPE asks for, -1 not yet resolved.

    Notes
    -----
    Source: ``GetOutputShape`` in ``kernels/reshape.cc``. Input 1 wins if it is an int32 vector; otherwise the
    options count, where a lone 0 is an old way to write a scalar.
    """
    spec = node.optional_input(1)
    if spec is not None and len(spec.shape) == 1 and spec.type is TensorType.INT32:
        return integers(node, 1)
    shape = options_of(node, ReshapeOptions).new_shape
    return () if shape == (0,) else shape


def resolve_shape(node: Node, source: Shape, requested: tuple[int, ...]) -> Shape:
    """Replace one -1 by the size that fits, and hold the number of elements.

    Notes
    -----
    Source: ``ResizeOutput`` in ``kernels/reshape.cc``. Where the input is empty, zeros are left out of both products,
    unless the rest of the requested shape is not empty: then the free size is 0.
    """
    node.require(requested.count(-1) <= 1, f"at most one -1 in the shape {list(requested)}")
    elements = math.prod(source)
    fixed = math.prod(size for size in requested if size != -1)
    shape = list(requested)
    if -1 in requested:
        full = math.prod(size for size in requested if size not in (-1, 0))
        present = math.prod(size for size in source if size != 0)
        shape[requested.index(-1)] = 0 if elements == 0 and fixed != 0 else _truncating_divide(present, full)
    node.require(
        all(size >= 0 for size in shape) and math.prod(shape) == elements,
        f"a shape of {elements} elements, not {list(requested)}",
    )
    return tuple(shape)


def prepare_reshape(node: Node, profile: Profile) -> Prepared:
    """Prepare RESHAPE."""
    node.require(len(node.inputs) in (1, 2) and len(node.outputs) == 1, "1 or 2 inputs and 1 output")
    source = node.input(0)
    require_same_type(node, source, node.output())
    return Prepared((resolve_shape(node, source.shape, requested_shape(node)),))


def prepare_squeeze(node: Node, profile: Profile) -> Prepared:
    """Prepare SQUEEZE: drop the axes of ``squeeze_dims``, or every axis of size 1 where it is empty.

    Notes
    -----
    Source: ``Prepare`` in ``kernels/squeeze.cc``.
    """
    require_arity(node, 1)
    source = node.input(0)
    require_same_type(node, source, node.output())
    shape = source.shape
    dims = options_of(node, SqueezeOptions).squeeze_dims
    dropped = {normalized_axis(node, axis, len(shape)) for axis in dims}
    if not dims:
        dropped = {axis for axis, size in enumerate(shape) if size == 1}
    node.require(all(shape[axis] == 1 for axis in dropped), f"size 1 along the axes {sorted(dropped)}")
    return Prepared((tuple(size for axis, size in enumerate(shape) if axis not in dropped),))


def prepare_expand_dims(node: Node, profile: Profile) -> Prepared:
    """Prepare EXPAND_DIMS: a new axis of size 1 before the one input 1 names (``kernels/expand_dims.cc``)."""
    require_arity(node, 2)
    source = node.input(0)
    require_same_type(node, source, node.output())
    node.require(
        (source.scale, source.zero_point) == (node.output().scale, node.output().zero_point),
        "input and output of one scale and zero point",
    )
    axis = normalized_axis(node, scalar(node, 1), len(source.shape) + 1)
    return Prepared(((*source.shape[:axis], 1, *source.shape[axis:]),))


def evaluate(prepared: Prepared, x: np.ndarray, *unused: np.ndarray | None) -> np.ndarray:
    """Return a copy of ``x`` under the output's shape."""
    return x.reshape(prepared.output_shape).copy()


def lower(prepared: Prepared, node: Node) -> Instruction | None:
    """Lower to one copy, for where the output cannot lie on the input's bytes."""
    return copies.contiguous_copy(node)


KERNELS = (
    Kernel("RESHAPE", (1, 1), ALL_TYPES, prepare_reshape, evaluate, lower, values=(1,), aliases=True),
    Kernel("SQUEEZE", (1, 1), ALL_TYPES, prepare_squeeze, evaluate, lower, aliases=True),
    Kernel("EXPAND_DIMS", (1, 1), ALL_TYPES, prepare_expand_dims, evaluate, lower, values=(1,), aliases=True),
)
