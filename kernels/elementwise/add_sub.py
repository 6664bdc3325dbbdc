"""ADD and SUB: floats, int32, int64 as they are; int8, uint8 and int16 rescaled to a common scale.

The quantized form brings both operands to twice the larger input scale with some spare bits, adds or subtracts in
int32, and rescales the sum to the output. int16 tensors whose scales are powers of two have a form of their own.
"""

from __future__ import annotations

import math

import numpy as np

from ...schema import TensorType
from ...schema.deferred import dataclass
from ...schema.options import AddOptions, SubOptions
from ..activation_range import quantized_activation_range
from ..broadcast import broadcast_shape
from ..checks import (
    checked_multiplier,
    options_of,
    require_arity,
    require_quantized,
    require_same_type,
    require_symmetric,
)
from ..fixed_point import (
    INT32_MAX,
    INT32_MIN,
    multiply_by_quantized_multiplier,
    output_codes,
    saturating_rounding_doubling_high_multiply,
)
from ..gemmlowp import INT16_MAX, INT16_MIN, rounding_divide_int16_by_pot
from ..operator import Field, Instruction, Kernel, Node, Prepared, Shape, TensorSpec
from ..power_of_two import power_of_two
from ..profiles import Precision, Profile, Rounding
from .lowering import (
    broadcast_fields,
    byte_fields,
    flip_of,
    is_lowerable,
    lower_float_arithmetic,
    rescaling_fields,
    sized,
)
from .plain import PlainArithmetic, evaluate_plain, prepare_plain
from .weighted_sum import Definition, find_weighted_sum

_QUANTIZED = (TensorType.INT8, TensorType.UINT8, TensorType.INT16)
_TYPES = (TensorType.FLOAT32, TensorType.INT32, TensorType.INT64, *_QUANTIZED)


@dataclass(frozen=True)
class QuantizedSum(Prepared):
    """ADD or SUB of codes, with both operands rescaled.

    Parameters
    ----------
    left_shift : spare bits that the operands get before rescaling: 20, or 15 for int16.
    input1_zero_point, input1_multiplier, input1_shift, input2_... : rescale an operand to twice the larger scale.
    output_multiplier, output_shift, output_zero_point : rescale the sum to the output.
    activation_min, activation_max : clamp of the output code.
    rounding : of all three multiplications.
    ignores_left_shift : the reference's SUB drops a positive ``output_shift`` (a defect that ``litert`` reproduces).
    elements_in_blocks : how many elements that SUB computes four at a time, which matters for the defect only.
    """

    left_shift: int
    input1_zero_point: int
    input1_multiplier: int
    input1_shift: int
    input2_zero_point: int
    input2_multiplier: int
    input2_shift: int
    output_zero_point: int
    output_multiplier: int
    output_shift: int
    activation_min: int
    activation_max: int
    rounding: Rounding
    ignores_left_shift: bool = False
    elements_in_blocks: int = 0


@dataclass(frozen=True)
class PowerOfTwoSum(Prepared):
    """ADD or SUB of int16 codes whose three scales are powers of two.

    ``input1_shift`` and ``input2_shift`` are the operand's exponent minus the output's; at least one is 0, the other
    not positive.
    """

    input1_shift: int
    input2_shift: int
    activation_min: int
    activation_max: int


Sum = PlainArithmetic | QuantizedSum | PowerOfTwoSum


def _prepare_power_of_two(node: Node, shape: Shape, exponents: list[int], activation: tuple[int, int]) -> PowerOfTwoSum:
    """Prepare the int16 form in which one operand is shifted to the scale of the other and of the output."""
    shift1, shift2 = exponents[0] - exponents[2], exponents[1] - exponents[2]
    node.require(
        shift1 <= 0 and shift2 <= 0 and 0 in (shift1, shift2),
        "power-of-two scales of which one input's is the output's and the other's is not larger",
    )
    return PowerOfTwoSum((shape,), shift1, shift2, *activation)


