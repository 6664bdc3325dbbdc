"""q31's quantizer on the ranges that TensorFlow's calibrator recorded: what parts the two besides the ranges.

``converter --calibrated FILE`` writes the float model with its ranges; this quantizes the float model by them, to be
held to the converter's own with ``differences``. With ``--data`` it records ranges itself and lists those that differ::

    python -m q31.tools.quantization.peers.ranges model.tflite calibrated.tflite --mode int8-only --out same.tflite
    python -m q31.tools.quantization.peers.differences same.tflite converter.tflite
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from ....schema import Error, Graph, InputError, read_file
from ...files import require_writable, write_atomically
from ...programs import run_program
from ..calibration import calibrate
from ..quantize import MODES, Options, quantize_activations

Range = tuple[float, float]


def recorded_ranges(graph: Graph, calibrated: Graph) -> dict[int, Range]:
    """Return tensor index -> least and greatest value, of the tensors that the float and the calibrated model share.

    Raises
    ------
    InputError
        Where the two are not one model, or there are no ranges.
    """
    own, other = (one.subgraphs[0].tensors for one in (graph, calibrated))
    if [one.name for one in own] != [one.name for one in other[: len(own)]]:
        raise InputError("the calibrated model is not made from the float model: its tensors have other names")
    found = {
        index: (tensor.quantization.min[0], tensor.quantization.max[0])
        for index, tensor in enumerate(other[: len(own)])
        if tensor.quantization.min and tensor.quantization.max
    }
    if not found:
        raise InputError("there are no ranges in the calibrated model")
    return found


def distance(one: Range, other: Range) -> int:
    """Return how many float32 steps two ranges are apart, at the end that is farther."""
    codes = np.asarray([one, other], np.float32).view(np.int32).astype(np.int64)
    codes = np.where(codes < 0, -(1 << 31) - codes, codes)
    return int(np.abs(codes[0] - codes[1]).max())


def main() -> int:
    """Quantize by recorded ranges."""
    parser = argparse.ArgumentParser(
        prog="python -m q31.tools.quantization.peers.ranges",
        description="Quantize a float model with q31 by the ranges that TensorFlow's calibrator recorded.",
        epilog="example: python -m q31.tools.quantization.peers.ranges model.tflite calibrated.tflite --out same.tflite"
        " (exit code: 0 done, 2 bad input)",
    )
    parser.add_argument("model", metavar="FLOAT", help="the float .tflite file")
    parser.add_argument("calibrated", metavar="CALIBRATED", help="what converter --calibrated wrote of it")
    parser.add_argument("--mode", choices=[mode for mode in MODES if mode.startswith("int")], default="int8-only")
    parser.add_argument("--out", type=Path, metavar="OUT", help="the .tflite file to write")
    parser.add_argument("--data", metavar="DATA", help="record ranges on this data, and list those that differ")
    parser.add_argument("--ulp", type=int, default=16, metavar="N", help="by more float32 steps (default %(default)s)")
    arguments = parser.parse_args()
    if not arguments.out and not arguments.data:
        parser.error("nothing to do: give --out, --data or both")
    try:
        graph = read_file(arguments.model)
        ranges = recorded_ranges(graph, read_file(arguments.calibrated))
        if arguments.out:
            require_writable(str(arguments.out))
            content = quantize_activations(graph, ranges, Options(arguments.mode))
            with write_atomically(arguments.out) as file:
                file.write(content)
        if arguments.data:
            calibration = calibrate(arguments.model, arguments.data, progress=True)
            for index, recorded in ranges.items():
                own = calibration.range(0, index, "min-max") if (0, index) in calibration.tensors else None
                if own is not None and distance(recorded, own) > arguments.ulp:
                    texts = [f"{low:.7g} to {high:.7g}" for low, high in (recorded, own)]
                    name = graph.subgraphs[0].tensors[index].name
                    print(f"{index} {name}: recorded {texts[0]}, q31 {texts[1]}")
    except (Error, OSError) as error:
        print(f"q31: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    run_program(main)
