"""Kernels are optimized once, when they are whole, and what the process has numba for besides stays as it is."""

import gc

import numpy as np
import pytest

from q31.kernels.jit import INTERPRETED

if INTERPRETED:
    pytest.skip("nothing is compiled", allow_module_level=True)

import llvmlite.binding as llvm
import numba
from numba.core.codegen import JITCPUCodegen

from q31.engine import compiler
from q31.engine.codecache import create_target
from q31.kernels.jit import unoptimized
from q31.kernels.jit.addressing import helper
from q31.kernels.jit.unoptimized import linked


def test_what_is_linked_was_not_optimized_and_the_kernel_is():
    written = llvm.parse_assembly(linked(compiler.python_kernel("walk"), (numba.types.int64,)))
    optimized = compiler.optimized_kernel("walk", "entry", create_target())
    assert "alloca" in str(written) and "alloca" not in str(optimized)
    assert [f.name for f in optimized.functions if not f.is_declaration] == ["entry"]  # all else is inlined


def test_helpers_are_compiled_beside_the_kernel_without_being_optimized_or_loaded():
    @helper
    def twice(x):
        y = x
        for _ in range(x):
            y += x
        return y

    def kernel(x):
        return twice(x) * 3

    text = linked(kernel, (numba.types.int64,))
    (library,) = [one.library for one in twice.overloads.values()]
    assert isinstance(library, unoptimized._Library) and "alloca" in library.get_llvm_str()
    assert text.count("alwaysinline") and not library.codegen._engine._defined_symbols


def test_overloads_of_numba_are_compiled_as_ever():
    def kernel(x, y):
        return min(x, y)

    linked(kernel, (numba.types.int64, numba.types.int64))
    context = numba.core.registry.cpu_target.target_context
    assert type(context.codegen()) is JITCPUCodegen

    @numba.njit
    def least(x, y):
        if x < 0:
            raise ValueError("below zero")
        return min(x, y)

    assert least(5, 3) == 3
    with pytest.raises(ValueError, match="below zero"):
        least(-5, 3)


def test_a_helper_may_be_called_by_functions_of_numba():
    @helper
    def thrice(x):
        return 3 * x

    @numba.njit
    def sums(values):
        total = 0
        for value in values:
            total += thrice(value)
        return total

    assert sums(np.arange(5)) == 30


def test_a_kernel_that_needs_python_is_refused(monkeypatch):
    def printing(block):
        print(block)

    monkeypatch.setattr(compiler, "python_kernel", lambda name: printing)
    with pytest.raises(RuntimeError, match="at run time: it may raise or allocate"):
        compiler.compile_kernel("printing", "entry", create_target())


@pytest.mark.parametrize("enabled", [True, False])
def test_garbage_is_collected_as_before(monkeypatch, enabled):
    seen = []

    def fail(name):
        seen.append(gc.isenabled())
        raise KeyError(name)

    monkeypatch.setattr(compiler, "python_kernel", fail)
    before = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        with pytest.raises(KeyError):
            compiler.compile_kernel("nothing", "entry", create_target())
        assert gc.isenabled() is enabled and seen == [False]
    finally:
        (gc.enable if before else gc.disable)()
