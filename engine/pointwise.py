"""Operators that together are a function of one code of 8 bits become one table of 256.

``x * LOGISTIC(x)``, ``x * RELU6(x + 3) / 6``, a product with a constant: whatever operators compute element by element,
from one tensor and constants of one element, their own ``evaluate`` computes once for all codes, and a run looks the
result up. RSQRT is not among them, for it refuses some codes. The bits are the same, and what lies between is not
written, so this is for programs whose tensors in between nobody reads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ..kernels.activations.lookup import Lookup, evaluate, lower
from ..kernels.operator import Kernel, Node, TensorSpec
from ..schema import TensorType
from ..schema.deferred import dataclass
from .preparation import Preparation, PreparedOperator, as_tuple

_EIGHT_BIT = (TensorType.INT8, TensorType.UINT8)
_UNARY = frozenset(
    [
        "ABS",
        "ELU",
        "EXP",
        "GELU",
        "HARD_SWISH",
        "LEAKY_RELU",
        "LOG",
        "LOGISTIC",
        "NEG",
        "QUANTIZE",
        "RELU",
        "RELU6",
        "RELU_0_TO_1",
        "RELU_N1_TO_1",
        "TANH",
    ]
)
_BINARY = frozenset(["ADD", "MAXIMUM", "MINIMUM", "MUL", "SQUARED_DIFFERENCE", "SUB"])
_EXTREMES = frozenset(["MAXIMUM", "MINIMUM"])
"""Of these one alone is no slower than a table."""

_CODES = np.arange(256, dtype=np.uint8)


@dataclass(frozen=True)
class _Function:
    """A tensor as a function of the codes of another, ``source``, and whether a table is worth while."""

    source: int
    spec: TensorSpec
    table: np.ndarray
    gains: bool


def fuse(preparation: Preparation) -> tuple[PreparedOperator, ...]:
    """Return the operators of a program with tables in place of those that they stand for."""
    functions = _find_functions(preparation)
    operators: list[PreparedOperator] = []
    # From the last to the first: what the operators that stay read must be computed.
    needed = set(preparation.outputs)
    for operator in reversed(preparation.operators):
        target = operator.operator.outputs[0] if len(operator.operator.outputs) == 1 else -1
        function = functions.get(target)
        if function is not None and target not in needed:
            continue
        if function is not None and function.gains:
            operator = _as_table(operator, function)
        needed.update(operator.operator.inputs)
        operators.append(operator)
    return tuple(reversed(operators))


def _find_functions(preparation: Preparation) -> Mapping[int, _Function]:
    written = Counter(index for operator in preparation.operators for index in operator.operator.outputs)
    written.update(preparation.inputs)
    functions: dict[int, _Function] = {}
    for operator in preparation.operators:
        inputs, outputs, node = operator.operator.inputs, operator.operator.outputs, operator.node
        known = node is not None and operator.prepared is not None and not operator.folded
        if not known or operator.kernel.foreign or operator.operator.name not in _UNARY | _BINARY:
            continue
        # Of a tensor that is written again, a table might read another value than the operators did.
        once = len(outputs) == 1 and outputs[0] not in inputs and all(written[i] <= 1 for i in (*inputs, *outputs))
        if once and not any(preparation.tensors[index].is_variable for index in (*inputs, *outputs) if index >= 0):
            function = _function_of(operator, preparation, functions)
            if function is not None:
                functions[outputs[0]] = function
    return functions


def _function_of(
    operator: PreparedOperator, preparation: Preparation, functions: Mapping[int, _Function]
) -> _Function | None:
    """Return an operator's output as a function of one tensor's codes; None where it is none."""
    node, inputs, target = operator.node, operator.operator.inputs, operator.operator.outputs[0]
    assert node is not None
    arguments: list[np.ndarray] = []
    source, spec = -1, None
    for index, own in zip(inputs, node.inputs, strict=True):
        if own is None or own.type not in _EIGHT_BIT:
            return None
        constant = preparation.constants.get(index)
        if constant is not None:
            if constant.size != 1:
                return None
            arguments.append(constant)
            continue
        earlier = functions.get(index)
        one, of = (index, own) if earlier is None else (earlier.source, earlier.spec)
        if source not in (-1, one):
            return None
        source, spec = one, of
        arguments.append(_CODES.view(own.dtype) if earlier is None else earlier.table)
    if spec is None or node.output().type not in _EIGHT_BIT:
        return None
    if preparation.shapes[target] is None or preparation.shapes[target] != preparation.shapes[source]:
        return None
    table = as_tuple(operator.kernel.evaluate(operator.prepared, *arguments))[0].reshape(-1)
    if table.shape != _CODES.shape:
        return None
    gains = operator.operator.name in _BINARY - _EXTREMES or any(index in functions for index in inputs)
    return _Function(source, spec, table, gains)


def _as_table(operator: PreparedOperator, function: _Function) -> PreparedOperator:
    assert operator.node is not None and operator.prepared is not None
    kernel = Kernel(operator.kernel.name, operator.kernel.versions, _EIGHT_BIT, _prepared, evaluate, lower)
    node = replace(operator.node, inputs=(function.spec,))
    return replace(
        operator,
        operator=replace(operator.operator, inputs=(function.source,)),
        kernel=kernel,
        node=node,
        prepared=Lookup(operator.prepared.output_shapes, function.table),
    )


def _prepared(node: Node, profile: object) -> Lookup:
    raise NotImplementedError("a table is made of operators that are prepared")


def missing(preparation: Preparation, operators: Sequence[PreparedOperator]) -> frozenset[int]:
    """Return the indices of the operators that tables make superfluous."""
    return frozenset(one.index for one in preparation.operators) - {one.index for one in operators}
