"""SVDF of float32, with float32 weights or, hybrid, with codes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...schema import ActivationFunctionType
from ...schema.options import SVDFOptions
from ..operator import Node, Prepared
from ..profiles import Profile
from ..vector_activation import activate
from .tensor_utils import Hybrid, Weights, lane_sum, require_float, require_weights


@dataclass(frozen=True)
class FloatSVDF(Prepared):
    """A layer.

    Parameters
    ----------
    rank : how many filters are added up to a unit.
    activation : applied to the sums.
    feature_scale, time_scale : of weights that are codes.
    hybrid : how features are quantized, where weights are codes.
    """

    rank: int
    activation: ActivationFunctionType
    feature_scale: np.float32
    time_scale: np.float32
    hybrid: Hybrid | None


def prepare_float(node: Node, profile: Profile, options: SVDFOptions, shape: tuple[int, int]) -> FloatSVDF:
    """Prepare a layer whose shapes are checked; weights of features and time are of one type.

    Notes
    -----
    Source: ``Prepare`` in ``kernels/svdf.cc``.
    """
    features, time, bias = node.input(1), node.input(2), node.optional_input(3)
    require_float(node, node.input(0), node.input(4), node.output(), *((bias,) if bias else ()))
    hybrid = None
    if require_weights(node, features, time):
        hybrid = Hybrid(options.asymmetric_quantize_inputs, profile.reproduces_quirks)
    activation = options.fused_activation_function
    return FloatSVDF((shape,), options.rank, activation, features.scale, time.scale, hybrid)


def evaluate_float(
    prepared: FloatSVDF,
    x: np.ndarray,
    feature_weights: np.ndarray,
    time_weights: np.ndarray,
    bias: np.ndarray | None,
    moved: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Push the new features into the state, which has moved by a step already, and weigh it over time.

    Notes
    -----
    Source: ``EvalFloatSVDF``, ``EvalHybridSVDF`` and ``ApplyTimeWeightsBiasAndActivation`` in
    ``kernels/internal/reference/svdf.h``. Time weights that are codes are dequantized.
    """
    batches, filters, memory = len(x), *time_weights.shape
    weights = Weights(feature_weights, prepared.feature_scale, prepared.hybrid)
    past = moved.reshape(batches, filters, memory)
    past[:, :, -1] = weights.add_products(np.zeros((batches, filters), np.float32), x)
    if prepared.hybrid is not None:
        time_weights = time_weights.view(np.int8).astype(np.float32) * prepared.time_scale
    weighed = lane_sum(past * time_weights)
    sums = lane_sum(weighed.reshape(batches, -1, prepared.rank))
    if bias is not None:
        sums = sums + bias
    return activate(sums, prepared.activation), past
