"""The worker process, from the side of the tests: started when first asked, and again when it died."""

from __future__ import annotations

import os
import pickle
import select
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from robustness.jobs import Job, Outcome

WORKER = Path(__file__).with_name("worker.py")

_COMPILING = 900
"""Seconds more, since the first job waits until all kernels are compiled, minutes where the processors are busy."""


class Died(Exception):
    """The worker crashed, hung or was killed; the message has what it wrote to stderr."""


class Worker:
    """A process that runs models.

    Parameters
    ----------
    interpreted : run the compiled kernels as Python on guarded views.
    """

    def __init__(self, interpreted: bool = False) -> None:
        self._interpreted = interpreted
        self._process: subprocess.Popen[bytes] | None = None
        self._stderr: Any = None

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, job: Job) -> dict[str, Outcome]:
        """Run a job.

        Raises
        ------
        Died
            Where the process did not survive it.
        """
        process = self._start()
        assert process.stdin is not None
        payload = pickle.dumps(job, protocol=5)
        try:
            view = memoryview(struct.pack("<Q", len(payload)) + payload)
            while view:
                view = view[process.stdin.write(view) :]
            deadline = time.monotonic() + job.seconds + _COMPILING
            (length,) = struct.unpack("<Q", self._read(8, deadline))
            return pickle.loads(self._read(length, deadline))
        except (EOFError, OSError, TimeoutError) as error:
            raise Died(self._last_words(error)) from error

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, self._stderr):
            try:
                stream.close()
            except OSError:
                continue

    def _start(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._stderr = tempfile.TemporaryFile()  # noqa: SIM115, closed in close()
            environment = {**os.environ, "Q31_JIT": "0" if self._interpreted else "1"}
            self._process = subprocess.Popen(
                [sys.executable, str(WORKER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                bufsize=0,
                cwd=WORKER.parent,
                env=environment,
            )
        return self._process

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

    def _last_words(self, error: Exception) -> str:
        assert self._process is not None
        self._process.kill()
        code = self._process.wait()
        self._stderr.seek(0)
        words = self._stderr.read().decode(errors="replace")
        self.close()
        return f"{type(error).__name__}, exit code {code}\n{words[-3000:]}"
