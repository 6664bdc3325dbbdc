"""Graphs broken on purpose, above the level of bytes: what they say fits the schema, but makes little sense.

:func:`mutate` takes any :class:`random.Random`; one of Hypothesis's ``st.randoms()`` makes mutations shrink.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Callable, Sequence
from enum import IntEnum
from random import Random
from typing import Any, TypeVar

from q31.engine.structure import STRUCTURAL
from q31.kernels.registry import CUSTOM, REGISTRY
from q31.schema import Buffer, Graph, Operator, Quantization, Signature, Subgraph, Tensor, TensorType
from q31.schema import options as option_tables
from q31.schema.operators import OPERATOR_CODES
from q31.schema.types import bit_width

Mutation = Callable[[Graph, Random], Graph]
Item = TypeVar("Item")

INT32_MAX = 2**31 - 1

_LARGEST_CONSTANT = 1 << 16
_SIZES = (0, 0, 1, 1, 2, 3, 5, 17, 256, 65536, 2**24, INT32_MAX)
_INTEGERS = (0, 0, 1, 1, 2, 3, 4, 7, 100, 65535, 65536, 2**24, INT32_MAX, -1, -1, -2, -3, -100, -(2**31))
_WIDE_INTEGERS = (*_INTEGERS, 2**31, 2**32, 2**62, 2**63 - 1, -(2**63))
_FLOATS = (0.0, -0.0, 1.0, -1.0, 0.5, 1e-45, 1e-30, 3e38, -3e38, float("inf"), float("-inf"), float("nan"))
_SCALES = (0.0, -0.0, -1.0, 1e-45, 1e-38, 1e-20, 1e-6, 1 / 32768, 1 / 256, 0.5, 1.0, 3.0, 1e6, 1e20, 3e38)
_STRANGE_SCALES = (float("inf"), float("-inf"), float("nan"))
_ZERO_POINTS = (0, 0, 1, -1, -128, 127, 128, 255, 256, 32767, -32768, -(2**31), INT32_MAX, 2**31, 2**40, -(2**63))
_COMMON_TYPES = (
    TensorType.FLOAT32,
    TensorType.INT8,
    TensorType.UINT8,
    TensorType.INT16,
    TensorType.INT32,
    TensorType.INT64,
    TensorType.BOOL,
    TensorType.INT4,
    TensorType.FLOAT16,
)


# Parts of graphs. Everything is done to the first subgraph.


def replace_subgraph(graph: Graph, **changes: Any) -> Graph:
    first = dataclasses.replace(graph.subgraphs[0], **changes)
    return dataclasses.replace(graph, subgraphs=(first, *graph.subgraphs[1:]))


def replace_at(items: Sequence[Item], index: int, item: Item) -> tuple[Item, ...]:
    return (*items[:index], item, *items[index + 1 :])


def replace_tensor(graph: Graph, index: int, **changes: Any) -> Graph:
    tensors = graph.subgraphs[0].tensors
    return replace_subgraph(graph, tensors=replace_at(tensors, index, dataclasses.replace(tensors[index], **changes)))


def replace_operator(graph: Graph, index: int, **changes: Any) -> Graph:
    operators = graph.subgraphs[0].operators
    changed = dataclasses.replace(operators[index], **changes)
    return replace_subgraph(graph, operators=replace_at(operators, index, changed))


def with_data(graph: Graph, index: int, data: bytes) -> Graph:
    """Give a tensor a constant value, in a buffer of its own."""
    graph = dataclasses.replace(graph, buffers=(*graph.buffers, Buffer(memoryview(data))))
    return replace_tensor(graph, index, buffer=len(graph.buffers) - 1, external_buffer=0)


def data_of(graph: Graph, tensor: Tensor) -> memoryview:
    return graph.buffers[tensor.buffer].data if 0 < tensor.buffer < len(graph.buffers) else memoryview(b"")


def size_of(tensor: Tensor) -> int:
    """Return how many bytes a constant of the tensor's shape and type takes."""
    bits = bit_width(tensor.type)
    for size in tensor.shape:
        bits *= size
    return (bits + 7) // 8


