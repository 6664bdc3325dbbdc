"""``q31 run``: run a model on an array, an image or random input, and show or save what comes out."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from .console import add_accumulator, add_backend, add_profile

if TYPE_CHECKING:
    from ..engine.views import Port

_INPUT = """\
x.npy: the model's one input. x.npz: arrays named as the model's inputs (any name where there is one).
random: uniform random values (see --seed): 8- and 16-bit integers over their whole range, wider integers and bool
0 or 1, floating-point numbers from -1 to 1. Anything else is read as an image: converted to grey, RGB or RGBA as
the input has 1, 3 or 4 channels, resized to the input's height and width (bilinear), and turned into the input's data
type: uint8 takes the levels 0 to 255 as they are, int8 takes the levels minus 128, any other type the real numbers
0 to 1, quantized where the input is quantized. See --image-range. Arrays must have the model's data type, and its
shape up to the batch."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("model", metavar="MODEL", help="a .tflite file")
    parser.add_argument("-i", "--input", default="random", metavar="INPUT", help=_INPUT + " Default: random.")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="save the outputs by name: .npz, or .npy where there is one output",
    )
    add_profile(parser)
    add_backend(parser)
    add_accumulator(parser)
    parser.add_argument("--seed", type=natural_number, default=0, help="seed of random inputs, 0 or more (default 0)")
    parser.add_argument(
        "--image-range",
        nargs=2,
        type=float,
        metavar=("LOW", "HIGH"),
        help="real numbers that black and white stand for, such as -1 1; quantized with the input's scale and "
        "zero point, halves rounded away from zero",
    )
    parser.add_argument(
        "--preserve-all",
        action="store_true",
        help="save the model's inputs and intermediate tensors too, by tensor name",
    )


def natural_number(text: str) -> int:
    """Return a random generator's seed, a natural number."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected an integer of 0 or more, got {text!r}")
    return int(text)


def main(arguments: argparse.Namespace) -> int:
    """Run the model once.

    Raises
    ------
    Error, OSError
        Where the model or the input is bad, or the output cannot be written.
    """
    from ..engine.model import load
    from .arrays import read_input
    from .files import write_arrays

    _check_output(arguments)
    start = time.perf_counter()
    model = load(
        arguments.model,
        profile=arguments.profile,
        backend=arguments.backend,
        accumulator_bits=arguments.accumulator_bits,
        overflow=arguments.overflow,
    )
    loaded = time.perf_counter()
    image_range = tuple(arguments.image_range) if arguments.image_range else None
    inputs = read_input(arguments.input, model.inputs, seed=arguments.seed, image_range=image_range)
    ready = time.perf_counter()
    if arguments.preserve_all:
        outputs, saved = _run_preserving(arguments, inputs)
    else:
        result = model(inputs)
        outputs = saved = result if isinstance(result, dict) else {model.outputs[0].name: result}
    done = time.perf_counter()
    if arguments.output:
        write_arrays(arguments.output, {name: _storable(array) for name, array in saved.items()})
    _report(model.outputs, outputs)
    print(
        f"profile {model.profile.title}, back end {model.backend}: "
        f"loaded in {(loaded - start) * 1e3:.1f} ms, ran in {(done - ready) * 1e3:.2f} ms"
    )
    if arguments.output:
        print(f"{len(saved)} {'array' if len(saved) == 1 else 'arrays'} saved in {arguments.output}")
    return 0


def _check_output(arguments: argparse.Namespace) -> None:
    """Refuse an output that cannot be written before the model runs."""
    from ..schema.errors import InputError
    from .files import require_writable

    if arguments.output:
        require_writable(arguments.output)
    elif arguments.preserve_all:
        raise InputError("--preserve-all needs --output")


def _run_preserving(
    arguments: argparse.Namespace, inputs: Mapping[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Run the model with every tensor kept; returns its outputs and all tensors that are not constants."""
    from ..engine.interpreter import Interpreter
    from ..engine.session import open_model
    from ..schema import InputError

    interpreter = Interpreter(
        arguments.model,
        experimental_preserve_all_tensors=True,
        profile=arguments.profile,
        backend=arguments.backend,
        accumulator_bits=arguments.accumulator_bits,
        overflow=arguments.overflow,
    )
    ports = {details["name"]: details["index"] for details in interpreter.get_input_details()}
    if inputs.keys() != ports.keys():
        raise InputError(f"the model has inputs {', '.join(ports)}; got {', '.join(inputs) or 'none'}")
    for name, array in inputs.items():
        interpreter.resize_tensor_input(ports[name], array.shape)
    interpreter.allocate_tensors()
    for name, array in inputs.items():
        interpreter.set_tensor(ports[name], array)
    interpreter.invoke()
    subgraph = open_model(arguments.model)[0].subgraphs[0]
    indices = [*subgraph.inputs, *(index for operator in subgraph.operators for index in operator.outputs)]
    saved: dict[str, np.ndarray] = {}
    for index in dict.fromkeys(indices):
        name = subgraph.tensors[index].name
        saved[name if name not in saved else f"{name}#{index}"] = interpreter.get_tensor(index)
    return {subgraph.tensors[i].name: interpreter.get_tensor(i) for i in subgraph.outputs}, saved


def _storable(array: np.ndarray) -> np.ndarray:
    """Return strings as fixed-width bytes, which a file holds without a pickle; other arrays as they are."""
    return array.astype(np.bytes_) if array.dtype == object else array


def _report(ports: tuple[Port, ...], outputs: Mapping[str, np.ndarray]) -> None:
    """Print a table of the outputs, and the five highest entries of those that look like a classifier's."""
    from .console import console, table
    from .ports import dequantize

    result = table("output", "shape", "data type", "lowest", "highest")
    for port in ports:
        array = outputs[port.name]
        limits = (str(array.min()), str(array.max())) if array.size and array.dtype.kind in "iuf" else ("", "")
        result.add_row(port.name, str(list(array.shape)), str(array.dtype), *limits)
    screen = console()
    screen.print(result)
    for port in ports:
        array = outputs[port.name]
        if array.ndim != 2 or array.shape[0] < 1 or array.shape[1] < 2 or array.dtype.kind not in "iuf":
            continue
        if array.shape[0] > 1:
            print(f"highest entries of {port.name}, of the first of {array.shape[0]}:")
        top = np.argsort(-array[0].astype(np.float64), kind="stable")[:5]
        real = dequantize(port, array[0])
        highest = table("entry", "value", "real value", right=("entry", "value", "real value"))
        for entry in top.tolist():
            highest.add_row(str(entry), str(array[0, entry]), f"{real[entry]:.6g}" if port.scale else "")
        screen.print(highest)
