"""Two worker processes for all tests here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from q31.tools.distributed.clusters import connected


@pytest.fixture(scope="package")
def client() -> Iterator[Any]:
    pytest.importorskip("distributed", reason="Dask is not installed: pip install 'q31[distributed]'")
    with connected("local:2", 2, 60) as found:
        yield found