def _real_multipliers(
    scale1: np.float32, scale2: np.float32, output_scale: np.float32, left_shift: int, precision: Precision
) -> tuple[float, float, float]:
    """Return the three real multipliers; ratios in float64 or, as TFLM's SUB has them, in float32."""
    real = precision.dtype
    with np.errstate(all="ignore"):
        twice_max_scale = real(2) * real(max(scale1, scale2))
        return (
            float(real(scale1) / twice_max_scale),
            float(real(scale2) / twice_max_scale),
            float(twice_max_scale / (real(1 << left_shift) * real(output_scale))),
        )


def _prepare_quantized(
    node: Node, profile: Profile, shape: Shape, tensors: tuple[TensorSpec, ...], activation: tuple[int, int]
) -> QuantizedSum:
    """Prepare the general quantized form.

    Notes
    -----
    Source: ``Prepare`` in ``kernels/add.cc``, ``PrepareGeneralSubOp`` in ``kernels/sub.cc``. The reference ends its
    process where ADD's output multiplier is 1 or more (SUB's: exactly 1); here the sum is rescaled all the same.
    """
    first, second, output = tensors
    rounding = profile.rounding_of(node.name)
    left_shift = 15 if output.type is TensorType.INT16 else 20
    real1, real2, real_output = _real_multipliers(
        first.scale, second.scale, output.scale, left_shift, profile.multiplier_precision(node.name)
    )
    return QuantizedSum(
        (shape,),
        left_shift,
        first.zero_point,
        *checked_multiplier(node, real1, rounding),
        second.zero_point,
        *checked_multiplier(node, real2, rounding),
        output.zero_point,
        *checked_multiplier(node, real_output, rounding),
        *activation,
        rounding,
        ignores_left_shift=node.name == "SUB" and profile.reproduces_quirks and real_output > 1,
        elements_in_blocks=0 if _stretched(first.shape, second.shape) else math.prod(shape) // 4 * 4,
    )


def _stretched(first: Shape, second: Shape) -> bool:
    """Whether the shapes differ in more than leading ones, so that the reference broadcasts."""
    rank = max(len(first), len(second))
    return (1,) * (rank - len(first)) + first != (1,) * (rank - len(second)) + second


def prepare(node: Node, profile: Profile) -> Sum:
    """Prepare ADD or SUB.

    Notes
    -----
    Source: ``kernels/add.cc`` and ``kernels/sub.cc``.
    """
    require_arity(node, 2)
    first, second, output = tensors = node.input(0), node.input(1), node.output()
    require_same_type(node, *tensors)
    options: AddOptions | SubOptions = (
        options_of(node, AddOptions) if node.name == "ADD" else options_of(node, SubOptions)
    )
    shape = broadcast_shape(node, first.shape, second.shape)
    unquantized_int16 = node.name == "ADD" and first.type is TensorType.INT16 and not any(t.quantized for t in tensors)
    if first.type not in _QUANTIZED or unquantized_int16:
        return prepare_plain(node, shape, options.fused_activation_function)
    require_quantized(node, *tensors)
    activation = quantized_activation_range(options.fused_activation_function, output)
    if first.type is TensorType.INT16:
        require_symmetric(node, *tensors)
        if options.pot_scale_int16 and profile.algorithm_of(node.name) == "int16 powers of two":
            exponents = [power_of_two(spec.scale) for spec in tensors]
            exact = [exponent for exponent in exponents if exponent is not None]
            if len(exact) == 3:
                return _prepare_power_of_two(node, shape, exact, activation)
    return _prepare_quantized(node, profile, shape, tensors, activation)


def _rescaled(x: np.ndarray, zero_point: int, multiplier: int, shift: int, prepared: QuantizedSum) -> np.ndarray:
    shifted = (x.astype(np.int32) - np.int32(zero_point)) << prepared.left_shift
    return multiply_by_quantized_multiplier(shifted, multiplier, shift, prepared.rounding)


