"""FULLY_CONNECTED of uint8 to int16 with the weights in the format SHUFFLED4x16INT8.

Blocks of 4 rows and 16 columns stand one after another, and the sign bit of each code is flipped, so that the byte,
read as int8, is the code less 128: the zero point of activations and weights.
"""

from __future__ import annotations

import math

import numpy as np

from ...schema import ActivationFunctionType, TensorType
from ...schema.deferred import dataclass
from ..operator import Node, Prepared, Shape
from ..profiles import Precision, Profile
from .accumulation import matmul_terms, narrow_accumulator, saturates, saturating_sum, wrapped
from .prepared import Requantization
from .quantization import (
    filter_scales,
    prepare_requantization,
    requantize,
    require_bias,
    require_bias_scale,
    require_per_tensor,
)
from .taps import add_bias

_ROWS, _COLUMNS = 4, 16
_BATCHES = (1, 4)
_ZERO_POINT = 128


@dataclass(frozen=True)
class ShuffledFullyConnected(Prepared):
    """The outputs are (batch, units) and the activations as the reference's kernel reads them."""

    batch: int
    depth: int
    units: int
    requantization: Requantization


def prepare_shuffled(
    node: Node, profile: Profile, shape: Shape, batch: int, activation: ActivationFunctionType
) -> ShuffledFullyConnected:
    """Check what the format asks for; ``shape`` is that of the output.

    Notes
    -----
    Source: ``PrepareImpl`` in ``kernels/fully_connected.cc``. For any other batch than 1 and 4 the reference writes no
    output, without a bias it reads nothing's address; it takes the zero points to be 128 whatever they are.
    """
    source, weights, bias, workspace = node.input(0), node.input(1), node.optional_input(2), node.output(1)
    units, depth = weights.shape
    if (source.type, weights.type, node.output().type) != (TensorType.UINT8, TensorType.UINT8, TensorType.INT16):
        raise node.unsupported("weights_format SHUFFLED4x16INT8 of uint8 with uint8 weights to int16")
    if batch not in _BATCHES:
        raise node.unsupported("weights_format SHUFFLED4x16INT8 with a batch of 1 or 4")
    whole = units % _ROWS == 0 and depth % _COLUMNS == 0
    node.require(whole, f"a filter of whole blocks of {_ROWS}x{_COLUMNS}, not {units}x{depth}")
    fits = workspace.type is TensorType.UINT8 and math.prod(workspace.shape) == batch * depth
    node.require(fits, f"a second output of {batch * depth} uint8")
    node.require(bias is not None, "a bias")
    require_bias(node, bias, units, (TensorType.INT32,))
    for spec in (source, weights):
        require_per_tensor(node, spec)
        node.require(spec.zero_point == _ZERO_POINT, f"a zero point of {_ZERO_POINT} of {spec.name!r}")
    require_per_tensor(node, node.output())
    require_bias_scale(node, source, weights, bias)
    scales, accumulator = filter_scales(node, weights, units), np.dtype(np.int32)
    requantization = prepare_requantization(
        node,
        source,
        scales,
        units,
        activation,
        accumulator,
        profile.rounding,
        Precision.FLOAT32,
        narrow_accumulator(profile, accumulator),
    )
    return ShuffledFullyConnected((shape, tuple(workspace.shape)), batch, depth, units, requantization)


def weights_in_rows(prepared: ShuffledFullyConnected, weights: np.ndarray) -> np.ndarray:
    """Return the weights less their zero point, int8 (units, depth)."""
    depth, units = prepared.depth, prepared.units
    blocks = weights.view(np.int8).reshape(units // _ROWS, depth // _COLUMNS, _ROWS, _COLUMNS)
    return blocks.transpose(0, 2, 1, 3).reshape(units, depth)


def evaluate_shuffled(
    prepared: ShuffledFullyConnected, x: np.ndarray, weights: np.ndarray, bias: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the product, and the activations with flipped sign bits, in blocks of 16 columns.

    Notes
    -----
    Source: ``ShuffledFullyConnected`` in ``kernels/internal/reference/fully_connected.h``.
    """
    batch, depth = prepared.batch, prepared.depth
    flipped = x.reshape(batch, depth) ^ np.uint8(_ZERO_POINT)
    rows = weights_in_rows(prepared, weights).astype(np.int32)
    codes, narrow = flipped.view(np.int8).astype(np.int32), prepared.requantization.narrow
    if saturates(narrow):
        sums = saturating_sum(narrow, matmul_terms(codes, rows.T), (batch, prepared.units), codes.dtype, bias)
    else:
        sums = wrapped(narrow, add_bias(codes @ rows.T, bias))
    workspace = flipped.reshape(batch, depth // _COLUMNS, _COLUMNS).transpose(1, 0, 2)
    product_shape, workspace_shape = prepared.output_shapes
    assert product_shape is not None and workspace_shape is not None
    product = requantize(prepared.requantization, sums).reshape(product_shape)
    return product, np.ascontiguousarray(workspace).reshape(workspace_shape)
