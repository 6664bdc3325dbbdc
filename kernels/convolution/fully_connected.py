"""FULLY_CONNECTED: float32, quantized (int8, uint8 and int16), and hybrid: float32 with quantized weights.

Signed weights may be packed: int4 and int2 arrive unpacked, as int8. int16 weights have an arithmetic of
their own.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np

from ...schema import ActivationFunctionType, TensorType
from ...schema.options import FullyConnectedOptions
from ...schema.types import FullyConnectedOptionsWeightsFormat as _Format
from ..activation_range import clamp_float, float_activation_range, type_range
from ..checks import options_of, require_arity_between
from ..operator import Kernel, Node, Shape, TensorSpec
from ..profiles import Precision, Profile
from .accumulation import matmul_terms, narrow_accumulator, saturates, saturating_sum, wrapped
from .hybrid import evaluate_hybrid_fully_connected, prepare_hybrid_scales
from .lowering import lower_fully_connected
from .prepared import (
    EmptyFullyConnected,
    FloatFullyConnected,
    HybridFullyConnected,
    QuantizedFullyConnected,
    Requantization,
)
from .quantization import (
    filter_scales,
    filter_zero_point,
    prepare_accumulator,
    prepare_requantization,
    requantize,
    require_bias,
    require_bias_scale,
    require_per_tensor,
    require_symmetric_filter,
)
from .reading import Reading, read_as, reading_of_fully_connected
from .shuffled import ShuffledFullyConnected, evaluate_shuffled, prepare_shuffled
from .sparse_weights import has_sparse_kernel, wrapping_pairs
from .taps import add_bias

Forms: TypeAlias = (
    "EmptyFullyConnected | FloatFullyConnected | HybridFullyConnected | QuantizedFullyConnected"
    " | ShuffledFullyConnected"
)
_CODES = (TensorType.INT8, TensorType.UINT8, TensorType.INT16)
_PACKED = (TensorType.INT4, TensorType.INT2)
_SIGNED = (TensorType.INT8, *_PACKED)
_WEIGHTS = {
    TensorType.FLOAT32: (TensorType.FLOAT32, *_SIGNED, TensorType.UINT8),
    TensorType.INT8: _SIGNED,
    TensorType.UINT8: (TensorType.UINT8,),
    TensorType.INT16: (*_SIGNED, TensorType.INT16),
}
_SUPPORTED = (
    "float32 with float32, int8, int4, int2 or uint8 weights, int8 and int16 with int8, int4 or int2 weights, "
    "int16 with int16 weights, uint8 with uint8 weights (also to int16, and shuffled)"
)
_ACTIVATIONS = (
    ActivationFunctionType.NONE,
    ActivationFunctionType.RELU,
    ActivationFunctionType.RELU_N1_TO_1,
    ActivationFunctionType.RELU6,
)


def _is_read_otherwise(source: TensorSpec, weights: TensorSpec, target: TensorSpec) -> bool:
    """Whether codes have types that the reference reads in others: it lets pass more than it has kernels for.

    Packed weights are unpacked only for outputs of int8 and between int16; those of other outputs it would read past
    their end.
    """
    if source.type not in _CODES or target.type not in _CODES:
        return False
    if weights.type in _PACKED:
        return target.type is TensorType.INT8
    widened = (source.type, target.type) == (TensorType.UINT8, TensorType.INT16)
    return (weights.type is TensorType.INT8 and not widened) or weights.type is TensorType.UINT8


def _check_types(
    node: Node, profile: Profile, options: FullyConnectedOptions, source: TensorSpec, weights: TensorSpec
) -> None:
    target = node.output()
    proper = weights.type in _WEIGHTS.get(source.type, ()) and (
        target.type is source.type or (source.type, target.type) == (TensorType.UINT8, TensorType.INT16)
    )
    if not proper and not (profile.reproduces_quirks and _is_read_otherwise(source, weights, target)):
        raise node.unsupported(_SUPPORTED)
    hybrid = source.type is TensorType.FLOAT32 and weights.type is not TensorType.FLOAT32
    if options.fused_activation_function not in (tuple(ActivationFunctionType) if hybrid else _ACTIVATIONS):
        also = ", with float32 and quantized weights TANH and SIGN_BIT too"
        raise node.unsupported(f"fused activations NONE, RELU, RELU_N1_TO_1, RELU6{also}")


def _flatten(
    node: Node, options: FullyConnectedOptions, source: TensorSpec, weights: TensorSpec
) -> tuple[Shape, int, int, int]:
    """Check the shapes; return the output's shape, batch, depth and units. What is no whole row is left out."""
    node.require(len(weights.shape) == 2, "a filter of rank 2")
    units, depth = weights.shape
    batch = math.prod(source.shape) // depth if depth else math.prod(source.shape[:-1])
    if not options.keep_num_dims:
        return (batch, units), batch, depth, units
    kept = depth == 0 or source.shape[-1:] == (depth,)
    node.require(kept, f"an input whose last dimension is {depth}, to keep the others")
    return (*source.shape[:-1], units), batch, depth, units