def accumulate(prepared: QuantizedSum, a: np.ndarray, b: np.ndarray, sign: int) -> np.ndarray:
    """Return the sum (``sign`` 1) or difference (-1) at the common scale, int32, broadcast."""
    first = _rescaled(a, prepared.input1_zero_point, prepared.input1_multiplier, prepared.input1_shift, prepared)
    second = _rescaled(b, prepared.input2_zero_point, prepared.input2_multiplier, prepared.input2_shift, prepared)
    return first + second if sign > 0 else first - second


def _rescale_without_left_shift(prepared: QuantizedSum, x: np.ndarray) -> np.ndarray:
    """Rescale as the reference's SUB does where the output multiplier is above 1: nonsense, but always the same.

    It passes the negated left shift to a rounding right shift, whose mask wraps around. What the shift itself does is
    up to the CPU: x86 takes the distance modulo 32, but in its vectors of four a distance beyond 31 leaves the sign.
    """
    high = saturating_rounding_doubling_high_multiply(x, prepared.output_multiplier)
    shifted = (high >> np.int32(-prepared.output_shift & 31)).ravel()
    in_blocks = slice(prepared.elements_in_blocks)
    shifted[in_blocks] = high.ravel()[in_blocks] >> np.int32(31)
    return shifted.reshape(high.shape) + (high >= 0)


def requantize(prepared: QuantizedSum, total: np.ndarray) -> np.ndarray:
    """Rescale int32 sums to output codes, before zero point and clamp; int32.

    A multiplier of 1 or more saturates instead of wrapping: such sums are clamped in any case.
    """
    multiplier, shift = prepared.output_multiplier, prepared.output_shift
    if prepared.ignores_left_shift:
        return _rescale_without_left_shift(prepared, total)
    if shift > 0:
        total = np.clip(total.astype(np.int64) << shift, INT32_MIN, INT32_MAX).astype(np.int32)
        shift = 0
    return multiply_by_quantized_multiplier(total, multiplier, shift, prepared.rounding)


def _evaluate_power_of_two(prepared: PowerOfTwoSum, a: np.ndarray, b: np.ndarray, sign: int) -> np.ndarray:
    first = rounding_divide_int16_by_pot(a, -prepared.input1_shift).astype(np.int32)
    second = rounding_divide_int16_by_pot(b, -prepared.input2_shift).astype(np.int32)
    total = np.clip(first + sign * second, INT16_MIN, INT16_MAX)
    return np.asarray(np.clip(total, prepared.activation_min, prepared.activation_max), np.int16)


def _evaluate(prepared: Sum, a: np.ndarray, b: np.ndarray, sign: int) -> np.ndarray:
    if isinstance(prepared, PlainArithmetic):
        return evaluate_plain(np.add if sign > 0 else np.subtract, prepared, a, b)
    if isinstance(prepared, PowerOfTwoSum):
        return _evaluate_power_of_two(prepared, a, b, sign)
    codes = requantize(prepared, accumulate(prepared, a, b, sign))
    return output_codes(codes, prepared.output_zero_point, prepared.activation_min, prepared.activation_max, a.dtype)


