"""Reading 8-bit activations: codes less their zero point, widened to int16.

int8 and uint8 share the code: a byte of an int8 tensor with its top bit flipped is the uint8 code whose zero point
is 128 higher. So blocks have ``sign_flip`` (128 for int8, 0 for uint8), ``input_zero_point`` with that added, and
``input_size`` in bytes.
"""

from __future__ import annotations

from typing import Any

from .addressing import helper
from .vectors import LANES, load_first_uint8, load_uint8, splat_int16, store_int16


@helper
def load_whole_centered(p: Any, source: Any, position: Any) -> Any:
    """Load 16 codes less the zero point, as int16, where all lie in the source."""
    return (load_uint8(source, position) ^ splat_int16(p.sign_flip)) - splat_int16(p.input_zero_point)


@helper
def load_centered(p: Any, source: Any, position: Any) -> Any:
    """Load 16 codes less the zero point, as int16. Lanes that would lie beyond the source mean nothing."""
    if position + LANES <= p.input_size:
        codes = load_uint8(source, position)
    else:
        codes = load_first_uint8(source, position, max(p.input_size - position, 0))
    return (codes ^ splat_int16(p.sign_flip)) - splat_int16(p.input_zero_point)


@helper
def center_run(p: Any, source: Any, start: Any, target: Any, position: Any, count: Any) -> None:
    """Write a run of codes less the zero point. Up to 15 elements beyond the run are written too."""
    whole = count // LANES * LANES
    for done in range(0, whole, LANES):
        store_int16(target, position + done, load_whole_centered(p, source, start + done))
    if whole < count:
        store_int16(target, position + whole, load_centered(p, source, start + whole))


@helper
def zero_run(p: Any, target: Any, position: Any, count: Any) -> None:
    """Write zeros. Up to 15 elements beyond the run are written too."""
    for done in range(0, count, LANES):
        store_int16(target, position + done, splat_int16(0))