def refit(graph: Graph, index: int) -> Graph:
    """Repeat or cut a constant's data to what its shape and type now take, so that verification lets it pass."""
    tensor = graph.subgraphs[0].tensors[index]
    data = bytes(data_of(graph, tensor))
    size = size_of(tensor)
    if not data or size > _LARGEST_CONSTANT or tensor.type is TensorType.STRING:
        return graph
    return with_data(graph, index, (data * -(-size // len(data)))[:size])


def used_tensors(subgraph: Subgraph) -> list[int]:
    """Return the tensors that some operator reads or writes; all, where there are none."""
    used = {i for o in subgraph.operators for i in (*o.inputs, *o.outputs) if 0 <= i < len(subgraph.tensors)}
    return sorted(used) or list(range(len(subgraph.tensors)))


def pick_tensor(graph: Graph, random: Random) -> tuple[int, Tensor]:
    index = random.choice(used_tensors(graph.subgraphs[0]))
    return index, graph.subgraphs[0].tensors[index]


def pick_operator(graph: Graph, random: Random) -> tuple[int, Operator]:
    index = random.randrange(len(graph.subgraphs[0].operators))
    return index, graph.subgraphs[0].operators[index]


# Tensors


def odd_shape(shape: Sequence[int], random: Random) -> tuple[int, ...]:
    """Return another shape: one size changed, axes added, dropped or swapped, or something else altogether."""
    sizes = list(shape)
    kind = random.randrange(8)
    if kind <= 2 and sizes:
        sizes[random.randrange(len(sizes))] = random.choice(_SIZES)
    elif kind == 3 and sizes:
        del sizes[random.randrange(len(sizes))]
    elif kind == 4:
        sizes.insert(random.randint(0, len(sizes)), random.choice((1, 1, 2, 0, INT32_MAX)))
    elif kind == 5 and len(sizes) > 1:
        random.shuffle(sizes)
    elif kind == 6:
        sizes = [random.choice(_SIZES) for _ in range(random.randint(0, 6))]
    else:
        sizes = random.choice(([], [1], [1] * 4, [0], [1] * 32, [1] * 33, [2] * 7, [1] * 7))
    return tuple(sizes)


def change_shape(graph: Graph, random: Random) -> Graph:
    index, tensor = pick_tensor(graph, random)
    changed = replace_tensor(graph, index, shape=odd_shape(tensor.shape, random), shape_signature=None)
    return refit(changed, index) if random.random() < 0.9 else changed


def change_type(graph: Graph, random: Random) -> Graph:
    index, _ = pick_tensor(graph, random)
    kind = random.choice(_COMMON_TYPES) if random.random() < 0.7 else random.choice(list(TensorType))
    return refit(replace_tensor(graph, index, type=kind), index)


def change_type_everywhere(graph: Graph, random: Random) -> Graph:
    """Change all tensors of one type to another, so that they still fit each other."""
    _, tensor = pick_tensor(graph, random)
    kind = random.choice(_COMMON_TYPES)
    for index in used_tensors(graph.subgraphs[0]):
        if graph.subgraphs[0].tensors[index].type is tensor.type:
            graph = refit(replace_tensor(graph, index, type=kind), index)
    return graph


def change_quantization(graph: Graph, random: Random) -> Graph:
    index, tensor = pick_tensor(graph, random)
    return replace_tensor(graph, index, quantization=odd_quantization(tensor, random))


def odd_quantization(tensor: Tensor, random: Random) -> Quantization:
    old = tensor.quantization
    kind = random.randrange(8)
    if kind == 0:
        return Quantization()
    if kind == 1:
        return dataclasses.replace(old, quantized_dimension=random.choice((0, 1, 2, 3, 4, -1, INT32_MAX)))
    if kind == 2:
        return dataclasses.replace(old, zero_point=tuple(random.choice(_ZERO_POINTS) for _ in old.zero_point))
    if kind == 3 and old.scale:
        scale = replace_at(old.scale, random.randrange(len(old.scale)), _odd_scale(random))
        return dataclasses.replace(old, scale=scale)
    count, dimension = 1, 0
    if kind >= 6 and tensor.shape:
        dimension = random.randrange(len(tensor.shape))
        count = min(tensor.shape[dimension], 300) if random.random() < 0.8 else random.choice((0, 2, 3))
    scale = tuple(_odd_scale(random) for _ in range(count))
    zero_point = tuple(random.choice(_ZERO_POINTS) if random.random() < 0.3 else 0 for _ in scale)
    return Quantization(scale, zero_point[: random.choice((count, count, count, 1))], dimension)


def _odd_scale(random: Random) -> float:
    return random.choice(_STRANGE_SCALES if random.random() < 0.2 else _SCALES)


def change_value(graph: Graph, random: Random) -> Graph:
    """Give a constant other contents: indices and sizes beyond all bounds, weights at the ends of their range."""
    tensors = graph.subgraphs[0].tensors
    constants = [i for i in used_tensors(graph.subgraphs[0]) if len(data_of(graph, tensors[i]))]
    if not constants:
        return graph
    index = random.choice(constants)
    data = bytearray(data_of(graph, tensors[index]))
    code = {TensorType.INT32: "<i", TensorType.INT64: "<q", TensorType.FLOAT32: "<f"}.get(tensors[index].type)
    if code is None:
        fill = random.choice((0, 1, 0x7F, 0x80, 0xFF))
        return with_data(graph, index, bytes([fill]) * len(data))
    values: Sequence[float] = {"<i": _INTEGERS, "<q": _WIDE_INTEGERS, "<f": _FLOATS}[code]
    step = struct.calcsize(code)
    for position in range(0, min(len(data), 64 * step), step):
        if random.random() < 0.5:
            struct.pack_into(code, data, position, random.choice(values))
    return with_data(graph, index, bytes(data))


def constant_to_input(graph: Graph, random: Random) -> Graph:
    subgraph = graph.subgraphs[0]
    constants = [i for i in used_tensors(subgraph) if len(data_of(graph, subgraph.tensors[i]))]
    if not constants:
        return graph
    index = random.choice(constants)
    graph = replace_tensor(graph, index, buffer=0)
    return replace_subgraph(graph, inputs=(*graph.subgraphs[0].inputs, index))


def input_to_constant(graph: Graph, random: Random) -> Graph:
    subgraph = graph.subgraphs[0]
    if not subgraph.inputs:
        return graph
    index = random.choice(subgraph.inputs)
    if not 0 < (size := size_of(subgraph.tensors[index])) <= _LARGEST_CONSTANT:
        return graph
    kind = random.choice((0, 1, 255, None))
    data = random.randbytes(size) if kind is None else bytes([kind]) * size
    graph = with_data(graph, index, data)
    return replace_subgraph(graph, inputs=tuple(i for i in subgraph.inputs if i != index))


def change_flags(graph: Graph, random: Random) -> Graph:
    index, tensor = pick_tensor(graph, random)
    if random.random() < 0.5:
        return replace_tensor(graph, index, is_variable=not tensor.is_variable)
    signature = tuple(random.choice((-1, size)) for size in tensor.shape)
    return replace_tensor(graph, index, shape_signature=signature)


# Operators


def change_options(graph: Graph, random: Random) -> Graph:
    number, operator = pick_operator(graph, random)
    kind = random.random()
    if operator.custom_options:
        data = bytearray(operator.custom_options)
        for _ in range(random.randint(0, 3)):
            data[random.randrange(len(data))] = random.choice((0, 1, 2, 127, 128, 255))
        return replace_operator(graph, number, custom_options=bytes(data[: random.choice((None, None, -1, 3, 0))]))
    if kind < 0.1:
        return replace_operator(graph, number, options=None)
    if kind < 0.2:
        table = getattr(option_tables, random.choice(option_tables.BUILTIN_OPTIONS))
        return replace_operator(graph, number, options=table())
    if operator.options is None or not dataclasses.fields(operator.options):
        return graph
    names = [field.name for field in dataclasses.fields(operator.options)]
    chosen = random.sample(names, random.randint(1, min(2, len(names))))
    changes = {name: _odd_field(getattr(operator.options, name), random) for name in chosen}
    return replace_operator(graph, number, options=dataclasses.replace(operator.options, **changes))


def _odd_field(value: Any, random: Random) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, IntEnum):
        return random.choice(list(type(value)))
    if isinstance(value, int):
        return random.choice(_INTEGERS)
    if isinstance(value, float):
        return random.choice(_FLOATS)
    if isinstance(value, tuple):
        return tuple(random.choice(_INTEGERS) for _ in range(random.choice((0, 1, 2, 3, 4, 40))))
    return value


def change_inputs(graph: Graph, random: Random) -> Graph:
    number, operator = pick_operator(graph, random)
    return replace_operator(graph, number, inputs=_odd_indices(operator.inputs, graph, random, -1))


def change_outputs(graph: Graph, random: Random) -> Graph:
    number, operator = pick_operator(graph, random)
    return replace_operator(graph, number, outputs=_odd_indices(operator.outputs, graph, random, 0))


def _odd_indices(indices: Sequence[int], graph: Graph, random: Random, lowest: int) -> tuple[int, ...]:
    changed = list(indices)
    anything = random.randint(lowest, len(graph.subgraphs[0].tensors) - 1)
    kind = random.randrange(6)
    if kind == 0 and changed:
        del changed[random.randrange(len(changed))]
    elif kind == 1 and changed:
        changed[random.randrange(len(changed))] = anything
    elif kind == 2 and changed:
        changed[random.randrange(len(changed))] = -1 if lowest < 0 else anything
    elif kind == 3:
        random.shuffle(changed)
    elif kind == 4:
        changed.insert(random.randint(0, len(changed)), anything)
    else:
        changed = random.choice(([], changed * 2, changed[:1], changed[:1] * max(1, len(changed))))
    return tuple(changed)


def change_intermediates(graph: Graph, random: Random) -> Graph:
    number, operator = pick_operator(graph, random)
    return replace_operator(graph, number, intermediates=_odd_indices(operator.intermediates, graph, random, -1))


def add_output(graph: Graph, random: Random) -> Graph:
    """Give an operator one output more, a tensor of its own."""
    number, operator = pick_operator(graph, random)
    _, like = pick_tensor(graph, random)
    extra = dataclasses.replace(like, name="extra", buffer=0, is_variable=False)
    graph = replace_subgraph(graph, tensors=(*graph.subgraphs[0].tensors, extra))
    return replace_operator(graph, number, outputs=(*operator.outputs, len(graph.subgraphs[0].tensors) - 1))


def change_name(graph: Graph, random: Random) -> Graph:
    number, _ = pick_operator(graph, random)
    name = random.choice([*sorted(REGISTRY), *STRUCTURAL, *sorted(CUSTOM)]) if random.random() < 0.9 else "HASHTABLE"
    if name in OPERATOR_CODES:
        return replace_operator(graph, number, name=name, custom_code="", custom_options=None)
    return replace_operator(graph, number, name="CUSTOM", custom_code=name, options=None)


def change_version(graph: Graph, random: Random) -> Graph:
    number, operator = pick_operator(graph, random)
    return replace_operator(graph, number, version=random.choice((0, -1, 1, 2, 3, operator.version + 1, 99, INT32_MAX)))


def repeat_operator(graph: Graph, random: Random) -> Graph:
    """Let a copy of an operator read what the operator writes."""
    number, operator = pick_operator(graph, random)
    subgraph = graph.subgraphs[0]
    if not operator.inputs or not operator.outputs:
        return graph
    first = len(subgraph.tensors)
    outputs = tuple(range(first, first + len(operator.outputs)))
    tensors = tuple(dataclasses.replace(subgraph.tensors[i], buffer=0, is_variable=False) for i in operator.outputs)
    position = random.randrange(len(operator.inputs))
    again = dataclasses.replace(
        operator, inputs=replace_at(operator.inputs, position, operator.outputs[0]), outputs=outputs
    )
    operators = (*subgraph.operators[: number + 1], again, *subgraph.operators[number + 1 :])
    return replace_subgraph(
        graph,
        tensors=(*subgraph.tensors, *tensors),
        operators=operators,
        outputs=(*subgraph.outputs, *outputs[: random.randint(0, 1)]),
    )


def change_ports(graph: Graph, random: Random) -> Graph:
    """Change what the model's inputs and outputs are."""
    subgraph = graph.subgraphs[0]
    name = random.choice(("inputs", "outputs", "outputs"))
    return replace_subgraph(graph, **{name: _odd_indices(getattr(subgraph, name), graph, random, 0)})


def add_signature(graph: Graph, random: Random) -> Graph:
    """Describe a signature whose inputs and outputs may be any tensors."""
    subgraph = graph.subgraphs[0]
    anything = range(len(subgraph.tensors))
    inputs, outputs = subgraph.inputs, subgraph.outputs
    if random.random() < 0.5:
        inputs = tuple(random.choice(anything) for _ in range(random.randint(0, 3)))
    if random.random() < 0.5:
        outputs = tuple(random.choice(anything) for _ in range(random.randint(0, 3)))
    signature = Signature(
        random.choice(("serve", "")),
        0,
        tuple((f"in{number}", index) for number, index in enumerate(inputs)),
        tuple((f"out{number}", index) for number, index in enumerate(outputs)),
    )
    return dataclasses.replace(graph, signatures=(*graph.signatures, signature))


MUTATIONS: dict[str, Mutation] = {
    function.__name__: function
    for function in (
        change_shape,
        change_type,
        change_type_everywhere,
        change_quantization,
        change_value,
        constant_to_input,
        input_to_constant,
        change_flags,
        change_options,
        change_inputs,
        change_outputs,
        add_output,
        change_name,
        change_version,
        repeat_operator,
        change_ports,
        add_signature,
        change_intermediates,
    )
}

# How often each is chosen: what reaches deep into prepare more often than what any check at the door refuses.
_WEIGHTS = {"change_shape": 5, "change_quantization": 5, "change_options": 4, "change_value": 5, "change_inputs": 2}


def mutate(graph: Graph, random: Random) -> tuple[Graph, list[str]]:
    """Return a graph with one to three mutations, and their names."""
    pool = [name for name in MUTATIONS for _ in range(_WEIGHTS.get(name, 1))]
    names = [random.choice(pool) for _ in range(random.choice((1, 1, 1, 2, 2, 3)))]
    for name in names:
        number = random.randrange(len(graph.subgraphs)) if len(graph.subgraphs) > 1 else 0
        graph = exchanged(graph, number)
        if graph.subgraphs[0].operators and graph.subgraphs[0].tensors:
            graph = MUTATIONS[name](graph, random)
        graph = exchanged(graph, number)
    return graph, names


def exchanged(graph: Graph, number: int) -> Graph:
    """Return the graph with another subgraph in the first one's place, so that it is the one to be broken."""
    subgraphs = list(graph.subgraphs)
    subgraphs[0], subgraphs[number] = subgraphs[number], subgraphs[0]
    return dataclasses.replace(graph, subgraphs=tuple(subgraphs))


def odd_input_shapes(graph: Graph, random: Random) -> dict[int, tuple[int, ...]]:
    """Return other shapes for some inputs, for ``resize_tensor_input``; mostly none."""
    if random.random() < 0.8:
        return {}
    subgraph = graph.subgraphs[0]
    return {
        position: odd_shape(subgraph.tensors[index].shape, random)
        for position, index in enumerate(subgraph.inputs)
        if index < len(subgraph.tensors) and random.random() < 0.7
    }
