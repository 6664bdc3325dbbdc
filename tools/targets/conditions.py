"""Conditions that rules of several targets are made of; each returns what breaks it, or None."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import numpy as np

from ...schema import ActivationFunctionType, Tensor, TensorType
from .rule import PARAMETERS, Site, type_name

Condition: TypeAlias = Callable[[Site], "str | None"]


def first_input_is(*types: TensorType, position: int = 0) -> Condition:
    """Require one of the types of the input that gives an operator its type."""

    def broken(site: Site) -> str | None:
        tensor = site.input(position)
        return None if tensor is None or tensor.type in types else f"{type_name(tensor)} input {tensor.name!r}"

    return broken


def weights_are(*types: TensorType, position: int = 1) -> Condition:
    """Require one of the types of the weights."""
    return first_input_is(*types, position=position)


def activations_are(*types: TensorType) -> Condition:
    """Require one of the types of all inputs and outputs that are neither constants nor state."""
    return lambda site: _other_type(site.activations, types)


def activations_are_not(*types: TensorType) -> Condition:
    """Require other types of all inputs and outputs that are neither constants nor state."""
    return activations_are(*(one for one in TensorType if one not in types))


def constants_are(*types: TensorType) -> Condition:
    """Require one of the types of all inputs that are constants."""
    return lambda site: _other_type(site.constants, types)


def _other_type(tensors: Iterable[Tensor], types: tuple[TensorType, ...]) -> str | None:
    for tensor in tensors:
        if tensor.type not in types:
            return f"{type_name(tensor)} tensor {tensor.name!r}"
    return None


def constant(*positions: int) -> Condition:
    """Require inputs to be constants, or left out."""

    def broken(site: Site) -> str | None:
        for position in positions:
            tensor = site.input(position)
            if tensor is not None and not site.is_constant(position):
                return f"input {position} {tensor.name!r} is computed"
        return None

    return broken


def constant_parameters() -> Condition:
    """Require that shapes, axes, paddings and the like are constants."""
    return lambda site: constant(*PARAMETERS.get(site.name, ()))(site)


def option(name: str, allowed: Callable[[Any], bool]) -> Condition:
    """Require an allowed value of an option; one that the operator does not have is allowed."""

    def broken(site: Site) -> str | None:
        value = getattr(site.options, name, None)
        return None if value is None or allowed(value) else f"{name} {getattr(value, 'name', value)}"

    return broken


def no_fused_activation() -> Condition:
    """Require that no activation is fused with the operator."""
    return option("fused_activation_function", lambda one: one == ActivationFunctionType.NONE)


def strides(allowed: Callable[[int, int], bool]) -> Condition:
    """Require allowed strides, of height and width."""

    def broken(site: Site) -> str | None:
        height, width = getattr(site.options, "stride_h", 1), getattr(site.options, "stride_w", 1)
        return None if allowed(height, width) else f"a stride of {height}x{width}"

    return broken


def dilations(allowed: Callable[[int, int], bool]) -> Condition:
    """Require allowed dilations, of height and width."""

    def broken(site: Site) -> str | None:
        height = getattr(site.options, "dilation_h_factor", 1)
        width = getattr(site.options, "dilation_w_factor", 1)
        return None if allowed(height, width) else f"a dilation of {height}x{width}"

    return broken


def axes_without(*forbidden: int, position: int = 1) -> Condition:
    """Require axes, a constant input, of which none is forbidden."""

    def broken(site: Site) -> str | None:
        axes, tensor = site.integers(position), site.input(0)
        if axes is None or tensor is None:
            return "axes that are computed"
        rank = len(tensor.shape)
        found = sorted({axis % rank if rank else axis for axis in axes})
        return f"axes {found}" if set(found) & set(forbidden) else None

    return broken


def axis_option_is_not(forbidden: int) -> Condition:
    """Require another axis, an option."""

    def broken(site: Site) -> str | None:
        axis, output = getattr(site.options, "axis", 0), site.outputs[0] if site.outputs else None
        rank = max(1, len(output.shape)) if output is not None else 1
        return f"axis {axis}" if axis % rank == forbidden else None

    return broken


def shape_of_output(allowed: Callable[[tuple[int, ...]], bool]) -> Condition:
    """Require allowed shapes of the outputs."""

    def broken(site: Site) -> str | None:
        for tensor in site.outputs:
            if not allowed(tensor.shape):
                return f"shape {list(tensor.shape)} of output {tensor.name!r}"
        return None

    return broken


def shape_of_input(allowed: Callable[[tuple[int, ...]], bool], position: int = 0) -> Condition:
    """Require an allowed shape of an input."""

    def broken(site: Site) -> str | None:
        tensor = site.input(position)
        return None if tensor is None or allowed(tensor.shape) else f"shape {list(tensor.shape)} of {tensor.name!r}"

    return broken


def shapes_of_activations(allowed: Callable[[tuple[int, ...]], bool]) -> Condition:
    """Require allowed shapes of all inputs and outputs that are no constants."""

    def broken(site: Site) -> str | None:
        for tensor in site.activations:
            if not allowed(tensor.shape):
                return f"shape {list(tensor.shape)} of {tensor.name!r}"
        return None

    return broken


def open_sizes(first: int) -> Condition:
    """Require that no size from dimension ``first`` on is open in the file."""

    def broken(site: Site) -> str | None:
        for tensor in site.activations:
            if -1 in (tensor.shape_signature or ())[first:]:
                return f"shape signature {list(tensor.shape_signature or ())} of {tensor.name!r}"
        return None

    return broken


def quantized(weights: int | None = None) -> Condition:
    """Require positive scales of inputs and outputs that are no constants, and of the weights."""

    def broken(site: Site) -> str | None:
        tensors = list(site.activations)
        own = None if weights is None else site.input(weights)
        for tensor in [*tensors, *([own] if own is not None else [])]:
            scales = tensor.quantization.scale
            if not scales or not all(math.isfinite(scale) and scale > 0 for scale in scales):
                return f"{tensor.name!r} has {'a scale that is not positive' if scales else 'no scale'}"
        return None

    return broken


def per_tensor() -> Condition:
    """Require that no input or output has several scales."""

    def broken(site: Site) -> str | None:
        for tensor in (*site.inputs, *site.outputs):
            if tensor is not None and len(tensor.quantization.scale) > 1:
                return f"{len(tensor.quantization.scale)} scales of {tensor.name!r}"
        return None

    return broken


def same_quantization(*positions: int) -> Condition:
    """Require inputs with the scale and zero point of the output."""

    def broken(site: Site) -> str | None:
        output = site.outputs[0].quantization if site.outputs else None
        for position in positions:
            tensor = site.input(position)
            if tensor is None or output is None:
                continue
            if (tensor.quantization.scale, tensor.quantization.zero_point) != (output.scale, output.zero_point):
                return f"{tensor.name!r} and the output are quantized differently"
        return None

    return broken


def largest_sum_of_weights(limit: int, axis: int, position: int = 1) -> Condition:
    """Require that in no output channel the weights' magnitudes, less the zero point, add up to above ``limit``."""

    def broken(site: Site) -> str | None:
        weights, tensor = site.value(position), site.input(position)
        if weights is None or tensor is None or weights.ndim == 0 or weights.dtype.kind not in "iu":
            return None
        zero_point = (tensor.quantization.zero_point or (0,))[0]
        magnitudes = np.abs(np.moveaxis(weights.astype(np.int64) - zero_point, axis, 0))
        most = int(magnitudes.reshape(len(magnitudes), -1).sum(axis=1).max(initial=0))
        return None if most <= limit else f"a sum of {most}"

    return broken


def at_most_one_large(shape: tuple[int, ...]) -> bool:
    """Whether at most one dimension is above 1."""
    return sum(size > 1 for size in shape) <= 1


def innermost_only(shape: tuple[int, ...]) -> bool:
    """Whether only the three innermost dimensions are above 1."""
    return all(size == 1 for size in shape[:-3])
