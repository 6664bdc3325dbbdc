"""RANDOM_UNIFORM, RANDOM_STANDARD_NORMAL and MULTINOMIAL: numbers of a generator that goes on from run to run."""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ...schema.options import RandomOptions
from .. import libm
from ..checks import options_of, require_arity
from ..operator import Kernel, Node, Prepared, Shape
from ..profiles import Profile
from .generators import philox

_WORDS = 4
_64_BITS = (1 << 64) - 1


def draw_seeds() -> tuple[int, int]:
    """Return two seeds that nobody can foresee."""
    return secrets.randbits(64), secrets.randbits(64)


@dataclass(frozen=True)
class Random(Prepared):
    """Where the generator starts: ``seed`` is its key, ``seed2`` the upper half of its counter.

    Both 0: they are drawn when the generator is set up, so that no two interpreters give the same numbers.
    """

    seed: int
    seed2: int


@dataclass(frozen=True)
class Multinomial(Random):
    """``samples`` are drawn for each row of logits; ``dtype`` of the classes' numbers."""

    samples: int
    dtype: np.dtype


def _seeds(node: Node) -> tuple[int, int]:
    """Return the seeds as a generator takes them, of which the reference keeps 32 bits, with their sign."""
    options = options_of(node, RandomOptions)
    first, second = (int(np.int64(seed).astype(np.int32)) & _64_BITS for seed in (options.seed, options.seed2))
    return first, second


def prepare(node: Node, profile: Profile) -> Random:
    """Prepare RANDOM_UNIFORM or RANDOM_STANDARD_NORMAL: input 0 is the output's shape.

    Notes
    -----
    Source: ``Prepare`` in ``kernels/random_ops.cc``. The generator is set up there, too.
    """
    require_arity(node, 1)
    shape = node.input(0)
    node.require(shape.type is TensorType.INT32 and len(shape.shape) == 1, "a shape, int32 of rank 1")
    sizes = tuple(int(size) for size in node.value(0))
    node.require(all(size >= 0 for size in sizes), "a shape without negative sizes")
    return Random((sizes,), *_seeds(node))


def prepare_multinomial(node: Node, profile: Profile) -> Multinomial:
    """Prepare MULTINOMIAL: input 0 are logits (batch, classes), input 1 is how many samples to draw of each row.

    Notes
    -----
    Source: ``PrepareMultinomial`` and ``EvalMultinomial`` in ``kernels/random_ops.cc``.
    """
    require_arity(node, 2)
    logits, samples, target = node.input(0), node.input(1), node.output()
    node.require(len(logits.shape) == 2 and logits.shape[1] > 0, "logits of rank 2, of one class or more")
    node.require(samples.type is TensorType.INT32 and samples.shape == (), "an int32 scalar of samples")
    if target.type not in (TensorType.INT32, TensorType.INT64):
        raise node.unsupported("an output of int32 or int64")
    count = int(node.value(1))
    node.require(count >= 0, "no negative number of samples")
    # The reference knows the shape beforehand where both are constant only; what follows is then prepared once.
    known = logits.value is not None
    shape: Shape | None = (logits.shape[0], count) if known else None
    node.require(logits.shape[0] * count < 1 << 40, "fewer samples")
    return Multinomial((shape,), *_seeds(node), count, target.dtype)


def initial(prepared: Random) -> np.ndarray:
    """Return the generator as it is set up: key, lower and upper half of the counter, uint64."""
    seeds = prepared.seed, prepared.seed2
    key, upper = seeds if any(seeds) else draw_seeds()
    return np.array([key, 0, upper], np.uint64)


def _blocks(generator: np.ndarray, count: int) -> np.ndarray:
    """Return the next blocks of words, uint32 (count, 4)."""
    lower = generator[1] + np.arange(count, dtype=np.uint64)
    upper = generator[2] + (lower < generator[1]).astype(np.uint64)
    return philox(int(generator[0]), lower, upper)


def _skip(generator: np.ndarray, count: int) -> np.ndarray:
    """Return the generator after so many blocks."""
    key, lower, upper = (int(number) for number in generator)
    counter = (upper << 64) + lower + (count & _64_BITS)
    return np.array([key, counter & _64_BITS, (counter >> 64) & _64_BITS], np.uint64)


