"""SVDF of int8: a layer of filters of rank one over features and time, with a state of past features.

The state (batch, filters * memory) holds the newest ``memory`` features of each filter, the newest last.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...schema import ActivationFunctionType, TensorType
from ...schema.options import SVDFOptions
from ..checks import checked_multiplier, options_of, require_quantized, require_symmetric
from ..fixed_point import multiply_by_quantized_multiplier, output_codes
from ..operator import Kernel, Node, Prepared
from ..profiles import Profile, Rounding

_STATE = 4


@dataclass(frozen=True)
class SVDF(Prepared):
    """A layer.

    Parameters
    ----------
    rank : how many filters are added up to a unit.
    feature_multiplier, feature_shift : rescale a filter's product with the features to the state.
    time_multiplier, time_shift : rescale a unit's sum to the output.
    state_zero_point : 0 where the state is int16.
    """

    rank: int
    input_zero_point: int
    feature_multiplier: int
    feature_shift: int
    state_zero_point: int
    time_multiplier: int
    time_shift: int
    output_zero_point: int
    rounding: Rounding


def prepare(node: Node, profile: Profile) -> SVDF:
    """Prepare SVDF of int8 with a state of int16, or, under the profiles of TFLM, of int8.

    Notes
    -----
    Source: ``Prepare`` in ``kernels/svdf.cc``; for an int8 state ``micro/kernels/svdf_common.cc``. Only RELU
    is taken there, and has no effect.
    """
    node.require(len(node.inputs) == 5 and len(node.outputs) == 1, "5 inputs and 1 output")
    source, features, time, state, target = node.input(0), node.input(1), node.input(2), node.input(4), node.output()
    bias = node.optional_input(3)
    narrow = state.type is TensorType.INT8
    wide_types = {time.type, state.type} == {TensorType.INT8 if narrow else TensorType.INT16}
    if features.type is not TensorType.INT8 or target.type is not TensorType.INT8 or not wide_types:
        raise node.unsupported("int8 with int16 time weights and state")
    if narrow and profile.algorithm_of("SVDF") != "int8 state":
        raise node.unsupported("a state of int16; of int8 in TFLM's profiles only")
    for spec in (source, features, time, state):
        node.require(len(spec.shape) == 2, f"{spec.name!r} of rank 2")
    options = options_of(node, SVDFOptions)
    activation = options.fused_activation_function
    node.require(activation is ActivationFunctionType.RELU, f"the fused activation RELU, not {activation.name}")
    rank = options.rank
    filters, memory = time.shape
    batches = source.shape[0]
    node.require(rank > 0 and filters % rank == 0, f"filters in groups of rank {rank}")
    node.require(features.shape == (filters, source.shape[1]), f"feature weights [{filters}, {source.shape[1]}]")
    node.require(memory > 0 and filters > 0, "at least one filter and one step of memory")
    node.require(state.shape == (batches, filters * memory), f"a state [{batches}, {filters * memory}]")
    units = filters // rank
    if bias is not None:
        node.require(bias.type is TensorType.INT32 and bias.shape == (units,), f"a bias int32[{units}]")
    require_quantized(node, source, features, time, state, target)
    require_symmetric(node, *((features, time) if narrow else (features, time, state)))
    rounding = profile.rounding_of(node.name)
    with np.errstate(all="ignore"):  # in float32
        feature_rescaling = checked_multiplier(node, float(source.scale * features.scale / state.scale), rounding)
        time_rescaling = checked_multiplier(node, float(state.scale * time.scale / target.scale), rounding)
    return SVDF(
        ((batches, units),),
        rank,
        source.zero_point,
        *feature_rescaling,
        state.zero_point,
        *time_rescaling,
        target.zero_point,
        rounding,
    )


def evaluate(
    prepared: SVDF,
    x: np.ndarray,
    feature_weights: np.ndarray,
    time_weights: np.ndarray,
    bias: np.ndarray | None,
    state: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Push the new features into the state and weigh it over time; return the output and the new state.

    Notes
    -----
    Source: ``EvalIntegerSVDF`` in ``kernels/internal/reference/svdf.h``. The whole state moves by one element, across
    filters; the last one of each filter is written anew.
    """
    batches, filters, memory = len(x), *time_weights.shape
    centred = x.astype(np.int64) - prepared.input_zero_point
    products = (centred @ feature_weights.astype(np.int64).T).astype(np.int32)
    rescaling = (prepared.feature_multiplier, prepared.feature_shift, prepared.rounding)
    limits = np.iinfo(state.dtype)
    newest = np.clip(multiply_by_quantized_multiplier(products, *rescaling), limits.min, limits.max)
    newest = (newest + prepared.state_zero_point).astype(state.dtype)  # the zero point comes after the clamp, and wraps

    moved = state.ravel().copy()
    moved[:-1] = moved[1:]
    past = moved.reshape(batches, filters, memory)
    past[:, :, -1] = newest

    weighed = (past.astype(np.int64) - prepared.state_zero_point) * time_weights.astype(np.int64)
    sums = weighed.sum(axis=2).reshape(batches, -1, prepared.rank).sum(axis=2)
    if bias is not None:
        sums = sums + bias
    rescaling = (prepared.time_multiplier, prepared.time_shift, prepared.rounding)
    scaled = multiply_by_quantized_multiplier(sums.astype(np.int32), *rescaling)
    return output_codes(scaled, prepared.output_zero_point, -128, 127, np.int8), past.reshape(state.shape)


KERNELS = (Kernel("SVDF", (1, 4), (TensorType.INT8,), prepare, evaluate, states=(_STATE,)),)
