"""Broadcasting of two shapes, for the elementwise operators: the shape of the result, and strides over it."""

from __future__ import annotations

from .operator import Node, Shape

LARGEST_RANK = 32  # of NumPy 1.26; the reference has no limit


def broadcast_shape(node: Node, first: Shape, second: Shape) -> Shape:
    """Return the shape two tensors broadcast to: dimensions are aligned at the end, a 1 stretches.

    Raises
    ------
    ModelError
        Where two dimensions differ and neither is 1, or where shapes of a rank above 32 have to be stretched.

    Notes
    -----
    Source: ``CalculateShapeForBroadcast`` in ``kernels/kernel_util.cc``; a dimension of 0 wins over 1.
    """
    if first == second:
        return first
    rank = max(len(first), len(second))
    node.require(rank <= LARGEST_RANK, f"shapes that broadcast to a rank of at most {LARGEST_RANK}")
    padded = [(1,) * (rank - len(shape)) + shape for shape in (first, second)]
    pairs = list(zip(*padded, strict=True))
    node.require(all(a == b or 1 in (a, b) for a, b in pairs), "shapes that broadcast")
    return tuple(b if a == 1 else a for a, b in pairs)


def broadcast_strides(shape: Shape, result: Shape) -> Shape:
    """Return the step, in elements, that each dimension of ``result`` takes in a dense tensor of ``shape``.

    A stretched dimension steps by 0, so that reading with these strides is broadcasting.
    """
    padded = (1,) * (len(result) - len(shape)) + shape
    strides = []
    step = 1
    for size, stretched in zip(reversed(padded), reversed(result), strict=True):
        strides.append(0 if size == 1 and stretched != 1 else step)
        step *= size
    return tuple(reversed(strides))


def collapse(result: Shape, *strides: Shape) -> tuple[Shape, tuple[Shape, ...]]:
    """Merge neighbouring dimensions that every operand walks as one, and drop those of size 1.

    Parameters
    ----------
    result : the shape that is walked.
    strides : one tuple of steps per operand, as long as ``result``.

    Returns
    -------
    (shape, strides) : an equivalent walk of the least rank, at least 1.
    """
    sizes: list[int] = []
    merged: list[list[int]] = []
    for dimension, size in enumerate(result):
        if size == 1:
            continue
        steps = [operand[dimension] for operand in strides]
        if merged and all(outer == step * size for outer, step in zip(merged[-1], steps, strict=True)):
            sizes[-1] *= size
            merged[-1] = steps
        else:
            sizes.append(size)
            merged.append(steps)
    if not sizes:
        sizes, merged = [1], [[0] * len(strides)]
    return tuple(sizes), tuple(tuple(steps[i] for steps in merged) for i in range(len(strides)))
