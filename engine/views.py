"""What a loaded model tells of itself: its inputs and outputs, and its operators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..kernels.operator import Prepared, Shape
from ..schema import Tensor, numpy_dtype


@dataclass(frozen=True)
class Port:
    """An input or output of a model.

    ``shape`` is the one in the file; ``shape_signature`` has -1 where the size is free. ``scale`` and
    ``zero_point`` are 0 where the tensor is not quantized.
    """

    name: str
    index: int
    shape: Shape
    shape_signature: Shape
    dtype: np.dtype
    scale: float
    zero_point: int

    def __str__(self) -> str:
        quantized = f", scale {self.scale:.6g}, zero point {self.zero_point}" if self.scale else ""
        return f"{self.name}: {self.dtype}{list(self.shape)}{quantized}"


def port_of(tensor: Tensor, index: int) -> Port:
    """Return what a model tells of a tensor that is its input or output."""
    quantization = tensor.quantization
    return Port(
        tensor.name,
        index,
        tensor.shape,
        tensor.shape_signature or tensor.shape,
        numpy_dtype(tensor.type),
        quantization.scale[0] if quantization.scale else 0.0,
        quantization.zero_point[0] if quantization.zero_point else 0,
    )


@dataclass(frozen=True)
class OperatorView:
    """An operator of a loaded model: its place, name, tensor indices and what was derived for it.

    ``prepared`` is None where the operator is prepared at run time; ``folded`` operators are constants.
    """

    index: int
    name: str
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Any
    prepared: Prepared | None
    compiled: bool
    folded: bool
