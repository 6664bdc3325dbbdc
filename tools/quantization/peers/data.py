"""Fixed data to calibrate with and to measure on: an .npz that every quantizer reads.

One array for each input, named as the input, examples along the first dimension (an input ``[1, 96, 96, 3]`` and 100
examples: ``(100, 96, 96, 3)``)::

    python -m q31.tools.quantization.peers.data vww.tflite --low 0 --high 1 --examples 100 --out vww_calib.npz
    python -m q31.tools.quantization.peers.data digits.tflite --mnist t10k-images-idx3-ubyte.gz --out digits_calib.npz

Noise is for models whose own data may not be passed on; ``--low`` and ``--high`` are what their inputs reach.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from ....schema import Error, Graph, InputError, Tensor, TensorType, read_file
from ...digits.mnist import read_idx
from ...files import write_arrays
from ...noise import noise
from ...programs import run_program

EXAMPLES = 100


def inputs(graph: Graph) -> tuple[Tensor, ...]:
    """Return the inputs of the model's main subgraph."""
    subgraph = graph.subgraphs[0]
    return tuple(subgraph.tensors[index] for index in subgraph.inputs)


def make_noise(graph: Graph, examples: int, low: float, high: float, seed: int) -> dict[str, np.ndarray]:
    """Return noise for each input of a model.

    Raises
    ------
    InputError
        Where an input is not float32, or its first dimension is not 1.
    """
    generator = np.random.default_rng(seed)
    arrays = {}
    for tensor in inputs(graph):
        if tensor.type is not TensorType.FLOAT32 or tensor.shape[:1] != (1,):
            kind = f"{tensor.type.name} {list(tensor.shape)}"
            raise InputError(f"input {tensor.name!r}: expected FLOAT32 [1, ...], given {kind}")
        arrays[tensor.name] = noise((examples, *tensor.shape[1:]), low, high, generator)
    return arrays


def make_images(graph: Graph, path: str, examples: int, first: int) -> dict[str, np.ndarray]:
    """Return images of an MNIST file, divided by 255, for a model of one input of their size.

    Raises
    ------
    InputError
        Where the model does not take them, or there are not so many.
    """
    images = read_idx(path)[first : first + examples]
    if len(inputs(graph)) != 1 or np.prod(inputs(graph)[0].shape) != np.prod(images.shape[1:]):
        raise InputError(f"expected a model of one input of {images.shape[1:]} values")
    if len(images) != examples:
        raise InputError(f"{path}: expected {first + examples} images, there are {first + len(images)}")
    tensor = inputs(graph)[0]
    return {tensor.name: (images / np.float32(255)).astype(np.float32).reshape(examples, *tensor.shape[1:])}


def main() -> int:
    """Write a data set."""
    parser = argparse.ArgumentParser(
        prog="python -m q31.tools.quantization.peers.data",
        description="Make the data that quantizers are compared with: noise, or MNIST's images.",
        epilog="example: python -m q31.tools.quantization.peers.data model.tflite --low 0 --high 1 --out calib.npz",
    )
    parser.add_argument("model", metavar="MODEL", help="the float .tflite file")
    parser.add_argument("--out", type=Path, required=True, metavar="NPZ", help="the file to write")
    parser.add_argument("--examples", type=int, default=EXAMPLES, metavar="N", help="how many (default %(default)s)")
    parser.add_argument("--low", type=float, default=-1.0, help="the least value of the noise (default %(default)s)")
    parser.add_argument("--high", type=float, default=1.0, help="the greatest (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the noise (default %(default)s)")
    parser.add_argument("--mnist", metavar="FILE", help="MNIST's images in place of noise: the IDX file, or its .gz")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="the first image (default %(default)s)")
    arguments = parser.parse_args()
    if arguments.examples < 1 or arguments.first < 0 or not arguments.low < arguments.high:
        parser.error("expected at least one example, and --low below --high")
    try:
        graph = read_file(arguments.model)
        if arguments.mnist:
            arrays = make_images(graph, arguments.mnist, arguments.examples, arguments.first)
        else:
            arrays = make_noise(graph, arguments.examples, arguments.low, arguments.high, arguments.seed)
        write_arrays(arguments.out, arrays)
    except (Error, OSError) as error:
        print(f"q31: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    run_program(main)
