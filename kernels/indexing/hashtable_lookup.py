"""HASHTABLE_LOOKUP: rows of a table by sorted int32 keys."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...schema import TensorType
from ..checks import require_arity, require_same_type
from ..operator import Kernel, Node, Prepared
from ..profiles import Profile
from ..shape.arguments import FIXED_TYPES


def prepare(node: Node, profile: Profile) -> Prepared:
    """Prepare HASHTABLE_LOOKUP: input 0 has what is looked for, input 1 the keys, input 2 a row for each key.

    Notes
    -----
    Source: ``Prepare`` in ``kernels/hashtable_lookup.cc``. Strings are of rank 1.
    """
    require_arity(node, 3, 2)
    wanted, keys, values = node.input(0), node.input(1), node.input(2)
    for vector in (wanted, keys):
        node.require(vector.type is TensorType.INT32 and len(vector.shape) == 1, "int32 vectors in inputs 0 and 1")
    node.require(len(values.shape) >= 1 and values.shape[0] == keys.shape[0] > 0, "a row for each of the keys")
    node.require(values.type is not TensorType.STRING or len(values.shape) == 1, "a vector of strings")
    require_same_type(node, values, node.output())
    node.require(node.output(1).type is TensorType.UINT8, "hits of type uint8")
    return Prepared(((*wanted.shape, *values.shape[1:]), wanted.shape))


def find(key: int, keys: Sequence[int]) -> int:
    """Return the position of a key, -1 where bisection does not meet it.

    Notes
    -----
    Source: ``Eval`` in ``kernels/hashtable_lookup.cc``, by the C library's ``bsearch``: of equal keys it finds the one
    that it meets first.
    """
    low, high = 0, len(keys)
    while low < high:
        middle = (low + high) // 2
        if key == keys[middle]:
            return middle
        low, high = (low, middle) if key < keys[middle] else (middle + 1, high)
    return -1


def evaluate(
    prepared: Prepared, wanted: np.ndarray, keys: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows found, with rows of zeros (empty strings) where there is none, and which were found."""
    sorted_keys = keys.tolist()
    positions = np.array([find(key, sorted_keys) for key in wanted.tolist()], np.int64)
    found = positions >= 0
    missing = b"" if values.dtype == object else np.zeros((), values.dtype)
    rows = np.full(prepared.output_shape, missing, values.dtype)
    rows[found] = values[positions[found]]
    return rows, found.astype(np.uint8)


KERNELS = (Kernel("HASHTABLE_LOOKUP", (1, 1), (*FIXED_TYPES, TensorType.STRING), prepare, evaluate, selector=2),)
