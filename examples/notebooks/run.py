"""Run notebooks top to bottom, and hold what they print to what is stored in them.

    python examples/notebooks/run.py examples/notebooks/*.ipynb             # exit code 1 where outputs differ
    python examples/notebooks/run.py --update examples/notebooks/*.ipynb    # store the outputs

Jupyter is not needed for that: cells are plain Python. Cells run in the repository's folder.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent


def outputs_of(source: str, session: dict[str, Any]) -> list[dict[str, Any]]:
    """Run a cell and return its outputs as Jupyter stores them: what is printed, and its last expression's value."""
    tree = ast.parse(source)
    final = tree.body[-1] if tree.body else None
    last = final.value if isinstance(final, ast.Expr) else None
    if last is not None:
        tree.body.pop()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, "cell", "exec"), session)
        value = None if last is None else eval(compile(ast.Expression(last), "cell", "eval"), session)
    outputs: list[dict[str, Any]] = []
    if printed.getvalue():
        outputs.append({"name": "stdout", "output_type": "stream", "text": printed.getvalue().splitlines(True)})
    if value is not None:
        data = {"text/plain": repr(value).splitlines(True)}
        if hasattr(value, "_repr_html_"):
            data["text/html"] = value._repr_html_().splitlines(True)
        outputs.append({"data": data, "execution_count": None, "metadata": {}, "output_type": "execute_result"})
    return outputs


def run(notebook: dict[str, Any]) -> dict[str, Any]:
    """Return a notebook with the outputs that its cells have now."""
    session: dict[str, Any] = {"__name__": "__main__"}
    cells = []
    for number, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] == "code":
            try:
                cell = {**cell, "outputs": outputs_of("".join(cell["source"]), session)}
            except Exception as error:
                raise RuntimeError(f"cell {number}: {type(error).__name__}: {error}") from error
        cells.append(cell)
    return {**notebook, "cells": cells}


def main() -> int:
    """Check notebooks, or update them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("notebooks", nargs="+", type=Path)
    parser.add_argument("--update", action="store_true", help="store the outputs")
    arguments = parser.parse_args()
    paths = [path.resolve() for path in arguments.notebooks]
    os.chdir(ROOT)
    code = 0
    for path in paths:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        now = run(notebook)
        if now == notebook:
            continue
        if arguments.update:
            path.write_text(json.dumps(now, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            print(f"{path.name}: updated")
        else:
            print(f"{path.name}: stores other outputs than it has", file=sys.stderr)
            code = 1
    return code


if __name__ == "__main__":
    sys.exit(main())
