"""Whether a graph makes sense: indices, shapes, quantization, buffer lengths, the order of operators.

The file's layout was verified when it was read; this verifies what was in it, and graphs that were built by hand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from .deferred import dataclass
from .errors import ModelError
from .graph import Graph, Operator, Quantization, Signature, Subgraph, Tensor
from .options import layout
from .slots import SCHEMA_VERSION
from .sparsity import verify_sparsity
from .strings import string_offsets
from .types import TensorType, bit_width

# NumPy 1 has no arrays of more dimensions.
MAXIMUM_RANK = 32
_MAXIMUM_BITS = 8 * (2**63 - 1)
_OPAQUE = (TensorType.RESOURCE, TensorType.VARIANT)


def verify(graph: Graph) -> None:
    """Verify a graph.

    Raises
    ------
    ModelError
        The message names the place, what is there and what was expected.
    """
    if graph.version != SCHEMA_VERSION:
        raise ModelError(f"version: the model has schema version {graph.version}, expected {SCHEMA_VERSION}")
    if not graph.subgraphs:
        raise ModelError("subgraphs: the model has none")
    facts = _Facts(graph, frozenset(item.id for item in graph.external_buffers), {})
    for index, subgraph in enumerate(graph.subgraphs):
        _verify_subgraph(facts, subgraph, f"subgraphs[{index}]")
    for index, signature in enumerate(graph.signatures):
        _verify_signature(graph, signature, f"signature_defs[{index}]")
    for index, metadata in enumerate(graph.metadata):
        _require_index(metadata.buffer, len(graph.buffers), "buffers", f"metadata[{index}].buffer")
    for index, external in enumerate(graph.external_buffers):
        place = f"external_buffers[{index}].group"
        _require_index(external.group, len(graph.external_buffer_groups), "external buffer groups", place)


@dataclass(frozen=True)
class _Facts:
    """The graph, and what was found out about it: tensors may share a buffer, which is then looked at once."""

    graph: Graph
    external_ids: frozenset[int]
    string_counts: dict[int, int]


def element_count(shape: Sequence[int]) -> int:
    """Return the number of elements of a shape, as a Python int of any size."""
    return math.prod(shape)


def constant_size(tensor: Tensor) -> int:
    """Return the bytes that a constant's buffer has, elements of four and two bits packed."""
    return (element_count(tensor.shape) * bit_width(tensor.type) + 7) // 8


def has_value(graph: Graph, tensor: Tensor) -> bool:
    """Whether the file gives a tensor its value; a tensor without elements always has one."""
    if tensor.external_buffer or 0 in tensor.shape:
        return True
    return tensor.buffer != 0 and len(graph.buffers[tensor.buffer].data) != 0


def _require_index(index: int, count: int, what: str, place: str) -> None:
    if not 0 <= index < count:
        raise ModelError(f"{place}: {index} is out of range; there are {count} {what}")


def _require_indices(indices: Sequence[int], lowest: int, count: int, place: str) -> None:
    if indices and (min(indices) < lowest or max(indices) >= count):
        position, index = next((p, i) for p, i in enumerate(indices) if not lowest <= i < count)
        raise ModelError(f"{place}[{position}]: {index} is out of range; there are {count} tensors")


def _verify_subgraph(facts: _Facts, subgraph: Subgraph, place: str) -> None:
    count = len(subgraph.tensors)
    for index, tensor in enumerate(subgraph.tensors):
        _verify_tensor(facts, tensor, count, f"{place}.tensors[{index}]")
    _require_indices(subgraph.inputs, 0, count, f"{place}.inputs")
    _require_indices(subgraph.outputs, 0, count, f"{place}.outputs")
    for index, operator in enumerate(subgraph.operators):
        _verify_operator(facts.graph, operator, count, f"{place}.operators[{index}]")
    _verify_order(facts.graph, subgraph, place)


def _verify_tensor(facts: _Facts, tensor: Tensor, tensor_count: int, place: str) -> None:
    shape, buffers = tensor.shape, facts.graph.buffers
    if shape and min(shape) < 0:
        raise ModelError(f"{place}.shape: {list(shape)} has a negative dimension")
    if len(shape) > MAXIMUM_RANK:
        raise ModelError(f"{place}.shape: {len(shape)} dimensions; at most {MAXIMUM_RANK} are possible")
    # Empty dimensions count as one: NumPy too refuses what overflows without them.
    if math.prod(dimension or 1 for dimension in shape) * (bit_width(tensor.type) or 8) > _MAXIMUM_BITS:
        raise ModelError(f"{place}.shape: the size in bytes of {list(shape)} does not fit into 63 bits")
    signature = tensor.shape_signature
    if signature and (len(signature) != len(shape) or min(signature) < -1):
        raise ModelError(f"{place}.shape_signature: {list(signature)} does not belong to the shape {list(shape)}")
    if tensor.buffer:
        _require_index(tensor.buffer, len(buffers), "buffers", f"{place}.buffer")
    if tensor.external_buffer and tensor.external_buffer not in facts.external_ids:
        raise ModelError(f"{place}.external_buffer: the model has no external buffer of id {tensor.external_buffer}")
    if tensor.quantization.scale or tensor.quantization.blockwise or tensor.quantization.multi_axis:
        _verify_quantization(tensor.quantization, shape, tensor_count, f"{place}.quantization")
    if tensor.sparsity is not None:
        verify_sparsity(tensor.sparsity, shape, f"{place}.sparsity")
    if tensor.buffer and len(buffers[tensor.buffer].data):
        _verify_data(facts, tensor, place)


