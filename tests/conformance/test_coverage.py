"""Every cell that the support table calls exact, or within a bound, has conformance cases of its name."""

from __future__ import annotations

import pytest

from conformance.conftest import HELD_BY_RECORDINGS
from conformance.report import wanted
from conformance.test_operators import CASES
from q31.tools.conformance.cells import Cell, named_cell

NAMED = {named_cell(name) for name in CASES}


@pytest.mark.parametrize("cell", wanted(HELD_BY_RECORDINGS), ids=" ".join)
def test_a_cell_of_the_support_table_has_cases(cell: Cell) -> None:
    assert cell in NAMED, f"no conformance case is named {' '.join(cell)}"
