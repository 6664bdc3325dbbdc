"""pytest's fixtures ``q31_model`` and ``q31_vectors``, there wherever q31 is installed.

Registered as a plugin in pyproject.toml, so every pytest imports this module: it must import nothing of weight.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ..engine.model import Model
    from .golden import Vector


def _found(path: Any, request: pytest.FixtureRequest) -> Path:
    """Return a path, looked for beside the test first, then in pytest's root folder, then where pytest was started."""
    given = Path(path)
    for folder in (request.path.parent, request.config.rootpath):
        if (folder / given).exists():
            return folder / given
    return given


@pytest.fixture(scope="session")
def _q31_models() -> dict[Any, Model]:
    return {}


@pytest.fixture
def q31_model(request: pytest.FixtureRequest, _q31_models: dict[Any, Model]) -> Callable[..., Model]:
    """Load models: ``q31_model("model.tflite", profile="tflm")``, as ``q31.load``.

    A relative path is looked for beside the test. A model is loaded once a session; one that keeps state, every time.
    """

    def load(path: Any, **options: Any) -> Model:
        from ..engine.batches import keeps_state
        from ..engine.model import load as load_model

        found = _found(path, request)
        key = (str(found.resolve()), tuple(sorted(options.items())))
        if key in _q31_models:
            return _q31_models[key]
        model = load_model(found, **options)
        if not keeps_state(model.graph, model._program):
            _q31_models[key] = model
        return model

    return load


@pytest.fixture
def q31_vectors(request: pytest.FixtureRequest) -> Callable[[Any], list[Vector]]:
    """Read golden vectors: ``for vector in q31_vectors("golden"): vector.check(mine(vector["input"]))``.

    The folder is one that ``q31 vectors`` wrote as npz or bin, or has .npz files. Each vector is a test of its own with
    ``@pytest.mark.parametrize("vector", q31.testing.read_vectors(folder), ids=str)``.
    """

    def read(folder: Any) -> list[Vector]:
        from .golden import read_vectors

        return read_vectors(_found(folder, request))

    return read
