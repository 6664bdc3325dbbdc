"""Profiles: which arithmetic each operator uses, as data, with the source of that knowledge.

TFLite's kernels are not one arithmetic. A profile names one of them completely; every trace and vector file
is stamped with it. A profile claims bit-exactness only where a test holds it to an oracle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import Enum
from typing import Any

import numpy as np

from ..schema.deferred import dataclass


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

    @property
    def dtype(self) -> type[np.floating[Any]]:
        """NumPy's type of that name."""
        return np.float32 if self is Precision.FLOAT32 else np.float64


class Overflow(Enum):
    """What an accumulator does with a sum that it cannot hold."""

    WRAP = "wrap"
    """It keeps the lower bits: the sum modulo ``2**bits``, in whatever order the products are added."""
    SATURATE = "saturate"
    """It stays at its lowest or highest value, after each addition: the order of the products decides."""


@dataclass(frozen=True)
class NarrowAccumulator:
    """An accumulator of so many bits, signed, in place of the int32 or int64 of the reference."""

    bits: int
    overflow: Overflow

    @property
    def lowest(self) -> int:
        """The least value."""
        return -(2 ** (self.bits - 1))

    @property
    def highest(self) -> int:
        """The greatest value."""
        return 2 ** (self.bits - 1) - 1


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
    algorithm : operator name -> which of several algorithms, where profiles differ in more than rounding. What the
        names mean is said by the operator's module.
    sources : operator name -> where the rule was read.
    accumulator : in what the products of convolutions, FULLY_CONNECTED and BATCH_MATMUL on codes are summed, where
        that is narrower than in the reference (:mod:`.convolution.accumulation`); such a profile emulates hardware,
        and is no longer held to its oracle.
    """

    name: str
    oracle: str
    rounding: Rounding
    requantize: Mapping[str, Rounding] = field(default_factory=dict)
    multiplier: Mapping[str, Precision] = field(default_factory=dict)
    reproduces_quirks: bool = False
    algorithm: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    accumulator: NarrowAccumulator | None = None

    @property
    def title(self) -> str:
        """The name, and the accumulator that is emulated."""
        narrow = self.accumulator
        if narrow is None:
            return self.name
        return f"{self.name} with accumulators of {narrow.bits} bits that {narrow.overflow.value}"

    def rounding_of(self, operator: str) -> Rounding:
        """Return the rounding rule of an operator."""
        return self.requantize.get(operator, self.rounding)

    def multiplier_precision(self, operator: str) -> Precision:
        """Return the precision in which an operator forms its real multiplier (float64 unless said otherwise)."""
        return self.multiplier.get(operator, Precision.FLOAT64)

    def algorithm_of(self, operator: str) -> str:
        """Return the name of an operator's algorithm; empty for the usual one."""
        return self.algorithm.get(operator, "")


LITERT = Profile(
    name="litert",
    oracle="ai-edge-litert 2.3.0, OpResolverType.BUILTIN_REF, x86-64",
    rounding=Rounding.DOUBLE,
    requantize={"FULLY_CONNECTED": Rounding.FLOAT64},
    multiplier=dict.fromkeys(
        ("MUL", "RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1", "LEAKY_RELU", "SOFTMAX"), Precision.FLOAT32
    ),
    reproduces_quirks=True,
    algorithm={"ADD": "int16 powers of two", "SUB": "int16 powers of two"},
    sources={
        "*": "tflite/kernels/internal/common.h, MultiplyByQuantizedMultiplier, TFLITE_SINGLE_ROUNDING=0",
        "FULLY_CONNECTED": "tflite/kernels/internal/reference/integer_ops/fully_connected.h, since April 2025",
        "SUB": "tflite/kernels/sub.cc, PrepareGeneralSubOp: ratios in float64",
        "MUL": "tflite/kernels/mul.cc, Prepare: product and ratio of the scales in float32",
        "RELU": "tflite/kernels/activations.cc, ReluPrepare: ratio of the scales in float32",
    },
)

_TFLM_MULTIPLIERS = {
    "FULLY_CONNECTED": Precision.FLOAT32,
    "SUB": Precision.FLOAT32,
    "LEAKY_RELU": Precision.FLOAT32,
}
_TFLM_ALGORITHMS = {
    "LOGISTIC": "gemmlowp",
    "TANH": "gemmlowp",
    "RELU6": "no rescaling",
    "SVDF": "int8 state",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "tables",
}
_TFLM_SOURCES = {
    "FULLY_CONNECTED": "tensorflow/lite/micro/kernels/fully_connected_common.cc: float32 product of scales, MBQM",
    "SUB": "tensorflow/lite/micro/kernels/sub_common.cc: ratios in float32",
    "MUL": "tensorflow/lite/micro/kernels/mul_common.cc: product and ratio in float64",
    "RELU": "tensorflow/lite/micro/kernels/activations_common.cc: ratio in float64",
    "RELU6": "tensorflow/lite/micro/kernels/activations_common.cc: a clamp of the input codes",
    "LOGISTIC": "tensorflow/lite/micro/kernels/logistic_common.cc: int8 in gemmlowp's fixed point",
    "SVDF": "tensorflow/lite/micro/kernels/svdf.cc: states of int8 too",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "tensorflow/lite/micro/kernels/lstm_eval.h: activations by table",
    "TANH": "tensorflow/lite/micro/kernels/tanh.cc: int8 in gemmlowp's fixed point",
}

TFLM = Profile(
    name="tflm",
    oracle="tflite-micro 90b983c2, reference kernels, x86-64",
    rounding=Rounding.DOUBLE,
    multiplier=_TFLM_MULTIPLIERS,
    algorithm=_TFLM_ALGORITHMS,
    sources={"*": "tensorflow/lite/micro/kernels, TFLITE_SINGLE_ROUNDING undefined", **_TFLM_SOURCES},
)

SINGLE = Profile(
    name="single",
    oracle="tflite-micro 90b983c2, reference kernels, TFLITE_SINGLE_ROUNDING=1, x86-64",
    rounding=Rounding.SINGLE,
    multiplier=_TFLM_MULTIPLIERS,
    algorithm=_TFLM_ALGORITHMS,
    sources={"*": "tensorflow/lite/micro/kernels, TFLITE_SINGLE_ROUNDING=1", **_TFLM_SOURCES},
)

PROFILES: Mapping[str, Profile] = {profile.name: profile for profile in (LITERT, TFLM, SINGLE)}
