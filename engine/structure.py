"""Operators that run other subgraphs or keep values between runs: control flow, composites, resource variables.

They are no kernels, for they know the graph; everything about them is decided when the program runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np

from ..kernels.operator import Kernel, Shape
from ..kernels.registry import CUSTOM, REGISTRY
from ..schema import Graph, ModelError, Operator, TensorType
from ..schema import options as schema_options  # its classes are made when they are first asked for
from . import hash_tables
from .hash_tables import Arrays, HashTable

DEEPEST = 64
_MOST_PROGRAMS = 256


class Runnable(Protocol):
    """What the environment needs of a program."""

    def call(self, arrays: Sequence[np.ndarray]) -> Arrays:
        """Run on these inputs and return copies of the outputs."""

    def restart(self) -> None:
        """Set everything back that runs leave behind."""


class Environment:
    """What the subgraphs of one model share while they run.

    Parameters
    ----------
    graph : the model.
    build : prepares a subgraph for given shapes of its inputs.
    """

    def __init__(self, graph: Graph, build: Callable[[int, Mapping[int, Shape]], Runnable]) -> None:
        self._graph = graph
        self._build = build
        self._programs: dict[tuple[int, tuple[Shape, ...]], Runnable] = {}
        self._running: list[int] = []
        self._ran_once: set[int] = set()
        self.variables: dict[str, np.ndarray] = {}
        self.tables: dict[str, HashTable] = {}

    def call(self, subgraph_index: int, arrays: Sequence[np.ndarray], anew: bool = False) -> Arrays:
        """Run a subgraph on these inputs; ``anew``: without what earlier runs left behind in its variable tensors.

        Raises
        ------
        ModelError
            Where the subgraph takes another number of inputs, or calls itself.
        """
        subgraph = self._graph.subgraphs[subgraph_index]
        if len(arrays) != len(subgraph.inputs):
            raise ModelError(f"subgraph {subgraph_index} has {len(subgraph.inputs)} inputs; it is given {len(arrays)}")
        if subgraph_index in self._running:
            raise ModelError(f"subgraph {subgraph_index} calls itself")
        if len(self._running) >= DEEPEST:
            raise ModelError(f"subgraph {subgraph_index}: more than {DEEPEST} subgraphs call each other")
        shapes = tuple(array.shape for array in arrays)
        self._running.append(subgraph_index)
        try:
            program = self._programs.get((subgraph_index, shapes))
            if program is None:
                program = self._build(subgraph_index, dict(zip(subgraph.inputs, shapes, strict=True)))
                if len(self._programs) >= _MOST_PROGRAMS:  # a loop whose shapes grow would keep the memory of each
                    self._programs.pop(next(iter(self._programs)))
                self._programs[subgraph_index, shapes] = program
            if anew:
                program.restart()
            return program.call(arrays)
        finally:
            self._running.pop()

    def restart(self) -> None:
        """Set everything back that runs left behind, in every subgraph."""
        self.variables.clear()
        self.tables.clear()
        self._ran_once.clear()
        for program in self._programs.values():
            program.restart()

    def call_once(self, subgraph_index: int) -> None:
        """Run a subgraph without inputs, unless it ran before."""
        if subgraph_index not in self._ran_once:
            self.call(subgraph_index, ())
            self._ran_once.add(subgraph_index)


def _options(operator: Operator, expected: type) -> Any:
    if not isinstance(operator.options, expected):
        raise ModelError(f"{operator.name}: expected {expected.__name__}, got {type(operator.options).__name__}")
    return operator.options


def _condition(name: str, array: np.ndarray) -> bool:
    if array.dtype != np.bool_ or array.size != 1:
        raise ModelError(f"{name}: expected a condition of one bool, got {array.dtype}{list(array.shape)}")
    return bool(array.reshape(()))


def _key(name: str, arrays: Arrays) -> str:
    if not arrays or arrays[0].dtype != object or arrays[0].size != 1:
        raise ModelError(f"{name}: expected a resource as input 0")
    return str(arrays[0].reshape(())[()])


def _if(operator: Operator, arrays: Arrays, environment: Environment) -> Arrays:
    options = _options(operator, schema_options.IfOptions)
    if not arrays:
        raise ModelError("IF: the condition is missing")
    taken = options.then_subgraph_index if _condition("IF", arrays[0]) else options.else_subgraph_index
    return environment.call(taken, arrays[1:], anew=True)


def _while(operator: Operator, arrays: Arrays, environment: Environment) -> Arrays:
    options = _options(operator, schema_options.WhileOptions)
    before: Any = None
    while True:
        # The reference allocates both subgraphs anew for every loop, and where the shapes have changed.
        shapes = [array.shape for array in arrays]
        anew, before = shapes != before, shapes
        condition = environment.call(options.cond_subgraph_index, arrays, anew)
        if len(condition) != 1:
            raise ModelError(f"WHILE: the condition's subgraph has {len(condition)} outputs; expected 1")
        if not _condition("WHILE", condition[0]):
            return tuple(np.array(array) for array in arrays)  # not the memory of the inputs, which others will use
        arrays = environment.call(options.body_subgraph_index, arrays, anew)


def _call_once(operator: Operator, arrays: Arrays, environment: Environment) -> Arrays:
    environment.call_once(_options(operator, schema_options.CallOnceOptions).init_subgraph_index)
    return ()


def require_attributes(operator: Operator) -> None:
    """Raise ModelError for a composite without even an empty map of attributes.

    Notes
    -----
    Source: ``ParseStablehloComposite`` in ``core/api/flatbuffer_conversions.cc``.
    """
    if operator.name != "STABLEHLO_COMPOSITE":
        return
    options = operator.options
    if isinstance(options, schema_options.StableHLOCompositeOptions) and not options.composite_attributes:
        raise ModelError(f"{operator.name}: expected composite_attributes")


def _composite(operator: Operator, arrays: Arrays, environment: Environment) -> Arrays:
    options = _options(operator, schema_options.StableHLOCompositeOptions)
    return environment.call(options.decomposition_subgraph_index, arrays, anew=True)


def _var_handle(operator: Operator, arrays: Arrays, environment: Environment) -> Arrays:
    options = _options(operator, schema_options.VarHandleOptions)
    return (np.array(f"{options.container}\0{options.shared_name}", object),)


def _read_variable(operator: Operator, arrays: Arrays, environment: Environment) -> Arrays:
    key = _key(operator.name, arrays)
    if key not in environment.variables:
        raise ModelError(f"READ_VARIABLE: variable {key.split(chr(0))[-1]!r} has no value yet")
    return (environment.variables[key],)


def _assign_variable(operator: Operator, arrays: Arrays, environment: Environment) -> Arrays:
    key = _key(operator.name, arrays)
    if len(arrays) != 2:
        raise ModelError(f"ASSIGN_VARIABLE: expected 2 inputs, got {len(arrays)}")
    environment.variables[key] = np.array(arrays[1])
    return ()


def _hash_table(operator: Operator, arrays: Arrays, environment: Environment) -> Arrays:
    return hash_tables.make(_options(operator, schema_options.HashtableOptions), environment.tables)


_RUN: dict[str, tuple[tuple[int, int], Callable[[Operator, Arrays, Environment], Arrays]]] = {
    "ASSIGN_VARIABLE": ((1, 1), _assign_variable),
    "CALL_ONCE": ((1, 1), _call_once),
    "HASHTABLE": ((1, 1), _hash_table),
    "HASHTABLE_FIND": ((1, 1), lambda _, arrays, environment: hash_tables.find(arrays, environment.tables)),
    "HASHTABLE_IMPORT": ((1, 1), lambda _, arrays, environment: hash_tables.fill(arrays, environment.tables)),
    "HASHTABLE_SIZE": ((1, 1), lambda _, arrays, environment: hash_tables.size(arrays, environment.tables)),
    "IF": ((1, 1), _if),
    "READ_VARIABLE": ((1, 1), _read_variable),
    "STABLEHLO_COMPOSITE": ((1, 1), _composite),
    "VAR_HANDLE": ((1, 1), _var_handle),
    "WHILE": ((1, 1), _while),
}

_CHANGES = ("ASSIGN_VARIABLE", "CALL_ONCE", "HASHTABLE_IMPORT")


def is_stateful(operator: Operator) -> bool:
    """Whether the next run may give something else after this operator."""
    kernel = REGISTRY.get(operator.name) or CUSTOM.get(operator.custom_code or "")
    return operator.name in _CHANGES or (kernel is not None and kernel.initial is not None)


def _not_a_kernel(*arguments: Any) -> Any:
    raise AssertionError("structural operators are run by the program")


STRUCTURAL: Mapping[str, Kernel] = {
    name: Kernel(name, versions, tuple(TensorType), _not_a_kernel, _not_a_kernel)
    for name, (versions, _) in _RUN.items()
}
"""The operators of this module, described as the registry's are."""


