"""What every compiled kernel is written with: views of raw addresses and the decorator of their helpers.

A view is a bare pointer: ``view[i]`` is one load or store, without bounds or negative indices. The size is
what the kernel may touch; compiled code ignores it, and the uncompiled kernels (``Q31_JIT=0``) get a NumPy
array of exactly that size, which raises IndexError where a kernel runs past it.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.imputils import lower_getattr_generic
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import intrinsic, models, register_model

from . import INTERPRETED, unoptimized


def helper(function: Callable[..., Any]) -> Any:
    """Decorate a function that kernels call: compiled with them and always inlined."""
    if INTERPRETED:
        return function
    return unoptimized.function(function, forceinline=True)


def fragment(function: Callable[..., Any]) -> Any:
    """Decorate a part of a kernel that is called from one place: it is compiled as if it stood there.

    That takes less time than compiling a helper of its own, but more where it is called from several places, or is long
    and stands within another fragment, which is copied with all that it holds.
    """
    if INTERPRETED:
        return function
    return unoptimized.function(function, inline="always")


def _define_view(element: Any, dtype: Any) -> Any:
    if INTERPRETED:
        return lambda address, size: _array(int(address), int(size), dtype)

    @intrinsic
    def view(typing_context: Any, address: Any, size: Any) -> Any:
        def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

        return types.CPointer(element)(types.int64, types.int64), generate

    return view


def _array(address: int, size: int, dtype: Any) -> np.ndarray:
    return np.frombuffer((ctypes.c_uint8 * (size * np.dtype(dtype).itemsize)).from_address(address), dtype)


int8_view = _define_view(types.int8, np.int8)
uint8_view = _define_view(types.uint8, np.uint8)
int16_view = _define_view(types.int16, np.int16)
uint16_view = _define_view(types.uint16, np.uint16)
int32_view = _define_view(types.int32, np.int32)
int64_view = _define_view(types.int64, np.int64)
float32_view = _define_view(types.float32, np.float32)
float64_view = _define_view(types.float64, np.float64)


class Block(types.Type):
    """numba's type of a parameter block: an address whose fields are attributes."""

    def __init__(self, fields: tuple[str, ...]) -> None:
        self.fields = fields
        super().__init__(f"block[{', '.join(fields)}]")


@register_model(Block)
class _BlockModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Block) -> None:
        super().__init__(manager, kind, ir.IntType(64))


@infer_getattr
class _BlockAttributes(AttributeTemplate):
    key = Block

    def generic_resolve(self, kind: Block, name: str) -> Any:  # type: ignore[override]
        return types.int64 if name in kind.fields else None


@lower_getattr_generic(Block)
def _load_field(context: Any, builder: ir.IRBuilder, kind: Block, block: Any, name: str) -> Any:
    pointer = builder.inttoptr(block, ir.IntType(64).as_pointer())
    position = ir.Constant(ir.IntType(64), kind.fields.index(name))
    value = builder.load(builder.gep(pointer, [position], inbounds=True))
    # Nothing writes to a block while its kernel runs: LLVM need not load it again after every store of an output.
    value.set_metadata("invariant.load", builder.module.add_metadata([]))
    return value


@intrinsic
def _read_block(typing_context: Any, block: Any, fields: Any) -> Any:
    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        return arguments[0]

    return Block(fields.fields)(types.int64, fields), generate


@intrinsic
def _float_field(typing_context: Any, bits: Any) -> Any:
    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.int64), generate


@intrinsic
def _float_of_bits(typing_context: Any, bits: Any) -> Any:
    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), generate


@intrinsic
def _call_kernel(typing_context: Any, kernel: Any, block: Any) -> Any:
    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        kernel_type = ir.FunctionType(ir.VoidType(), [ir.IntType(64)])
        builder.call(builder.inttoptr(arguments[0], kernel_type.as_pointer()), [arguments[1]])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


@intrinsic
def _call_float(typing_context: Any, function: Any, x: Any) -> Any:
    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        function_type = ir.FunctionType(ir.FloatType(), [ir.FloatType()])
        return builder.call(builder.inttoptr(arguments[0], function_type.as_pointer()), [arguments[1]])

    return types.float32(types.int64, types.float32), generate


@intrinsic
def _call_double(typing_context: Any, function: Any, x: Any) -> Any:
    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        function_type = ir.FunctionType(ir.DoubleType(), [ir.DoubleType()])
        return builder.call(builder.inttoptr(arguments[0], function_type.as_pointer()), [arguments[1]])

    return types.float64(types.int64, types.float64), generate


def _call_float_as_python(function: Any, x: Any) -> Any:
    return np.float32(_FLOAT_FUNCTION(function)(x))


def _call_double_as_python(function: Any, x: Any) -> Any:
    return np.float64(_DOUBLE_FUNCTION(function)(x))


_DOUBLE_FUNCTION = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)
_FLOAT_FUNCTION = ctypes.CFUNCTYPE(ctypes.c_float, ctypes.c_float)


def _read_block_as_python(block: Any, fields: Any) -> Any:
    return type(fields)(*_array(block, len(fields), np.int64).tolist())


def _float_field_as_python(bits: Any) -> Any:
    return struct.unpack("<d", struct.pack("<q", int(bits)))[0]


read_block: Any = _read_block_as_python if INTERPRETED else _read_block
"""``read_block(address, FIELDS)``: a block, its fields as attributes; FIELDS come from :func:`.layouts.fields`."""

float_field: Any = _float_field_as_python if INTERPRETED else _float_field
"""Return the float64 whose bits are an int64 field of a block."""

float_of_bits: Any = (lambda bits: np.int32(bits).view(np.float32)) if INTERPRETED else _float_of_bits
"""Return the float32 of the bits of an int32."""

call_kernel: Any = _call_kernel
"""Call the kernel at one address with the parameter block at another (compiled only)."""

call_float: Any = _call_float_as_python if INTERPRETED else _call_float
"""Call the C function ``float f(float)`` at an address."""

call_double: Any = _call_double_as_python if INTERPRETED else _call_double
"""Call the C function ``double f(double)`` at an address."""
