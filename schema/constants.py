"""The values of constant tensors as arrays, and arrays as the bytes of a buffer."""

from __future__ import annotations

import numpy as np

from .errors import ModelError, UnsupportedOperatorError
from .graph import Graph, Tensor
from .sparsity import densify
from .strings import decode_strings, encode_strings
from .types import TensorType, bit_width, numpy_dtype
from .verify import element_count, has_value

# A small sparse constant may describe a huge dense one; this many bytes are enough for any real one.
MAXIMUM_DENSE_SIZE = 2**30


def constant_array(graph: Graph, subgraph_index: int, tensor_index: int) -> np.ndarray | None:
    """Return the value of a constant tensor with its shape, read-only, without copying where that is possible.

    int4 and int2 come unpacked as int8 (uint4 as uint8), strings as an object array of bytes, sparse constants dense.
    None where the tensor has no data. A tensor without elements gives an empty array.

    Raises
    ------
    UnsupportedOperatorError
        The element type has no NumPy equivalent, or the data lies in another file.
    ModelError
        A sparse constant has a wrong number of values.
    """
    tensor = graph.subgraphs[subgraph_index].tensors[tensor_index]
    if not has_value(graph, tensor):
        return None
    place = f"subgraphs[{subgraph_index}].tensors[{tensor_index}]"
    try:
        dtype = numpy_dtype(tensor.type)
    except UnsupportedOperatorError:
        raise UnsupportedOperatorError(f"{place}: constants of type {tensor.type.name} are not supported") from None
    if 0 in tensor.shape:
        array = np.empty(tensor.shape, dtype)
    elif tensor.external_buffer:
        raise UnsupportedOperatorError(f"{place}: constants in another file are not supported")
    else:
        array = _decode(graph.buffers[tensor.buffer].data, tensor, dtype, place)
    array.flags.writeable = False
    return array


def _decode(data: memoryview, tensor: Tensor, dtype: np.dtype, place: str) -> np.ndarray:
    if tensor.type == TensorType.STRING:
        strings = np.empty(element_count(tensor.shape), dtype=np.object_)
        strings[:] = decode_strings(data, f"{place}.buffer")
        return strings.reshape(tensor.shape)
    bits = bit_width(tensor.type)
    if tensor.sparsity is not None:
        count = len(data) * 8 // bits
        if element_count(tensor.shape) * dtype.itemsize > MAXIMUM_DENSE_SIZE:
            raise ModelError(f"{place}: a sparse constant of shape {list(tensor.shape)} is too large")
        stored = unpack(data, bits, count, dtype) if bits < 8 else np.frombuffer(data, dtype, count)
        return densify(stored, tensor.sparsity, tensor.shape, f"{place}.sparsity")
    if bits < 8:
        return unpack(data, bits, element_count(tensor.shape), dtype).reshape(tensor.shape)
    return np.frombuffer(data, dtype).reshape(tensor.shape)


def unpack(data: memoryview, bits: int, count: int, dtype: np.dtype) -> np.ndarray:
    """Return ``count`` elements of two or four bits, the first in the lowest bits of a byte, as int8 or uint8."""
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    fields = (np.frombuffer(data, np.uint8)[:, np.newaxis] >> shifts).reshape(-1)[:count]
    if np.dtype(dtype).kind == "u":
        return fields & np.uint8(2**bits - 1)
    # To the top of the byte, then back: the shift of a signed number repeats its sign.
    return (fields << np.uint8(8 - bits)).view(np.int8) >> np.int8(8 - bits)


def pack(array: np.ndarray, bits: int) -> bytes:
    """Return elements of two or four bits packed into bytes, the first in the lowest bits; the inverse of unpack."""
    per_byte = 8 // bits
    fields = np.zeros(-(-array.size // per_byte) * per_byte, dtype=np.uint8)
    fields[: array.size] = array.reshape(-1).astype(np.uint8) & np.uint8(2**bits - 1)
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    return np.bitwise_or.reduce(fields.reshape(-1, per_byte) << shifts, axis=1).astype(np.uint8).tobytes()


def encode_constant(array: np.ndarray, tensor_type: TensorType) -> bytes:
    """Return the bytes that a buffer holds for an array of a tensor's type; the inverse of :func:`constant_array`.

    Raises
    ------
    ModelError
        The array's values do not belong to the type.
    """
    if tensor_type == TensorType.STRING:
        return encode_strings([bytes(item) for item in np.asarray(array, dtype=np.object_).reshape(-1)])
    try:
        dtype = numpy_dtype(tensor_type)
    except UnsupportedOperatorError:
        raise ModelError(f"an array cannot become a constant of type {tensor_type.name}") from None
    converted = np.ascontiguousarray(array, dtype=dtype)
    bits = bit_width(tensor_type)
    if bits >= 8:
        return converted.tobytes()
    lowest, highest = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if dtype.kind == "i" else (0, 2**bits - 1)
    if converted.size and (converted.min() < lowest or converted.max() > highest):
        raise ModelError(f"values of {tensor_type.name} lie between {lowest} and {highest}")
    return pack(converted, bits)
