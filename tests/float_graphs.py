"""Small float graphs whose structure a quantizer can get wrong, by name; numbers come from a generator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from q31.schema import Graph, GraphBuilder, Operator, Subgraph, Tensor, TensorType
from q31.schema.options import (
    AddOptions,
    BatchMatMulOptions,
    ConcatenationOptions,
    Conv2DOptions,
    DepthwiseConv2DOptions,
    FullyConnectedOptions,
    GatherOptions,
    MulOptions,
    Pool2DOptions,
    ReshapeOptions,
    SoftmaxOptions,
    TransposeConvOptions,
)
from q31.schema.types import Padding

FLOAT32, INT32 = TensorType.FLOAT32, TensorType.INT32
FULL: Mapping[str, int] = {"stride_w": 1, "stride_h": 1, "dilation_w_factor": 1, "dilation_h_factor": 1}
Make: TypeAlias = "Callable[[Sketch], tuple[Sequence[int], Sequence[int]]]"


class Sketch:
    """A builder of float graphs, with random constants."""

    def __init__(self, generator: np.random.Generator) -> None:
        self.builder, self.generator = GraphBuilder(), generator

    def activation(self, *shape: int) -> int:
        """Add an activation."""
        return self.builder.tensor(f"t{len(self.builder._tensors)}", FLOAT32, shape)

    def constant(self, *shape: int, scale: float = 1.0, zero_channel: int | None = None) -> int:
        """Add random weights; ``zero_channel``: one along the first dimension that is all zero."""
        value = self.generator.normal(0, scale, shape).astype(np.float32)
        if zero_channel is not None:
            value[zero_channel] = 0
        return self.builder.tensor(f"c{len(self.builder._tensors)}", FLOAT32, shape, value=value)

    def numbers(self, *values: int) -> int:
        """Add an int32 vector."""
        return self.builder.tensor(f"n{len(self.builder._tensors)}", INT32, (len(values),), value=values)

    def apply(self, name: str, inputs: Sequence[int], shape: Sequence[int], options: object = None) -> int:
        """Add an operator of one output and return that."""
        output = self.activation(*shape)
        self.builder.operator(name, inputs, [output], options)
        return output

    def dense(self, x: int, weights: int, bias: int | None, shape: Sequence[int]) -> int:
        """Add FULLY_CONNECTED; ``bias`` -1 leaves it out, None leaves out the operand."""
        inputs = [x, weights] if bias is None else [x, weights, bias]
        return self.apply("FULLY_CONNECTED", inputs, shape, FullyConnectedOptions())


def _shared_weights(s: Sketch) -> tuple[Sequence[int], Sequence[int]]:
    x, weights, bias = s.activation(2, 6), s.constant(6, 6), s.constant(6)
    first = s.dense(x, weights, bias, (2, 6))
    return [x], [s.dense(first, weights, bias, (2, 6))]


def _weights_that_are_added_too(s: Sketch) -> tuple[Sequence[int], Sequence[int]]:
    x, weights = s.activation(6, 6), s.constant(6, 6)
    y = s.dense(x, weights, -1, (6, 6))
    return [x], [s.apply("ADD", [y, weights], (6, 6), AddOptions())]


def _bias_that_is_added_too(s: Sketch) -> tuple[Sequence[int], Sequence[int]]:
    x, weights, bias = s.activation(2, 6), s.constant(4, 6), s.constant(4, scale=5.0)
    y = s.dense(x, weights, bias, (2, 4))
    return [x], [s.apply("MUL", [y, bias], (2, 4), MulOptions())]


def _input_that_is_an_output(s: Sketch) -> tuple[Sequence[int], Sequence[int]]:
    x = s.activation(1, 6)
    return [x], [x, s.apply("RELU", [x], (1, 6))]


def _output_twice(s: Sketch) -> tuple[Sequence[int], Sequence[int]]:
    x = s.activation(1, 6)
    y = s.apply("TANH", [x], (1, 6))
    return [x], [y, y]


def _inner_output(s: Sketch) -> tuple[Sequence[int], Sequence[int]]:
    x = s.activation(1, 4, 4, 2)
    pooled = s.apply(
        "MAX_POOL_2D",
        [x],
        (1, 2, 2, 2),
        Pool2DOptions(padding=Padding.VALID, stride_w=2, stride_h=2, filter_width=2, filter_height=2),
    )
    return [x], [s.apply("LOGISTIC", [pooled], (1, 2, 2, 2)), pooled]


def _constant_output(s: Sketch) -> tuple[Sequence[int], Sequence[int]]:
    x, c = s.activation(2, 3), s.constant(2, 3)
    return [x], [s.apply("ADD", [x, c], (2, 3), AddOptions()), c]


def _reshapes(s: Sketch) -> tuple[Sequence[int], Sequence[int]]:
    x = s.activation(1, 12)
    y = s.apply("RESHAPE", [x, s.numbers(3, 4)], (3, 4), ReshapeOptions())
    z = s.apply("RESHAPE", [y, s.numbers(2, 6)], (2, 6), ReshapeOptions())
    back = s.apply("RESHAPE", [z, s.numbers(1, 12)], (1, 12), ReshapeOptions())
    return [x], [s.apply("SOFTMAX", [back], (1, 12), SoftmaxOptions(beta=1.0)), z]


def _concatenated(s: Sketch) -> tuple[Sequence[int], Sequence[int]]:
    x = s.activation(2, 6)
    a, b = s.apply("TANH", [x], (2, 6)), s.apply("RELU", [x], (2, 6))
    c = s.constant(2, 6, scale=3.0)
    joined = s.apply("CONCATENATION", [a, b, x, c, a], (2, 30), ConcatenationOptions(axis=1))
    return [x], [joined, s.apply("ADD", [a, b], (2, 6), AddOptions())]


def _float_between(s: Sketch) -> tuple[Sequence[int], Sequence[int]]:
    x = s.activation(1, 6)
    a = s.apply("RELU", [x], (1, 6))
    b = s.apply("SIN", [a], (1, 6))
    return [x], [s.apply("ADD", [a, b], (1, 6), AddOptions())]


def _without_bias(s: Sketch) -> tuple[Sequence[int], Sequence[int]]:
    x = s.activation(2, 6)
    y = s.dense(x, s.constant(4, 6), -1, (2, 4))
    return [x], [s.dense(y, s.constant(3, 4), None, (2, 3))]


def _convolution(bias: float, zero_channel: int | None = None) -> Make:
    def make(s: Sketch) -> tuple[Sequence[int], Sequence[int]]:
        x, options = s.activation(1, 4, 4, 3), Conv2DOptions(padding=Padding.SAME, **FULL)
        weights, biases = s.constant(4, 3, 3, 3, zero_channel=zero_channel), s.constant(4, scale=bias)
        return [x], [s.apply("CONV_2D", [x, weights, biases], (1, 4, 4, 4), options)]

    return make


def _grouped(s: Sketch) -> tuple[Sequence[int], Sequence[int]]:
    x, options = s.activation(1, 4, 4, 4), Conv2DOptions(padding=Padding.VALID, **FULL)
    return [x], [s.apply("CONV_2D", [x, s.constant(6, 2, 2, 2), s.constant(6)], (1, 3, 3, 6), options)]


def _depthwise(s: Sketch) -> tuple[Sequence[int], Sequence[int]]:
    x = s.activation(1, 5, 5, 3)
    options = DepthwiseConv2DOptions(padding=Padding.SAME, depth_multiplier=2, **FULL)
    return [x], [s.apply("DEPTHWISE_CONV_2D", [x, s.constant(1, 3, 3, 6), s.constant(6)], (1, 5, 5, 6), options)]


def _transposed(s: Sketch) -> tuple[Sequence[int], Sequence[int]]:
    x, shape = s.activation(1, 3, 3, 2), s.numbers(1, 6, 6, 4)
    options = TransposeConvOptions(padding=Padding.SAME, stride_w=2, stride_h=2)
    inputs = [shape, s.constant(4, 3, 3, 2), x, s.constant(4)]
    return [x], [s.apply("TRANSPOSE_CONV", inputs, (1, 6, 6, 4), options)]


def _matrix_product(s: Sketch) -> tuple[Sequence[int], Sequence[int]]:
    x = s.activation(2, 3, 4)
    return [x], [s.apply("BATCH_MATMUL", [x, s.constant(2, 4, 5)], (2, 3, 5), BatchMatMulOptions())]


def _looked_up(s: Sketch) -> tuple[Sequence[int], Sequence[int]]:
    x, table = s.activation(3, 8), s.constant(5, 8)
    rows = s.apply("GATHER", [table, s.numbers(4, 0, 2)], (3, 8), GatherOptions(axis=0))
    return [x], [s.apply("ADD", [x, rows], (3, 8), AddOptions())]


GRAPHS: Mapping[str, Make] = {
    "shared weights": _shared_weights,
    "weights that are added too": _weights_that_are_added_too,
    "a bias that is added too": _bias_that_is_added_too,
    "an input that is an output": _input_that_is_an_output,
    "an output twice": _output_twice,
    "an inner output": _inner_output,
    "a constant output": _constant_output,
    "reshapes": _reshapes,
    "concatenated": _concatenated,
    "float between": _float_between,
    "without bias": _without_bias,
    "a channel of zeros": _convolution(1.0, zero_channel=2),
    "a channel of zeros, no bias": _convolution(0.0, zero_channel=2),
    "a large bias": _convolution(1e7),
    "a large bias to a channel of zeros": _convolution(1e7, zero_channel=1),
    "groups": _grouped,
    "depthwise": _depthwise,
    "transposed": _transposed,
    "a product of matrices": _matrix_product,
    "looked up": _looked_up,
}


def float_graph(name: str, generator: np.random.Generator) -> Graph:
    """Return a graph of :data:`GRAPHS` with constants from a generator."""
    sketch = Sketch(generator)
    inputs, outputs = GRAPHS[name](sketch)
    return sketch.builder.build(inputs, outputs)


def with_a_second_subgraph(graph: Graph) -> Graph:
    """Return a graph with a subgraph beside its own that nothing calls, and that has weights."""
    sketch = Sketch(np.random.default_rng(1))
    x = sketch.activation(1, 8)
    y = sketch.dense(x, sketch.constant(4, 8), -1, (1, 4))
    other = sketch.builder.build([x], [y], name="other")
    moved = len(graph.buffers) - 1
    (subgraph,) = other.subgraphs
    tensors = tuple(_with_buffer(one, one.buffer + moved if one.buffer else 0) for one in subgraph.tensors)
    beside = Subgraph("other", tensors, subgraph.operators, subgraph.inputs, subgraph.outputs)
    return Graph((*graph.subgraphs, beside), (*graph.buffers, *other.buffers[1:]), graph.description)


def _with_buffer(tensor: Tensor, buffer: int) -> Tensor:
    return Tensor(tensor.name, tensor.type, tensor.shape, buffer)


def operators_of(graph: Graph, subgraph: int = 0) -> tuple[Operator, ...]:
    """Return the operators of a subgraph."""
    return graph.subgraphs[subgraph].operators
