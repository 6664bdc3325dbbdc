"""From a kernel written in Python to relocatable object code. The only module of the engine that imports numba."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import llvmlite.binding as llvm
import numba

from ..kernels.jit.layouts import LAYOUTS
from .codecache import entry_point

# What an object may leave to the process that loads it: the C library. A kernel that can raise, allocates or needs
# numba's run-time support would name symbols that a process without numba does not have.
_FORBIDDEN = ("Py", "_Py", "NRT_", "numba_")

_OPTIONS: dict[str, Any] = {
    "nopython": True,
    "error_model": "numpy",  # a division by zero gives a number and raises nothing
    "nogil": True,
    "boundscheck": False,
    "_nrt": False,
}


def python_kernel(name: str) -> Callable[[int], None]:
    """Return the Python function that defines a kernel."""
    module = import_module(f"...kernels.jit.{LAYOUTS[name].module}", __name__)
    return getattr(module, name)


def compile_kernel(name: str, target: llvm.TargetMachine) -> bytes:
    """Compile a kernel to an object whose one external definition is its entry point.

    Raises
    ------
    RuntimeError
        Where the kernel needs more than the C library at run time.
    """
    compiled = numba.cfunc("void(int64)", **_OPTIONS)(python_kernel(name))
    module = llvm.parse_assembly(compiled.inspect_llvm())
    for value in (*module.functions, *module.global_variables):
        if value.is_declaration:
            if value.name.startswith(_FORBIDDEN):
                raise RuntimeError(f"kernel {name} needs {value.name} at run time: it may raise or allocate")
        elif value.name == compiled.native_name:
            value.name = entry_point(name)
        else:  # objects made by different processes may share names
            value.linkage = llvm.Linkage.internal
    return target.emit_object(module)
