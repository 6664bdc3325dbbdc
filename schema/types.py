"""Data types and small enumerations of the TFLite schema."""

from __future__ import annotations

from enum import IntEnum

import numpy as np


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

_BITS: dict[TensorType, int] = {TensorType.INT4: 4, TensorType.UINT4: 4, TensorType.INT2: 2, TensorType.BFLOAT16: 16}


def numpy_dtype(tensor_type: TensorType) -> np.dtype:
    """Return the NumPy data type that holds one element (int4 and int2 unpacked to int8).

    Raises
    ------
    KeyError
        For types without a NumPy equivalent (RESOURCE, VARIANT, BFLOAT16).
    """
    return np.dtype(_DTYPES[tensor_type])


def bit_width(tensor_type: TensorType) -> int:
    """Return the number of bits an element takes in a buffer of the file; 0 where it varies (strings)."""
    if tensor_type in _BITS:
        return _BITS[tensor_type]
    if tensor_type in (TensorType.STRING, TensorType.RESOURCE, TensorType.VARIANT):
        return 0
    return numpy_dtype(tensor_type).itemsize * 8
