"""How threads share a program's work: through words of memory that they change one at a time.

The work of a row is in parts. A thread takes the next part that nobody has, runs it, and takes another; when none is
left it waits until those that others took are done. So nobody waits for a thread that does not come. Runs of a program
are counted: a thread that is late finds the parts of its run taken, and those of a later one are not for it.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .addressing import call_kernel, int64_view, read_block
from .layouts import fields

SHARE = fields("share")
ANNOUNCE = fields("announce")
AWAIT_WORK = fields("await_work")

SPINS = 2000
"""So often a thread looks whether others are done before it lets them have the processor."""

_WORD = ir.IntType(64)


def _pointer(builder: ir.IRBuilder, address: Any) -> Any:
    return builder.inttoptr(address, _WORD.as_pointer())


@intrinsic
def _load_word(typing_context: Any, address: Any) -> Any:
    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        return builder.load_atomic(_pointer(builder, arguments[0]), "acquire", 8)

    return types.int64(types.int64), generate


@intrinsic
def _add_one_to(typing_context: Any, address: Any) -> Any:
    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        return builder.atomic_rmw("add", _pointer(builder, arguments[0]), ir.Constant(_WORD, 1), "acq_rel")

    return types.int64(types.int64), generate


@intrinsic
def _exchange_word(typing_context: Any, address: Any, expected: Any, value: Any) -> Any:
    """Write a value where another is expected; return whether it was there."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        pointer = _pointer(builder, arguments[0])
        pair = builder.cmpxchg(pointer, arguments[1], arguments[2], "acq_rel", "acquire")
        return builder.extract_value(pair, 1)

    return types.boolean(types.int64, types.int64, types.int64), generate


@intrinsic
def _relax(typing_context: Any) -> Any:
    """Tell the processor that this is a loop which waits."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        if builder.module.triple.startswith(("x86_64", "i686")):
            function_type = ir.FunctionType(ir.VoidType(), [])
            builder.call(cgutils.get_or_insert_function(builder.module, function_type, "llvm.x86.sse2.pause"), [])
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def _call_function(typing_context: Any, function: Any) -> Any:
    """Call a C function without arguments that returns an int."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        function_type = ir.FunctionType(ir.IntType(32), [])
        builder.call(builder.inttoptr(arguments[0], function_type.as_pointer()), [])
        return context.get_dummy_value()

    return types.void(types.int64), generate


# mypy takes an intrinsic for the function it is made of, with the typing context as an argument.
load_word: Any = _load_word
add_one_to: Any = _add_one_to
exchange_word: Any = _exchange_word
relax: Any = _relax
call_function: Any = _call_function


def share(block: Any) -> None:
    """Run parts of a row until all are done. ``tables`` has the address and the length of each part's own table.

    ``next_part`` holds the number of the run in its upper half, and the next part in its lower; ``done`` counts parts
    over all runs.
    """
    p = read_block(block, SHARE)
    run = load_word(p.run)
    tables = int64_view(p.tables, 2 * p.parts)
    while True:
        word = load_word(p.next_part)
        if word >> 32 > run:
            return
        part = word & 0xFFFFFFFF if word >> 32 == run else 0
        if part >= p.parts:
            break
        if exchange_word(p.next_part, word, (run << 32) + part + 1):
            rows = tables[2 * part + 1]
            table = int64_view(tables[2 * part], 2 * rows)
            for row in range(rows):
                call_kernel(table[2 * row], table[2 * row + 1])
            add_one_to(p.done)
    spins = 0
    while load_word(p.done) < run * p.parts:
        relax()
        spins += 1
        if spins > SPINS and p.pause != 0:
            call_function(p.pause)


def announce(block: Any) -> None:
    """Count the generation of work up: what was written before is there for who sees it."""
    p = read_block(block, ANNOUNCE)
    add_one_to(p.generation)


def await_work(block: Any) -> None:
    """Watch the generation of work for a while, or until it is not ``seen`` any more."""
    p = read_block(block, AWAIT_WORK)
    spins = 0
    while load_word(p.generation) == load_word(p.seen) and spins < p.spins:
        relax()
        spins += 1
