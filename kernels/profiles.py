"""Profiles: which arithmetic each operator uses, as data, with the source of that knowledge.

TFLite's kernels are not one arithmetic. A profile names one of them completely; every trace and vector file
is stamped with it. A profile claims bit-exactness only where a test holds it to an oracle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Rounding(Enum):
    """How an int32 accumulator becomes an output code."""

    DOUBLE = "double"
    """Saturating rounding doubling high multiply, then a rounding right shift: two roundings (gemmlowp)."""
    SINGLE = "single"
    """One 64-bit shift with a rounding offset: ``(x * M + 2**(30 - e)) >> (31 - e)``."""
    FLOAT64 = "float64"
    """``round_half_away(float64(x) * real_multiplier)``."""


class Precision(Enum):
    """The floating-point type in which an operator forms its real multiplier."""

    FLOAT32 = "float32"
    FLOAT64 = "float64"


@dataclass(frozen=True)
class Profile:
    """One complete choice of arithmetic.

    Parameters
    ----------
    name : the profile's name, as users write it.
    oracle : the program and version whose bits this profile gives.
    rounding : the rule of every operator that is not in ``requantize``.
    requantize : operator name -> its own rounding rule.
    multiplier : operator name -> the precision of its real multiplier, where profiles differ.
    reproduces_quirks : whether the reference's defects are reproduced.
    power_of_two_int16_sum : whether ADD and SUB of int16 have a form of their own for scales that are powers of two.
    sources : operator name -> where the rule was read.
    """

    name: str
    oracle: str
    rounding: Rounding
    requantize: Mapping[str, Rounding] = field(default_factory=dict)
    multiplier: Mapping[str, Precision] = field(default_factory=dict)
    reproduces_quirks: bool = False
    power_of_two_int16_sum: bool = False
    sources: Mapping[str, str] = field(default_factory=dict)

    def rounding_of(self, operator: str) -> Rounding:
        """Return the rounding rule of an operator."""
        return self.requantize.get(operator, self.rounding)

    def multiplier_precision(self, operator: str) -> Precision:
        """Return the precision in which an operator forms its real multiplier (float64 unless said otherwise)."""
        return self.multiplier.get(operator, Precision.FLOAT64)


LITERT = Profile(
    name="litert",
    oracle="ai-edge-litert 2.3.0, OpResolverType.BUILTIN_REF, x86-64",
    rounding=Rounding.DOUBLE,
    requantize={"FULLY_CONNECTED": Rounding.FLOAT64},
    reproduces_quirks=True,
    power_of_two_int16_sum=True,
    sources={
        "*": "tflite/kernels/internal/common.h, MultiplyByQuantizedMultiplier, TFLITE_SINGLE_ROUNDING=0",
        "FULLY_CONNECTED": "tflite/kernels/internal/reference/integer_ops/fully_connected.h, since April 2025",
        "SUB": "tflite/kernels/sub.cc, PrepareGeneralSubOp: ratios in float64",
    },
)

_TFLM_MULTIPLIERS = {"FULLY_CONNECTED": Precision.FLOAT32, "SUB": Precision.FLOAT32}
_TFLM_SOURCES = {
    "FULLY_CONNECTED": "tensorflow/lite/micro/kernels/fully_connected_common.cc: float32 product of scales, MBQM",
    "SUB": "tensorflow/lite/micro/kernels/sub_common.cc: ratios in float32",
}

TFLM = Profile(
    name="tflm",
    oracle="tflite-micro 90b983c2, reference kernels, x86-64",
    rounding=Rounding.DOUBLE,
    multiplier=_TFLM_MULTIPLIERS,
    sources={"*": "tensorflow/lite/micro/kernels, TFLITE_SINGLE_ROUNDING undefined", **_TFLM_SOURCES},
)

SINGLE = Profile(
    name="single",
    oracle="tflite-micro 90b983c2, reference kernels, TFLITE_SINGLE_ROUNDING=1, x86-64",
    rounding=Rounding.SINGLE,
    multiplier=_TFLM_MULTIPLIERS,
    sources={"*": "tensorflow/lite/micro/kernels, TFLITE_SINGLE_ROUNDING=1", **_TFLM_SOURCES},
)

PROFILES: Mapping[str, Profile] = {profile.name: profile for profile in (LITERT, TFLM, SINGLE)}