def prepare(node: Node, profile: Profile) -> Forms:
    """Prepare FULLY_CONNECTED.

    The inputs are activations of any rank, read as (batch, depth), the filter (units, depth) and the bias (units,),
    which may be left out. The output is (batch, units), or with ``keep_num_dims`` the input's shape with ``units``
    as last dimension.

    Notes
    -----
    Source of the checks: ``PrepareImpl`` in ``kernels/fully_connected.cc``. A filter of one scale keeps its zero
    point, also int8, not int4 and int2; per-channel filters are symmetric. Which product of scales and which rounding
    is used is the profile's choice.
    """
    options = options_of(node, FullyConnectedOptions)
    shuffled = options.weights_format is _Format.SHUFFLED4x16INT8
    require_arity_between(node, 2, 3, outputs=2 if shuffled else 1)
    source, weights, bias = node.input(0), node.input(1), node.optional_input(2)
    _check_types(node, profile, options, source, weights)
    shape, batch, depth, units = _flatten(node, options, source, weights)
    if weights.type in _PACKED:
        require_symmetric_filter(node, weights)
    activation = options.fused_activation_function

    if units == 0 or depth == 0:
        return EmptyFullyConnected((shape,))
    if shuffled:
        return prepare_shuffled(node, profile, shape, batch, activation)
    if source.type is TensorType.FLOAT32:
        require_bias(node, bias, units, (TensorType.FLOAT32,))
        low, high = float_activation_range(activation)
        if weights.type is TensorType.FLOAT32:
            return FloatFullyConnected((shape,), batch, depth, units, low, high)
        return _prepare_hybrid(node, profile, (shape,), batch, options)

    requantization, zero_point = _prepare_codes(node, profile, units, options)
    sparse = has_sparse_kernel(node, weights)
    node.require(not sparse or batch * depth == math.prod(source.shape), "an input of whole rows, with sparse weights")
    wraps = profile.reproduces_quirks and sparse and requantization.narrow is None
    given = options.quantized_bias_type != TensorType.FLOAT32
    reading = reading_of_fully_connected(node, given)
    if reading is not None:
        required = node.output().type is TensorType.INT16 and source.type is TensorType.INT8
        node.require(bias is not None or not required, "a bias, from int8 to int16")
        node.require(weights.sparsity is None, "dense weights of the type of the activations")
    return QuantizedFullyConnected(
        (shape,), batch, depth, units, source.zero_point, zero_point, requantization, wraps, reading
    )


def _prepare_hybrid(
    node: Node, profile: Profile, shapes: tuple[Shape, ...], batch: int, options: FullyConnectedOptions
) -> HybridFullyConnected:
    weights, activation = node.input(1), options.fused_activation_function
    units, depth = weights.shape
    scales = prepare_hybrid_scales(node, weights, units)
    zero_points = weights.quantization.zero_point or (0,)
    node.require(len(zero_points) in (1, units), f"1 or {units} zero points for the filter, not {len(zero_points)}")
    least, greatest = type_range(weights.type)
    if weights.type is TensorType.UINT8:
        within = all(least <= one <= greatest for one in zero_points)
        node.require(within, f"filter zero points in [{least}, {greatest}]")
    low, high = float_activation_range(activation)
    largest = np.finfo(np.float32).max  # without a bound not even infinities are clamped here
    low, high = (np.float32(np.copysign(np.inf, end)) if abs(end) == largest else end for end in (low, high))
    return HybridFullyConnected(
        output_shapes=shapes,
        batch=batch,
        depth=depth,
        units=units,
        filter_scale=scales,
        asymmetric=options.asymmetric_quantize_inputs,
        quirks=profile.reproduces_quirks,
        activation_min=low,
        activation_max=high,
        filter_zero_point=np.array(zero_points, np.int32)[:, None] if weights.type is TensorType.UINT8 else None,
        activation=ActivationFunctionType.NONE if activation in _ACTIVATIONS else activation,
        sparse=has_sparse_kernel(node, weights),
    )


def _prepare_codes(
    node: Node, profile: Profile, units: int, options: FullyConnectedOptions
) -> tuple[Requantization, int]:
    """Derive the step from accumulator to output code, and the filter's zero point.

    Notes
    -----
    With int16 weights the reference's accumulator is an int64 whatever the bias, which is an int32 unless the option
    says INT64; and the multiplier is an integer one, of fifteen bits: ``FullyConnectedInt16FilterInt16`` in
    ``kernels/fully_connected.cc``. Sparse int8 weights have an integer multiplier too, of 31 bits:
    ``FullyConnectedSparseWeight1x16`` in ``kernels/internal/optimized/sparse_ops/fully_connected.h``.
    """
    source, weights, bias = node.input(0), node.input(1), node.optional_input(2)
    symmetric = source.type is node.output().type
    require_per_tensor(node, source, symmetric)
    require_per_tensor(node, node.output(), symmetric)
    wide, sparse = weights.type is TensorType.INT16, has_sparse_kernel(node, weights)
    rounding = profile.rounding if wide or sparse else profile.rounding_of(node.name)
    accumulator = _prepare_bias(node, profile, units, options)
    accumulator = np.dtype(np.int64) if wide else accumulator
    scales = filter_scales(node, weights, units)
    several = len(scales) > 1
    unsigned = TensorType.UINT8 in (source.type, weights.type)
    node.require(not several or not unsigned, "one scale for the filter, with uint8 activations or weights")
    if several and node.output().type not in (TensorType.INT8, source.type):
        scales = np.zeros(1, np.float32)  # kernels that know but one scale find none
    zero_point, precision = 0, Precision.FLOAT64
    if not several:
        require_bias_scale(node, source, weights, bias)
        zero_point = filter_zero_point(node, weights)
        node.require(zero_point == 0 or not sparse, "a filter zero point of 0 of sparse weights")
        precision = Precision.FLOAT32 if wide or sparse else profile.multiplier_precision(node.name)
    return prepare_requantization(
        node,
        source,
        scales,
        units,
        options.fused_activation_function,
        accumulator,
        rounding,
        precision,
        narrow_accumulator(profile, accumulator),
    ), zero_point


