"""What goes on from run to run: variable tensors, and what operators keep without one, such as a random generator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..kernels.operator import Shape
from ..schema import Tensor, TensorType


@dataclass
class Kept:
    """What an operator keeps from run to run.

    Where a tensor before it got another shape than in the last run, the reference prepares the operators behind
    it anew: random generators there begin again.
    """

    arrays: Sequence[np.ndarray | None]
    resized: tuple[int, ...]
    value: np.ndarray | None = None
    shapes: tuple[Shape | None, ...] = ()

    def is_stale(self) -> bool:
        """Whether the operator begins again; remembers the shapes for the next call."""
        before = self.shapes
        self.shapes = tuple(None if (array := self.arrays[index]) is None else array.shape for index in self.resized)
        return self.value is None or before != self.shapes


def fill_variables(tensors: Sequence[Tensor], arrays: Sequence[np.ndarray | None]) -> None:
    """Fill variable tensors: int8 with the zero point, everything else with zero bytes, as the reference does."""
    for tensor, array in zip(tensors, arrays, strict=True):
        if tensor.is_variable and array is not None:
            zero_point = tensor.quantization.zero_point
            filled = tensor.type is TensorType.INT8 and zero_point
            array[...] = np.array(zero_point[0]).astype(np.int8) if filled else 0  # a byte of the zero point


def copy_variables(
    tensors: Sequence[Tensor], sources: Sequence[np.ndarray | None], targets: Sequence[np.ndarray | None]
) -> None:
    """Copy the values of variable tensors."""
    for tensor, source, target in zip(tensors, sources, targets, strict=True):
        if tensor.is_variable and source is not None and target is not None:
            np.copyto(target, source)
