"""Scales of weights: from the largest weight, or from where the weights' mean squared error is least."""

from __future__ import annotations

import numpy as np

from ...kernels.fixed_point import round_half_away
from ...schema import Quantization, TensorType
from .parameters import SMALLEST_RANGE, Parameters, weight_parameters

WEIGHT_SCALES = ("max", "mse")

_SMALLEST_PART, _PARTS = 0.4, 61


def chosen_weight_parameters(
    values: np.ndarray,
    axis: int | None,
    type: TensorType = TensorType.INT8,
    weight_scale: str = "max",
    least: float = SMALLEST_RANGE / 2,
) -> Parameters:
    """Return the symmetric parameters of weights.

    Parameters
    ----------
    values : the weights.
    axis : of the channels that have a scale each; None for one scale.
    type : of the codes.
    weight_scale : ``"max"``: the largest weight has the largest code, as in TensorFlow's converter. ``"mse"``: of 61
        parts of that scale, from 0.4 to 1, the one with the least squared error; what lies beyond is clipped.
    least : see :func:`.weight_parameters`.
    """
    parameters = weight_parameters(values, axis, type, least)
    if weight_scale == "max":
        return parameters
    rows = (values[None] if axis is None else np.moveaxis(values, axis, 0)).astype(np.float64)
    rows = rows.reshape(len(rows), -1)
    largest = np.asarray(parameters.quantization.scale)[:, None]
    errors = np.full((len(rows), 1), np.inf)
    scales = largest.copy()
    for part in np.linspace(1, _SMALLEST_PART, _PARTS):
        tried = (largest * part).astype(np.float32).astype(np.float64)
        codes = np.clip(round_half_away(rows / tried), *parameters.limits)
        error = np.square(codes * tried - rows).sum(axis=1, keepdims=True)
        scales = np.where(error < errors, tried, scales)
        errors = np.minimum(error, errors)
    old = parameters.quantization
    new = Quantization(tuple(scales.ravel().tolist()), old.zero_point, old.quantized_dimension)
    return Parameters(type, new, narrow=True)