def unit_floats(words: np.ndarray) -> np.ndarray:
    """Return uint32 as float32 in [0, 1): the lower 23 bits are the mantissa.

    Notes
    -----
    Source: ``Uint32ToFloat`` in ``tsl/lib/random/random_distributions_utils.h``.
    """
    return np.asarray((words & np.uint32(0x7FFFFF) | np.uint32(127 << 23)).view(np.float32) - np.float32(1))


def unit_doubles(upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """Return pairs of uint32 as float64 in [0, 1): 20 and 32 bits of the mantissa.

    Notes
    -----
    Source: ``Uint64ToDouble`` in ``tsl/lib/random/random_distributions_utils.h``.
    """
    mantissa = (upper.astype(np.uint64) & np.uint64(0xFFFFF)) << np.uint64(32) | lower.astype(np.uint64)
    return np.asarray((mantissa | np.uint64(1023 << 52)).view(np.float64) - 1.0)


def evaluate_uniform(prepared: Random, shape: np.ndarray, generator: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Draw float32 in [0, 1), four to a block; the next run begins with a new block.

    Notes
    -----
    Source: ``GenerateRandomUniformNumbers`` in ``kernels/random_ops.cc``.
    """
    size = math.prod(prepared.output_shape)
    count = -(-size // _WORDS)
    numbers = unit_floats(_blocks(generator, count)).reshape(-1)
    return numbers[:size].reshape(prepared.output_shape), _skip(generator, count)


def evaluate_normal(prepared: Random, shape: np.ndarray, generator: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Draw float32 of a normal distribution, two from each pair of words by the transform of Box and Muller.

    Notes
    -----
    Source: ``GenerateRandomStandardNormalNumbers`` in ``kernels/random_ops.cc``, ``BoxMullerFloat`` in
    ``tsl/lib/random/random_distributions_utils.h``.
    """
    size = math.prod(prepared.output_shape)
    count = -(-size // _WORDS)
    pairs = unit_floats(_blocks(generator, count)).reshape(-1, 2)
    radius = np.sqrt(np.float32(-2) * libm.logf(np.maximum(pairs[:, 0], np.float32(1e-7))))
    angle = (2 * math.pi * pairs[:, 1].astype(np.float64)).astype(np.float32)
    numbers = np.stack([libm.sinf(angle) * radius, libm.cosf(angle) * radius], axis=-1).reshape(-1)
    return numbers[:size].reshape(prepared.output_shape), _skip(generator, count)


def evaluate_multinomial(
    prepared: Multinomial, logits: np.ndarray, samples: np.ndarray, generator: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Draw classes: each with the probability that is the softmax of its logit; those that are not finite never.

    Notes
    -----
    Source: ``GenerateMultinomialNumbers`` in ``kernels/random_ops.cc``. Two words make a number; the generator passes
    over 256 times as many blocks as there are words. A row without a finite logit gives the number of classes.
    """
    batch, count = len(logits), prepared.samples
    words = _blocks(generator, -(-batch * count // 2)).reshape(-1, 2)[: batch * count]
    numbers = unit_doubles(words[:, 0], words[:, 1]).reshape(batch, count)
    result = np.zeros((batch, count), prepared.dtype)
    for row, drawn, target in zip(logits, numbers, result, strict=True):
        finite = np.isfinite(row)
        highest = float(np.max(row, where=finite, initial=np.finfo(np.float32).min))
        masses = [math.exp(float(logit) - highest) if one else 0.0 for logit, one in zip(row, finite, strict=True)]
        cumulative = np.cumsum(np.array(masses, np.float64))  # in order
        target[:] = np.searchsorted(cumulative, drawn * cumulative[-1], side="right")
    return result, _skip(generator, batch * (-(-count // 4) * 4) * 2 * 256)


_FLOAT32 = (TensorType.FLOAT32,)

KERNELS = (
    Kernel("MULTINOMIAL", (1, 1), _FLOAT32, prepare_multinomial, evaluate_multinomial, values=(1,), initial=initial),
    Kernel(
        "RANDOM_STANDARD_NORMAL",
        *((1, 1), _FLOAT32, prepare, evaluate_normal),
        values=(0,),
        selector=-1,
        initial=initial,
    ),
    Kernel("RANDOM_UNIFORM", (1, 1), _FLOAT32, prepare, evaluate_uniform, values=(0,), selector=-1, initial=initial),
)
