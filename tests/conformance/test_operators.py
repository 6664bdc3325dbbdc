"""Every operator, three ways: ``evaluate`` == compiled == oracle, bit for bit, on generated models.

The cases live in tools/conformance/cases_<family>.py; README.md says how to write them and how to run one for long.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given

from conformance.judge import Tally, judge
from conformance.report import PROPERTY
from q31.tools.conformance import oracle as oracles
from q31.tools.conformance.case import Case
from q31.tools.conformance.collection import collect

pytestmark = pytest.mark.skipif(bool(oracles.missing()), reason=oracles.missing())


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
