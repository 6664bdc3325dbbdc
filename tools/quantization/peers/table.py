"""The table of SQNR: each mode that q31 and other quantizers have, on the same float models with the same data.

Each ``NAME_float32.tflite`` has its data beside it, ``NAME_calib.npz`` to calibrate with, ``NAME_test.npz`` to measure.
The other quantizers run in environments of their own, whose Python is given; what they make is kept in ``--out`` and
made again only where it is missing::

    python -m q31.tools.quantization.peers.table models/*_float32.tflite --out made \
        --ai-edge ai-edge/bin/python --tensorflow tensorflow/bin/python
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ....schema import Error, InputError
from ...files import write_atomically
from ...programs import run_program
from ..quantize import MODES, quantize
from .sqnr import measure

_SUFFIX = "_float32.tflite"


@dataclass(frozen=True)
class Row:
    """A mode: q31's options for it, and the other quantizers' names of it (empty where they have none)."""

    options: dict[str, Any] = field(default_factory=dict)
    ai_edge: str = ""
    tensorflow: str = ""


# As ai-edge-quantizer's hybrid operators; the converter's and q31's give activations a zero point.
_SYMMETRIC = {"asymmetric_inputs": False}
_SMALL = {"minimum_elements": 0}
ROWS = {
    "int8": Row({"mode": "int8"}, "int8", "int8"),
    "int16x8": Row({"mode": "int16x8"}, "int16x8", "int16x8"),
    # As the converter, q31 leaves filters below 1024 weights float, and ai-edge-quantizer in its recipe "legacy" alone.
    "dynamic": Row({"mode": "dynamic"}, "dynamic-legacy"),
    "dynamic, symmetric": Row({"mode": "dynamic", **_SYMMETRIC}, "dynamic-legacy"),
    "dynamic, small filters too": Row({"mode": "dynamic", **_SMALL}, "dynamic"),
    "dynamic, small filters too, symmetric": Row({"mode": "dynamic", **_SMALL, **_SYMMETRIC}, "dynamic"),
    "dynamic, int4": Row({"mode": "dynamic", "weight_bits": 4}, "dynamic-int4"),
    "dynamic, int4, symmetric": Row({"mode": "dynamic", "weight_bits": 4, **_SYMMETRIC}, "dynamic-int4"),
    "float16": Row({"mode": "float16"}, "float16"),
    "float16, halved biases": Row({"mode": "float16", "halve_biases": True}, "float16"),
}


@dataclass(frozen=True)
class Maker:
    """Who makes a model: the column's name, the module, and the Python to run it with; None for q31 itself."""

    name: str
    module: str = ""
    python: str = ""


class Table:
    """Makes what is missing and measures."""

    def __init__(self, out: Path, makers: list[Maker], method: str, examples: int | None) -> None:
        self.out = out
        self.makers = makers
        self.method = method
        self.examples = examples

    def make(self, maker: Maker, model: Path, label: str) -> Path | None:
        """Return a quantized model's path, made where it is missing; None where the maker has no such mode.

        Raises
        ------
        InputError
            Where the other quantizer fails; with its words.
        """
        row = ROWS[label]
        name = model.name.removesuffix(_SUFFIX)
        data = model.with_name(f"{name}_calib.npz")
        if not maker.module:
            path = self.out / f"{name}_{label.replace(', ', '-').replace(' ', '-')}_q31.tflite"
            options = dict(row.options)
            if options["mode"].startswith("int"):
                options |= {"representative_dataset": os.fspath(data), "method": self.method}
            with write_atomically(path) as file:
                file.write(quantize(os.fspath(model), **options))
            return path
        mode = row.ai_edge if maker.module.endswith("ai_edge") else row.tensorflow
        if not mode:
            return None
        path = self.out / f"{name}_{mode}_{maker.name}.tflite"
        if not path.exists():
            command = [maker.python, "-m", maker.module, str(model), "--data", str(data), "--mode", mode]
            done = subprocess.run([*command, "--out", str(path)], capture_output=True, text=True, check=False)
            if done.returncode:
                raise InputError(f"{maker.name}, {model.name}: {(done.stderr.strip().splitlines() or ['failed'])[-1]}")
        return path

    def rows(self, model: Path, labels: list[str]) -> Iterator[tuple[str, dict[str, tuple[float, int]]]]:
        """Yield each mode with maker -> (SQNR in decibels, bytes)."""
        data = os.fspath(model.with_name(model.name.removesuffix(_SUFFIX) + "_test.npz"))
        for label in labels:
            made = {maker.name: self.make(maker, model, label) for maker in self.makers}
            files = {name: os.fspath(path) for name, path in made.items() if path}
            yield label, measure(os.fspath(model), files, data, self.examples)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m q31.tools.quantization.peers.table",
        description="Quantize float models with q31 and with others, and print the outputs' SQNR on other data.",
        epilog="example: python -m q31.tools.quantization.peers.table digits_float32.tflite --out made"
        " --ai-edge ai-edge/bin/python. Exit code: 0 measured, 2 bad input.",
    )
    parser.add_argument("models", nargs="+", type=Path, metavar=f"NAME{_SUFFIX}", help="float models, data beside them")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the folder for what is made")
    parser.add_argument("--ai-edge", metavar="PYTHON", help="the Python that has ai-edge-quantizer and q31")
    parser.add_argument("--tensorflow", metavar="PYTHON", help="the Python that has TensorFlow and q31")
    parser.add_argument("--mode", action="append", choices=ROWS, help="this mode, or several (default: all)")
    parser.add_argument("--method", default="min-max", help="how q31 chooses ranges (default: %(default)s)")
    parser.add_argument("--examples", type=int, metavar="N", help="measure on the first N examples (default: all)")
    parser.add_argument("--json", action="store_true", help="print JSON lines in place of the Markdown table")
    arguments = parser.parse_args()
    for path in arguments.models:
        if not path.name.endswith(_SUFFIX):
            parser.error(f"{path}: expected a name that ends with {_SUFFIX}")
    here = "q31.tools.quantization.peers"
    makers = [Maker("q31")]
    makers += [Maker("tensorflow", f"{here}.converter", arguments.tensorflow)] if arguments.tensorflow else []
    makers += [Maker("ai-edge", f"{here}.ai_edge", arguments.ai_edge)] if arguments.ai_edge else []
    table = Table(arguments.out, makers, arguments.method, arguments.examples)
    names = [maker.name for maker in makers]
    known = [label for label, row in ROWS.items() if row.options["mode"] in MODES]
    try:
        arguments.out.mkdir(parents=True, exist_ok=True)
        if not arguments.json:
            print(f"| model | mode | {' | '.join(names)} |\n|---|---|{'---|' * len(names)}")
        for model in arguments.models:
            for label, row in table.rows(model, arguments.mode or known):
                name = model.name.removesuffix(_SUFFIX)
                if arguments.json:
                    cells: Any = {one: {"sqnr": value, "bytes": size} for one, (value, size) in row.items()}
                    print(json.dumps({"model": name, "mode": label, **cells}), flush=True)
                else:
                    texts = [f"{row[one][0]:.2f} dB, {row[one][1]:,} bytes" if one in row else "-" for one in names]
                    print(f"| {name} | {label} | {' | '.join(texts)} |", flush=True)
    except (Error, OSError) as error:
        print(f"q31: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    run_program(main)
