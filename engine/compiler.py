"""From a kernel written in Python to relocatable object code. The only module of the engine that imports numba."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import llvmlite.binding as llvm
import numba
from llvmlite import ir

from ..kernels.jit.layouts import LAYOUTS
from ..kernels.jit.unoptimized import linked

# What an object may leave to the process that loads it: the C library. A kernel that can raise, allocates or needs
# numba's run-time support would name symbols that a process without numba does not have.
_FORBIDDEN = ("Py", "_Py", "NRT_", "numba_")

_SIGNATURE = (numba.types.int64,)


def python_kernel(name: str) -> Callable[[int], None]:
    """Return the Python function that defines a kernel."""
    module = import_module(f"...kernels.jit.{LAYOUTS[name].module}", __name__)
    return getattr(module, name)


def compile_kernel(name: str, entry_point: str, target: llvm.TargetMachine) -> bytes:
    """Compile a kernel to an object whose one external definition is ``entry_point``, a ``void(int64)``.

    Raises
    ------
    RuntimeError
        Where the kernel needs more than the C library at run time.
    """
    return target.emit_object(optimized_kernel(name, entry_point, target))


def optimized_kernel(name: str, entry_point: str, target: llvm.TargetMachine) -> llvm.ModuleRef:
    """Return LLVM's code of a kernel and of its entry point, optimized for a processor. Raises as compile_kernel."""
    with _no_collections():
        module = llvm.parse_assembly(linked(python_kernel(name), _SIGNATURE))
    defined = [f for f in module.functions if not f.is_declaration and f.linkage is llvm.Linkage.external]
    assert len(defined) == 1, [f.name for f in defined]
    module.link_in(llvm.parse_assembly(_entry(entry_point, defined[0].name)))
    for value in (*module.functions, *module.global_variables):
        if not value.is_declaration and value.name != entry_point:
            value.linkage = llvm.Linkage.internal  # objects made by different processes may share names
    _optimize(module, target)
    for value in (*module.functions, *module.global_variables):
        if value.is_declaration and value.name.startswith(_FORBIDDEN):
            raise RuntimeError(f"kernel {name} needs {value.name} at run time: it may raise or allocate")
    return module


@contextmanager
def _no_collections() -> Iterator[None]:
    """Leave the garbage, which numba makes little of, until a function is compiled: collections took a sixth of it."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _optimize(module: llvm.ModuleRef, target: llvm.TargetMachine) -> None:
    """Run LLVM's passes over a module, at the level and with the vectorizers that numba's settings name."""
    settings: Any = numba.config
    options = llvm.create_pipeline_tuning_options(speed_level=int(settings.OPT))
    options.loop_vectorization = bool(settings.LOOP_VECTORIZE)
    options.slp_vectorization = bool(settings.SLP_VECTORIZE)
    builder = llvm.create_pass_builder(target, options)
    builder.getModulePassManager().run(module, builder)


def _entry(entry_point: str, function: str) -> str:
    """Return the definition of a kernel's entry point: it calls numba's function and drops its status, always 0."""
    module = ir.Module()
    pointer, integer = ir.IntType(8).as_pointer(), ir.IntType(64)
    result_type = ir.FunctionType(ir.IntType(32), [pointer.as_pointer(), pointer.as_pointer(), integer])
    inner = ir.Function(module, result_type, function)
    outer = ir.Function(module, ir.FunctionType(ir.VoidType(), [integer]), entry_point)
    builder = ir.IRBuilder(outer.append_basic_block())
    builder.call(inner, [builder.alloca(pointer), builder.alloca(pointer), outer.args[0]])
    builder.ret_void()
    return str(module)
