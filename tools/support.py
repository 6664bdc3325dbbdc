"""The support table: what q31 has, from the registry, beside what the reference accepts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .reference_types import COLUMNS, accepted

EXACT, NOT_YET, NOT_TAKEN = "exact", "not yet", ""

FORMS: Mapping[str, tuple[str, ...]] = {
    "BATCH_MATMUL": ("hybrid",),
    "BIDIRECTIONAL_SEQUENCE_LSTM": ("hybrid",),
    "BIDIRECTIONAL_SEQUENCE_RNN": ("hybrid",),
    "CONV_2D": ("hybrid", "int4-weights"),
    "DEPTHWISE_CONV_2D": ("hybrid", "int4-weights"),
    "FULLY_CONNECTED": ("hybrid", "int4-weights", "int2-weights"),
    "LSTM": ("hybrid",),
    "RNN": ("hybrid",),
    "SVDF": ("hybrid",),
    "TRANSPOSE_CONV": ("hybrid",),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": ("hybrid",),
    "UNIDIRECTIONAL_SEQUENCE_RNN": ("hybrid",),
}
"""Operator -> the columns it has besides the data types that select its kernel."""

BOUNDS: Mapping[tuple[str, str], str] = {
    (name, "float32"): "within 1e-5" for name in ("BIDIRECTIONAL_SEQUENCE_LSTM", "LSTM", "UNIDIRECTIONAL_SEQUENCE_LSTM")
}
"""(operator, column) -> how far an output may be from the reference's, where it is not exact."""


BY_DEFINITION: Mapping[tuple[str, str], str] = {
    ("SUM", "int16"): "the reference writes no output (the quirk sum-int16-unwritten); q31 gives the sum",
}
"""(operator, column) -> why there is nothing of the reference's to be held to."""

DEFINITION = "by definition"


def support() -> list[dict[str, Any]]:
    """Return name, versions (lowest, highest), data types and whether it is compiled, per operator by name."""
    from ..engine.structure import STRUCTURAL
    from ..kernels.registry import CUSTOM, REGISTRY

    kernels = {**REGISTRY, **CUSTOM, **STRUCTURAL}
    return [
        {
            "operator": name,
            "versions": list(kernels[name].versions),
            "types": ["any"] if name in STRUCTURAL else [one.name.lower() for one in kernels[name].types],
            "compiled": kernels[name].lower is not None,
        }
        for name in sorted(kernels)
    ]


def cells() -> dict[str, dict[str, str]]:
    """Return, by operator and column: exact, a bound, by definition, not yet, or nothing: the reference takes no such.

    Every operator of the reference is there, and every one that q31 has beyond it.
    """
    present: dict[str, set[str]] = {
        entry["operator"]: {"graph"} if entry["types"] == ["any"] else set(entry["types"]) for entry in support()
    }
    for name, forms in FORMS.items():
        present[name].update(forms)
    expected = {name: columns for name, (_, columns) in accepted().items()}

    def cell(name: str, column: str) -> str:
        if column in present.get(name, ()):
            return DEFINITION if (name, column) in BY_DEFINITION else BOUNDS.get((name, column), EXACT)
        return NOT_YET if column in expected.get(name, ()) else NOT_TAKEN

    return {
        name: {column: cell(name, column) for column in COLUMNS} for name in sorted(present.keys() | expected.keys())
    }


def versions() -> dict[str, tuple[int, int]]:
    """Return the lowest and highest version by operator: q31's, or the reference's where q31 has none."""
    result = {name: limits for name, (limits, _) in accepted().items()}
    result.update((entry["operator"], tuple(entry["versions"])) for entry in support())
    return result


def tally() -> tuple[int, int]:
    """Return how many cells q31 has, and how many it has not yet."""
    every = [cell for row in cells().values() for cell in row.values() if cell != NOT_TAKEN]
    missing = every.count(NOT_YET)
    return len(every) - missing, missing
