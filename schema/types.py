"""Data types and small enumerations of the TFLite schema."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from enum import IntEnum

import numpy as np

from .errors import UnsupportedOperatorError


class TensorType(IntEnum):
    """Element type of a tensor, numbered as in the TFLite schema."""

    FLOAT32 = 0
    FLOAT16 = 1
    INT32 = 2
    UINT8 = 3
    INT64 = 4
    STRING = 5
    BOOL = 6
    INT16 = 7
    COMPLEX64 = 8
    INT8 = 9
    FLOAT64 = 10
    COMPLEX128 = 11
    UINT64 = 12
    RESOURCE = 13
    VARIANT = 14
    UINT32 = 15
    UINT16 = 16
    INT4 = 17
    BFLOAT16 = 18
    INT2 = 19
    UINT4 = 20
    FLOAT8_E4M3FN = 21
    FLOAT8_E5M2 = 22


class Padding(IntEnum):
    """Padding scheme of convolutions and poolings."""

    SAME = 0
    VALID = 1


class ActivationFunctionType(IntEnum):
    """Fused activation function."""

    NONE = 0
    RELU = 1
    RELU_N1_TO_1 = 2
    RELU6 = 3
    TANH = 4
    SIGN_BIT = 5


class MirrorPadMode(IntEnum):
    """Whether MIRROR_PAD repeats the border element (SYMMETRIC) or not (REFLECT)."""

    REFLECT = 0
    SYMMETRIC = 1


class FullyConnectedOptionsWeightsFormat(IntEnum):
    """Memory layout of the weights of FULLY_CONNECTED."""

    DEFAULT = 0
    SHUFFLED4x16INT8 = 1


class LSTMKernelType(IntEnum):
    """FULL has peepholes and projection; BASIC is the plain cell."""

    FULL = 0
    BASIC = 1


class CombinerType(IntEnum):
    """How EMBEDDING_LOOKUP_SPARSE combines rows."""

    SUM = 0
    MEAN = 1
    SQRTN = 2


class LSHProjectionType(IntEnum):
    """Output form of LSH_PROJECTION."""

    UNKNOWN = 0
    SPARSE = 1
    DENSE = 2


class DimensionType(IntEnum):
    """Storage of one dimension of a sparse tensor."""

    DENSE = 0
    SPARSE_CSR = 1


class CustomOptionsFormat(IntEnum):
    """Encoding of custom options."""

    FLEXBUFFERS = 0


class ReduceWindowFunction(IntEnum):
    """Reduction of REDUCE_WINDOW."""

    UNSUPPORTED = 0
    ADD = 1
    MUL = 2
    MINIMUM = 3
    MAXIMUM = 4
    ALL = 5
    ANY = 6


class RngAlgorithm(IntEnum):
    """Generator of STABLEHLO_RNG_BIT_GENERATOR."""

    DEFAULT = 0
    PHILOX = 1
    THREEFRY = 2


class StablehloPrecisionConfig(IntEnum):
    """Precision asked of STABLEHLO_DOT_GENERAL and STABLEHLO_CONVOLUTION."""

    DEFAULT = 0
    HIGH = 1
    HIGHEST = 2


class StablehloComparisonDirection(IntEnum):
    """Comparison of STABLEHLO_COMPARE."""

    EQ = 0
    NE = 1
    GE = 2
    GT = 3
    LE = 4
    LT = 5


class StablehloComparisonType(IntEnum):
    """How STABLEHLO_COMPARE orders its elements."""

    NOTYPE = 0
    FLOAT = 1
    FLOAT_TOTAL_ORDER = 2
    SIGNED = 3
    UNSIGNED = 4


_DTYPES: dict[TensorType, type] = {
    TensorType.FLOAT32: np.float32,
    TensorType.FLOAT16: np.float16,
    TensorType.INT32: np.int32,
    TensorType.UINT8: np.uint8,
    TensorType.INT64: np.int64,
    TensorType.STRING: np.object_,
    TensorType.BOOL: np.bool_,
    TensorType.INT16: np.int16,
    TensorType.COMPLEX64: np.complex64,
    TensorType.INT8: np.int8,
    TensorType.FLOAT64: np.float64,
    TensorType.COMPLEX128: np.complex128,
    TensorType.UINT64: np.uint64,
    TensorType.UINT32: np.uint32,
    TensorType.UINT16: np.uint16,
    TensorType.INT4: np.int8,
    TensorType.INT2: np.int8,
    TensorType.UINT4: np.uint8,
}

_BITS: dict[TensorType, int] = {
    TensorType.INT4: 4,
    TensorType.UINT4: 4,
    TensorType.INT2: 2,
    TensorType.FLOAT8_E4M3FN: 8,
    TensorType.FLOAT8_E5M2: 8,
}


def as_float32(values: Iterable[float]) -> tuple[float, ...]:
    """Return numbers rounded to float32, as the file holds them; infinite where they are too large."""
    given = tuple(values)
    form = f"{len(given)}f"
    try:
        return struct.unpack(form, struct.pack(form, *given))  # NumPy takes ten times as long for the one scale of most
    except OverflowError:
        with np.errstate(over="ignore"):
            return tuple(np.array(given, dtype=np.float32).tolist())


def numpy_dtype(tensor_type: TensorType) -> np.dtype:
    """Return the NumPy data type that holds one element (int4 and int2 unpacked to int8).

    Raises
    ------
    UnsupportedOperatorError
        For types without a NumPy equivalent (RESOURCE, VARIANT, the FLOAT8 types).

    Notes
    -----
    bfloat16 is that of ml_dtypes, as in LiteRT's Python; it is imported by the first model that has one.
    """
    if tensor_type is TensorType.BFLOAT16:
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    if tensor_type not in _DTYPES:
        raise UnsupportedOperatorError(f"data type {tensor_type.name} is not supported")
    return np.dtype(_DTYPES[tensor_type])


def bit_width(tensor_type: TensorType) -> int:
    """Return the number of bits an element takes in a buffer of the file; 0 where it varies (strings)."""
    if tensor_type is TensorType.BFLOAT16:
        return 16  # said here, so that a model is verified without ml_dtypes
    if tensor_type in _BITS:
        return _BITS[tensor_type]
    if tensor_type in (TensorType.STRING, TensorType.RESOURCE, TensorType.VARIANT):
        return 0
    return numpy_dtype(tensor_type).itemsize * 8
