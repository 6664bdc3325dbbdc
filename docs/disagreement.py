"""Measure how far runtimes disagree about a model's outputs: the table of the guide's chapter on runtimes.

    python docs/disagreement.py [MODEL ...]

LiteRT's reference (BUILTIN_REF), its optimized kernels, XNNPACK (its default) and q31's profiles answer the same random
inputs; counted are the output values that differ from the reference's, and by how many codes. Needs ai-edge-litert.
Without models, those bundled and, beside this folder, the published ones.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

import q31

ROOT = Path(__file__).resolve().parent.parent
BUNDLED = ("digits_integer_int8", "digits_integer_uint8")
PUBLISHED = (
    "mlperf_tiny/kws_int8",
    "mlperf_tiny/resnet8_int8",
    "mlperf_tiny/vww_int8",
    "mlperf_tiny/ad01_int8",
    "coral/mobilenet_v1_0.25_128_quant",
    "coral/mobilenet_v2_1.0_224_quant",
)
RESOLVERS = {
    "optimized kernels": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    "XNNPACK": OpResolverType.AUTO,
}
PROFILES = ("litert", "tflm", "single")


def default_models() -> list[Path]:
    """Return the bundled models and the published ones that are there."""
    bundled = [ROOT / "tools" / "digits" / "models" / f"{name}.tflite" for name in BUNDLED]
    published = [ROOT.parent / "shared" / "models" / f"{name}.tflite" for name in PUBLISHED]
    return bundled + [path for path in published if path.exists()]


def litert(path: Path, resolver: OpResolverType, inputs: list[np.ndarray]) -> np.ndarray:
    """Return LiteRT's first output for each input."""
    interpreter = Interpreter(str(path), experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    results = []
    for x in inputs:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
        interpreter.invoke()
        results.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
    return np.stack(results)


def cell(found: np.ndarray, reference: np.ndarray) -> str:
    """Say how many values differ, and by how much at most."""
    difference = np.abs(found.astype(np.int64) - reference)
    return "equal" if not difference.any() else f"{np.mean(difference > 0):.1%}, by {difference.max()} at most"


def main() -> int:
    """Print the table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("--inputs", type=int, default=20, help="random inputs (default 20)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    columns = [*(f"q31 {name}" for name in PROFILES), *RESOLVERS]
    print(f"| model | output values | {' | '.join(columns)} |")
    print(f"|---|---:|{'---|' * len(columns)}")
    for path in arguments.models or default_models():
        generator = np.random.default_rng(arguments.seed)
        (port,) = q31.load(path).inputs
        limits = np.iinfo(port.dtype)
        inputs = [
            generator.integers(limits.min, limits.max + 1, port.shape).astype(port.dtype)
            for _ in range(arguments.inputs)
        ]
        reference = litert(path, OpResolverType.BUILTIN_REF, inputs)
        cells = []
        for name in PROFILES:
            model = q31.load(path, profile=name)
            cells.append(cell(np.stack([model(x) for x in inputs]), reference))
        cells += [cell(litert(path, resolver, inputs), reference) for resolver in RESOLVERS.values()]
        print(f"| {path.stem} | {reference.size:,} | {' | '.join(cells)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