def evaluate_add(prepared: Sum, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Add with broadcasting; the result has the type of the operands.

    Notes
    -----
    Source: ``AddElementwise``, ``BroadcastAdd6DSlow`` and the int16 ``Add`` of ``kernels/internal/reference/add.h``.
    """
    return _evaluate(prepared, a, b, 1)


def evaluate_sub(prepared: Sum, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Subtract with broadcasting; the result has the type of the operands.

    Notes
    -----
    Source: ``SubElementwise`` and ``Sub16`` of ``kernels/internal/reference/sub.h``.
    """
    return _evaluate(prepared, a, b, -1)


def lower(prepared: Sum, node: Node) -> Instruction | None:
    """Lower the rescaled forms and float32; an output multiplier above 1 stays with ``evaluate``."""
    if isinstance(prepared, PlainArithmetic):
        bounds = float(prepared.activation_min), float(prepared.activation_max)
        return lower_float_arithmetic(node, prepared.output_shape, *bounds)
    if not isinstance(prepared, QuantizedSum) or prepared.output_shift > 0:
        return None
    shape = prepared.output_shape
    if not is_lowerable(node, shape):
        return None
    weighted = _lower_to_weighted_sum(prepared, node)
    return weighted if weighted is not None else _lower_rescalings(prepared, node)


def definition_of(prepared: QuantizedSum, node: Node) -> Definition:
    """Return what ADD or SUB of 8-bit codes computes, as :mod:`.weighted_sum` takes it."""
    sign, flip, output_unit = (-1 if node.name == "SUB" else 1), flip_of(node), 2.0**prepared.output_shift
    to_output = prepared.output_multiplier / 2**31 * output_unit  # of a step of the sum at the common scale

    def step(multiplier: int, shift: int) -> float:
        return multiplier / 2**31 * 2.0 ** (shift + prepared.left_shift) * to_output

    def codes(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        total = requantize(prepared, accumulate(prepared, first - flip, second - flip, sign))
        limits = (prepared.activation_min, prepared.activation_max)
        return output_codes(total, prepared.output_zero_point, *limits, np.int32) + np.int32(flip)

    zero_points = (prepared.input1_zero_point, prepared.input2_zero_point, prepared.output_zero_point)
    return Definition(
        step(prepared.input1_multiplier, prepared.input1_shift),
        sign * step(prepared.input2_multiplier, prepared.input2_shift),
        (zero_points[0] + flip, zero_points[1] + flip, zero_points[2] + flip),
        prepared.activation_min + flip,
        prepared.activation_max + flip,
        2 * to_output + 1.5 * output_unit,  # of either operand at most 1, of the sum twice a half
        codes,
    )


def _lower_to_weighted_sum(prepared: QuantizedSum, node: Node) -> Instruction | None:
    """Lower 8-bit codes to ``weighted_sum8``, where that is exact."""
    fields = byte_fields(node, prepared.output_shape, (prepared.activation_min, prepared.activation_max))
    weighted = None if fields is None else find_weighted_sum(definition_of(prepared, node))
    if fields is None or weighted is None:
        return None
    own: dict[str, Field] = {
        "weights": weighted.weights,
        "bias": weighted.bias,
        "right_shift": weighted.right_shift,
    }
    return Instruction("weighted_sum8", {**fields, **own})


def _lower_rescalings(prepared: QuantizedSum, node: Node) -> Instruction:
    """Lower to three rescalings, ``add8`` or ``add16``."""
    shape, rounding = prepared.output_shape, prepared.rounding
    own: dict[str, Field] = {
        "left_shift": prepared.left_shift,
        "negation": -1 if node.name == "SUB" else 0,
        "output_zero_point": prepared.output_zero_point,
        "activation_min": prepared.activation_min,
        "activation_max": prepared.activation_max,
    }
    rescalings = {
        **rescaling_fields("input1", prepared.input1_multiplier, prepared.input1_shift, rounding),
        **rescaling_fields("input2", prepared.input2_multiplier, prepared.input2_shift, rounding),
        **rescaling_fields("output", prepared.output_multiplier, prepared.output_shift, rounding),
    }
    zero_points = (prepared.input1_zero_point, prepared.input2_zero_point)
    return Instruction(sized("add", node), {**own, **rescalings, **broadcast_fields(node, shape, zero_points)})


KERNELS = (
    Kernel("ADD", (1, 5), (*_TYPES, TensorType.FLOAT16), prepare, evaluate_add, lower),
    Kernel("SUB", (1, 5), _TYPES, prepare, evaluate_sub, lower),
)
