"""What recurrent layers are made of in float32: products, sums and activations, in the reference's order.

Even the reference's resolver runs SIMD code here, four lanes wide. The products of hybrid layers, whose weights are
int8, are those of FULLY_CONNECTED.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ..checks import require_quantized
from ..convolution.hybrid import add_hybrid_products
from ..operator import Node, TensorSpec

LANES = 4
CODES = (TensorType.INT8, TensorType.UINT8)


@dataclass(frozen=True)
class Hybrid:
    """How float32 activations are quantized anew at every step; None in its place stands for float32 weights.

    ``asymmetric``: with a zero point of their own. ``quirks``: the defects of the reference's SIMD code are reproduced.
    """

    asymmetric: bool
    quirks: bool


def require_weights(node: Node, *specs: TensorSpec) -> bool:
    """Check weights, all of one type: float32, or codes with one scale. Return whether they are codes.

    Raises
    ------
    UnsupportedOperatorError, ModelError
        For other types, and for codes of another number of scales.
    """
    kinds = {spec.type for spec in specs}
    if len(kinds) != 1 or not kinds <= {TensorType.FLOAT32, *CODES}:
        raise node.unsupported("float32 with weights that are all float32, all int8 or all uint8")
    if kinds == {TensorType.FLOAT32}:
        return False
    require_quantized(node, *specs)
    for spec in specs:
        node.require(len(spec.quantization.scale) == 1, f"one scale of {spec.name!r}")
    return True


def require_float(node: Node, *specs: TensorSpec) -> None:
    """Raise UnsupportedOperatorError unless these tensors are float32."""
    if any(spec.type is not TensorType.FLOAT32 for spec in specs):
        raise node.unsupported("float32 inputs, biases, states and outputs")


def _add_lanes(lanes: np.ndarray) -> np.ndarray:
    """Add up (..., 4), from the left."""
    total = lanes[..., 0]
    for lane in range(1, LANES):
        total = total + lanes[..., lane]
    return total


def _lane_sums(terms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sum (..., n) in four lanes; return their total, and the n % 4 terms that are left."""
    whole = terms.shape[-1] // LANES * LANES
    blocks = terms[..., :whole].reshape(*terms.shape[:-1], -1, LANES)
    lanes = np.zeros((*terms.shape[:-1], LANES), np.float32)
    for number in range(blocks.shape[-2]):
        lanes = lanes + blocks[..., number, :]
    return _add_lanes(lanes), terms[..., whole:]


def add_products(totals: np.ndarray, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return float32 totals (batch, units) plus the products of rows (batch, depth) with rows (units, depth).

    Notes
    -----
    Source: ``NeonMatrixBatchVectorMultiplyAccumulate`` in ``kernels/internal/optimized/neon_tensor_utils.cc``: lane k
    sums the products k, k + 4 and so on, the lanes are added to each other and then to the total, and to that the
    products that are left, one by one.
    """
    sums, rest = _lane_sums(x[:, None, :] * weights[None])
    totals = totals + sums
    for column in range(rest.shape[-1]):
        totals = totals + rest[..., column]
    return totals


def lane_sum(terms: np.ndarray) -> np.ndarray:
    """Return the sum of float32 (..., n) along the last axis.

    Notes
    -----
    Source: ``NeonVectorVectorDotProduct`` and ``NeonReductionSumVector``, as :func:`add_products`.
    """
    total, rest = _lane_sums(terms)
    for column in range(rest.shape[-1]):
        total = total + rest[..., column]
    return total


@dataclass(frozen=True)
class Weights:
    """A matrix (units, depth) to multiply by: float32, or codes with their scale.

    Codes of type uint8 are the same bytes as int8, under the type that the first converters wrote.
    """

    matrix: np.ndarray
    scale: np.float32
    hybrid: Hybrid | None

    def add_products(self, totals: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return the totals (batch, units) plus the products of (batch, depth) with each of the matrix's rows."""
        if self.hybrid is None:
            return add_products(totals, x, self.matrix)
        codes = self.matrix.view(np.int8)
        scale = np.array([self.scale])
        return add_hybrid_products(totals, x, codes, scale, self.hybrid.asymmetric, self.hybrid.quirks)
