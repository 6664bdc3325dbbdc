"""``q31 quantize``: make a quantized model of a float one."""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ...schema import Graph

_EXAMPLE = """example:
  q31 quantize float.tflite --data images.npz --mode int8-only -o int8.tflite

Modes: int8 (what has no integer kernel, and inputs and outputs, stay float), int8-only (nothing stays float),
int16x8 (activations of int16, weights of int8); without data: dynamic (weights of int8, activations quantized at
every call), float16 (weights stored in half the bytes).
Data: .npz or .npy with examples along the first dimension, one array for each input, or a folder of images; or a
calibration that 'q31 calibrate' has saved. Exit code 0; 2: wrong usage, bad input, or a model that cannot be quantized
as asked, and then no file is written."""

_KINDS = ("integer", "hybrid", "float", "conversions")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    from .mixed_precision import PRECISIONS
    from .quantize import MODES
    from .range_choice import METHODS
    from .rounding import ROUNDINGS
    from .weight_scales import WEIGHT_SCALES

    parser.epilog = _EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("model", metavar="FLOAT", help="a .tflite file that computes in float32")
    parser.add_argument("-o", "--out", metavar="FILE", required=True, help="the .tflite file to write")
    parser.add_argument("-m", "--mode", choices=MODES, default="int8", help="default int8")
    parser.add_argument("-d", "--data", metavar="PATH", help="representative examples")
    parser.add_argument("--limit", type=int, metavar="N", help="use no more than N examples")
    parser.add_argument(
        "--image-range",
        nargs=2,
        type=float,
        metavar=("LOW", "HIGH"),
        help="what black and white of pixels stand for, such as -1 1 (default 0 1)",
    )
    parser.add_argument("--calibration", metavar="FILE", help="ranges recorded before, in place of --data")
    parser.add_argument("--method", choices=METHODS, default="min-max", help="how ranges are chosen (default min-max)")
    parser.add_argument("--input-type", metavar="TYPE", help="float32, int8, uint8 or int16, as the mode allows")
    parser.add_argument("--output-type", metavar="TYPE", help="likewise")
    parser.add_argument("--weight-bits", type=int, choices=(4, 8), default=8, help="4: filters of four bits")
    parser.add_argument(
        "--minimum-elements",
        type=int,
        default=1024,
        metavar="N",
        help="mode dynamic: smaller constants stay float (default 1024)",
    )
    parser.add_argument(
        "--symmetric-inputs", action="store_true", help="mode dynamic: activations without a zero point"
    )
    parser.add_argument(
        "--halve-biases", action="store_true", help="mode float16: biases too, as TensorFlow's converter does"
    )
    parser.add_argument(
        "--dense-per-tensor",
        action="store_true",
        help="one scale for all weights of a FULLY_CONNECTED",
    )
    parser.add_argument(
        "--keep-float",
        type=int,
        action="append",
        default=[],
        metavar="N",
        help="leave operator N in float; may be repeated",
    )
    parser.add_argument(
        "--int16",
        type=int,
        action="append",
        default=[],
        metavar="N",
        help="operator N has activations of int16; likewise",
    )
    refine = parser.add_argument_group("better than min-max", "for more time; all but mse need --data")
    refine.add_argument("--equalize", action="store_true", help="scale channels first, so that they share codes fairly")
    refine.add_argument("--weight-scale", choices=WEIGHT_SCALES, default="max", help="mse: of least squared error")
    refine.add_argument("--rounding", choices=ROUNDINGS, default="nearest", help="of weights, for a layer's output")
    refine.add_argument("--correct-bias", action="store_true", help="move biases so that layers' means are right")
    mixed = parser.add_argument_group("mixed precision", "operators that cost most are spared; needs --data")
    mixed.add_argument("--size-budget", type=int, metavar="BYTES", help="spare as many as the file may hold")
    mixed.add_argument("--target-sqnr", type=float, metavar="DB", help="until the output is so near the float model's")
    mixed.add_argument("--spare", choices=PRECISIONS, default="float32", help="what they have (default float32)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(arguments: argparse.Namespace) -> int:
    """Quantize, write the file, and say what became of the operators.

    Raises
    ------
    Error, OSError
        Where the model, the data or an argument is bad.
    """
    from ...schema import InputError, read, read_file
    from ..files import is_same_file, require_writable, write_atomically
    from .calibration import Calibration
    from .dataset import Dataset
    from .mixed_precision import mixed_precision
    from .quantize import quantize

    require_writable(arguments.out)
    if is_same_file(arguments.out, arguments.model):
        raise InputError(f"{arguments.out}: the float model itself; expected another file to write to")
    graph = read_file(arguments.model)
    data = None
    if arguments.data is not None:
        image_range = tuple(arguments.image_range) if arguments.image_range else None
        data = Dataset.of(arguments.data, graph, limit=arguments.limit, image_range=image_range)
    calibration = Calibration.load(arguments.calibration) if arguments.calibration else None
    options: dict[str, Any] = {
        "method": arguments.method,
        "input_type": arguments.input_type,
        "output_type": arguments.output_type,
        "weight_bits": arguments.weight_bits,
        "dense_per_channel": not arguments.dense_per_tensor,
        "minimum_elements": arguments.minimum_elements,
        "asymmetric_inputs": not arguments.symmetric_inputs,
        "halve_biases": arguments.halve_biases,
        "keep_float": arguments.keep_float,
        "int16_operators": arguments.int16,
        "equalize": arguments.equalize,
        "weight_scale": arguments.weight_scale,
        "rounding": arguments.rounding,
        "correct_bias": arguments.correct_bias,
        "progress": True,
    }
    mixed = None
    if arguments.size_budget is None and arguments.target_sqnr is None:
        content = quantize(arguments.model, arguments.mode, data, calibration=calibration, **options)
    else:
        if data is None:
            raise InputError("--size-budget and --target-sqnr: expected --data, to compare outputs on")
        goal = {
            "size_budget": arguments.size_budget,
            "target_sqnr": arguments.target_sqnr,
            "precision": arguments.spare,
        }
        mixed = mixed_precision(arguments.model, data, arguments.mode, calibration=calibration, **goal, **options)
        content = mixed.content
    with write_atomically(arguments.out) as file:
        file.write(content)
    report = _report(os.path.getsize(arguments.model), len(content), read(content))
    if mixed is not None:
        report["mixed_precision"] = mixed.to_dict()
    if arguments.json:
        print(json.dumps({"out": arguments.out, "mode": arguments.mode, **report}, indent=1))
    else:
        _print(arguments, report)
    return 0


def _report(before: int, after: int, graph: Graph) -> dict[str, Any]:
    """Say how large the files are, and which operators compute in integers, hybrid ones in floats with codes."""
    from ...schema import TensorType

    subgraph = graph.subgraphs[0]
    kinds: dict[str, Counter[str]] = {kind: Counter() for kind in _KINDS}
    for operator in subgraph.operators:
        tensors = [subgraph.tensors[i] for i in (*operator.inputs, *operator.outputs) if i >= 0]
        floats = any(one.type is TensorType.FLOAT32 for one in tensors)
        codes = any(one.type in (TensorType.INT8, TensorType.INT4) for one in tensors)
        kind = "hybrid" if floats and codes else "float" if floats else "integer"
        if operator.name in ("QUANTIZE", "DEQUANTIZE"):
            kind = "conversions"
        kinds[kind][operator.name] += 1
    return {"bytes_before": before, "bytes_after": after, **{name: dict(found) for name, found in kinds.items()}}


def _print(arguments: argparse.Namespace, report: dict[str, Any]) -> None:
    from ..console import console, table

    print(
        f"{arguments.out}: {report['bytes_after']:,} bytes, {report['bytes_after'] / report['bytes_before']:.0%} of the"
        f" float model's {report['bytes_before']:,}"
    )
    if "mixed_precision" in report:
        found = report["mixed_precision"]
        names = ", ".join(map(str, found["operators"])) or "none"
        print(f"spared: {names}; SQNR {found['sqnr']:.2f} dB, {found['sqnr_before']:.2f} with none")
    shown = table("operators", "count", "names")
    for kind in _KINDS:
        names = report[kind]
        if names:
            listed = ", ".join(f"{name} {count}" if count > 1 else name for name, count in sorted(names.items()))
            shown.add_row(kind, str(sum(names.values())), listed)
    console().print(shown)
