"""From a subgraph to prepared operators: shape inference and constant folding in one pass.

An operator whose prepare needs values that are not known beforehand, or whose input shapes are not, is *late*:
it is prepared when the program runs, from the arrays themselves.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from ..kernels.operator import Kernel, Node, Prepared, Shape, TensorSpec
from ..kernels.profiles import Profile
from ..kernels.registry import find, require_version
from ..schema import Error, Graph, ModelError, Operator, Tensor, UnsupportedOperatorError
from ..schema.constants import constant_array
from ..schema.deferred import dataclass
from ..schema.verify import MAXIMUM_RANK
from .structure import DEEPEST, STRUCTURAL, Inferred, require_attributes
from .structure import output_shapes as structural_shapes

Bodies: TypeAlias = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class PreparedOperator:
    """An operator of the subgraph with what was derived for it.

    ``node`` and ``prepared`` are None for a late operator. ``folded`` operators were evaluated already: their
    outputs are constants of the program.
    """

    index: int
    operator: Operator
    kernel: Kernel
    node: Node | None
    prepared: Prepared | None
    folded: bool = False
    bodies: Bodies = ()

    @property
    def late(self) -> bool:
        """Whether the operator is prepared at run time."""
        return self.prepared is None


@dataclass(frozen=True)
class Preparation:
    """A prepared subgraph: its operators, the shape of each tensor (None: known at run time only), and constants."""

    tensors: tuple[Tensor, ...]
    operators: tuple[PreparedOperator, ...]
    shapes: tuple[Shape | None, ...]
    constants: Mapping[int, np.ndarray]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def tensor_spec(tensor: Tensor, shape: Shape, value: np.ndarray | None) -> TensorSpec:
    """Return what a kernel's prepare sees of a tensor."""
    return TensorSpec(tensor.name, tensor.type, shape, tensor.quantization, value, tensor.is_variable, tensor.sparsity)


def build_node(
    operator: Operator,
    tensors: Sequence[Tensor],
    shapes: Sequence[Shape | None],
    values: Mapping[int, np.ndarray],
    bodies: Bodies,
) -> Node:
    """Return the node of an operator, whose input shapes must all be known."""

    def spec(index: int, default: Shape) -> TensorSpec:
        shape = shapes[index]
        found = tensor_spec(tensors[index], default if shape is None else shape, values.get(index))
        blocks = tensors[index].quantization.blockwise
        return found if blocks is None else replace(found, block_scales=values.get(blocks.scales))

    inputs = tuple(None if index < 0 else spec(index, ()) for index in operator.inputs)
    outputs = tuple(tensor_spec(tensors[index], tensors[index].shape, None) for index in operator.outputs)
    custom_code = operator.custom_code if operator.name == "CUSTOM" else None
    intermediates = tuple(
        None if index < 0 else tensor_spec(tensors[index], tensors[index].shape, None)
        for index in operator.intermediates
    )
    return Node(
        operator.name,
        operator.version,
        operator.options,
        inputs,
        outputs,
        custom_code,
        operator.custom_options,
        intermediates,
        bodies,
    )


def needs_values(operator: Operator, kernel: Kernel, known: Mapping[int, Any]) -> bool:
    """Whether prepare needs the value of an input that is not among the known ones."""
    present = (operator.inputs[i] for i in kernel.values if i < len(operator.inputs))
    return any(index >= 0 and index not in known for index in present)


_MOST_ELEMENTS = 1 << 40
_LARGEST_SIZE = 2**31 - 1  # of a dimension, which the schema and LiteRT hold in 32 bits

# Folding may multiply what the file holds by this (int8 becomes int64 by CAST), or make so many bytes: a RESIZE of a
# small constant to a huge one is computed when the model runs, if it ever does.
_FOLDING_FACTOR = 8
_FOLDED_BYTES = 1 << 26


def prepare_node(place: str, kernel: Kernel, node: Node, profile: Profile) -> Prepared:
    """Prepare a node; errors are raised again with the operator's place in the model before them.

    Raises
    ------
    ModelError, UnsupportedOperatorError
        Where the operator's ``prepare`` refuses the node.
    Error
        The base class itself: a check is missing, and ``prepare`` failed otherwise. This is a defect of q31.
    """
    try:
        prepared: Prepared = kernel.prepare(node, profile)
    except (ModelError, UnsupportedOperatorError) as error:
        raise type(error)(f"{place}: {error}") from None
    except MemoryError:
        raise
    except Exception as error:
        if kernel.foreign:
            raise
        what = f"{node.name} cannot be prepared for {node.describe()}"
        raise Error(f"{place}: {what} ({type(error).__name__}: {error}); this is a defect of q31") from error
    if len(prepared.output_shapes) != len(node.outputs):
        raise ModelError(
            f"{place}: {node.name} has {len(prepared.output_shapes)} outputs, the file {len(node.outputs)}"
        )
    for shape in prepared.output_shapes:
        if shape is not None:
            _require_possible(f"{place}: {node.name}: an output", shape)
    return prepared


