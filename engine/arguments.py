"""What a call of a model is given: arrays in order or by name, one example or several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..kernels.operator import Shape
from ..schema import InputError, TensorType
from .runtime import as_array, as_strings, require_range
from .views import Port


def arguments(
    ports: Sequence[Port], types: Sequence[TensorType], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> list[np.ndarray]:
    """Return an array for each input, of its data type.

    Raises
    ------
    InputError
        Where one is missing, unknown, or of another data type.
    """
    names = [port.name for port in ports]
    match args:
        case (Mapping() as by_name,):
            args, kwargs = (), {**by_name, **kwargs}
    if len(args) > len(names):
        raise InputError(f"the model has {len(names)} inputs ({', '.join(names)}); got {len(args)}")
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    if unknown := [name for name in given if name not in names]:
        raise InputError(f"no input is named {unknown[0]!r}; the model has {', '.join(names)}")
    if missing := [name for name in names if name not in given]:
        raise InputError(f"input {missing[0]!r} is missing")
    return [_checked(port, kind, given[port.name]) for port, kind in zip(ports, types, strict=True)]


def _checked(port: Port, kind: TensorType, value: Any) -> np.ndarray:
    name = f"input {port.name!r}"
    array = as_strings(name, value) if port.dtype == object else as_array(name, value)
    if array.dtype != port.dtype:
        raise InputError(f"input {port.name!r}: expected data type {port.dtype}, got {array.dtype}")
    require_range(name, kind, array)
    return array


def batch_size(ports: Sequence[Port], shapes: Sequence[Shape], arrays: Sequence[np.ndarray]) -> int | None:
    """Return N where the inputs are N examples of a model whose batch is 1; None where they fit as they are.

    Raises
    ------
    InputError
        Where they are neither.
    """
    if all(array.shape == shape for shape, array in zip(shapes, arrays, strict=True)):
        return None
    batches = set()
    for port, expected, array in zip(ports, shapes, arrays, strict=True):
        batched = expected[:1] == (1,) and array.ndim == len(expected) and array.shape[1:] == expected[1:]
        if not batched:
            batch = f" or {['N', *expected[1:]]}".replace("'", "") if expected[:1] == (1,) else ""
            raise InputError(f"input {port.name!r}: expected shape {list(expected)}{batch}, got {list(array.shape)}")
        batches.add(array.shape[0])
    if len(batches) > 1:
        raise InputError(f"the inputs have different batch sizes: {', '.join(map(str, sorted(batches)))}")
    return batches.pop()


def one_example(
    ports: Sequence[Port], shapes: Sequence[Shape], arrays: list[np.ndarray]
) -> tuple[list[np.ndarray], bool]:
    """Return an example's arrays in the shapes of the inputs, and whether they came without a first dimension.

    Raises
    ------
    InputError
        Where one has another shape.
    """
    if all(shape == (1, *array.shape) for shape, array in zip(shapes, arrays, strict=True)):
        return [array[None] for array in arrays], True
    for port, shape, array in zip(ports, shapes, arrays, strict=True):
        if array.shape != shape:
            raise InputError(f"input {port.name!r}: expected shape {list(shape)}, got {list(array.shape)}")
    return arrays, False
