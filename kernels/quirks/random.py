"""Quirks of the random operators."""

from __future__ import annotations

from ...schema.options import RandomOptions
from ..operator import Node, Prepared
from ..quirk import Quirk, Treatment

_LEAST, _GREATEST = -(2**31), 2**31 - 1


def has_long_seeds(node: Node, prepared: Prepared) -> bool:
    """With a seed that does not fit in 32 bits."""
    options = node.options
    if not isinstance(options, RandomOptions):
        return False
    return any(not _LEAST <= seed <= _GREATEST for seed in (options.seed, options.seed2))


QUIRKS: tuple[Quirk, ...] = (
    Quirk(
        "random-seeds-of-32-bits",
        ("MULTINOMIAL", "RANDOM_STANDARD_NORMAL", "RANDOM_UNIFORM"),
        "of seeds only the lower 32 bits count, with their sign",
        "seeds have 64 bits, as in the file",
        "core/api/flatbuffer_conversions.cc, ParseOpDataTfLite; kernels/random_ops.cc, InitializeOpData",
        Treatment.EVERYWHERE,
        ("random.distributions:_seeds",),
        has_long_seeds,
    ),
)
