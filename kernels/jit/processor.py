"""What Linux says of the processor: the same as LLVM, without loading it, which takes longer than loading a model."""

from __future__ import annotations

import os
from contextlib import suppress

_TELLING = (
    *("vendor_id", "cpu family", "model", "model name", "stepping", "flags"),  # x86-64
    *("Features", "CPU implementer", "CPU architecture", "CPU variant", "CPU part", "CPU revision"),  # Arm
)
_LONGEST = 1 << 14  # processors are many; only the first is read


def processor_lines() -> tuple[str, ...]:
    """Return what tells one kind of processor from another, features included; nothing where Linux does not say it."""
    with suppress(OSError), open("/proc/cpuinfo", "rb", buffering=0) as file:
        first = file.read(_LONGEST).split(b"\n\n")[0].decode(errors="replace")
        lines = tuple(line for line in first.splitlines() if line.split(":")[0].strip() in _TELLING)
        if any(line.startswith(("flags", "Features")) for line in lines):
            return lines
    return ()


def processor_flags() -> frozenset[str]:
    """Return the names of the features of an x86-64 processor as LLVM writes them but for hyphens: none elsewhere."""
    for line in processor_lines():
        if line.startswith("flags"):
            return frozenset(word.replace("_", "") for word in line.split(":")[1].split())
    return frozenset()


def available_processors() -> int:
    """Return how many processors this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
