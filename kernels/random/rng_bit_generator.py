"""STABLEHLO_RNG_BIT_GENERATOR: random bits from a state that is an input, and the state that follows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ...schema.options import StablehloRngBitGeneratorOptions
from ...schema.types import RngAlgorithm
from ..checks import options_of, require_arity
from ..operator import Kernel, Node, Prepared
from ..profiles import Profile
from .generators import philox, threefry


@dataclass(frozen=True)
class RngBitGenerator(Prepared):
    """``algorithm`` is PHILOX or THREEFRY; ``dtype`` of the bits."""

    algorithm: RngAlgorithm
    dtype: np.dtype


def prepare(node: Node, profile: Profile) -> RngBitGenerator:
    """Prepare STABLEHLO_RNG_BIT_GENERATOR; the shape of its bits is what the file says.

    Notes
    -----
    Source: ``Prepare`` and ``Eval`` in ``kernels/rng_bit_generator.cc``. DEFAULT is PHILOX.
    """
    require_arity(node, 1, 2)
    state, key, bits = node.input(0), node.output(0), node.output(1)
    node.require({state.type, key.type} == {TensorType.UINT64}, "states of uint64")
    algorithm = options_of(node, StablehloRngBitGeneratorOptions).algorithm
    if algorithm is RngAlgorithm.THREEFRY:
        node.require(state.shape == (2,), "a state [2]")
    else:
        node.require(state.shape in ((2,), (3,)), "a state [2] or [3]")
        algorithm = RngAlgorithm.PHILOX
    node.require(key.shape == state.shape, "an output state of the input's shape")
    node.require(all(size >= 0 for size in bits.shape), "a shape of bits without negative sizes")
    return RngBitGenerator((state.shape, bits.shape), algorithm, bits.dtype)


def evaluate(prepared: RngBitGenerator, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the state after the bits, and the bits. The state is a key, a counter, and maybe its upper half.

    Notes
    -----
    Source: ``FillOutputBuffer`` in ``kernels/rng_bit_generator.cc``. Without an upper half Philox takes the key for it;
    the counter's lower half wraps without a carry.
    """
    shape = prepared.output_shapes[1]
    assert shape is not None
    words = math.prod(shape) * prepared.dtype.itemsize // 4
    threefried = prepared.algorithm is RngAlgorithm.THREEFRY
    blocks = -(-words // (2 if threefried else 4))
    counters = state[1] + np.arange(blocks, dtype=np.uint64)
    if threefried:
        drawn = threefry(int(state[0]), counters)
    else:
        upper = np.full(blocks, state[2] if len(state) == 3 else state[0])
        drawn = philox(int(state[0]), counters, upper)
    following = state.copy()
    following[1:2] += np.uint64(blocks)
    return following, drawn.reshape(-1)[:words].view(prepared.dtype).reshape(shape)


_TYPES = (TensorType.INT32, TensorType.INT64, TensorType.UINT32, TensorType.UINT64)

KERNELS = (Kernel("STABLEHLO_RNG_BIT_GENERATOR", (1, 1), _TYPES, prepare, evaluate, selector=-2),)
