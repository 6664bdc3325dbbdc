"""LSH_PROJECTION: bits that nearly equal inputs share, each the sign of a sum of fingerprints."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ...schema.options import LSHProjectionOptions
from ...schema.strings import encode_strings
from ...schema.types import LSHProjectionType
from ..checks import options_of, require_arity_between
from ..operator import Kernel, Node, Prepared
from ..profiles import Profile
from ..shape.arguments import FIXED_TYPES
from .farmhash import fingerprint64

_MOST_BITS = 32


@dataclass(frozen=True)
class LSHProjection(Prepared):
    """Whether each bit is an element of its own (dense), or those of a hash function are one number (sparse)."""

    dense: bool


def prepare(node: Node, profile: Profile) -> LSHProjection:
    """Prepare LSH_PROJECTION: input 0 has a seed for each bit of each hash function, input 2 weights of the rows.

    Notes
    -----
    Source: ``Resize`` in ``kernels/lsh_projection.cc``.
    """
    require_arity_between(node, 2, 3)
    seeds, source, weights = node.input(0), node.input(1), node.optional_input(2)
    node.require(seeds.type is TensorType.FLOAT32 and len(seeds.shape) == 2, "a float32 matrix of seeds")
    node.require(seeds.shape[1] <= _MOST_BITS, f"at most {_MOST_BITS} bits")
    node.require(len(source.shape) >= 1 and source.shape[0] >= 1, "an input with rows")
    node.require(len(node.inputs) == 2 or weights is not None, "weights, where there is an input for them")
    if weights is not None:
        fits = weights.type is TensorType.FLOAT32 and weights.shape == source.shape[:1]
        node.require(fits, "a float32 weight for each row")
    node.require(node.output().type is TensorType.INT32, "an int32 output")
    kind = options_of(node, LSHProjectionOptions).type
    node.require(kind is not LSHProjectionType.UNKNOWN, "a sparse or dense projection")
    dense = kind is LSHProjectionType.DENSE
    return LSHProjection(((math.prod(seeds.shape) if dense else seeds.shape[0],),), dense)


def rows_of(x: np.ndarray) -> list[bytes]:
    """Return the bytes of each row; those of strings are equal parts of the buffer that holds them all."""
    data = encode_strings(x.reshape(-1).tolist()) if x.dtype == object else x.tobytes()
    size = len(data) // len(x)
    return [data[size * row : size * (row + 1)] for row in range(len(x))]


def evaluate(
    prepared: LSHProjection, seeds: np.ndarray, x: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """Return the bits, or a number for each hash function, made different by its place.

    Notes
    -----
    Source: ``RunningSignBit`` and its callers in ``kernels/lsh_projection.cc``. Fingerprints are read as signed and
    added in float64, one row after the other; numbers wrap at 32 bits.
    """
    rows = rows_of(x)
    factors = [1.0] * len(rows) if weights is None else weights.astype(np.float64).tolist()

    def bit(seed: np.float32) -> int:
        score = 0.0
        for row, factor in zip(rows, factors, strict=True):
            unsigned = fingerprint64(seed.tobytes() + row)
            score += factor * float(unsigned - 2**64 if unsigned >= 2**63 else unsigned)
        return int(score > 0)

    bits = np.array([[bit(seed) for seed in line] for line in seeds], np.int64).reshape(seeds.shape)
    if prepared.dense:
        return bits.reshape(-1).astype(np.int32)
    width = seeds.shape[1]
    numbers = [sum(int(one) << (width - 1 - place) for place, one in enumerate(line)) for line in bits]
    # The processor shifts an int32 by a count modulo 32.
    offsets = [index * (1 << width % _MOST_BITS) for index in range(len(numbers))]
    wrapped = [(number + offset + 2**31) % 2**32 - 2**31 for number, offset in zip(numbers, offsets, strict=True)]
    return np.array(wrapped, np.int64).astype(np.int32)


KERNELS = (Kernel("LSH_PROJECTION", (1, 1), (*FIXED_TYPES, TensorType.STRING), prepare, evaluate, selector=1),)