def _verify_data(facts: _Facts, tensor: Tensor, place: str) -> None:
    data = facts.graph.buffers[tensor.buffer].data
    if tensor.sparsity is not None or tensor.type in _OPAQUE:
        return
    if tensor.type == TensorType.STRING:
        if tensor.buffer not in facts.string_counts:
            facts.string_counts[tensor.buffer] = len(string_offsets(data, f"{place}.buffer")) - 1
        count = facts.string_counts[tensor.buffer]
        if count != element_count(tensor.shape):
            raise ModelError(f"{place}.buffer: it holds {count} strings; the shape is {list(tensor.shape)}")
    elif len(data) != constant_size(tensor):
        raise ModelError(
            f"{place}.buffer: buffer {tensor.buffer} has {len(data)} bytes; "
            f"{tensor.type.name} of shape {list(tensor.shape)} takes {constant_size(tensor)}"
        )


def _verify_quantization(quantization: Quantization, shape: Sequence[int], tensor_count: int, place: str) -> None:
    tensors = quantization.blockwise or quantization.multi_axis
    if tensors is not None:
        _require_index(tensors.scales, tensor_count, "tensors", f"{place}.scales")
        if tensors.zero_points != -1:
            _require_index(tensors.zero_points, tensor_count, "tensors", f"{place}.zero_points")
        return
    scales, dimension = len(quantization.scale), quantization.quantized_dimension
    if len(quantization.zero_point) != scales:
        raise ModelError(f"{place}.zero_point: {len(quantization.zero_point)} zero points for {scales} scales")
    # LiteRT refuses a dimension out of range even where it says nothing: with a single scale, or with a single
    # dimension. Files with such biases exist (TensorFlow Lite Micro's person_detect), and run elsewhere.
    if scales == 1 or not shape or shape == (scales,):
        return
    if not 0 <= dimension < len(shape):
        raise ModelError(f"{place}.quantized_dimension: {dimension} is out of range; the shape is {list(shape)}")
    if shape[dimension] != scales:
        expected = f"1, or {shape[dimension]} along dimension {dimension} of {list(shape)}"
        raise ModelError(f"{place}.scale: {scales} scales; expected {expected}")


def _verify_operator(graph: Graph, operator: Operator, tensor_count: int, place: str) -> None:
    _require_indices(operator.inputs, -1, tensor_count, f"{place}.inputs")
    _require_indices(operator.outputs, 0, tensor_count, f"{place}.outputs")
    _require_indices(operator.intermediates, -1, tensor_count, f"{place}.intermediates")
    mutating = len(operator.mutating_variable_inputs)
    if mutating not in (0, len(operator.inputs)):
        raise ModelError(f"{place}.mutating_variable_inputs: {mutating} entries for {len(operator.inputs)} inputs")
    if operator.options is None:
        return
    for field in layout(type(operator.options)):
        if "subgraph" in field.name:
            value = getattr(operator.options, field.name)
            for index in value if isinstance(value, tuple) else (value,):
                _require_index(index, len(graph.subgraphs), "subgraphs", f"{place}.builtin_options.{field.name}")


def _verify_order(graph: Graph, subgraph: Subgraph, place: str) -> None:
    """Verify that each tensor is written once, and before it is read."""
    given, tensors = set(subgraph.inputs), subgraph.tensors
    constants = {i for i, tensor in enumerate(tensors) if i not in given and has_value(graph, tensor)}
    # A tensor that is empty according to the file has a value for nothing, unless no operator gives it another.
    constants -= {i for o in subgraph.operators for i in o.outputs if 0 in tensors[i].shape}
    known = given | constants | {i for i, tensor in enumerate(tensors) if tensor.is_variable}
    written: set[int] = set()
    for number, operator in enumerate(subgraph.operators):
        for position, index in enumerate(operator.inputs):
            if index >= 0 and index not in known:
                raise ModelError(
                    f"{place}.operators[{number}].inputs[{position}]: tensor {index} ({tensors[index].name!r}) is "
                    "read, but it is no input, constant or variable, and no operator before wrote it"
                )
        for position, index in enumerate(operator.outputs):
            tensor = tensors[index]
            if index in written or index in given or index in constants:
                what = "a constant" if index in constants else "an input" if index in given else "written already"
                raise ModelError(
                    f"{place}.operators[{number}].outputs[{position}]: tensor {index} ({tensor.name!r}) is {what}"
                )
            written.add(index)
        known.update(operator.outputs)
    for position, index in enumerate(subgraph.outputs):
        if index not in known:
            raise ModelError(f"{place}.outputs[{position}]: no operator writes tensor {index}")


def _verify_signature(graph: Graph, signature: Signature, place: str) -> None:
    _require_index(signature.subgraph_index, len(graph.subgraphs), "subgraphs", f"{place}.subgraph_index")
    count = len(graph.subgraphs[signature.subgraph_index].tensors)
    _require_indices([index for _, index in signature.inputs], 0, count, f"{place}.inputs")
    _require_indices([index for _, index in signature.outputs], 0, count, f"{place}.outputs")
