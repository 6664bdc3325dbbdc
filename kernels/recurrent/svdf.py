"""SVDF: a layer of filters of rank one over features and time, with a state of past features.

The state (batch, filters * memory) holds the newest ``memory`` features of each filter, the newest last.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...schema import ActivationFunctionType, TensorType
from ...schema.options import SVDFOptions
from ..checks import checked_multiplier, options_of, require_quantized, require_symmetric
from ..fixed_point import multiply_by_quantized_multiplier, output_codes
from ..operator import Instruction, Kernel, Node, Prepared
from ..profiles import Profile, Rounding
from .float_lowering import lower_float_svdf
from .lowering import lower_svdf, rescaling_row
from .svdf_float import FloatSVDF, evaluate_float, prepare_float

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


def prepare(node: Node, profile: Profile) -> SVDF | FloatSVDF:
    """Prepare SVDF of float32, or of int8 with a state of int16 (under the profiles of TFLM, of int8).

    The inputs are features (batch, depth), feature weights (filters, depth), time weights (filters, memory), a bias
    (units,), which may be left out, and the state (batch, filters * memory).

    Notes
    -----
    Source: ``Prepare`` in ``kernels/svdf.cc``.
    """
    node.require(len(node.inputs) == 5 and len(node.outputs) == 1, "5 inputs and 1 output")
    source, features, time, state = node.input(0), node.input(1), node.input(2), node.input(4)
    bias = node.optional_input(3)
    for spec in (source, features, time, state):
        node.require(len(spec.shape) == 2, f"{spec.name!r} of rank 2")
    options = options_of(node, SVDFOptions)
    filters, memory = time.shape
    batches = source.shape[0]
    node.require(options.rank > 0 and filters % options.rank == 0, f"filters in groups of rank {options.rank}")
    node.require(features.shape == (filters, source.shape[1]), f"feature weights [{filters}, {source.shape[1]}]")
    node.require(memory > 0 and filters > 0, "at least one filter and one step of memory")
    node.require(state.shape == (batches, filters * memory), f"a state [{batches}, {filters * memory}]")
    units = filters // options.rank
    node.require(bias is None or bias.shape == (units,), f"a bias [{units}]")
    if source.type is TensorType.FLOAT32:
        return prepare_float(node, profile, options, (batches, units))
    return _prepare_integer(node, profile, options, (batches, units))


def _prepare_integer(node: Node, profile: Profile, options: SVDFOptions, shape: tuple[int, int]) -> SVDF:
    """Prepare SVDF of int8.

    Notes
    -----
    Source: ``Prepare`` in ``kernels/svdf.cc``; for an int8 state ``micro/kernels/svdf_common.cc``. Only RELU
    is taken there, and has no effect.
    """
    source, features, time, state, target = node.input(0), node.input(1), node.input(2), node.input(4), node.output()
    bias = node.optional_input(3)
    narrow = state.type is TensorType.INT8
    wide_types = {time.type, state.type} == {TensorType.INT8 if narrow else TensorType.INT16}
    if features.type is not TensorType.INT8 or target.type is not TensorType.INT8 or not wide_types:
        raise node.unsupported("int8 with int16 time weights and state")
    if narrow and profile.algorithm_of("SVDF") != "int8 state":
        raise node.unsupported("a state of int16; of int8 in TFLM's profiles only")
    activation = options.fused_activation_function
    node.require(activation is ActivationFunctionType.RELU, f"the fused activation RELU, not {activation.name}")
    node.require(bias is None or bias.type is TensorType.INT32, "a bias of int32")
    require_quantized(node, source, features, time, state, target)
    require_symmetric(node, *((features, time) if narrow else (features, time, state)))
    rounding = profile.rounding_of(node.name)
    with np.errstate(all="ignore"):  # in float32
        feature_rescaling = checked_multiplier(node, float(source.scale * features.scale / state.scale), rounding)
        time_rescaling = checked_multiplier(node, float(state.scale * time.scale / target.scale), rounding)
    return SVDF(
        (shape,),
        options.rank,
        source.zero_point,
        *feature_rescaling,
        state.zero_point,
        *time_rescaling,
        target.zero_point,
        rounding,
    )


def evaluate(
    prepared: SVDF | FloatSVDF,
    x: np.ndarray,
    feature_weights: np.ndarray,
    time_weights: np.ndarray,
    bias: np.ndarray | None,
    state: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Push the new features into the state and weigh it over time; return the output and the new state.

    Notes
    -----
    Source: ``kernels/internal/reference/svdf.h``. The whole state moves by one element, across filters; the last one
    of each filter is written anew.
    """
    moved = state.ravel().copy()
    moved[:-1] = moved[1:]
    evaluate_moved = evaluate_float if isinstance(prepared, FloatSVDF) else _evaluate_integer
    output, past = evaluate_moved(prepared, x, feature_weights, time_weights, bias, moved)  # type: ignore[arg-type]
    return output, past.reshape(state.shape)


def _evaluate_integer(
    prepared: SVDF,
    x: np.ndarray,
    feature_weights: np.ndarray,
    time_weights: np.ndarray,
    bias: np.ndarray | None,
    moved: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Push the new features into the state, which has moved by a step already, and weigh it over time.

    Notes
    -----
    Source: ``EvalIntegerSVDF`` in ``kernels/internal/reference/svdf.h``.
    """
    batches, filters, memory = len(x), *time_weights.shape
    centred = x.astype(np.int64) - prepared.input_zero_point
    products = (centred @ feature_weights.astype(np.int64).T).astype(np.int32)
    rescaling = (prepared.feature_multiplier, prepared.feature_shift, prepared.rounding)
    limits = np.iinfo(moved.dtype)
    newest = np.clip(multiply_by_quantized_multiplier(products, *rescaling), limits.min, limits.max)
    newest = (newest + prepared.state_zero_point).astype(moved.dtype)  # the zero point comes after the clamp, and wraps

    past = moved.reshape(batches, filters, memory)
    past[:, :, -1] = newest

    weighed = (past.astype(np.int64) - prepared.state_zero_point) * time_weights.astype(np.int64)
    sums = weighed.sum(axis=2).reshape(batches, -1, prepared.rank).sum(axis=2)
    if bias is not None:
        sums = sums + bias
    rescaling = (prepared.time_multiplier, prepared.time_shift, prepared.rounding)
    scaled = multiply_by_quantized_multiplier(sums.astype(np.int32), *rescaling)
    return output_codes(scaled, prepared.output_zero_point, -128, 127, np.int8), past


def lower(prepared: SVDF | FloatSVDF, node: Node) -> Instruction | None:
    """Lower int8 with a state of int16 to ``svdf8``, or float32."""
    if isinstance(prepared, FloatSVDF):
        return lower_float_svdf(prepared, node)
    p = prepared
    rows = (
        rescaling_row(p.feature_multiplier, p.feature_shift, p.rounding),
        rescaling_row(p.time_multiplier, p.time_shift, p.rounding),
    )
    return lower_svdf(rows, p.rank, (p.input_zero_point, p.output_zero_point), node)


KERNELS = (Kernel("SVDF", (1, 4), (TensorType.FLOAT32, TensorType.INT8), prepare, evaluate, lower, states=(_STATE,)),)
