"""The cache of compiled kernels: object code on disk, loaded again without importing numba, mostly without LLVM.

numba's own cache looks only at the file that defines a function, not at those it calls, may find no place to
write, and costs the import of numba. Here one file per kernel lies in a folder named by a hash of everything
the code depends on: all of ``kernels/jit``, the versions of Python, NumPy, numba and llvmlite, the settings that
change code, and the CPU. The folder is ``$Q31_CACHE_DIR``, else ``$XDG_CACHE_HOME/q31``, else ``~/.cache/q31``; where
it cannot be written, kernels live in memory only.

A process's first result waits for what is imported here: what takes long to import is imported where it is used.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterable
from functools import cached_property
from importlib.util import find_spec
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from ..kernels import jit
from ..kernels.jit.isa import TIER, TIERS, target_features
from ..kernels.jit.processor import processor_lines
from ..schema.errors import InputError
from .object_code import PlacedObject, Unsupported

if TYPE_CHECKING:
    from pathlib import Path

    import llvmlite.binding as llvm

Progress = Callable[[str, int, int], None]
"""Called for each kernel that is compiled: its name, how many of this batch were before it, how many it has."""

_MAGIC = b"q31-object-code-1\n"
_SETTINGS = (
    "Q31_ISA",
    "NUMBA_CPU_NAME",
    "NUMBA_CPU_FEATURES",
    "NUMBA_ENABLE_AVX",
    "NUMBA_LOOP_VECTORIZE",
    "NUMBA_SLP_VECTORIZE",
    "NUMBA_OPT",
)
_PATIENCE_SECONDS = 1.0


def cache_directory() -> str:
    """Return the folder of the cache, which need not exist."""
    if explicit := os.environ.get("Q31_CACHE_DIR"):
        return explicit
    if base := os.environ.get("XDG_CACHE_HOME"):
        return os.path.join(base, "q31")
    home = os.path.expanduser("~")
    if home != "~":
        return os.path.join(home, ".cache", "q31")
    from tempfile import gettempdir

    return os.path.join(gettempdir(), f"q31-{os.getuid() if hasattr(os, 'getuid') else 'cache'}")


def source_files() -> list[str]:
    """Return the paths of the files that define compiled code, in a fixed order."""
    folder = os.path.dirname(jit.__file__)
    names = sorted(name for name in os.listdir(folder) if name.endswith(".py"))
    return [*(os.path.join(folder, name) for name in names), os.path.join(os.path.dirname(__file__), "compiler.py")]


def cache_key(sources: Iterable[str | Path] | None = None) -> str:
    """Return the hash of everything that compiled code depends on, in hexadecimal."""
    digest = hashlib.sha256(_MAGIC)

    def add(text: str | bytes) -> None:
        data = text.encode() if isinstance(text, str) else text
        digest.update(struct.pack("<q", len(data)) + data)

    for path in source_files() if sources is None else sources:
        add(os.path.basename(path))
        add(_content(path))
    for text in (sys.version, np.__version__, *_processor()):
        add(text)
    for package in ("numba", "llvmlite"):
        add(_version(package))
    add(TIER)
    for name in _SETTINGS:
        add(f"{name}={os.environ.get(name)}")
    return digest.hexdigest()[:32]


def _content(path: str | Path) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _version(package: str) -> bytes:
    """Return what tells one version of a package from another, without importing it."""
    spec = find_spec(package)
    if spec is not None and spec.origin:
        with contextlib.suppress(OSError):
            return _content(os.path.join(os.path.dirname(spec.origin), "_version.py"))
    from importlib import metadata

    return metadata.version(package).encode()


def _processor() -> tuple[str, ...]:
    """Return what tells one kind of processor from another: what Linux says of it, elsewhere what LLVM says."""
    if lines := processor_lines():
        return (os.uname().machine, *lines)
    import llvmlite.binding as llvm

    return (llvm.get_process_triple(), llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten())


class Announcement:
    """The default progress report: one line on stderr, once, when compiling takes more than a second."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._started: float | None = None
        self._made = False

    def __call__(self, kernel: str, done: int, total: int) -> None:
        """Take note that a kernel is about to be compiled."""
        now = self._clock()
        if self._started is None:
            self._started = now
        elif not self._made and now - self._started > _PATIENCE_SECONDS:
            self._made = True
            print("q31: compiling kernels for this CPU (only the first time)", file=sys.stderr, flush=True)


