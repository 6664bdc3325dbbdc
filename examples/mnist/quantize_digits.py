"""From one float classifier of digits to every kind of quantized one, by q31 alone, and what each of them costs.

    python examples/mnist/quantize_digits.py --images t10k-images-idx3-ubyte.gz --labels t10k-labels-idx1-ubyte.gz

It records the ranges of the float model's tensors on 200 images, writes the quantized models, and measures them on
images held back from training; beside each stands the model of the same kind that TensorFlow's converter made of the
same network. Without MNIST's files it runs on the ten drawn digits that come with q31. README.md goes through it all.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import q31
from q31.tools.digits.bundle import model_path, read_digits
from q31.tools.digits.mnist import read_images, split

FLOAT_MODEL = model_path("float32").read_bytes()
LARGEST_DROP = 0.3
"""In percentage points of accuracy; the program exits with 1 where a model loses more."""

IMAGES, LABELS = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"
WHERE = "https://storage.googleapis.com/cvdf-datasets/mnist/"
FOLDERS = (".", "../shared/data/mnist")
"""Where MNIST's files are looked for, after the folder that the environment's MNIST_DIR names."""

INT8_ENDS = {"input_type": "int8", "output_type": "int8"}
UINT8_ENDS = {"input_type": "uint8", "output_type": "uint8"}
KINDS: tuple[tuple[str, dict[str, Any], str | None], ...] = (
    ("float32", {}, None),
    # name, arguments of q31.quantize, the bundled model of the same kind by TensorFlow's converter
    ("dynamic", {"mode": "dynamic"}, "dynamic_range"),
    ("float16", {"mode": "float16"}, "float16"),
    ("int8, float32 ends", {"mode": "int8"}, "integer_float_fallback"),
    ("int8-only, int8 ends", {"mode": "int8-only", **INT8_ENDS}, "integer_int8"),
    ("int8-only, uint8 ends", {"mode": "int8-only", **UINT8_ENDS}, "integer_uint8"),
    ("int16x8, float32 ends", {"mode": "int16x8"}, "int16x8"),
    ("int8-only, int4 weights", {"mode": "int8-only", "weight_bits": 4}, None),
)
WEIGHTS_ONLY = ("dynamic", "float16")
"""Modes that keep weights in fewer bytes and compute with floats: they need no ranges, and so no data."""

METHODS = ("min-max", "moving-average", "percentile", "mse", "entropy")


@dataclass(frozen=True)
class Data:
    """Images to record ranges on, and others, with labels, to measure with; grey levels, uint8 ``(N, 28, 28)``."""

    title: str
    calibration: np.ndarray
    images: np.ndarray
    labels: np.ndarray


def read_data(images: str | None, labels: str | None, calibrate: int) -> Data:
    """Return MNIST's images where its files are given or found, the drawn digits otherwise."""
    if bool(images) != bool(labels):
        raise q31.InputError("expected both --images and --labels, or neither")
    if not images or not labels:
        folders = [Path(one) for one in (os.environ.get("MNIST_DIR"), *FOLDERS) if one]
        found = [one for one in folders if (one / IMAGES).is_file() and (one / LABELS).is_file()]
        if not found:
            print(f"MNIST is not here: get {IMAGES} and {LABELS} from {WHERE}", file=sys.stderr)
            drawn = read_digits()
            title = f"{len(drawn.labels)} drawn digits, not MNIST: ranges and answers are of the same few"
            return Data(title, drawn.images, drawn.images, drawn.labels)
        images, labels = str(found[0] / IMAGES), str(found[0] / LABELS)
    training, held_back = split(read_images(images, labels))
    calibration = training.images[:calibrate]
    title = f"{len(held_back.labels):,} images held back from training; ranges of {len(calibration)} others"
    return Data(title, calibration, held_back.images, held_back.labels)


def normalized(images: np.ndarray) -> np.ndarray:
    """Return images as the network was trained with them: float32 from 0 to 1."""
    return images.astype(np.float32) / np.float32(255)


def to_input(model: q31.Model, images: np.ndarray) -> np.ndarray:
    """Return images as a model takes them: numbers from 0 to 1, as codes where its input is quantized."""
    (port,) = model.inputs
    if not port.scale:
        return normalized(images)
    limits = np.iinfo(port.dtype)
    codes = np.rint(normalized(images) / np.float32(port.scale)) + port.zero_point
    return np.clip(codes, limits.min, limits.max).astype(port.dtype)


def to_logits(model: q31.Model, outputs: np.ndarray) -> np.ndarray:
    """Return the real numbers that a model's outputs stand for."""
    (port,) = model.outputs
    return port.scale * (outputs.astype(np.float64) - port.zero_point) if port.scale else outputs


