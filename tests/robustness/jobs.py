"""What a worker is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Job:
    """A model to run.

    ``resized`` has other shapes for inputs, by position. Models whose tensors have more than ``most_elements`` in all
    are prepared but not run. ``thorough``: not the Interpreter alone, but ``q31.load``, signatures and inspection too,
    and a second call. After ``seconds`` the worker ends itself, saying where it was.
    """

    model: bytes
    seed: int = 0
    resized: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    profile: str = "litert"
    preserve_all: bool = False
    thorough: bool = False
    most_elements: int = 1 << 15
    seconds: float = 30.0


@dataclass(frozen=True)
class Outcome:
    """What became of a job: an ``"answer"``; an ``"error"`` that q31 raised on purpose; ``"large"``, too large to be
    run; or a ``"defect"``, any other exception."""

    kind: str
    outputs: list[np.ndarray] = field(default_factory=list)
    name: str = ""
    text: str = ""
