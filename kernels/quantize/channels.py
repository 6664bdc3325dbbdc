"""Scale and zero point of a tensor, per tensor or per channel, ready to broadcast."""

from __future__ import annotations

import numpy as np

from ...schema.deferred import dataclass
from ..operator import Node, Shape, TensorSpec


@dataclass(frozen=True)
class Affine:
    """``real = scale * (code - zero_point)``: float32 and int32 arrays of one length.

    ``axis`` is the dimension along which they run; None, and length 1, for a whole tensor.
    """

    scale: np.ndarray
    zero_point: np.ndarray
    axis: int | None

    def along(self, rank: int) -> tuple[np.ndarray, np.ndarray]:
        """Return scale and zero point shaped to broadcast with a tensor of the rank given."""
        shape = [-1 if axis == self.axis else 1 for axis in range(rank)]
        return self.scale.reshape(shape), self.zero_point.reshape(shape)


def affine(node: Node, spec: TensorSpec, shape: Shape) -> Affine:
    """Read the parameters of a tensor of the shape given; one zero point counts for all channels.

    Raises
    ------
    ModelError
        Where there are several scales, but not one for each element along the quantized dimension.

    Notes
    -----
    Source: ``IsQuantizedPerChannel`` and its uses in ``kernels/quantize.cc`` and ``kernels/dequantize.h``.
    """
    quantization = spec.quantization
    count = len(quantization.scale)
    if count <= 1:
        return Affine(np.array([spec.scale], np.float32), np.array([spec.zero_point], np.int64).astype(np.int32), None)
    axis = quantization.quantized_dimension
    node.require(0 <= axis < len(shape), f"a quantized dimension of {spec.name!r} in [0, {len(shape)}), not {axis}")
    node.require(shape[axis] == count, f"{shape[axis]} scales of {spec.name!r}, not {count}")
    zero_points = quantization.zero_point
    if len(zero_points) != count:
        zero_points = (spec.zero_point,) * count
    return Affine(np.array(quantization.scale, np.float32), np.array(zero_points, np.int64).astype(np.int32), axis)
