"""The cache of object code: what it loads, what it refuses, and what its key depends on."""

import ast
import os
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from q31.engine import codecache
from q31.engine.codecache import Announcement, CodeCache, cache_key, read_object, source_files
from q31.kernels.jit.processor import processor_flags

RUN_LOOKUP = textwrap.dedent(
    """
    import ctypes, sys
    import numpy as np
    from q31.engine import machine

    x = np.arange(100, dtype=np.uint8)
    y = np.zeros_like(x)
    table = np.arange(256, dtype=np.uint8)[::-1].copy()
    block = np.array([x.ctypes.data, y.ctypes.data, table.ctypes.data, 100, 0, 1])
    machine.run([(machine.kernel_address("lookup8"), block.ctypes.data)])
    assert np.array_equal(y, 255 - x)
    print("numba" in sys.modules)
    print("llvmlite.binding" in sys.modules, file=sys.stderr)
    """
)


def run_process(directory: Path, **environment: str) -> str:
    return run_lookup(directory, **environment).stdout.strip()


def run_lookup(directory: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "Q31_CACHE_DIR": str(directory), **environment}
    env.pop("Q31_JIT", None)
    done = subprocess.run([sys.executable, "-c", RUN_LOOKUP], env=env, capture_output=True, text=True, cwd="/")
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    """A cache that holds the kernels lookup8 and walk."""
    directory = tmp_path_factory.mktemp("cache")
    CodeCache(directory).addresses(["lookup8", "walk"])
    return directory


def test_a_warm_process_does_not_import_numba(warm):
    assert run_process(warm) == "False"


@pytest.mark.skipif(not processor_flags(), reason="needs an x86-64 processor and Linux")
def test_a_warm_process_does_not_load_llvm(warm):
    assert run_lookup(warm).stderr.splitlines()[-1] == "False"


def test_a_cold_process_compiles_and_leaves_a_warm_cache(tmp_path):
    assert run_process(tmp_path) == "True"
    assert run_process(tmp_path) == "False"


def test_an_unwritable_directory_means_memory_only(tmp_path):
    (tmp_path / "file").write_text("a file where a folder is wanted")
    assert run_process(tmp_path / "file" / "cache") == "True"


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "text"])
def test_a_damaged_file_is_compiled_again(warm, tmp_path, damage):
    directory = tmp_path / cache_key()
    directory.mkdir(mode=0o700)
    for source in (warm / cache_key()).iterdir():
        data = bytearray(source.read_bytes())
        if damage == "flipped":
            data[-100] ^= 1
        (directory / source.name).write_bytes(
            {"truncated": data[:-7], "empty": b"", "text": b"hello"}.get(damage, data)
        )
    assert read_object(directory / "walk") is None
    cache = CodeCache(tmp_path)
    assert cache.address("walk")
    assert read_object(directory / "walk") is not None


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="needs POSIX permissions")
def test_a_file_that_others_can_write_is_not_trusted(warm):
    path = warm / cache_key() / "walk"
    assert read_object(path) is not None
    path.chmod(0o666)
    try:
        assert read_object(path) is None
    finally:
        path.chmod(0o600)


def test_processes_starting_together_share_one_cache(tmp_path):
    with ThreadPoolExecutor(3) as pool:
        assert set(pool.map(lambda _: run_process(tmp_path), range(3))) <= {"True", "False"}
    assert run_process(tmp_path) == "False"
    assert sorted(path.name for path in (tmp_path / cache_key()).iterdir()) == ["lookup8", "walk"]


def test_threads_starting_together_get_one_address(warm):
    cache = CodeCache(warm)
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(cache.address, ["walk"] * 8))) == 1


def test_the_key_changes_with_any_source_file(tmp_path):
    copies = []
    for path in map(Path, source_files()):
        copies.append(tmp_path / path.name)
        copies[-1].write_bytes(path.read_bytes())
    assert cache_key(copies) == cache_key()
    keys = set()
    for copy in copies:
        original = copy.read_bytes()
        copy.write_bytes(original + b"\n")
        keys.add(cache_key(copies))
        copy.write_bytes(original)
    assert len(keys) == len(copies)
    assert cache_key() not in keys


def test_the_key_changes_with_the_cpu(monkeypatch):
    before = cache_key()
    monkeypatch.setenv("NUMBA_CPU_NAME", "nehalem")
    assert cache_key() != before


def test_the_directory_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("Q31_CACHE_DIR", raising=False)
    assert codecache.cache_directory() == str(tmp_path / "q31")
    monkeypatch.setenv("Q31_CACHE_DIR", str(tmp_path / "own"))
    assert codecache.cache_directory() == str(tmp_path / "own")


def test_compiling_for_more_than_a_second_is_announced_once(capsys):
    times = iter([0.0, 0.5, 1.2, 1.5])
    announcement = Announcement(lambda: next(times))
    for _ in range(4):
        announcement("kernel", 0, 4)
    assert capsys.readouterr().err.count("\n") == 1


def test_progress_is_reported_for_each_compilation_only(tmp_path):
    calls = []
    cache = CodeCache(tmp_path, lambda *call: calls.append(call))
    cache.addresses(["walk", "lookup8"])
    cache.addresses(["walk", "lookup8"])
    assert sorted(kernel for kernel, _, _ in calls) == ["lookup8", "walk"]  # one may be compiled by another process
    assert [(done, total) for _, done, total in calls] == [(0, 2), (1, 2)]
    assert np.all([address > 0 for address in cache.addresses(["walk", "lookup8"])])


def trees() -> dict[str, ast.Module]:
    return {path.name: ast.parse(path.read_text()) for path in map(Path, source_files())}


def test_compiled_code_depends_on_what_the_key_covers_only():
    """The key covers ``kernels/jit`` and the compiler, so neither may import from elsewhere in the package."""
    for name, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                compiler = name == "compiler.py" and (node.module or "").startswith("kernels.jit.")
                assert node.level <= (2 if compiler else 1), f"{name} imports from outside kernels/jit"
                modules = [node.module or ""] if node.level == 0 else []
            elif isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            else:
                continue
            assert not any(module.split(".")[0] == "q31" for module in modules), name


def test_no_kernel_uses_fastmath():
    for name, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword):
                assert node.arg != "fastmath", name