def _require_possible(what: str, shape: Shape) -> None:
    # Empty tensors count their other axes: NumPy refuses shapes whose bytes do not fit in 63 bits.
    elements = math.prod(max(size, 1) for size in shape)
    if elements > _MOST_ELEMENTS or max(shape, default=0) > _LARGEST_SIZE or len(shape) > MAXIMUM_RANK:
        raise ModelError(f"{what} of shape {list(shape)} is more than memory can hold")


def as_tuple(evaluated: Any) -> tuple[np.ndarray, ...]:
    """Return what ``evaluate`` gave as a tuple of arrays."""
    return evaluated if isinstance(evaluated, tuple) else (evaluated,)


class _ShapeInference:
    """The output shapes of the subgraphs that operators of one subgraph call."""

    def __init__(self, graph: Graph, profile: Profile) -> None:
        self._graph = graph
        self._profile = profile
        self._known: dict[tuple[int, Inferred], Inferred] = {}
        self._depth = 0

    def __call__(self, subgraph_index: int, inputs: Inferred) -> Inferred:
        """Return the shapes of a subgraph's outputs; nothing where it cannot be prepared, which a run will tell."""
        key = (subgraph_index, inputs)
        if key not in self._known:
            self._known[key] = ()  # what a subgraph that calls itself is told
            if self._depth < DEEPEST:
                self._depth += 1
                with suppress(ModelError, UnsupportedOperatorError):
                    self._known[key] = self._infer(subgraph_index, inputs)
                self._depth -= 1
        return self._known[key]

    def _infer(self, subgraph_index: int, inputs: Inferred) -> Inferred:
        indices = self._graph.subgraphs[subgraph_index].inputs
        if len(indices) != len(inputs):
            return ()
        given = {index: shape for index, shape in zip(indices, inputs, strict=True) if shape is not None}
        if len(given) < len(indices):
            return ()
        prepared = _prepare(self._graph, subgraph_index, self._profile, given, self)
        return tuple(prepared.shapes[index] for index in prepared.outputs)


def prepare(
    graph: Graph, subgraph_index: int, profile: Profile, input_shapes: Mapping[int, Shape] | None = None
) -> Preparation:
    """Prepare every operator of a subgraph.

    Parameters
    ----------
    graph : the model.
    subgraph_index : which subgraph.
    profile : the arithmetic.
    input_shapes : tensor index -> shape, for inputs that were resized.

    Raises
    ------
    ModelError, UnsupportedOperatorError
        With the subgraph and operator index in the message.
    """
    return _prepare(graph, subgraph_index, profile, input_shapes or {}, _ShapeInference(graph, profile))


def _prepare(
    graph: Graph, subgraph_index: int, profile: Profile, input_shapes: Mapping[int, Shape], infer: _ShapeInference
) -> Preparation:
    subgraph = graph.subgraphs[subgraph_index]
    shapes: list[Shape | None] = [None] * len(subgraph.tensors)
    constants: dict[int, np.ndarray] = {}
    produced = {index for operator in subgraph.operators for index in operator.outputs}
    for index, tensor in enumerate(subgraph.tensors):
        if index in produced and not tensor.is_variable:
            continue
        shapes[index] = tensor.shape
        if not tensor.is_variable and index not in subgraph.inputs:
            value = constant_array(graph, subgraph_index, index)
            if value is not None:
                constants[index] = value
    for index, shape in input_shapes.items():
        shapes[index] = tuple(shape)
    for index, given in enumerate(shapes):
        if given is not None:
            _require_possible(f"subgraph {subgraph_index}: tensor {index}", given)

    bodies = tuple(tuple(one.name for one in each.operators) for each in graph.subgraphs)
    operators = []
    folding_budget = max(_FOLDED_BYTES, _FOLDING_FACTOR * sum(len(buffer.data) for buffer in graph.buffers))
    for index, operator in enumerate(subgraph.operators):
        place = f"subgraph {subgraph_index} operator {index}"
        prepared_operator = _prepare_operator(
            place, (index, operator), subgraph.tensors, shapes, constants, profile, bodies
        )
        size = _folded_size(prepared_operator, subgraph.tensors, constants)
        if size is not None and size <= folding_budget:
            folding_budget -= size
            prepared_operator = _fold(prepared_operator, constants)
        operators.append(prepared_operator)
        output_shapes: tuple[Shape | None, ...] = (None,) * len(operator.outputs)
        if prepared_operator.prepared is not None:
            output_shapes = prepared_operator.prepared.output_shapes
        elif operator.name in STRUCTURAL:
            sources: Inferred = tuple(shapes[i] for i in operator.inputs if i >= 0)
            declared = tuple(subgraph.tensors[index].shape for index in operator.outputs)
            output_shapes = structural_shapes(operator, sources, declared, infer)
            for known in output_shapes:
                if known is not None:
                    _require_possible(f"{place}: {operator.name}: an output", known)
        for output, output_shape in zip(operator.outputs, output_shapes, strict=True):
            variable = subgraph.tensors[output]
            if variable.is_variable and output_shape != variable.shape:
                raise ModelError(f"{place}: {operator.name} gives variable {variable.name!r} another shape than it has")
            shapes[output] = output_shape
    return Preparation(subgraph.tensors, tuple(operators), tuple(shapes), constants, subgraph.inputs, subgraph.outputs)


