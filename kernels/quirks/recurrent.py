"""Quirks of the recurrent operators."""

from __future__ import annotations

from ..operator import Node, Prepared
from ..quirk import Quirk, Treatment
from ..recurrent.svdf import SVDF


def is_integer_svdf(node: Node, prepared: Prepared) -> bool:
    """SVDF of int8."""
    return isinstance(prepared, SVDF)


QUIRKS: tuple[Quirk, ...] = (
    Quirk(
        "svdf-ignores-relu",
        ("SVDF",),
        "int8: takes no fused activation but RELU, and does not apply it",
        "negative sums become 0",
        "kernels/internal/reference/svdf.h, EvalIntegerSVDF",
        Treatment.EVERYWHERE,
        ("recurrent.svdf:prepare",),
        is_integer_svdf,
    ),
)
