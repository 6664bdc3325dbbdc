"""Quirks of the reductions, ARG_MAX and ARG_MIN."""

from __future__ import annotations

from ...schema import TensorType
from ..operator import Node, Prepared
from ..quirk import Quirk, Treatment
from ..reduce.mean import QuantizedMean
from ..reduce.sum_prod import QuantizedReduction

_LARGEST_INT32 = 2**31 - 1


def sums_as_uint8(node: Node, prepared: Prepared) -> bool:
    """SUM of int8."""
    return isinstance(prepared, QuantizedReduction) and prepared.as_uint8


def sums_int16(node: Node, prepared: Prepared) -> bool:
    """SUM of int16 codes."""
    return isinstance(prepared, QuantizedReduction) and node.input(0).type is TensorType.INT16


def wraps_mean(node: Node, prepared: Prepared) -> bool:
    """MEAN of so many codes that their sum may leave int32."""
    if not isinstance(prepared, QuantizedMean):
        return False
    largest = {TensorType.INT8: 128, TensorType.UINT8: 255}.get(node.input(0).type, 32768)
    return prepared.count * largest > _LARGEST_INT32


def has_nan_to_compare(node: Node, prepared: Prepared) -> bool:
    """ARG_MAX or ARG_MIN of float32: whether there are NaN is known at run time only."""
    return node.input(0).type is TensorType.FLOAT32


QUIRKS: tuple[Quirk, ...] = (
    Quirk(
        "arg-max-of-nan",
        ("ARG_MAX", "ARG_MIN"),
        "with a NaN in the vector, the index depends on the width of the SIMD code",
        "a NaN is never the greatest or least",
        "kernels/internal/reference/arg_min_max.h, ArgMinMax",
        Treatment.RIGHT,
        ("reduce.arg_max:evaluate_arg_max", "reduce.arg_max:evaluate_arg_min"),
        has_nan_to_compare,
    ),
    Quirk(
        "mean-wraps",
        ("MEAN",),
        "codes are summed in int32, which wraps: possible from 65,536 elements of int16 or 2**24 of int8",
        "the mean is within the codes' range",
        "kernels/internal/reference/reduce.h, QuantizedMeanOrSum",
        Treatment.EVERYWHERE,
        ("reduce.mean:accumulate",),
        wraps_mean,
    ),
    Quirk(
        "sum-int16-unwritten",
        ("SUM",),
        "leaves half of an int16 output unwritten",
        "the codes are summed",
        "kernels/reduce.cc, EvalSum",
        Treatment.RIGHT,
        ("reduce.sum_prod:evaluate_sum",),
        sums_int16,
    ),
    Quirk(
        "sum-int8-as-uint8",
        ("SUM",),
        "reads int8 codes as uint8 (-1 counts as 255), with the zero points of int8, and clamps to 0..255",
        "the codes are those of int8",
        "kernels/reduce.cc, EvalSum",
        Treatment.REPRODUCED,
        ("reduce.sum_prod:prepare_sum", "reduce.sum_prod:_sum_as_uint8"),
        sums_as_uint8,
    ),
)
