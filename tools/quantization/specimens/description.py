"""A quantized graph as lines of text, in which names, order and sharing do not count."""

from __future__ import annotations

import zlib

import numpy as np

from ....schema import Graph, Subgraph, Tensor, constant_array


def describe(graph: Graph) -> list[str]:
    """Return a line for each operator that an output needs, each after those it needs, and one of the outputs.

    >>> describe(graph)
    ['1: int8 0.0147059 z-26 = QUANTIZE v1 (input 0 float32)', ..., 'outputs: 3']
    """
    return _Describer(graph).lines()


_COMMUTATIVE = ("ADD", "MUL", "MAXIMUM", "MINIMUM", "EQUAL", "NOT_EQUAL")
"""A constant stands behind what is none here: TensorFlow's converter puts it there."""


class _Describer:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.main: Subgraph = graph.subgraphs[0]
        self._maker = {t: (i, n) for i, one in enumerate(self.main.operators) for n, t in enumerate(one.outputs)}
        self._numbers: dict[str, int] = {}
        self._lines: list[str] = []

    def lines(self) -> list[str]:
        outputs = ", ".join(self._operand(tensor) for tensor in self.main.outputs)
        return [*self._lines, f"outputs: {outputs}"]

    def _operand(self, index: int) -> str:
        if index < 0:
            return "-"
        tensor = self.main.tensors[index]
        if index in self.main.inputs:
            return f"input {self.main.inputs.index(index)} {_kind(tensor)}"
        if index in self._maker:
            operator, place = self._maker[index]
            return f"{self._operator(operator)}" + (f".{place}" if place else "")
        value = constant_array(self.graph, 0, index)
        if value is None:
            return f"variable {_kind(tensor)}"
        return f"constant {_kind(tensor)} #{zlib.crc32(np.ascontiguousarray(value).tobytes()):08x}"

    def _operator(self, index: int) -> int:
        operator = self.main.operators[index]
        operands = [self._operand(tensor) for tensor in operator.inputs]
        if operator.name in _COMMUTATIVE:
            operands.sort(key=lambda text: text.startswith("constant"))
        inputs = ", ".join(operands)
        results = ", ".join(_kind(self.main.tensors[tensor]) for tensor in operator.outputs)
        inner = "; ".join(_kind(self.main.tensors[tensor]) for tensor in operator.intermediates)
        text = f"{results} = {operator.name} v{operator.version} ({inputs})" + (f" inside {inner}" if inner else "")
        if text not in self._numbers:
            self._numbers[text] = len(self._numbers) + 1
            self._lines.append(f"{self._numbers[text]}: {text}")
        return self._numbers[text]


def _kind(tensor: Tensor) -> str:
    quantization = tensor.quantization
    text = tensor.type.name.lower()
    if not quantization.scale or text == "float32":
        return text
    scales = "/".join(str(np.float32(scale)) for scale in quantization.scale)
    points = sorted({*quantization.zero_point} or {0})
    along = f" axis {quantization.quantized_dimension}" if len(quantization.scale) > 1 else ""
    return f"{text} {scales} z{'/'.join(map(str, points))}{along}"