def run(operator: Operator, arrays: Arrays, environment: Environment) -> Arrays:
    """Run a structural operator on its inputs and return its outputs."""
    results = _RUN[operator.name][1](operator, arrays, environment)
    if len(results) < len(operator.outputs):
        raise ModelError(f"{operator.name}: gives {len(results)} outputs; the file has {len(operator.outputs)}")
    return results[: len(operator.outputs)]


def fitted(value: np.ndarray, shape: Shape, what: str) -> np.ndarray:
    """Return a value, or as many of its first elements as a tensor holds whose shape the file says (READ_VARIABLE)."""
    size = math.prod(shape)
    if value.size < size:
        raise ModelError(f"{what}: the value has {value.size} elements; the file says {list(shape)}")
    return value if value.shape == shape else value.reshape(-1)[:size].reshape(shape)


Inferred: TypeAlias = "tuple[Shape | None, ...]"


def output_shapes(
    operator: Operator, inputs: Inferred, declared: tuple[Shape, ...], infer: Callable[[int, Inferred], Inferred]
) -> Inferred:
    """Return the shapes of a structural operator's outputs, None for those that are only known when it runs.

    Parameters
    ----------
    operator : the operator.
    inputs : the shapes of its inputs.
    declared : the shapes of its outputs in the file.
    infer : subgraph index and shapes of its inputs -> shapes of its outputs.
    """
    options = operator.options
    shapes: Inferred = ()
    if isinstance(options, schema_options.IfOptions):
        branches = (options.then_subgraph_index, options.else_subgraph_index)
        then, other = (infer(index, inputs[1:]) for index in branches)
        shapes = then if then == other else ()
    elif isinstance(options, schema_options.WhileOptions):
        shapes = inputs if infer(options.body_subgraph_index, inputs) == inputs else ()
    elif isinstance(options, schema_options.StableHLOCompositeOptions):
        shapes = infer(options.decomposition_subgraph_index, inputs)
    elif operator.name == "READ_VARIABLE" and declared and declared[0]:
        shapes = declared  # the reference believes the file here, but where it says a scalar
    elif operator.name == "HASHTABLE_FIND":
        shapes = inputs[1:2]
    elif operator.name == "HASHTABLE_SIZE":
        shapes = ((1,),)
    count = len(operator.outputs)
    return shapes[:count] if len(shapes) >= count else (None,) * count
