"""What the processor has, for the few places that name its instructions.

LLVM chooses instructions for the processor by itself. Where it does so only for some shapes of code in some
versions, an operation names the instruction, and has a generic form beside it. ``Q31_ISA=generic`` in the
environment turns every such choice to the generic form; the bits are the same.
"""

from __future__ import annotations

import os

from llvmlite.binding import get_host_cpu_features


def _features() -> frozenset[str]:
    if os.environ.get("Q31_ISA") == "generic":
        return frozenset()
    # numba compiles for this processor unless its settings name another.
    listed = os.environ.get("NUMBA_CPU_FEATURES") or get_host_cpu_features().flatten()
    return frozenset(word[1:] for word in listed.split(",") if word.startswith("+"))


FEATURES = _features()
"""LLVM's names of the features that may be used: ``avx2``, ``avx512bw``..."""
