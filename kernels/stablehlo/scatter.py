"""STABLEHLO_SCATTER: updates put into a tensor, or combined with it, at places that indices name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ...schema.options import StablehloScatterOptions
from ..checks import options_of, require_arity, require_same_type
from ..operator import Kernel, Node, Prepared, Shape
from ..profiles import Profile
from .elementwise import OPERATIONS, TYPES
from .gather import require_axes, require_vector


@dataclass(frozen=True)
class Scatter(Prepared):
    """How indices, updates and the tensor's axes belong together; ``computation`` None replaces what is there."""

    index_vector_dim: int
    scatter_dims_to_operand_dims: Shape
    inserted_window_dims: Shape
    update_window_dims: Shape
    computation: str | None


def _computation(node: Node, index: int) -> str | None:
    """Return the only operator of the update computation's subgraph; None where it has none.

    Notes
    -----
    Source: ``GetComputationType`` in ``kernels/stablehlo_scatter.cc``.
    """
    node.require(0 <= index < len(node.bodies), f"a subgraph {index} for the update computation")
    body = node.bodies[index]
    if not body:
        return None
    if len(body) > 1 or body[0] not in OPERATIONS:
        raise node.unsupported(f"update computations of nothing or one of {', '.join(OPERATIONS)}")
    return body[0]


def prepare(node: Node, profile: Profile) -> Scatter:
    """Prepare STABLEHLO_SCATTER.

    Notes
    -----
    Source: ``Prepare`` in ``kernels/stablehlo_scatter.cc``.
    """
    require_arity(node, 3)
    x, indices, updates = node.input(0), node.input(1), node.input(2)
    require_same_type(node, x, updates, node.output())
    node.require(indices.type in (TensorType.INT32, TensorType.INT64), "indices of type int32 or int64")
    options = options_of(node, StablehloScatterOptions)
    rank, vector = len(x.shape), options.index_vector_dim
    require_vector(node, vector, indices.shape)
    mapped = tuple(options.scatter_dims_to_operand_dims)
    node.require(len(mapped) == indices.shape[vector], f"{indices.shape[vector]} scatter_dims_to_operand_dims")
    node.require(len(set(mapped)) == len(mapped) and all(0 <= axis < rank for axis in mapped), "axes of input 0")
    inserted = require_axes(node, "inserted_window_dims", options.inserted_window_dims, rank)
    window = require_axes(node, "update_window_dims", options.update_window_dims, len(updates.shape))
    node.require(len(window) + len(inserted) == rank, f"window dimensions that make {rank} with the inserted ones")
    batch = tuple(size for axis, size in enumerate(indices.shape) if axis != vector)
    places = tuple(size for axis, size in enumerate(updates.shape) if axis not in window)
    node.require(places == batch, f"updates of {batch} windows, not {places}")
    computation = _computation(node, options.update_computation_subgraph_index)
    return Scatter((x.shape,), vector, mapped, inserted, window, computation)


def evaluate(prepared: Scatter, x: np.ndarray, indices: np.ndarray, updates: np.ndarray) -> np.ndarray:
    """Apply the updates one by one, in row-major order; those beyond the tensor are left out.

    Notes
    -----
    Source: ``EvalWithTypes`` in ``kernels/stablehlo_scatter.cc``.
    """
    output = x.copy()
    combine: Callable[..., np.ndarray] | None = OPERATIONS.get(prepared.computation or "")
    vectors = np.moveaxis(indices, prepared.index_vector_dim, -1)
    free = [axis for axis in range(x.ndim) if axis not in prepared.inserted_window_dims]
    for place in np.ndindex(*updates.shape):
        target = [0] * x.ndim
        vector = vectors[tuple(one for axis, one in enumerate(place) if axis not in prepared.update_window_dims)]
        for axis, start in zip(prepared.scatter_dims_to_operand_dims, vector.tolist(), strict=True):
            target[axis] = start
        for axis, source in zip(free, prepared.update_window_dims, strict=True):
            target[axis] += place[source]
        if all(0 <= one < size for one, size in zip(target, x.shape, strict=True)):
            at = tuple(target)
            output[at] = updates[place] if combine is None else combine(output[at], updates[place])
    return output


KERNELS = (Kernel("STABLEHLO_SCATTER", (1, 1), TYPES, prepare, evaluate),)
