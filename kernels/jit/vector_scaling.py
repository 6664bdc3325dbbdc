"""Sums of int32 times factors of float64, where no bit of that is lost."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from .vector_types import define, emit_splat
from .vectors import FLOAT64, INT32, LANES


def _generate_scale_and_clamp(builder: ir.IRBuilder, kind: Any, codes: Any, factors: Any, low: Any, high: Any) -> Any:
    wide = factors.type
    scaled = builder.fmul(builder.sitofp(codes, wide), factors)
    for bound, compare in ((low, "<"), (high, ">")):
        limit = emit_splat(builder, wide, builder.sitofp(bound, wide.element))
        scaled = builder.select(builder.fcmp_ordered(compare, scaled, limit), limit, scaled)
    # Of what is not negative, the conversion gives the floor.
    raised = builder.fadd(scaled, ir.Constant(wide, [_RAISE + 0.5] * LANES))
    return builder.sub(builder.fptosi(raised, kind), ir.Constant(kind, [_RAISE] * LANES))


_RAISE = 1 << 16  # above all codes

scale_and_clamp = define(
    INT32(INT32, FLOAT64, types.int64, types.int64),
    _generate_scale_and_clamp,
    lambda codes, factors, low, high: np.floor(np.clip(codes * factors, low, high) + 0.5).astype(np.int32),
)
"""``scale_and_clamp(a, b, low, high)``: the product in float64, clamped to bounds within +-2**16, halves up.

It must have 35 bits after the point at most, so that nothing is rounded before that."""
