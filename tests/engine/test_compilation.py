"""Kernels compiled by several processes at once: the same kernels whatever happens to the processes."""

import os
import subprocess
import sys
import textwrap
from collections import deque

import pytest

from q31.engine import compilation
from q31.engine.codecache import CodeCache
from q31.engine.compilation import _Helpers, _start, compile_kernels

KERNELS = ["walk", "announce", "await_work"]


@pytest.fixture(autouse=True)
def two_processors(monkeypatch):
    monkeypatch.setattr(compilation, "available_processors", lambda: 2)


def compile_all():
    begun = []
    compiled = dict(compile_kernels(KERNELS, begun.append))
    assert sorted(begun) == sorted(compiled) == sorted(KERNELS)
    return compiled


def test_another_process_compiles_what_is_waiting(tmp_path):
    with _Helpers(deque(["walk"]), 1) as helpers:
        name, code = helpers.result()
    assert name == "walk"
    cache = CodeCache(tmp_path)
    cache._link(name, code)
    assert cache.address("walk")
    assert not list(tmp_path.iterdir())  # it was not compiled again


def test_every_kernel_is_compiled_once(tmp_path):
    calls = []
    cache = CodeCache(tmp_path, lambda *call: calls.append(call))
    assert all(cache.addresses(KERNELS))
    assert sorted(kernel for kernel, _, _ in calls) == sorted(KERNELS)
    assert [call[1:] for call in calls] == [(done, len(KERNELS)) for done in range(len(KERNELS))]


@pytest.mark.parametrize(
    "program",
    [
        "raise SystemExit(1)",
        "import sys; sys.stdin.readline(); sys.stdout.write('short')",
        "import sys; sys.stdin.readline(); sys.stdout.buffer.write((1000).to_bytes(8, 'little') + b'short')",
        "import sys; sys.stdin.readline(); sys.stdout.buffer.write(b'\\xff' * 8 + b'short')",
    ],
)
def test_what_a_process_left_is_compiled_here(monkeypatch, program):
    monkeypatch.setattr(compilation, "_START", program)
    compile_all()


def test_a_process_that_never_answers_is_ended(monkeypatch):
    monkeypatch.setattr(compilation, "_START", "import time; time.sleep(600)")
    monkeypatch.setattr(compilation, "_PATIENCE_SECONDS", 0.1)
    with _Helpers(deque(["walk"]), 1) as helpers:
        assert helpers.result() == ("walk", None)
        assert helpers._processes[0].poll() is not None
    compile_all()


def test_a_process_that_would_compile_other_code_compiles_nothing(monkeypatch):
    monkeypatch.setattr(compilation, "cache_key", lambda: "another")
    with _Helpers(deque(["walk"]), 1) as helpers:
        assert helpers.result() == ("walk", None)


def test_processes_end_when_compiling_fails_here():
    def fail(name):
        raise KeyboardInterrupt

    before = set(children())
    with pytest.raises(KeyboardInterrupt):
        list(compile_kernels(KERNELS, fail))
    assert set(children()) <= before


def children():
    found = f"/proc/self/task/{os.getpid()}/children"
    return open(found).read().split() if os.path.exists(found) else []


@pytest.mark.parametrize("program", ["", None, "/opt/editor/bin/editor"])
def test_a_program_that_has_python_built_in_is_not_started(monkeypatch, program):
    monkeypatch.setattr(sys, "executable", program)
    assert _start() is None


def test_a_frozen_program_is_not_started(monkeypatch):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert _start() is None


@pytest.mark.parametrize("daemon", [False, True])
def test_scripts_need_no_guard_and_daemons_may_compile(tmp_path, daemon):
    script = textwrap.dedent(
        """
        print("main")
        from q31.engine import compilation, machine
        compilation.available_processors = lambda: 2
        def run():
            machine.load_kernels(["walk", "announce", "await_work"])
            print("compiled", flush=True)
        if DAEMON:
            import multiprocessing
            process = multiprocessing.get_context("fork").Process(target=run, daemon=True)
            process.start()
            process.join()
        else:
            run()
        """
    )
    path = tmp_path / "script.py"
    path.write_text(f"DAEMON = {daemon}\n{script}")
    environment = {**os.environ, "Q31_CACHE_DIR": str(tmp_path / "cache")}
    environment.pop("Q31_JIT", None)
    done = subprocess.run([sys.executable, "-u", path], env=environment, capture_output=True, text=True, cwd="/")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["main", "compiled"]