class CodeCache:
    """Addresses of compiled kernels: from memory, else from disk, else compiled and stored. Thread-safe.

    Parameters
    ----------
    directory : the cache's folder; by default :func:`cache_directory`.
    progress : called for each compilation; by default a line on stderr when it takes long.
    """

    def __init__(self, directory: str | Path | None = None, progress: Progress | None = None) -> None:
        self.progress: Progress = Announcement() if progress is None else progress
        self._root = cache_directory() if directory is None else directory
        self._lock = threading.RLock()
        self._addresses: dict[str, int] = {}
        self._placed: list[PlacedObject] = []

    @cached_property
    def directory(self) -> str:
        """The folder of the present key. InputError where ``Q31_ISA`` names no tier."""
        asked = os.environ.get("Q31_ISA")
        if asked and asked not in TIERS:
            raise InputError(f"Q31_ISA={asked}: expected one of {', '.join(TIERS)}")
        return os.path.join(self._root, cache_key())

    @cached_property
    def _engine(self) -> llvm.ExecutionEngine:
        import llvmlite.binding as llvm

        return llvm.create_mcjit_compiler(llvm.parse_assembly(""), create_target())

    def addresses(self, kernels: Iterable[str]) -> list[int]:
        """Return the addresses of kernels, loading or compiling those that are new."""
        kernels = list(kernels)
        with self._lock:
            missing = [name for name in dict.fromkeys(kernels) if name not in self._addresses]
            absent = [name for name in missing if not self._load(name)]
            if absent:
                self._compile(absent)
            return [self._addresses[name] for name in kernels]

    def address(self, kernel: str) -> int:
        """Return the address of one kernel."""
        known = self._addresses.get(kernel)
        return self.addresses([kernel])[0] if known is None else known

    def _load(self, kernel: str) -> bool:
        code = read_object(os.path.join(self.directory, kernel))
        if code is not None:
            self._link(kernel, code)
        return code is not None

    def _compile(self, kernels: list[str]) -> None:
        from .compilation import compile_kernels

        done = count()
        for kernel, code in compile_kernels(kernels, lambda name: self.progress(name, next(done), len(kernels))):
            self._link(kernel, code)
            write_object(os.path.join(self.directory, kernel), code)

    def _link(self, kernel: str, code: bytes) -> None:
        # Nobody checks what is linked, and rubbish would crash: the file's checksum stands before this.
        try:
            self._placed.append(PlacedObject(code))
            self._addresses[kernel] = self._placed[-1].address(entry_point(kernel))
        except Unsupported:
            self._addresses[kernel] = self._link_by_llvm(kernel, code)

    def _link_by_llvm(self, kernel: str, code: bytes) -> int:
        import llvmlite.binding as llvm

        self._engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        self._engine.finalize_object()
        address: int = self._engine.get_function_address(entry_point(kernel))
        if not address:
            raise RuntimeError(f"kernel {kernel}: its object code has no entry point")
        return address


def entry_point(kernel: str) -> str:
    """Return the symbol of a kernel in its object code."""
    return f"q31_{kernel}"


def create_target() -> llvm.TargetMachine:
    """Return LLVM's description of this CPU, or of the one that numba's settings name."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(
        cpu=os.environ.get("NUMBA_CPU_NAME") or llvm.get_host_cpu_name(),
        features=target_features(),
        opt=3,
        codemodel="jitdefault",
        jit=True,
    )


def read_object(path: str | Path) -> bytes | None:
    """Read a cached kernel's object code; None where the file is absent, damaged or not to be trusted."""
    try:
        with open(path, "rb") as file:
            if not _trusted(os.fstat(file.fileno())):
                return None
            data = file.read()
    except OSError:
        return None
    head, digest, code = data[: len(_MAGIC)], data[len(_MAGIC) : len(_MAGIC) + 32], data[len(_MAGIC) + 32 :]
    return code if head == _MAGIC and digest == hashlib.sha256(code).digest() else None


def write_object(path: str | Path, code: bytes) -> bool:
    """Store a kernel's object code in one step, so that no process reads half of it; False where it cannot."""
    import tempfile

    temporary = None
    try:
        folder, name = os.path.split(path)
        os.makedirs(folder, mode=0o700, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=name, suffix=".part", dir=folder)
        with os.fdopen(handle, "wb") as file:
            file.write(_MAGIC + hashlib.sha256(code).digest() + code)
        os.replace(temporary, path)
    except OSError:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        return False
    return True


def _trusted(status: os.stat_result) -> bool:
    """Whether a file holds code that only this user or the system's owner could have put there."""
    if not hasattr(os, "getuid"):
        return True
    writable_by_others = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return status.st_uid in (os.getuid(), 0) and not writable_by_others
