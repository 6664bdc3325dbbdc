"""Small float graphs made in few words, and data to calibrate them on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ....schema import Graph, GraphBuilder, TensorType, write

EXAMPLES = 8
"""How many examples a :class:`SmallModel` gives."""


@dataclass(frozen=True)
class SmallModel:
    """A float graph and the span of each input's values."""

    graph: Graph
    spans: tuple[tuple[float, float], ...]

    @property
    def content(self) -> bytes:
        """The bytes of the .tflite file."""
        return bytes(write(self.graph))

    def examples(self, seed: int = 0) -> list[list[np.ndarray]]:
        """Return :data:`EXAMPLES` lists of the inputs, in their order."""
        random = np.random.default_rng(seed)
        main = self.graph.subgraphs[0]

        def draw(tensor: int, span: tuple[float, float]) -> np.ndarray:
            one = main.tensors[tensor]
            array = random.uniform(*span, one.shape)
            return array > 0 if one.type is TensorType.BOOL else array.astype(one.type.name.lower())

        return [[draw(*both) for both in zip(main.inputs, self.spans, strict=True)] for _ in range(EXAMPLES)]


class Sketch:
    """Builds a float graph; the shapes of what operators give are found by q31's interpreter in the end."""

    def __init__(self) -> None:
        self.builder = GraphBuilder()
        self.random = np.random.default_rng(1)
        self.inputs: list[int] = []
        self.spans: list[tuple[float, float]] = []
        self.used: set[int] = set()
        self._count = 0

    def _add(self, kind: str, type: TensorType, shape: Sequence[int], value: Any = None, **fields: Any) -> int:
        self._count += 1
        return self.builder.tensor(f"{kind}{self._count}", type, shape, value=value, **fields)

    def input(self, *shape: int, span: tuple[float, float] = (-1.5, 2.25), type: str = "float32") -> int:
        """Add an input whose values lie in a span."""
        self.inputs.append(self._add("input", TensorType[type.upper()], shape))
        self.spans.append(span)
        return self.inputs[-1]

    def weights(self, *shape: int, span: tuple[float, float] = (-0.75, 1.0)) -> int:
        """Add a float constant of random values."""
        return self.values(self.random.uniform(*span, shape))

    def values(self, array: Any) -> int:
        """Add a float constant."""
        array = np.asarray(array, np.float32)
        return self._add("constant", TensorType.FLOAT32, array.shape, array)

    def integers(self, values: Any, type: str = "int32") -> int:
        """Add a constant of integers, or of another type."""
        array = np.asarray(values, type)
        return self._add("integers", TensorType[type.upper()], array.shape, array)

    def variable(self, *shape: int) -> int:
        """Add a variable."""
        return self._add("state", TensorType.FLOAT32, shape, is_variable=True)

    def operator(
        self,
        name: str,
        inputs: Sequence[int],
        options: Any = None,
        types: Sequence[str] = ("float32",),
        version: int = 1,
    ) -> Any:
        """Add an operator; return its output, or a list of them where there are several."""
        outputs = [self._add(name.lower(), TensorType[one.upper()], ()) for one in types]
        self.builder.operator(name, list(inputs), outputs, options, version=version)
        self.used.update(inputs)
        return outputs[0] if len(outputs) == 1 else outputs

    def drop_unused_inputs(self) -> None:
        """Forget the inputs that no operator reads."""
        kept = [both for both in zip(self.inputs, self.spans, strict=True) if both[0] in self.used]
        self.inputs, self.spans = [tensor for tensor, _ in kept], [span for _, span in kept]

    def build(self, *outputs: int) -> SmallModel:
        """Return the model."""
        graph = self.builder.build(self.inputs, list(outputs), name="main")
        return SmallModel(_with_shapes(graph), tuple(self.spans))


def _with_shapes(graph: Graph) -> Graph:
    from ....engine.interpreter import Interpreter

    interpreter = Interpreter(model_content=write(graph), experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    shapes = [tuple(int(n) for n in one["shape"]) for one in interpreter.get_tensor_details()]
    main = graph.subgraphs[0]
    tensors = tuple(replace(tensor, shape=shape) for tensor, shape in zip(main.tensors, shapes, strict=True))
    return replace(graph, subgraphs=(replace(main, tensors=tensors),))
