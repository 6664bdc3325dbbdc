"""What Interpreter and Model share: reading a model, choosing profile and back end, and building programs."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..kernels.jit import INTERPRETED
from ..kernels.jit.processor import available_processors
from ..kernels.operator import Shape
from ..kernels.profiles import PROFILES, NarrowAccumulator, Overflow, Profile
from ..schema import Graph, InputError, ModelError, UnsupportedOperatorError, map_file, read
from .binding import Packed
from .program import Program
from .structure import Environment

BACKENDS = ("numba", "numpy")


def open_model(model: str | os.PathLike[str] | bytes | bytearray | memoryview) -> tuple[Graph, memoryview]:
    """Read a model from a path (memory-mapped) or from its bytes; returns the graph and the bytes.

    Raises
    ------
    ModelError
        Where the file cannot be opened, or its bytes are not a well-formed model.
    InputError
        Where ``model`` is neither a path nor bytes.
    """
    if isinstance(model, (bytes, bytearray, memoryview)):
        content = memoryview(model)
        return read(content), content
    if not isinstance(model, (str, os.PathLike)):
        raise InputError(f"a model is given by its path or its bytes, not as {type(model).__name__}")
    try:
        content = map_file(model)
        return read(content), content
    except OSError as error:
        raise ModelError(f"cannot open {os.fspath(model)!r}: {error.strerror or error}") from None
    except (ModelError, UnsupportedOperatorError) as error:
        raise type(error)(f"{os.fspath(model)}: {error}") from None


def sha256(content: memoryview) -> str:
    """Return the hexadecimal SHA-256 of a model's bytes."""
    return hashlib.sha256(content).hexdigest()


def find_profile(name: str | Profile) -> Profile:
    """Return a profile by name (or as given).

    Raises
    ------
    InputError
        Where no profile has that name; says which there are.
    """
    if isinstance(name, Profile):
        return name
    if name not in PROFILES:
        raise InputError(f"no profile is named {name!r}; there are {', '.join(sorted(PROFILES))}")
    return PROFILES[name]


def with_accumulator(profile: Profile, bits: int | None, overflow: str | None) -> Profile:
    """Return a profile whose sums of products are held in so many bits; as it is where ``bits`` is None.

    Raises
    ------
    InputError
        Where there is no such accumulator.
    """
    if bits is None:
        if overflow is not None:
            raise InputError("overflow is that of a narrower accumulator: give accumulator_bits, too")
        return profile
    if isinstance(bits, bool) or not isinstance(bits, (int, np.integer)) or not 2 <= bits <= 64:
        raise InputError(f"accumulator_bits: expected an integer from 2 to 64, got {bits!r}")
    rules = {rule.value: rule for rule in Overflow}
    if overflow is not None and overflow not in rules:
        raise InputError(f"overflow: expected {' or '.join(map(repr, rules))}, got {overflow!r}")
    return replace(profile, accumulator=NarrowAccumulator(int(bits), rules[overflow or "wrap"]))


def stamp_of(profile: Profile, model_sha256: str) -> dict[str, Any]:
    """Return whose numbers a model gives: profile and its oracle, q31's version, the SHA-256 of the file."""
    from .. import __version__

    stamp = {
        "profile": profile.name,
        "oracle": profile.oracle,
        "q31_version": __version__,
        "model_sha256": model_sha256,
    }
    narrow = profile.accumulator
    return stamp if narrow is None else {**stamp, "accumulator_bits": narrow.bits, "overflow": narrow.overflow.value}


def choose_backend(backend: str | None) -> str:
    """Return the back end to use: the one asked for, or numba where it is installed.

    Raises
    ------
    InputError
        Where there is no such back end.
    """
    if backend is None:
        return "numba" if importlib.util.find_spec("numba") else "numpy"
    if backend not in BACKENDS:
        raise InputError(f"no back end is named {backend!r}; there are {', '.join(BACKENDS)}")
    return backend


def choose_threads(num_threads: int | None, backend: str) -> int:
    """Return how many threads work on a run: those asked for, but no more than there are processors.

    Raises
    ------
    InputError
        Where the number is no positive integer.
    """
    if num_threads is not None and (not isinstance(num_threads, int) or num_threads < 1):
        raise InputError(f"num_threads: expected a positive integer, got {num_threads!r}")
    if num_threads is None or num_threads == 1 or backend != "numba" or INTERPRETED:
        return 1
    return min(num_threads, available_processors())


Observer = Callable[[int, Program], None]
"""What is told of each run of a subgraph: its index, and the program with what its tensors hold by now."""


class _Observed:
    """A program of which each run is told to an observer."""

    def __init__(self, subgraph_index: int, program: Program, observer: Observer) -> None:
        self._subgraph_index, self._program, self._observer = subgraph_index, program, observer
        self.restart = program.restart

    def call(self, arrays: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
        outputs = self._program.call(arrays)
        self._observer(self._subgraph_index, self._program)
        return outputs


class Session:
    """A graph with everything that was chosen for running it.

    ``observer`` is told of each run of a subgraph that other subgraphs, or :meth:`run_anew`, ask for.
    """

    def __init__(
        self,
        graph: Graph,
        profile: str | Profile,
        backend: str | None,
        preserve_all: bool = False,
        num_threads: int | None = None,
        observer: Observer | None = None,
    ) -> None:
        self.graph = graph
        self.profile = find_profile(profile)
        self.backend = choose_backend(backend)
        self.preserve_all = preserve_all
        self._threads = choose_threads(num_threads, self.backend)
        self._packed: dict[int, Packed] = {}
        self._observer = observer
        self._last: tuple[tuple[int, tuple[Shape, ...]], _Observed] | None = None
        self._environment = Environment(graph, self.program if observer is None else self._observed)

    def _observed(self, subgraph_index: int, input_shapes: Mapping[int, Shape]) -> _Observed:
        assert self._observer is not None
        return _Observed(subgraph_index, self.program(subgraph_index, input_shapes), self._observer)

    def run_anew(self, subgraph_index: int, arrays: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
        """Run a subgraph on these inputs, of any shapes, as if nothing had run before, and return its outputs.

        Raises
        ------
        ModelError, UnsupportedOperatorError
            Where it cannot be prepared for these shapes, or cannot run.
        """
        self._environment.restart()
        key = subgraph_index, tuple(array.shape for array in arrays)
        if self._last is None or self._last[0] != key:
            self._last = None  # before there is memory for two
            inputs = self.graph.subgraphs[subgraph_index].inputs
            self._last = key, self._observed(subgraph_index, dict(zip(inputs, key[1], strict=True)))
        program = self._last[1]
        program.restart()
        return program.call(arrays)

    def program(
        self,
        subgraph_index: int = 0,
        input_shapes: Mapping[int, Shape] | None = None,
        preserve_all: bool | None = None,
    ) -> Program:
        """Prepare a subgraph for the given input shapes; ``preserve_all`` in place of the session's own."""
        return Program(
            self.graph,
            subgraph_index,
            profile=self.profile,
            compiled=self.backend == "numba",
            input_shapes=input_shapes,
            preserve_all=self.preserve_all if preserve_all is None else preserve_all,
            environment=self._environment,
            threads=self._threads,
            packed=self._packed.setdefault(subgraph_index, {}),
        )

    def restart(self) -> None:
        """Forget what runs left behind outside the program of the primary subgraph."""
        self._environment.restart()
