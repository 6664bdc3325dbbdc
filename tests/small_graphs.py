"""Small graphs that exercise the engine rather than an operator."""

from itertools import pairwise

from q31.schema import Graph, Quantization, TensorType
from q31.schema.builder import GraphBuilder
from q31.schema.options import AddOptions, ReshapeOptions, SoftmaxOptions

INT8 = TensorType.INT8
FINE = Quantization((0.05,), (3,))
UNIT = Quantization((1 / 256,), (-128,))


def chain(batch: int = 1, length: int = 6) -> Graph:
    """RELU after RELU: a chain in which the arena needs only a few buffers."""
    builder = GraphBuilder()
    tensors = [builder.tensor(f"t{i}", INT8, (batch, 64), FINE) for i in range(length + 1)]
    for source, target in pairwise(tensors):
        builder.operator("RELU", [source], [target])
    return builder.build(tensors[:1], tensors[-1:])


def classifier(final_shape: tuple[int, ...] = (-1, 12)) -> Graph:
    """ADD of a constant, RESHAPE, SOFTMAX: batch 1, resizable where ``final_shape`` leaves the batch open."""
    builder = GraphBuilder()
    x = builder.tensor("x", INT8, (1, 3, 4), FINE, shape_signature=(-1, 3, 4))
    offset = builder.tensor("offset", INT8, (3, 4), FINE, value=[[5] * 4] * 3)
    shape = builder.tensor("shape", TensorType.INT32, (2,), value=final_shape)
    added = builder.tensor("added", INT8, (1, 3, 4), FINE)
    flat = builder.tensor("flat", INT8, (1, 12), FINE)
    y = builder.tensor("y", INT8, (1, 12), UNIT)
    builder.operator("ADD", [x, offset], [added], AddOptions())
    builder.operator("RESHAPE", [added, shape], [flat], ReshapeOptions())
    builder.operator("SOFTMAX", [flat], [y], SoftmaxOptions(beta=1.0))
    return builder.build([x], [y])


def dynamic_reshape() -> Graph:
    """RESHAPE to a shape that is an input, between two RELUs: its output's shape is known at run time only."""
    builder = GraphBuilder()
    x = builder.tensor("x", INT8, (1, 12), FINE)
    shape = builder.tensor("shape", TensorType.INT32, (2,))
    first = builder.tensor("first", INT8, (1, 12), FINE)
    reshaped = builder.tensor("reshaped", INT8, (1, 12), FINE)
    y = builder.tensor("y", INT8, (1, 12), FINE)
    builder.operator("RELU", [x], [first])
    builder.operator("RESHAPE", [first, shape], [reshaped], ReshapeOptions())
    builder.operator("RELU", [reshaped], [y])
    return builder.build([x, shape], [y])


def two_inputs() -> Graph:
    """ADD of two inputs, and its RELU as a second output."""
    builder = GraphBuilder()
    a = builder.tensor("a", INT8, (1, 4), FINE)
    b = builder.tensor("b", INT8, (1, 4), FINE)
    total = builder.tensor("total", INT8, (1, 4), FINE)
    positive = builder.tensor("positive", INT8, (1, 4), FINE)
    builder.operator("ADD", [a, b], [total], AddOptions())
    builder.operator("RELU", [total], [positive])
    return builder.build([a, b], [total, positive])
