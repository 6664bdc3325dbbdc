"""What the processor has, for the few places that name its instructions: one tier of them, chosen once.

LLVM chooses instructions for the processor by itself. Where it does so only for some shapes of code in some
versions, or would never, an operation names the instruction, and has a generic form beside it that gives the same
bits. The tier says which instructions may be named, and decides between layouts of packed weights:

============  =================================================================================
tier          the products of 8-bit codes
============  =================================================================================
generic       pairs of int16, in whatever instructions LLVM finds
avx2          pairs of int16, ``pmaddwd``
avx512vnni    quads of uint8 and int8, ``vpdpbusd`` (:mod:`.quads`)
amx           tiles of 16 rows of 64 bytes, ``tdpbusd`` (:mod:`.tiles`)
============  =================================================================================

The best tier of the processor is taken; ``Q31_ISA=TIER`` in the environment holds to one, and LLVM with it: it gets no
feature that only a higher tier asks for. Where the processor lacks what the tier names, its layouts are used all the
same, with the generic forms, so that every tier's bits can be tested on every machine.

Another processor's tier, say Arm's with its dot product, is one more line in ``TIERS``: its features, and the forms of
:func:`.quads.dot_quads` that name its instructions.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping
from typing import Any

from .processor import processor_flags

TIERS: Mapping[str, frozenset[str]] = {
    "generic": frozenset(),
    "avx2": frozenset({"avx2"}),
    "avx512vnni": frozenset({"avx2", "avx512f", "avx512bw", "avx512vl", "avx512vnni"}),
    "amx": frozenset({"avx2", "avx512f", "avx512bw", "avx512vl", "avx512vnni", "amx-tile", "amx-int8"}),
}
"""The tiers, each better than those before it, and LLVM's names of the features that they need."""

_ABOVE = {"generic": ("avx512", "amx", "avx2"), "avx2": ("avx512", "amx"), "avx512vnni": ("amx",), "amx": ()}
"""How the names of features begin that are kept from LLVM in a tier that was asked for."""


def _listed() -> list[str]:
    # numba compiles for this processor unless its settings name another.
    from llvmlite.binding import get_host_cpu_features

    return (os.environ.get("NUMBA_CPU_FEATURES") or get_host_cpu_features().flatten()).split(",")


def _tiles_are_withheld() -> bool:
    """Ask Linux, which keeps the tiles' large state only for processes that have asked; once is enough for all threads.

    Whatever makes it refuse, there are then no tiles.
    """
    if "amxint8" not in processor_flags():
        return False
    request, data_of_tiles, arch_prctl = 0x1023, 18, 158
    try:
        return bool(ctypes.CDLL(None).syscall(arch_prctl, request, data_of_tiles) != 0)
    except (AttributeError, OSError, TypeError):
        return True


_WITHHELD = frozenset({"amx-tile", "amx-int8"}) if _tiles_are_withheld() else frozenset()
"""Features of this processor that the system does not let this process use."""


def _choose_tier() -> str:
    asked = os.environ.get("Q31_ISA", "")
    if asked in TIERS:
        return asked  # what else it may say, the engine refuses
    there = frozenset() if os.environ.get("NUMBA_CPU_FEATURES") else processor_flags()
    if not there:
        there = frozenset(word[1:].replace("-", "") for word in _listed() if word.startswith("+"))
    there -= {name.replace("-", "") for name in _WITHHELD}
    return [tier for tier, needed in TIERS.items() if {name.replace("-", "") for name in needed} <= there][-1]


TIER = _choose_tier()
"""The tier in use."""


def target_features() -> str:
    """Return the features of LLVM's target, as it writes them: the processor's, less those above the tier."""
    words = [word for word in _listed() if word and word[1:] not in _WITHHELD]
    if os.environ.get("Q31_ISA") == TIER:
        words = ["-" + word[1:] if word[1:].startswith(_ABOVE[TIER]) else word for word in words]
    return ",".join(words)


def _features() -> frozenset[str]:
    if os.environ.get("Q31_ISA") == "generic":
        return frozenset()
    return frozenset(word[1:] for word in target_features().split(",") if word.startswith("+"))


FEATURES: frozenset[str]
"""LLVM's names of the features that may be used: ``avx2``, ``avx512bw``... None where ``generic`` was asked for."""


def __getattr__(name: str) -> Any:
    # Only what compiles asks for the features, and so loads LLVM.
    if name != "FEATURES":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = _features()
    return globals()[name]


QUADS = TIER in ("avx512vnni", "amx")
"""Whether products of 8-bit codes are summed four by four."""

TILES = TIER == "amx"
"""Whether large products of 8-bit codes are computed tile by tile."""
