"""A float model from one whose weights alone are quantized: int8 constants of a hybrid model made float32 again.

MLPerf Tiny's float keyword spotting model is such a hybrid: its larger weights are int8 and its activations float32.
No quantizer takes it as it is; this makes a float model of it, of the very numbers that its kernels stand for::

    python -m q31.tools.quantization.peers.restore kws_fp32.tflite kws_float32.tflite
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace

import numpy as np

from ....schema import Buffer, Error, Graph, Quantization, TensorType, constant_array, read_file, write
from ...files import write_atomically
from ...programs import run_program


def _values(graph: Graph, subgraph: int, index: int) -> np.ndarray | None:
    """Return a constant's float32 values, or None where it is no quantized constant."""
    tensor = graph.subgraphs[subgraph].tensors[index]
    quantization = tensor.quantization
    if tensor.type is not TensorType.INT8 or not quantization.scale:
        return None
    codes = constant_array(graph, subgraph, index)
    if codes is None:
        return None
    shape = [1] * codes.ndim
    if len(quantization.scale) > 1:
        shape[quantization.quantized_dimension] = -1
    scale = np.asarray(quantization.scale, np.float32).reshape(shape)
    zero_point = np.asarray(quantization.zero_point, np.int32).reshape(shape)
    return (codes - zero_point).astype(np.float32) * scale


def restore(graph: Graph) -> Graph:
    """Return the graph with each int8 constant as float32."""
    buffers = list(graph.buffers)
    subgraphs = []
    for number, subgraph in enumerate(graph.subgraphs):
        tensors = list(subgraph.tensors)
        for index, tensor in enumerate(tensors):
            values = _values(graph, number, index)
            if values is None:
                continue
            tensors[index] = replace(tensor, type=TensorType.FLOAT32, buffer=len(buffers), quantization=Quantization())
            buffers[tensor.buffer] = replace(buffers[tensor.buffer], data=memoryview(b""))
            buffers.append(Buffer(memoryview(values.tobytes())))
        subgraphs.append(replace(subgraph, tensors=tuple(tensors)))
    return replace(graph, subgraphs=tuple(subgraphs), buffers=tuple(buffers))


def main() -> int:
    """Write the float model."""
    parser = argparse.ArgumentParser(
        prog="python -m q31.tools.quantization.peers.restore",
        description="Make the int8 constants of a hybrid model float32 again.",
        epilog="example: python -m q31.tools.quantization.peers.restore kws_fp32.tflite kws_float32.tflite",
    )
    parser.add_argument("model", metavar="MODEL", help="the .tflite file")
    parser.add_argument("out", metavar="OUT", help="the .tflite file to write")
    arguments = parser.parse_args()
    try:
        content = write(restore(read_file(arguments.model)))
        with write_atomically(arguments.out) as file:
            file.write(content)
    except (Error, OSError) as error:
        print(f"q31: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    run_program(main)
