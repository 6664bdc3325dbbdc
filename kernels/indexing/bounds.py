"""Indices that only values decide: what a node can hold to bounds no earlier than when it runs."""

from __future__ import annotations

import numpy as np

from ...schema import ModelError


def require_within(name: str, indices: np.ndarray, low: int, high: int) -> None:
    """Raise ModelError unless every index is in ``[low, high)``."""
    if indices.size and not (low <= int(indices.min()) and int(indices.max()) < high):
        raise ModelError(
            f"{name}: expected indices in [{low}, {high}); got some in [{int(indices.min())}, {int(indices.max())}]"
        )
