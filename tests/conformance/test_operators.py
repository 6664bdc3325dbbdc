"""Every operator, three ways: ``evaluate`` == compiled == oracle, bit for bit, on generated models.

The cases live in ``cases_<family>.py``; README.md says how to write them and how to run one for long.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis.strategies import SearchStrategy

from conformance import oracle as oracles
from conformance.case import Case
from conformance.judge import Tally, judge
from conformance.report import PROPERTY

pytestmark = pytest.mark.skipif(bool(oracles.missing()), reason=oracles.missing())


def collect() -> dict[str, SearchStrategy[Case]]:
    """Gather ``CASES`` of every ``cases_<family>.py`` beside this file."""
    cases: dict[str, SearchStrategy[Case]] = {}
    for path in sorted(Path(__file__).parent.glob("cases_*.py")):
        for name, strategy in importlib.import_module(f"conformance.{path.stem}").CASES.items():
            assert name not in cases, f"two cases are named {name!r}"
            cases[name] = strategy
    return cases


CASES = collect()


@pytest.mark.parametrize("name", list(CASES))
def test_evaluate_compiled_and_oracle_agree(
    name: str, oracle: oracles.Oracle, record_property: Callable[[str, object], None]
) -> None:
    tally = Tally()

    @given(case=CASES[name])
    def agree(case: Case) -> None:
        judge(name, case, oracle, tally)

    # Examples of one operator's failures are kept apart from another's.
    agree.hypothesis.inner_test._hypothesis_internal_add_digest = name.encode()  # type: ignore[attr-defined]
    try:
        agree()
    finally:
        record_property(PROPERTY, tally.counts.to_json())
    print(f"{name}: the oracle answered {tally.answered} of {tally.answered + tally.silent} examples")
    tally.require_mostly_answered(name)
