"""Profiles of effort, and the oracle for every test that asks for it.

``Q31_CONFORMANCE_EXAMPLES=2000 pytest tests/conformance`` runs that many examples of each case; without it there are
few, so that the whole suite stays short. Seeds are random: a failure prints how to reproduce it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from q31.tools.conformance.oracle import Oracle, missing

EXAMPLES = int(os.environ.get("Q31_CONFORMANCE_EXAMPLES", "0"))

settings.register_profile(
    "q31",
    max_examples=EXAMPLES or 25,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
settings.load_profile("q31")


@pytest.fixture(scope="session")
def oracle() -> Iterator[Oracle]:
    """A LiteRT process for the whole session; the test skips where LiteRT is not installed."""
    if reason := missing():
        pytest.skip(reason)
    with Oracle() as process:
        yield process