def _prepare_operator(
    place: str,
    numbered: tuple[int, Operator],
    tensors: Sequence[Tensor],
    shapes: Sequence[Shape | None],
    constants: dict[int, np.ndarray],
    profile: Profile,
    bodies: Bodies,
) -> PreparedOperator:
    index, operator = numbered
    node = build_node(operator, tensors, shapes, constants, bodies)
    structural = STRUCTURAL.get(operator.name)
    try:
        if structural is not None:
            require_version(structural, node)
            require_attributes(operator)
            return PreparedOperator(index, operator, structural, None, None)
        kernel = find(node)
    except (ModelError, UnsupportedOperatorError) as error:
        raise type(error)(f"{place}: {error}") from None
    for state in kernel.states:
        tensor = operator.inputs[state] if state < len(operator.inputs) else -1
        if tensor < 0 or not tensors[tensor].is_variable:
            raise ModelError(f"{place}: {operator.name}: input {state} is state; it must be a variable tensor")
    present = [i for i in operator.inputs if i >= 0]
    if any(shapes[i] is None for i in present) or needs_values(operator, kernel, constants):
        return PreparedOperator(index, operator, kernel, None, None, bodies=bodies)
    return PreparedOperator(index, operator, kernel, node, prepare_node(place, kernel, node, profile))


def _folded_size(
    prepared_operator: PreparedOperator, tensors: Sequence[Tensor], constants: Mapping[int, np.ndarray]
) -> int | None:
    """Return how many bytes the outputs take, where the operator can be evaluated beforehand; otherwise None."""
    operator, kernel, prepared = prepared_operator.operator, prepared_operator.kernel, prepared_operator.prepared
    if prepared is None or kernel.foreign or kernel.initial is not None:
        return None
    if any(tensors[index].is_variable for index in operator.outputs):
        return None
    if not kernel.shape_only and any(index >= 0 and index not in constants for index in operator.inputs):
        return None
    size = 0
    for index, shape in zip(operator.outputs, prepared.output_shapes, strict=True):
        if shape is None:
            return None
        size += math.prod(shape) * tensor_spec(tensors[index], shape, None).dtype.itemsize
    return size


def _fold(prepared_operator: PreparedOperator, constants: dict[int, np.ndarray]) -> PreparedOperator:
    """Evaluate an operator beforehand; its outputs become constants."""
    operator, kernel = prepared_operator.operator, prepared_operator.kernel
    arrays = [None if index < 0 else constants.get(index) for index in operator.inputs]
    with np.errstate(all="ignore"):  # a NaN is a value like another, as in the reference
        values = as_tuple(kernel.evaluate(prepared_operator.prepared, *arrays))
    for output, value in zip(operator.outputs, values, strict=True):
        value = np.asarray(value, order="C")
        value.flags.writeable = False
        constants[output] = value
    return replace(prepared_operator, folded=True)


def count_uses(preparation: Preparation, operators: Sequence[PreparedOperator]) -> tuple[Counter[int], Counter[int]]:
    """Return how often each tensor of a program is written, inputs by its caller, and read, outputs by its caller."""
    written = Counter(index for operator in operators for index in operator.operator.outputs)
    written.update(preparation.inputs)
    read = Counter(index for operator in operators for index in operator.operator.inputs)
    read.update(preparation.outputs)
    return written, read
