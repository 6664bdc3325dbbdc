"""Vectors as a type of numba's, and how operations on them are defined.

:mod:`.vectors` and :mod:`.quads` define the operations. In interpreted kernels (``Q31_JIT=0``) a vector is a NumPy
array.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, register_model

from . import INTERPRETED


class Vector(types.Type):
    """numba's type of a vector: ``lanes`` elements of an integer or floating-point type."""

    def __init__(self, element: Any, lanes: int) -> None:
        self.element = element
        self.lanes = lanes
        super().__init__(f"vector[{element} x {lanes}]")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Vector) -> None:
        super().__init__(manager, kind, ir.VectorType(manager.lookup(kind.element).get_value_type(), kind.lanes))


INDEX = ir.IntType(32)


def define(signature: Any, generate: Callable[..., Any], python: Callable[..., Any]) -> Any:
    """Return an operation: ``python`` in interpreted kernels, else ``generate(builder, type, *arguments)`` emits it."""
    if INTERPRETED:
        return python

    def code(context: Any, builder: ir.IRBuilder, actual: Any, arguments: Any) -> Any:
        return generate(builder, context.get_value_type(actual.return_type), *arguments)

    by_arity: list[Callable[..., Any]] = [
        lambda typing_context: (signature, code),
        lambda typing_context, a: (signature, code),
        lambda typing_context, a, b: (signature, code),
        lambda typing_context, a, b, c: (signature, code),
        lambda typing_context, a, b, c, d: (signature, code),
        lambda typing_context, a, b, c, d, e: (signature, code),
        lambda typing_context, a, b, c, d, e, f: (signature, code),
        lambda typing_context, a, b, c, d, e, f, g: (signature, code),
    ]
    return intrinsic(by_arity[len(signature.args)])


def emit_lanes(builder: ir.IRBuilder, first: Any, second: Any, lanes: list[int]) -> Any:
    """Emit a vector of the chosen lanes of two vectors in a row."""
    return builder.shuffle_vector(first, second, ir.Constant(ir.VectorType(INDEX, len(lanes)), lanes))


def emit_splat(builder: ir.IRBuilder, kind: Any, value: Any) -> Any:
    """Emit a vector with the value in every lane."""
    first = builder.insert_element(ir.Constant(kind, ir.Undefined), value, ir.Constant(INDEX, 0))
    return emit_lanes(builder, first, first, [0] * kind.count)


def emit_load(builder: ir.IRBuilder, kind: Any, view: Any, index: Any) -> Any:
    """Emit a load of a vector from element ``index`` of a view on; nothing need be aligned."""
    return builder.load(builder.bitcast(builder.gep(view, [index]), kind.as_pointer()), align=1)


def emit_constant_load(builder: ir.IRBuilder, kind: Any, view: Any, index: Any) -> Any:
    """Emit a load of memory that no kernel writes: LLVM need not repeat it after a store."""
    value = emit_load(builder, kind, view, index)
    value.set_metadata("invariant.load", builder.module.add_metadata([]))
    return value


def emit_store(builder: ir.IRBuilder, kind: Any, view: Any, index: Any, value: Any) -> Any:
    """Emit a store of a vector."""
    builder.store(value, builder.bitcast(builder.gep(view, [index]), value.type.as_pointer()), align=1)
