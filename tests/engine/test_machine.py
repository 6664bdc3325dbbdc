"""The machine: it walks its rows in order, in one call, and imports numba for nobody who does not need it."""

import subprocess
import sys
import threading

import numpy as np
import pytest

from q31.engine import machine
from q31.kernels.jit import layouts


def lookup_row(source: np.ndarray, target: np.ndarray, table: np.ndarray) -> tuple[tuple[int, int], np.ndarray]:
    block = np.array([source.ctypes.data, target.ctypes.data, table.ctypes.data, source.size, 0, 1], np.int64)
    return (machine.kernel_address("lookup8"), block.ctypes.data), block


def test_rows_run_in_order():
    a = np.arange(256, dtype=np.uint8)
    b, c = np.zeros_like(a), np.zeros_like(a)
    reverse, double = a[::-1].copy(), (a * 2).astype(np.uint8)
    first, block1 = lookup_row(a, b, reverse)
    second, block2 = lookup_row(b, c, double)
    rows = [first, second]
    stretch = machine.Stretch(rows)
    rows.clear()  # the stretch has its own copy
    assert len(stretch) == 2
    stretch()
    assert np.array_equal(c, double[reverse])
    assert block1 is not block2


def test_an_empty_stretch_does_nothing():
    machine.Stretch([])()


def test_stretches_run_in_several_threads():
    table = np.arange(256, dtype=np.uint8)[::-1].copy()
    sources = [np.full(1000, i, np.uint8) for i in range(4)]
    targets = [np.zeros(1000, np.uint8) for _ in range(4)]
    rows = [lookup_row(s, t, table) for s, t in zip(sources, targets, strict=True)]
    stretches = [machine.Stretch([row]) for row, _ in rows]
    threads = [threading.Thread(target=lambda s=s: [s() for _ in range(50)]) for s in stretches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, target in enumerate(targets):
        assert (target == 255 - i).all()


def test_an_unknown_kernel_is_a_key_error():
    with pytest.raises(KeyError):
        machine.kernel_address("no_such_kernel")


def test_every_layout_has_distinct_fields():
    for name, layout in layouts.LAYOUTS.items():
        assert len(set(layout.fields)) == len(layout.fields), name
        assert layouts.fields(name)._fields == layout.fields


@pytest.mark.parametrize("module", ["q31", "q31.engine", "q31.kernels.jit.layouts", "q31.kernels.registry"])
def test_importing_without_the_machine_imports_no_compiler(module):
    code = f"import sys, {module}; sys.exit(any(name in sys.modules for name in ('numba', 'llvmlite')))"
    assert subprocess.run([sys.executable, "-c", code], cwd="/").returncode == 0


def test_the_interpreted_kernels_give_the_same():
    code = """if True:
        import sys
        import numpy as np
        from q31.engine import machine
        x = np.arange(100, dtype=np.uint8)
        y, table = np.zeros_like(x), np.arange(256, dtype=np.uint8)[::-1].copy()
        block = np.array([x.ctypes.data, y.ctypes.data, table.ctypes.data, 100, 0, 1])
        machine.run([(machine.kernel_address("lookup8"), block.ctypes.data)])
        sys.exit(not np.array_equal(y, 255 - x))
        """
    environment = {"Q31_JIT": "0", "PATH": ""}
    assert subprocess.run([sys.executable, "-c", code], env=environment, cwd="/").returncode == 0
