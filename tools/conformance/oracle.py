"""The oracle: ai-edge-litert's BUILTIN_REF, one thread, in a process of its own that may die.

>>> oracle = Oracle()
>>> result = oracle.run(model_bytes, [x])           # Answer, Refusal or Abort
>>> result.outputs[0]
"""

from __future__ import annotations

import importlib.util
import os
import pickle
import select
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from ...schema import Graph
from ..reference_types import DEFAULT_RESOLVER

SERVER = Path(__file__).with_name("oracle_server.py")

# A kernel that writes outside its buffers spoils later answers, so no process answers for long.
QUESTIONS_PER_PROCESS = 2000

REFERENCE = "BUILTIN_REF"
SUBSTITUTE = "BUILTIN_WITHOUT_DEFAULT_DELEGATES"
"""The resolver for what the reference's lacks."""


def resolver_for(graph: Graph) -> str:
    """Return the reference's resolver, or the substitute where it lacks an operator of the model."""
    names = {operator.name for subgraph in graph.subgraphs for operator in subgraph.operators}
    return SUBSTITUTE if names & set(DEFAULT_RESOLVER) else REFERENCE


def missing() -> str:
    """Return why there is no oracle here, or an empty string where there is one."""
    if importlib.util.find_spec("ai_edge_litert") is None:
        return "ai-edge-litert, the oracle, is not installed"
    return ""


@dataclass(frozen=True)
class Answer:
    """What LiteRT computed: ``runs[k]`` are the outputs of invoke k, or all tensors by index."""

    runs: list[Any]

    @property
    def outputs(self) -> list[np.ndarray]:
        """Outputs (or tensors) of the first invoke."""
        return self.runs[0]


@dataclass(frozen=True)
class Refusal:
    """LiteRT raised an exception."""

    error: str
    message: str

    def __str__(self) -> str:
        return f"raised {self.error}: {self.message}"


@dataclass(frozen=True)
class Abort:
    """LiteRT took its process with it, or did not come back in time."""

    reason: str
    stderr: str

    def __str__(self) -> str:
        return f"{self.reason}: {self.stderr[-300:]}"


Result: TypeAlias = "Answer | Refusal | Abort"


class Oracle:
    """A LiteRT process to ask; started on the first question and started again when it dies.

    Parameters
    ----------
    timeout : seconds to wait for an answer before the process is killed.
    """

    def __init__(self, timeout: float = 60.0) -> None:
        self.timeout = timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._stderr: Any = None
        self._asked = 0

    def run(self, model: bytes, inputs: Sequence[np.ndarray], *, all_tensors: bool = False) -> Result:
        """Run a model once. ``inputs`` are in the order of the subgraph's inputs; other shapes resize the model."""
        return self.run_many(model, [inputs], all_tensors=all_tensors)

    def run_many(
        self,
        model: bytes,
        inputs: Sequence[Sequence[np.ndarray]],
        *,
        all_tensors: bool = False,
        resets: bool = False,
        resolver: str = REFERENCE,
    ) -> Result:
        """Run a model once for each list of inputs, in one interpreter; all lists have the same shapes.

        ``resets``: variable tensors are reset between runs. ``resolver``: name of an ``OpResolverType``.
        """
        arrays = [list(one) for one in inputs]
        return self._answer(
            {"model": model, "inputs": arrays, "all_tensors": all_tensors, "resets": resets, "resolver": resolver}
        )

    def run_signatures(self, model: bytes, calls: Sequence[tuple[str, dict[str, np.ndarray]]]) -> Result:
        """Call signatures by key with arrays by name, in one interpreter; each run is a dictionary of outputs."""
        return self._answer({"model": model, "calls": list(calls), "all_tensors": False, "resolver": REFERENCE})

    def _answer(self, request: dict[str, Any]) -> Result:
        if self._asked >= QUESTIONS_PER_PROCESS:
            self.close()
        self._start()
        self._asked += 1
        try:
            kind, *content = self._ask(pickle.dumps(request, protocol=5))
        except TimeoutError:
            return self._abort(f"no answer in {self.timeout} s")
        except (EOFError, OSError):
            return self._abort("the process died")
        return Answer(content[0]) if kind == "answer" else Refusal(*content)

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, self._stderr):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def __enter__(self) -> Oracle:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self) -> None:
        if self._process is not None:
            return
        self._asked = 0
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115, closed in close()
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "1"}
        self._process = subprocess.Popen(
            [sys.executable, str(SERVER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            bufsize=0,
            cwd=SERVER.parent,
            env=environment,
        )

    def _ask(self, payload: bytes) -> tuple[Any, ...]:
        assert self._process is not None and self._process.stdin is not None
        view = memoryview(struct.pack("<Q", len(payload)) + payload)
        while view:
            view = view[self._process.stdin.write(view) :]
        deadline = time.monotonic() + self.timeout
        (length,) = struct.unpack("<Q", self._read(8, deadline))
        return pickle.loads(self._read(length, deadline))

    def _read(self, count: int, deadline: float) -> bytes:
        assert self._process is not None and self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        data = bytearray()
        while len(data) < count:
            ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
            chunk = os.read(descriptor, min(count - len(data), 1 << 20))
            if not chunk:
                raise EOFError
            data += chunk
        return bytes(data)

    def _abort(self, reason: str) -> Abort:
        assert self._process is not None
        self._process.kill()
        code = self._process.wait()
        self._stderr.seek(0)
        stderr = self._stderr.read().decode(errors="replace")
        self.close()
        return Abort(f"{reason} (exit code {code})", stderr)