def _prepare_bias(node: Node, profile: Profile, units: int, options: FullyConnectedOptions) -> np.dtype:
    """Check the bias and return the type of the sums before it is added; int64 where products of int16 codes are."""
    source, weights, bias = node.input(0), node.input(1), node.optional_input(2)
    bias_type = options.quantized_bias_type
    unset = bias_type == TensorType.FLOAT32
    either = (TensorType.INT32, TensorType.INT64) if profile.reproduces_quirks else (TensorType.INT32,)
    if source.type is not TensorType.INT16 or node.output().type is not TensorType.INT16:
        require_bias(node, bias, units, either)
        return np.dtype(np.int32)
    if weights.type is TensorType.INT16 and unset:
        require_bias(node, bias, units, either)
        return np.dtype(np.int32)
    return prepare_accumulator(node, source, bias, units, bias_type)


def accumulate(
    prepared: QuantizedFullyConnected, x: np.ndarray, weights: np.ndarray, bias: np.ndarray | None
) -> np.ndarray:
    """Return the accumulators (batch, units), int32 or int64, before requantization.

    Each is the sum of ``(x - input_zero_point) * (w - filter_zero_point)`` over the depth, plus the bias. int32 sums
    wrap.
    """
    requantization, reading = prepared.requantization, prepared.reading or Reading()
    dtype, narrow = requantization.accumulator, requantization.narrow
    codes = read_as(x, reading.activations, (prepared.batch, prepared.depth))
    weights = read_as(weights, reading.weights, (prepared.units, prepared.depth))
    bias = None if bias is None else read_as(bias, reading.bias, (prepared.units,))
    x = codes.astype(dtype) - dtype.type(prepared.input_zero_point)
    columns = (weights.astype(dtype) - dtype.type(prepared.filter_zero_point)).T
    if saturates(narrow):
        return saturating_sum(narrow, matmul_terms(x, columns), (prepared.batch, prepared.units), dtype, bias)
    sums = x @ columns
    if prepared.wraps:
        sums -= 2**16 * (wrapping_pairs(codes) @ wrapping_pairs(weights).T)
    return wrapped(narrow, add_bias(sums, bias))


def _evaluate_float(
    prepared: FloatFullyConnected, x: np.ndarray, weights: np.ndarray, bias: np.ndarray | None
) -> np.ndarray:
    """Sum in float32 along the depth, one product at a time; then the bias; then the clamp.

    Notes
    -----
    Source: ``FullyConnected`` in ``kernels/internal/reference/fully_connected.h``.
    """
    total = np.zeros((prepared.batch, prepared.units), np.float32)
    for column, row in zip(x.T, np.ascontiguousarray(weights.T), strict=True):
        total += column[:, None] * row
    return clamp_float(add_bias(total, bias), prepared.activation_min, prepared.activation_max)


def evaluate(
    prepared: Forms,
    x: np.ndarray,
    weights: np.ndarray,
    bias: np.ndarray | None = None,
) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
    """Multiply activations, read as (batch, depth), by the transpose of (units, depth)."""
    if isinstance(prepared, EmptyFullyConnected):
        return np.zeros(prepared.output_shape, x.dtype)
    if isinstance(prepared, ShuffledFullyConnected):
        assert bias is not None
        return evaluate_shuffled(prepared, x, weights, bias)
    if isinstance(prepared, QuantizedFullyConnected):
        result = requantize(prepared.requantization, accumulate(prepared, x, weights, bias))
    else:
        rows = read_as(x, None, (prepared.batch, prepared.depth))
        with np.errstate(all="ignore"):
            if isinstance(prepared, HybridFullyConnected):
                if bias is not None and np.any(x) and not np.any(rows):
                    bias = bias + np.float32(0)  # what is left out of the rows decides whether products are added
                result = evaluate_hybrid_fully_connected(prepared, rows, weights, bias)
            else:
                result = _evaluate_float(prepared, rows, weights, bias)
    return result.reshape(prepared.output_shape)


KERNELS = (Kernel("FULLY_CONNECTED", (1, 14), tuple(_WEIGHTS), prepare, evaluate, lower_fully_connected),)
