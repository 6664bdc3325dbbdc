"""What an operator goes on by from run to run without a tensor for it, such as a random generator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..kernels.operator import Shape


@dataclass
class Kept:
    """What an operator keeps from run to run.

    Where a tensor before it got another shape than in the last run, the reference prepares the operators behind
    it anew: random generators there begin again.
    """

    arrays: Sequence[np.ndarray | None]
    resized: tuple[int, ...]
    value: np.ndarray | None = None
    shapes: tuple[Shape | None, ...] = ()

    def is_stale(self) -> bool:
        """Whether the operator begins again; remembers the shapes for the next call."""
        before = self.shapes
        self.shapes = tuple(None if (array := self.arrays[index]) is None else array.shape for index in self.resized)
        return self.value is None or before != self.shapes
