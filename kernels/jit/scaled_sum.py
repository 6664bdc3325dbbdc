"""MUL and ADD of 8-bit codes with constants of their channels, 16 channels at a time."""

from __future__ import annotations

from typing import Any

from .addressing import helper, int32_view, read_block, uint8_view
from .byte_arithmetic import clamped
from .byte_vectors import load_codes, saturate, splat_codes, store_codes, widen_codes_to_int32
from .dividing import rows_of_part
from .layouts import fields
from .vectors import LANES, at_least, at_most, constant_int32, splat_int32

SCALED_SUM8 = fields("scaled_sum8")


def scaled_sum8(block: Any) -> None:
    """Put codes (rows, channels) through a product and a sum; ``q31.kernels.elementwise.scaled_sum`` tells how.

    Codes are unsigned bytes, as in :mod:`.byte_arithmetic`. There are at least 16 channels.
    """
    p = read_block(block, SCALED_SUM8)
    source, target = uint8_view(p.input, p.size), uint8_view(p.output, p.size)
    first, end = rows_of_part(p, p.size // p.channels)
    for row in range(first, end):
        start = row * p.channels
        channel = 0
        while channel < p.channels:
            channel = min(channel, p.channels - LANES)  # of the last vector, some are computed twice
            codes = load_codes(source, start + channel) ^ splat_codes(p.sign_flip)
            store_codes(target, start + channel, clamped(p, scale_and_add(p, codes, channel)))
            channel += LANES


@helper
def scale_and_add(p: Any, codes: Any, channel: Any) -> Any:
    """Return the codes of 16 channels, as bytes that are not clamped yet."""
    weights = constant_int32(int32_view(p.weights, p.channels), channel)
    offsets = constant_int32(int32_view(p.offsets, p.channels), channel)
    terms = constant_int32(int32_view(p.terms, p.channels), channel)
    product = (widen_codes_to_int32(codes) - splat_int32(p.zero_point)) * weights
    below = (product >> splat_int32(31)) & splat_int32(p.below)
    scaled = (product + offsets + below) >> splat_int32(p.shift)
    scaled = at_most(at_least(scaled, splat_int32(p.product_min)), splat_int32(p.product_max))
    return saturate((scaled * splat_int32(p.weight) + terms) >> splat_int32(p.right_shift))
