"""numba's compiler without its optimization of each function: that is done once, when a kernel is whole.

numba optimizes every function by itself, in two runs of passes, puts it into the process, and optimizes it again in
each function that calls it. What a kernel calls is all inlined: it is enough to link what is written and to run LLVM's
passes over the kernel (:mod:`q31.engine.compiler`). The functions made here can be called from compiled code only.

numba's own functions, those of other packages included, are compiled as ever: nothing is replaced in numba.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from numba.core.codegen import JITCodeLibrary, JITCPUCodegen
from numba.core.registry import CPUDispatcher, CPUTarget, cpu_target

OPTIONS: dict[str, Any] = {
    "nopython": True,
    "error_model": "numpy",  # a division by zero gives a number and raises nothing
    "nogil": True,
    "boundscheck": False,
    "_nrt": False,
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}
"""Options under which numba compiles kernels and helpers."""


class _Library(JITCodeLibrary):
    """The code of one function and of what it calls, as numba wrote it."""

    def _optimize_functions(self, ll_module: Any) -> None:
        pass

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_specific(self) -> None:
        pass

    def get_pointer_to_function(self, name: str) -> int:
        """Return 0, as for a function that there is not: the code is not put into the process."""
        self._ensure_finalized()
        return 0


class _Codegen(JITCPUCodegen):
    """Makes such libraries, for the same processor as numba's own."""

    _library_class = _Library

    def _add_module(self, module: Any) -> None:
        pass

    def set_env(self, env_name: str, env: Any) -> None:
        """Do nothing: what compiled code needs to raise exceptions is not in the process."""


class _Target(CPUTarget):
    """numba's target for this processor, its types and its definitions of operations, with other code libraries."""

    @cached_property
    def target_context(self) -> Any:
        """Return numba's own context with another code generator."""
        return cpu_target.target_context.subtarget(_internal_codegen=_Codegen("q31"))

    @property
    def typing_context(self) -> Any:
        """Return numba's own."""
        return cpu_target.typing_context


class _Dispatcher(CPUDispatcher):
    targetdescr = _Target("cpu")


def function(definition: Callable[..., Any], **options: Any) -> Any:
    """Return what other functions made here may call in place of a Python function.

    Parameters
    ----------
    definition : the Python function.
    options : of numba's, beside those that all have.
    """
    return _Dispatcher(definition, targetoptions={**OPTIONS, **options})


def linked(definition: Callable[..., Any], signature: tuple[Any, ...]) -> str:
    """Compile a function; return LLVM's code of it and of all that it calls, not optimized.

    The function is the only external definition there.
    """
    compiled = function(definition)
    compiled.compile(signature)
    return str(compiled.inspect_llvm(compiled.signatures[0]))
