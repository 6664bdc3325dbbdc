"""The report of a long conformance run, printed when it ends.

``make conformance`` sets ``Q31_CONFORMANCE_LEAST``: how many answers of the oracle each cell of the support table must
have been compared with. A cell with fewer fails the run.
"""

from __future__ import annotations

import os
from typing import Any

import pytest

from conformance.report import Counts, print_report, short_of
from q31.tools.console import console

LEAST = int(os.environ.get("Q31_CONFORMANCE_LEAST", "0"))

HELD_BY_RECORDINGS = ("Signal",)
"""How the names of operators begin that LiteRT does not have; tests/kernels holds them to tflite-micro's answers."""


class Reporter:
    """Adds up what the tests counted, prints the table and fails a run that is short of cases."""

    def __init__(self, selected: bool) -> None:
        self.counts = Counts()
        self._selected = selected

    def _short(self) -> list[str]:
        """Return the cells with too few cases; in a run of some operators only those that had any."""
        lines = short_of(self.counts, LEAST, HELD_BY_RECORDINGS)
        return [line for line in lines if ": 0 of" not in line] if self._selected else lines

    def pytest_runtest_logreport(self, report: Any) -> None:
        self.counts.add_report(report)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._short() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        terminalreporter.section("conformance")
        print_report(self.counts, console())
        if short := self._short():
            print(f"{len(short)} cells have fewer than {LEAST} answers:", *short, sep="\n  ")


def pytest_configure(config: pytest.Config) -> None:
    """Report where a run asks for it, in the process that prints."""
    if LEAST and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Reporter(selected=bool(config.option.keyword)))
