"""The notebooks run top to bottom and store what they print."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import q31

ROOT = Path(q31.__file__).parent
NOTEBOOKS = sorted((ROOT / "examples" / "notebooks").glob("*.ipynb"))
RUNNER = ROOT / "examples" / "notebooks" / "run.py"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        [sys.executable, str(RUNNER), *arguments], capture_output=True, text=True, timeout=300, env=environment
    )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_stores_what_it_prints(path: Path) -> None:
    result = run(str(path))
    assert result.returncode == 0, result.stderr[-2000:] + f"\npython examples/notebooks/run.py --update {path.name}"


def test_there_are_three_and_they_hold_no_paths() -> None:
    assert len(NOTEBOOKS) == 3
    for path in NOTEBOOKS:
        text = path.read_text(encoding="utf-8")
        assert "/home/" not in text and "/tmp/" not in text and "/root" not in text
        assert json.loads(text)["nbformat"] == 4


def test_outputs_that_differ_and_cells_that_fail_are_found(tmp_path: Path) -> None:
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "execution_count": None, "outputs": [], "source": ["1 + 1"]}
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    assert run(str(path)).returncode == 1
    assert run("--update", str(path)).returncode == 0 and run(str(path)).returncode == 0
    path.write_text(json.dumps({**notebook, "cells": [{**cell, "source": ["1 / 0"]}]}), encoding="utf-8")
    result = run(str(path))
    assert result.returncode != 0 and "cell 0: ZeroDivisionError" in result.stderr
