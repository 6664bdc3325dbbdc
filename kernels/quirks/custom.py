"""Quirks of custom operators."""

from __future__ import annotations

import math

from ..custom.detection_postprocess import DetectionPostprocess
from ..operator import Node, Prepared
from ..quirk import Quirk, Treatment
from .condition import always

_SIMD_BLOCK = 8


def dequantizes_by_lanes(node: Node, prepared: Prepared) -> bool:
    """Read at least eight scores in uint8."""
    if not isinstance(prepared, DetectionPostprocess) or prepared.score_codes is None:
        return False
    return prepared.whole_lanes_in_float32 and math.prod(node.input(1).shape) >= _SIMD_BLOCK


QUIRKS: tuple[Quirk, ...] = (
    Quirk(
        "detection-entries-unwritten",
        ("TFLite_Detection_PostProcess",),
        "leaves entries beyond what was detected as they were in memory",
        "there are no such entries; q31 has 0 in them",
        "kernels/detection_postprocess.cc, NonMaxSuppressionMultiClass",
        Treatment.RIGHT,
        ("custom.detection_postprocess:evaluate",),
        always,
    ),
    Quirk(
        "detection-scores-by-lanes",
        ("TFLite_Detection_PostProcess",),
        "uint8 scores become float32 in two ways: eight at a time as code * scale - zero_point * scale in float32, and "
        "those after them by one rounding of a float64",
        "every score is (code - zero_point) * scale",
        "kernels/internal/optimized/optimized_ops.h, Dequantize",
        Treatment.REPRODUCED,
        ("custom.detection_postprocess:prepare", "custom.detection_postprocess:_dequantize_by_lanes"),
        dequantizes_by_lanes,
    ),
)
