"""What a program's steps do that no kernel does: prepare an operator when it runs, run one that runs subgraphs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..kernels.operator import Prepared
from ..kernels.profiles import Profile
from ..schema import ModelError, Operator, Tensor, TensorType, numpy_dtype
from .preparation import PreparedOperator, build_node, prepare_node
from .structure import Environment, fitted, run

WITHOUT_FIXED_SIZE = (TensorType.STRING, TensorType.RESOURCE, TensorType.VARIANT)


def raise_faults(faults: Sequence[tuple[np.ndarray, str]]) -> None:
    """Raise ModelError where a compiled kernel met values that make no sense, and forget all of them."""
    met = [message.format(*flag[1:]) if len(flag) > 1 else message for flag, message in faults if flag[0]]
    if met:
        for flag, _ in faults:
            flag[0] = 0
        raise ModelError(met[0])


def prepare_now(
    place: str,
    operator: PreparedOperator,
    tensors: Sequence[Tensor],
    arrays: Sequence[np.ndarray | None],
    profile: Profile,
) -> Prepared:
    """Prepare an operator from the arrays that its inputs are by now."""
    shapes = [None if array is None else array.shape for array in arrays]
    inputs = [index for index in operator.operator.inputs if index >= 0]
    known = {index: array for index in inputs if (array := arrays[index]) is not None}
    if len(known) < len(set(inputs)):
        raise ModelError(f"{place}: {operator.operator.name}: an input was never computed")
    node = build_node(operator.operator, tensors, shapes, known, operator.bodies)
    return prepare_node(place, operator.kernel, node, profile)


def run_structural(
    place: str,
    operator: Operator,
    tensors: Sequence[Tensor],
    arrays: list[np.ndarray | None],
    fixed: frozenset[int],
    environment: Environment | None,
) -> None:
    """Run an operator that works on subgraphs or resources; outputs but the fixed ones have a shape by now only."""
    if environment is None:
        raise ModelError(f"{place}: {operator.name} needs the other subgraphs of its model")
    inputs = [arrays[index] for index in operator.inputs if index >= 0]
    if any(array is None for array in inputs):
        raise ModelError(f"{place}: {operator.name}: an input was never computed")
    try:
        results = run(operator, tuple(array for array in inputs if array is not None), environment)
    except ModelError as error:
        raise type(error)(f"{place}: {error}") from None
    for index, value in zip(operator.outputs, results, strict=True):
        if tensors[index].type not in WITHOUT_FIXED_SIZE and value.dtype != numpy_dtype(tensors[index].type):
            raise ModelError(f"{place}: {operator.name}: tensor {index} is given {value.dtype}")
        target = arrays[index]
        if index in fixed and target is not None:
            np.copyto(target, fitted(value, target.shape, f"{place}: {operator.name}"), casting="no")
        else:
            arrays[index] = value
