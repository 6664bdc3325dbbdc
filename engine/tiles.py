"""A look at what the processor's tiles compute, before any model relies on them.

Tiles are state that a kernel sets up by itself, and that the operating system has to keep for it. So where they are to
be used, one product is computed with them and without; where the two differ, tiles are left alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache

import numpy as np

from ..kernels.convolution.packing import PIXEL
from ..kernels.convolution.prepared import Requantization
from ..kernels.convolution.product_lowering import Product, lower_product
from ..kernels.jit import isa
from ..kernels.operator import Instruction, TensorSpec
from ..kernels.profiles import Rounding
from ..schema import Quantization, TensorType
from .binding import Binder, aligned_empty, scratch_size
from .machine import Stretch, kernel_address

_ROWS, _DEPTH, _CHANNELS = 49, 200, 40


@cache
def confirm_tiles() -> bool:
    """Whether kernels are to use tiles: the tier has them, and they give the bits of the other kernels."""
    if isa.TILES and not agree(_run):
        isa.TILES = False
        warnings.warn("q31: this processor's tiles compute something else than they should: not used", stacklevel=2)
    return isa.TILES


def agree(run: Callable[[Instruction, np.ndarray], np.ndarray]) -> bool:
    """Whether a product of random codes is the same by tiles as by quads; ``run`` computes it."""
    random = np.random.default_rng(0)
    x = random.integers(-128, 128, (_ROWS, _DEPTH), np.int8)
    weights = random.integers(-127, 128, (_CHANNELS, 1, 1, _DEPTH), np.int8)
    channels = np.ones(_CHANNELS, np.int32)
    product = Product(
        weights=weights,
        filter_zero_point=0,
        bias=random.integers(-9999, 9999, _CHANNELS, np.int32),
        input_index=0,
        source=TensorSpec("x", TensorType.INT8, x.shape, Quantization((1.0,), (3,))),
        image=(_ROWS, 1, 1, _DEPTH),
        input_zero_point=3,
        window=PIXEL,
        groups=1,
        requantization=Requantization(
            real_multiplier=channels * 2.0**-11,
            multiplier=channels << 30,
            shift=channels * -10,
            rounding=Rounding.DOUBLE,
            accumulator=np.dtype(np.int32),
            output_zero_point=5,
            activation_min=-128,
            activation_max=127,
            output_dtype=np.dtype(np.int8),
        ),
        output_shape=(_ROWS, _CHANNELS),
    )
    by_tiles, by_quads = lower_product(product), lower_product(product, tiles=False)
    assert by_tiles is not None and by_quads is not None
    return np.array_equal(run(by_tiles, x), run(by_quads, x))


def _run(instruction: Instruction, x: np.ndarray) -> np.ndarray:
    output = np.zeros((_ROWS, _CHANNELS), np.int8)
    binder = Binder([x, output].__getitem__, aligned_empty(scratch_size(instruction)))
    Stretch([(kernel_address(instruction.kernel), binder.bind(instruction, [0], [1]))])()
    return output