def litert_outputs(content: bytes, inputs: np.ndarray) -> np.ndarray | None:
    """Return the outputs of LiteRT's reference interpreter; None where LiteRT is not installed."""
    try:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType
    except ImportError:
        return None
    reference = OpResolverType.BUILTIN_REF
    interpreter = Interpreter(model_content=content, experimental_op_resolver_type=reference, num_threads=1)
    index = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(index, inputs.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(index, inputs)
    interpreter.invoke()
    outputs: np.ndarray = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    return outputs


@dataclass(frozen=True)
class Measured:
    """What a model costs, and how it does beside the float one.

    ``bytes``: of the file; ``constants``: of the weights, biases and shapes in it; ``right``: the share of the images;
    ``drop``: percentage points below the float model; ``changed``: how many images it takes for another digit than the
    float model does, rightly or not; ``sqnr``: how far the changes of the logits are below the logits, in decibels
    (None: nothing changed).
    """

    bytes: int
    constants: int
    right: float
    drop: float
    changed: int
    sqnr: float | None


def measure(content: bytes, data: Data) -> tuple[Measured, np.ndarray, np.ndarray]:
    """Return a model's figures, and its inputs and outputs."""
    model, float_model = q31.load(content), q31.load(FLOAT_MODEL)
    inputs = to_input(model, data.images)
    outputs = model(inputs)
    logits, float_logits = to_logits(model, outputs), float_model(normalized(data.images))
    answers, float_answers = logits.argmax(axis=1), float_logits.argmax(axis=1)
    right, float_right = (int((one == data.labels).sum()) for one in (answers, float_answers))
    total = len(data.labels)
    signal, noise = (np.square(one, dtype=np.float64).sum() for one in (float_logits, logits - float_logits))
    measured = Measured(
        bytes=len(content),
        constants=sum(len(model.graph.buffers[tensor.buffer].data) for tensor in model.graph.subgraphs[0].tensors),
        right=right / total,
        drop=100 * (float_right - right) / total,
        changed=int((answers != float_answers).sum()),
        sqnr=float(10 * np.log10(signal / noise)) if noise else None,
    )
    return measured, inputs, outputs


@dataclass(frozen=True)
class Row:
    """A line of the table: q31's model, and the converter's where there is one.

    ``litert_equal``: whether LiteRT computes the bits that q31 computes with q31's model; ``apart``: the largest
    difference between a logit of q31's model and of the converter's.
    """

    name: str
    q31: Measured
    litert_equal: bool | None = None
    converter: Measured | None = None
    apart: float | None = None


def rows(data: Data, out: Path | None) -> Iterator[Row]:
    """Make the models and yield the lines of the table, each as soon as it is measured."""
    calibration = q31.calibrate(FLOAT_MODEL, normalized(data.calibration), progress=True)
    if out is not None:
        np.savez_compressed(out / "calibration.npz", image=normalized(data.calibration))
        np.savez_compressed(out / "held_back.npz", image=data.images, labels=data.labels)
    for name, arguments, converters in KINDS:
        if not arguments:
            content = FLOAT_MODEL
        elif arguments["mode"] in WEIGHTS_ONLY:
            content = q31.quantize(FLOAT_MODEL, **arguments)
        else:
            content = q31.quantize(FLOAT_MODEL, calibration=calibration, **arguments)
        if out is not None:
            (out / f"{name.replace(', ', '_').replace(' ', '_')}.tflite").write_bytes(content)
        own, inputs, outputs = measure(content, data)
        reference = litert_outputs(content, inputs)
        litert_equal = None if reference is None else same_bits(outputs, reference)
        if converters is None:
            yield Row(name, own, litert_equal)
        else:
            converted = model_path(converters).read_bytes()
            other, _, others = measure(converted, data)
            logits = to_logits(q31.load(content), outputs), to_logits(q31.load(converted), others)
            yield Row(name, own, litert_equal, other, float(np.abs(logits[0] - logits[1]).max()))


def same_bits(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two arrays have the same type, shape and bytes."""
    return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())


def headings() -> str:
    """Return the two lines above the table."""
    own = f"{'bytes':>7}{'constants':>11}{'right':>8}{'drop':>6}{'changed':>9}{'SQNR dB':>9}{'in LiteRT':>11}"
    other = f"{'bytes':>10}{'right':>8}{'drop':>6}{'logits off':>12}"
    over = "by q31".center(len(own)) + "by TensorFlow's converter".center(len(other)).rstrip()
    return f"{'':24}{over}\n{'':24}{own}{other}"


def line(row: Row) -> str:
    """Return a line of the table."""
    one, other = row.q31, row.converter
    litert = {True: "same bits", False: "DIFFERS", None: "-"}[row.litert_equal]
    own = f"{row.name:24}{one.bytes:>7,}{one.constants:>11,}{accuracy(one)}{litert:>11}"
    if other is None:
        return own
    return f"{own}{other.bytes:>10,}{other.right:>8.2%}{other.drop:>6.2f}{row.apart:>12.2g}"


def accuracy(one: Measured) -> str:
    """Return the columns on how a model does."""
    return f"{one.right:>8.2%}{one.drop:>6.2f}{one.changed:>9}{decibels(one):>9}"


def decibels(one: Measured) -> str:
    """Return a model's signal-to-noise ratio as text."""
    return "exact" if one.sqnr is None else f"{one.sqnr:.1f}"


def method_lines(data: Data) -> Iterator[str]:
    """Yield the lines of a table of the ways to choose ranges, on good images and on two sets with a fault."""
    good, pixel, image = (normalized(data.calibration) for _ in range(3))
    middle = len(data.calibration) // 2
    pixel[middle, 14, 14] = 255  # one hot pixel
    image[middle] *= 255  # someone forgot to divide this one
    sets = {"good images": good, "one hot pixel": pixel, "one image not divided": image}
    calibrations = [q31.calibrate(FLOAT_MODEL, one, histogram=True, progress=True) for one in sets.values()]
    convolution = next(one for one in q31.load(FLOAT_MODEL).operators if one.name == "CONV_2D")
    columns = f"{'conv up to':>13}{'right':>8}{'drop':>7}{'SQNR dB':>9}"
    yield f"{'':16}" + "".join(f"{name:>{len(columns)}}" for name in sets)
    yield f"{'int8-only':16}{columns * len(sets)}"
    for method in METHODS:
        cells = []
        for calibration in calibrations:
            content = q31.quantize(FLOAT_MODEL, "int8-only", calibration=calibration, method=method)
            one, _, _ = measure(content, data)
            _, high = calibration.range(0, convolution.outputs[0], method) or (0.0, 0.0)
            cells.append(f"{high:>13.2f}{one.right:>8.2%}{one.drop:>7.2f}{decibels(one):>9}")
        yield f"{method:16}" + "".join(cells)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return what the command line says."""
    summary, example, _ = (__doc__ or "").split("\n\n", 2)
    parser = argparse.ArgumentParser(
        description=summary, epilog=f"example:\n{example}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", metavar="FILE", help=f"{IMAGES}, compressed or not; default: looked for")
    parser.add_argument("--labels", metavar="FILE", help=f"{LABELS}, compressed or not")
    parser.add_argument("--calibrate", type=int, default=200, metavar="N", help="images to record ranges on (200)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for the models and the images")
    parser.add_argument("--methods", action="store_true", help="compare the ways to choose ranges instead")
    parser.add_argument("--json", action="store_true", help="print the table as JSON")
    return parser.parse_args(arguments)


def main() -> int:
    """Print a table; returns 1 where a model loses too much or LiteRT computes other bits, 2 for bad input."""
    arguments = parse()
    try:
        if arguments.calibrate < 1:
            raise q31.InputError(f"--calibrate {arguments.calibrate}: expected a positive number")
        if arguments.out is not None:
            arguments.out.mkdir(parents=True, exist_ok=True)
        data = read_data(arguments.images, arguments.labels, arguments.calibrate)
        if arguments.methods:
            print(data.title, *method_lines(data), sep="\n")
            return 0
        if not arguments.json:
            print(data.title, headings(), sep="\n", flush=True)
        table = []
        for row in rows(data, arguments.out):
            table.append(row)
            if not arguments.json:
                print(line(row), flush=True)
    except (q31.Error, OSError) as error:
        print(f"quantize_digits: error: {error}", file=sys.stderr)
        return 2
    if arguments.json:
        print(json.dumps({"data": data.title, "rows": [asdict(row) for row in table]}, indent=2))
    lost = [row.name for row in table if row.q31.drop > LARGEST_DROP]
    if any(row.litert_equal is None for row in table):
        print("LiteRT is not here to be compared with: pip install ai-edge-litert==2.3.0", file=sys.stderr)
    differs = [row.name for row in table if row.litert_equal is False]
    for names, what in ((lost, f"lost more than {LARGEST_DROP} points"), (differs, "other bits in LiteRT")):
        if names:
            print(f"{what}: {', '.join(names)}", file=sys.stderr)
    return 1 if lost or differs else 0


if __name__ == "__main__":
    sys.exit(main())
