"""Quirks of SOFTMAX and of tabulated functions."""

from __future__ import annotations

import numpy as np

from ...schema import TensorType
from ..activations.interpolation import Interpolated
from ..activations.prelu import QuantizedPrelu
from ..operator import Node, Prepared
from ..quirk import Quirk, Treatment
from .condition import never

_LARGEST_INT32 = 2**31 - 1


def tabulates_beyond_int32(node: Node, prepared: Prepared) -> bool:
    """Tabulated uint8 codes whose greatest value is more than 2**31 steps of the output's scale."""
    source, target = node.input(0), node.output()
    if target.type is not TensorType.UINT8 or not target.scale > 0:
        return False
    greatest = float(source.scale) * (255 - source.zero_point) if node.name == "GELU" else 1.0
    return greatest / float(target.scale) > _LARGEST_INT32


def jumps_in_int16(node: Node, prepared: Prepared) -> bool:
    """Tabulate int16 codes with a jump between two samples that leaves int16."""
    if not isinstance(prepared, Interpolated):
        return False
    return bool(np.any(np.abs(np.diff(prepared.table.astype(np.int32))) > 2**15 - 1))


def reads_alpha_by_bytes(node: Node, prepared: Prepared) -> bool:
    """PRELU whose alpha is int16."""
    return isinstance(prepared, QuantizedPrelu) and prepared.alpha_by_bytes


QUIRKS: tuple[Quirk, ...] = (
    Quirk(
        "prelu-int16-alpha-by-bytes",
        ("PRELU",),
        "int16: takes alpha for int8 even where it is int16, element i is byte i of its memory",
        "alpha is int16",
        "kernels/activations.cc, PreluEval",
        Treatment.REPRODUCED,
        ("activations.prelu:prepare", "activations.prelu:evaluate"),
        reads_alpha_by_bytes,
    ),
    Quirk(
        "softmax-aborts",
        ("SOFTMAX",),
        "8-bit: aborts the process where beta * scale * 2**26 is not above 1, or where the sum reaches 512",
        "the exponentials are divided by their sum",
        "kernels/internal/quantization_util.cc, QuantizeMultiplierGreaterThanOne; kernels/internal/reference/softmax.h",
        Treatment.RIGHT,
        ("activations.softmax:evaluate_8_bit",),
        never,
    ),
    Quirk(
        "table-beyond-int32",
        ("LOGISTIC", "TANH", "GELU"),
        "uint8: a value of 2**31 steps of the output or more becomes the least code",
        "it becomes the greatest code",
        "kernels/internal/common.h, LUTPopulate",
        Treatment.EVERYWHERE,
        ("activations.lookup:_code_from_float",),
        tabulates_beyond_int32,
    ),
    Quirk(
        "table-int16-step-wraps",
        ("EXP", "GELU", "LOG", "RSQRT"),
        "int16: the difference of neighbouring samples is an int16, so that a jump over more than half the range wraps",
        "codes between two samples lie between their values",
        "kernels/internal/common.h, LUTLookup",
        Treatment.EVERYWHERE,
        ("activations.softmax:look_up_int16",),
        jumps_in_int16,
    ),
)
