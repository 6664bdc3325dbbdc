"""The reference's defects, by name, and what q31 does about each.

A quirk is where the reference does not compute what the operator's definition says. Those that are deterministic
are reproduced by the profiles with ``reproduces_quirks`` (``litert``); their code asks that field, and this table
names the function that does so. ``q31 ops --quirks`` prints the table, ``q31 inspect`` the quirks a model meets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from . import quirk_conditions as conditions
from .operator import Node, Prepared
from .profiles import Profile

SEEN_WITH = "ai-edge-litert 2.3.0"


class Treatment(Enum):
    """What q31 does about a quirk."""

    REPRODUCED = "reproduced by the profile litert; the definition in tflm and single"
    EVERYWHERE = "reproduced by every profile"
    RIGHT = "not reproduced, for the reference aborts or its answer is not determined; the definition in every profile"
    REFUSED = "not reproduced, for the answer would be what lies in memory; a ModelError in every profile"


@dataclass(frozen=True)
class Quirk:
    """A defect of the reference.

    Parameters
    ----------
    name : stable, for scripts.
    operators : where it is met.
    reference : what the reference does.
    definition : what the operator's definition says.
    seen : where in the reference, source file and function; seen with ``SEEN_WITH``.
    treatment : what q31 does about it.
    code : the functions of q31 that decide on it or compute it, as ``module:function`` within ``q31.kernels``.
    condition : whether a prepared operator of that name meets it.
    """

    name: str
    operators: tuple[str, ...]
    reference: str
    definition: str
    seen: str
    treatment: Treatment
    code: tuple[str, ...]
    condition: Callable[[Node, Prepared], bool]

    def applies(self, node: Node, prepared: Prepared) -> bool:
        """Whether an operator meets the quirk, or may where values decide; ``prepared`` as the profile has it."""
        return (node.custom_code or node.name) in self.operators and self.condition(node, prepared)


QUIRKS: tuple[Quirk, ...] = (
    Quirk(
        "add-multiplier-of-one",
        ("ADD", "SUB"),
        "aborts the process where the output multiplier is 1 or more (ADD) or exactly 1 (SUB)",
        "the sum is rescaled, and saturates",
        "kernels/internal/quantization_util.cc, QuantizeMultiplierSmallerThanOneExp",
        Treatment.RIGHT,
        ("elementwise.add_sub:requantize",),
        conditions.needs_left_shift,
    ),
    Quirk(
        "arg-max-of-nan",
        ("ARG_MAX", "ARG_MIN"),
        "with a NaN in the vector, the index depends on the width of the SIMD code",
        "a NaN is never the greatest or least",
        "kernels/internal/reference/arg_min_max.h, ArgMinMax",
        Treatment.RIGHT,
        ("reduce.arg_max:evaluate_arg_max", "reduce.arg_max:evaluate_arg_min"),
        conditions.has_nan_to_compare,
    ),
    Quirk(
        "bias-int32-read-as-int64",
        ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"),
        "with int16 activations, reads an int32 bias as int64, past its end, unless quantized_bias_type says INT32",
        "the bias is read in its own type",
        "kernels/conv.cc, Prepare and EvalQuantizedPerChannel16x8",
        Treatment.REFUSED,
        ("convolution.quantization:prepare_accumulator",),
        conditions.never,
    ),
    Quirk(
        "concatenation-beyond-int32",
        ("CONCATENATION",),
        "uint8 inputs of another scale: a value of 2**31 steps of the output or more becomes the least code",
        "it becomes the greatest code",
        "kernels/internal/reference/concatenation.h, ConcatenationWithScaling",
        Treatment.EVERYWHERE,
        ("shape.concatenation:rescale_table",),
        conditions.concatenates_beyond_int32,
    ),
    Quirk(
        "detection-entries-unwritten",
        ("TFLite_Detection_PostProcess",),
        "leaves entries beyond what was detected as they were in memory",
        "there are no such entries; q31 has 0 in them",
        "kernels/detection_postprocess.cc, NonMaxSuppressionMultiClass",
        Treatment.RIGHT,
        ("custom.detection_postprocess:evaluate",),
        conditions.always,
    ),
    Quirk(
        "detection-scores-by-lanes",
        ("TFLite_Detection_PostProcess",),
        "uint8 scores become float32 in two ways: eight at a time as code * scale - zero_point * scale in float32, and "
        "those after them by one rounding of a float64",
        "every score is (code - zero_point) * scale",
        "kernels/internal/optimized/optimized_ops.h, Dequantize",
        Treatment.REPRODUCED,
        ("custom.detection_postprocess:prepare", "custom.detection_postprocess:_dequantize_by_lanes"),
        conditions.dequantizes_by_lanes,
    ),
    Quirk(
        "hybrid-minus-128",
        ("FULLY_CONNECTED", "CONV_2D"),
        "float32 activations, int8 weights: the weight -128 times a negative activation has the wrong sign, in "
        "whole blocks of 16 columns; CONV_2D only per-tensor and unless its filters are a multiple of 4",
        "the product is positive",
        "kernels/internal/optimized/sse_tensor_utils.cc, SseMatrixBatchVectorMultiplyAccumulate",
        Treatment.REPRODUCED,
        ("convolution.hybrid:_mistaken_weights", "convolution.fully_connected:prepare", "convolution.conv_2d:prepare"),
        conditions.negates_minus_128,
    ),
    Quirk(
        "hybrid-rounds-up-below-a-half",
        ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D"),
        "float32 activations, int8 weights: whole blocks of eight activations are rounded by adding 0.5 in float32 and "
        "truncating, so that 0.49999997 steps become 1",
        "0.49999997 steps become 0",
        "kernels/internal/optimized/neon_tensor_utils.cc, NeonSymmetricQuantizeFloats, NeonAsymmetricQuantizeFloats",
        Treatment.REPRODUCED,
        (
            "convolution.hybrid:_round",
            "convolution.fully_connected:prepare",
            "convolution.conv_2d:prepare",
            "convolution.depthwise_conv_2d:prepare",
        ),
        conditions.rounds_in_blocks,
    ),
    Quirk(
        "hybrid-row-sums-wrap",
        ("FULLY_CONNECTED",),
        "float32 activations with zero points, int8 weights: the sums of the filter's rows are added up in eight int16 "
        "lanes, which wrap",
        "the sums are int32",
        "kernels/internal/optimized/sse_tensor_utils.cc, SseReductionSumVector",
        Treatment.REPRODUCED,
        ("convolution.hybrid:_row_sums", "convolution.fully_connected:prepare"),
        conditions.wraps_row_sums,
    ),
    Quirk(
        "mean-wraps",
        ("MEAN",),
        "codes are summed in int32, which wraps: possible from 65,536 elements of int16 or 2**24 of int8",
        "the mean is within the codes' range",
        "kernels/internal/reference/reduce.h, QuantizedMeanOrSum",
        Treatment.EVERYWHERE,
        ("reduce.mean:accumulate",),
        conditions.wraps_mean,
    ),
    Quirk(
        "neg-ignores-quantization",
        ("NEG",),
        "negates quantized codes as numbers, whatever scales and zero points are; -128 stays",
        "the values are negated, and saturate",
        "kernels/internal/reference/neg.h, Negate",
        Treatment.EVERYWHERE,
        ("elementwise.unary:evaluate_neg",),
        conditions.negates_codes,
    ),
    Quirk(
        "quantize-beyond-int32",
        ("QUANTIZE",),
        "a float32 of 2**31 steps or more, and NaN, becomes -2**31, and the zero point is added in int32: the least "
        "code, or with a negative zero point the greatest, whatever the sign",
        "it becomes the code nearest to it",
        "kernels/internal/reference/quantize.h, AffineQuantize",
        Treatment.EVERYWHERE,
        ("quantize.quantize:quantize", "quantize.conversion:to_int32"),
        conditions.quantizes_float,
    ),
    Quirk(
        "relu-n1-to-1-of-unsigned",
        ("MUL",),
        "uint32 with the fused activation RELU_N1_TO_1: the lower bound -1 is written into an unsigned number",
        "the bounds are 0 and 1",
        "kernels/kernel_util.h, CalculateActivationRange",
        Treatment.EVERYWHERE,
        ("elementwise.plain:integer_activation_range",),
        conditions.clamps_unsigned_at_minus_one,
    ),
    Quirk(
        "rsqrt-shift-beyond-31",
        ("RSQRT",),
        "int8: a right shift beyond 31 is taken modulo 32, and never rounds what is negative, always the rest",
        "the result is 0 steps",
        "kernels/elementwise.cc, RsqrtEvalQuantized, through RoundingDivideByPOT of gemmlowp",
        Treatment.REPRODUCED,
        ("elementwise.roots:prepare_rsqrt", "elementwise.shifts:rounding_divide_by_wrapping_pot"),
        conditions.shifts_rsqrt_beyond_31,
    ),
    Quirk(
        "slice-index-out-of-bounds",
        ("STRIDED_SLICE",),
        "leaves the output unwritten where the index of a dropped axis is out of bounds",
        "there is no such element",
        "kernels/strided_slice.cc, Prepare",
        Treatment.REFUSED,
        ("shape.strided_slice:prepare_strided_slice",),
        conditions.never,
    ),
    Quirk(
        "softmax-aborts",
        ("SOFTMAX",),
        "8-bit: aborts the process where beta * scale * 2**26 is not above 1, or where the sum reaches 512",
        "the exponentials are divided by their sum",
        "kernels/internal/quantization_util.cc, QuantizeMultiplierGreaterThanOne; kernels/internal/reference/softmax.h",
        Treatment.RIGHT,
        ("activations.softmax:evaluate_8_bit",),
        conditions.never,
    ),
    Quirk(
        "sub-drops-left-shift",
        ("SUB",),
        "with an output multiplier above 1 shifts by a wrong distance, by another in blocks of four than after them",
        "the difference is rescaled",
        "kernels/internal/reference/sub.h, SubElementwise",
        Treatment.REPRODUCED,
        ("elementwise.add_sub:_prepare_quantized", "elementwise.add_sub:_rescale_without_left_shift"),
        conditions.drops_left_shift,
    ),
    Quirk(
        "sum-int16-unwritten",
        ("SUM",),
        "leaves half of an int16 output unwritten",
        "the codes are summed",
        "kernels/reduce.cc, EvalSum",
        Treatment.RIGHT,
        ("reduce.sum_prod:evaluate_sum",),
        conditions.sums_int16,
    ),
    Quirk(
        "sum-int8-as-uint8",
        ("SUM",),
        "reads int8 codes as uint8 (-1 counts as 255), with the zero points of int8, and clamps to 0..255",
        "the codes are those of int8",
        "kernels/reduce.cc, EvalSum",
        Treatment.REPRODUCED,
        ("reduce.sum_prod:prepare_sum", "reduce.sum_prod:_sum_as_uint8"),
        conditions.sums_as_uint8,
    ),
    Quirk(
        "svdf-ignores-relu",
        ("SVDF",),
        "int8: takes no fused activation but RELU, and does not apply it",
        "negative sums become 0",
        "kernels/internal/reference/svdf.h, EvalIntegerSVDF",
        Treatment.EVERYWHERE,
        ("recurrent.svdf:prepare",),
        conditions.is_integer_svdf,
    ),
    Quirk(
        "table-beyond-int32",
        ("LOGISTIC", "TANH", "GELU"),
        "uint8: a value of 2**31 steps of the output or more becomes the least code",
        "it becomes the greatest code",
        "kernels/internal/common.h, LUTPopulate",
        Treatment.EVERYWHERE,
        ("activations.lookup:_code_from_float",),
        conditions.tabulates_beyond_int32,
    ),
    Quirk(
        "table-int16-step-wraps",
        ("EXP", "GELU", "LOG", "RSQRT"),
        "int16: the difference of neighbouring samples is an int16, so that a jump over more than half the range wraps",
        "codes between two samples lie between their values",
        "kernels/internal/common.h, LUTLookup",
        Treatment.EVERYWHERE,
        ("activations.softmax:look_up_int16",),
        conditions.jumps_in_int16,
    ),
)


def quirks_of(node: Node, prepared: Prepared, profile: Profile) -> tuple[Quirk, ...]:
    """Return the quirks an operator meets; in profiles of another reference only those that they have too."""
    return tuple(
        quirk
        for quirk in QUIRKS
        if (profile.reproduces_quirks or quirk.treatment is Treatment.EVERYWHERE) and quirk.applies(node, prepared)
    )
