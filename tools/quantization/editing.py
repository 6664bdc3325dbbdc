"""A graph in parts that can be changed: tensors replaced where they stand, others added, operators put between."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...schema import Buffer, Graph, Operator, Quantization, Subgraph, Tensor, TensorType
from ...schema.constants import encode_constant
from ...schema.graph import Metadata


class GraphEditor:
    """Changes the tensors of a graph; every tensor keeps its index, so that nothing else has to know."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.tensors: list[list[Tensor]] = [list(one.tensors) for one in graph.subgraphs]
        self.operators: list[list[Operator]] = [list(one.operators) for one in graph.subgraphs]
        self._buffers = list(graph.buffers)
        self._metadata = list(graph.metadata)
        self._stored: dict[bytes, int] = {}

    def buffer(self, data: bytes) -> int:
        """Return the index of a buffer with these bytes."""
        if data not in self._stored:
            self._stored[data] = len(self._buffers)
            self._buffers.append(Buffer(memoryview(data), explicitly_empty=not data))
        return self._stored[data]

    def constant(self, old: Tensor, type: TensorType, quantization: Quantization, array: np.ndarray) -> Tensor:
        """Return a constant with the name and shape of another."""
        buffer = self.buffer(bytes(encode_constant(array, type)))
        return Tensor(old.name, type, old.shape, buffer, quantization, old.shape_signature, has_rank=old.has_rank)

    def add(self, subgraph: int, tensor: Tensor) -> int:
        """Add a tensor and return its index."""
        self.tensors[subgraph].append(tensor)
        return len(self.tensors[subgraph]) - 1

    def add_metadata(self, name: str, data: bytes) -> None:
        """Add a metadata entry, or replace the one of its name."""
        self._metadata = [one for one in self._metadata if one.name != name]
        self._metadata.append(Metadata(name, self.buffer(data)))

    def drop_metadata(self, names: tuple[str, ...]) -> None:
        """Drop the metadata entries of these names."""
        self._metadata = [one for one in self._metadata if one.name not in names]

    def finish(self, description: str) -> Graph:
        """Return the changed graph, without the buffers that nothing uses any more."""
        subgraphs = [
            replace(one, tensors=tuple(tensors), operators=tuple(operators))
            for one, tensors, operators in zip(self.graph.subgraphs, self.tensors, self.operators, strict=True)
        ]
        used = {0, *self.graph.metadata_buffer}
        used.update(tensor.buffer for one in subgraphs for tensor in one.tensors)
        used.update(one.buffer for one in self._metadata)
        places = {old: new for new, old in enumerate(sorted(used))}
        return replace(
            self.graph,
            description=description,
            subgraphs=tuple(_moved(one, places) for one in subgraphs),
            buffers=tuple(self._buffers[index] for index in sorted(used)),
            metadata=tuple(replace(one, buffer=places[one.buffer]) for one in self._metadata),
            metadata_buffer=tuple(places[index] for index in self.graph.metadata_buffer),
        )


def _moved(subgraph: Subgraph, places: dict[int, int]) -> Subgraph:
    tensors = tuple(replace(tensor, buffer=places[tensor.buffer]) for tensor in subgraph.tensors)
    return replace(subgraph, tensors=tensors)
