"""Lowering of SVDF in float32 and hybrid, with constant weights (``kernels/jit/float_recurrent.py``)."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from ...schema import ActivationFunctionType
from ..convolution.hybrid import SIMD_BLOCK, has_mistaken_weights, row_sums_wrap
from ..convolution.packing import LANES, pack_filter, round_up
from ..operator import Field, Input, Instruction, Node, Output, Scratch, State
from .svdf_float import FloatSVDF

_BOUNDS: Mapping[ActivationFunctionType, tuple[float, float] | None] = {
    ActivationFunctionType.NONE: None,
    ActivationFunctionType.RELU: (0, np.inf),
    ActivationFunctionType.RELU_N1_TO_1: (-1, 1),
    ActivationFunctionType.RELU6: (0, 6),
}


def lower_float_svdf(prepared: FloatSVDF, node: Node) -> Instruction | None:
    """Lower to ``svdf_float32`` or ``svdf_hybrid``.

    Other activations than clamps stay with ``evaluate``, and so do weights that meet a defect of the reference's SIMD
    code.
    """
    source, features, time, bias = node.input(0), node.input(1).value, node.input(2).value, node.optional_input(3)
    if features is None or time is None or (bias is not None and bias.value is None):
        return None
    if prepared.activation not in _BOUNDS or math.prod(source.shape) == 0:
        return None
    (batches, inputs), (filters, memory) = source.shape, time.shape
    units, blocks, bounds = filters // prepared.rank, -(-filters // LANES), _BOUNDS[prepared.activation]
    fields: dict[str, Field] = {
        "input": Input(0, 4 * batches * inputs),
        "input_size": batches * inputs,
        "output": Output(0, 4 * batches * units),
        "state": State(4, 4 * batches * filters * memory),
        "batches": batches,
        "inputs": inputs,
        "filters": filters,
        "memory": memory,
        "units": units,
        "rank": prepared.rank,
        "blocks": blocks,
        "bias": np.zeros(units, np.float32) if bias is None or bias.value is None else bias.value,
        "biased": int(bias is not None),
        "clamped": int(bounds is not None),
        "activation_min": float(bounds[0] if bounds else 0),
        "activation_max": float(bounds[1] if bounds else 0),
        "sums": Scratch(4 * blocks * LANES),
    }
    if prepared.hybrid is None:
        packed = pack_filter(features[:, None, None, :], 1, inputs, 1)
        return Instruction("svdf_float32", {**fields, "feature_weights": packed, "time_weights": time})
    codes, hybrid = features.view(np.int8), prepared.hybrid
    if hybrid.quirks and (has_mistaken_weights(codes) or (hybrid.asymmetric and row_sums_wrap(codes))):
        return None
    depth = round_up(inputs, 2)
    own: dict[str, Field] = {
        "feature_weights": pack_filter(codes[:, None, None, :].astype(np.int16), 1, depth, 2),
        "time_weights": time.view(np.int8).astype(np.float32) * prepared.time_scale,
        "filter_scale": float(prepared.feature_scale),
        "asymmetric": int(hybrid.asymmetric),
        "quirks": int(hybrid.quirks),
        "whole": inputs // SIMD_BLOCK * SIMD_BLOCK if hybrid.quirks else 0,
        "codes": Scratch(2 * batches * inputs),
        "scales": Scratch(4 * batches),
        "ends": Scratch(8),
        "vector": Scratch(2 * depth),
        "depth": depth,
        "products": Scratch(4 * blocks * LANES),
        "zeros": np.zeros(blocks * LANES, np.int32),
    }
    return Instruction("svdf_hybrid", {**fields, **own})
