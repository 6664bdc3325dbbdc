"""Graphs made in Python, tensor by tensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .constants import encode_constant
from .graph import Buffer, Graph, Operator, Quantization, Signature, Subgraph, Tensor
from .types import TensorType


class GraphBuilder:
    """Builds a graph of one subgraph.

    Examples
    --------
    >>> from q31.schema import TensorType
    >>> builder = GraphBuilder()
    >>> x = builder.tensor("x", TensorType.FLOAT32, (1, 4))
    >>> y = builder.tensor("y", TensorType.FLOAT32, (1, 4))
    >>> _ = builder.operator("RELU", [x], [y])
    >>> builder.build([x], [y]).subgraphs[0].operators[0].name
    'RELU'
    """

    def __init__(self) -> None:
        self._tensors: list[Tensor] = []
        self._operators: list[Operator] = []
        self._buffers = [Buffer()]

    def tensor(
        self,
        name: str,
        type: TensorType,
        shape: Sequence[int],
        quantization: Quantization | None = None,
        value: ArrayLike | None = None,
        **fields: Any,
    ) -> int:
        """Add a tensor and return its index.

        Parameters
        ----------
        name, type, shape, quantization : as in :class:`Tensor`.
        value : makes the tensor a constant; broadcast to the shape.
        fields : the other fields of :class:`Tensor`, such as ``is_variable``.
        """
        if value is not None:
            # As objects, strings keep their trailing zeros.
            given = np.asarray(value, object if type is TensorType.STRING else None)
            array = np.broadcast_to(given, tuple(shape))
            data = memoryview(encode_constant(array, type))
            fields["buffer"] = len(self._buffers)
            self._buffers.append(Buffer(data, explicitly_empty=not len(data)))
        self._tensors.append(Tensor(name, type, tuple(shape), quantization=quantization or Quantization(), **fields))
        return len(self._tensors) - 1

    def type_of(self, tensor: int) -> TensorType:
        """Return the type of a tensor that was added."""
        return self._tensors[tensor].type

    def operator(
        self,
        name: str,
        inputs: Sequence[int],
        outputs: Sequence[int],
        options: Any = None,
        version: int = 1,
        **fields: Any,
    ) -> int:
        """Add an operator and return its index; ``fields``: the other fields of :class:`Operator`."""
        self._operators.append(Operator(name, version, tuple(inputs), tuple(outputs), options, **fields))
        return len(self._operators) - 1

    def build(
        self,
        inputs: Sequence[int],
        outputs: Sequence[int],
        *,
        name: str = "main",
        description: str = "",
        signatures: Sequence[Signature] = (),
    ) -> Graph:
        """Return the graph."""
        subgraph = Subgraph(name, tuple(self._tensors), tuple(self._operators), tuple(inputs), tuple(outputs))
        return Graph((subgraph,), tuple(self._buffers), description, signatures=tuple(signatures))
