"""The parameter block of every compiled kernel: which module defines it, and its fields in order.

A block is a row of int64 values, one per field: an address, an integer, or the bits of a float64. A kernel reads
them by name through :func:`fields`; ``lower`` fills them by name. Nothing here imports numba, so that kernels
loaded from the cache of object code do not need it.
"""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Layout:
    """The module under ``kernels.jit`` that defines a kernel, and the names of its fields in order."""

    module: str
    fields: tuple[str, ...]


def _layout(module: str, fields: str) -> Layout:
    return Layout(module, tuple(fields.split()))


REQUANTIZATION = """form doubled_multiplier threshold offset offset_below exponent multiplier left_shift right_shift
    rounding sign_mask real_multiplier output_zero_point activation_min activation_max code_flip"""
"""Fields of kernels that turn int32 accumulators into 8-bit codes (:mod:`.requantize`)."""

WIDE_REQUANTIZATION = """multiplier left_shift right_shift rounding sign_mask real_multiplier in_float64 in_int64
    exact_in_float64 activation_min activation_max"""
"""Fields of kernels that turn int64 accumulators into int16 codes (:mod:`.int16_convolution`)."""

HYBRID = (
    """filter_scale activation_min activation_max asymmetric quirks whole scales_first bound_first codes scales ends"""
)
"""Fields of kernels that quantize float32 activations themselves (:mod:`.hybrid`)."""

WINDOW = """input_height input_width output_height output_width filter_height filter_width stride_height stride_width
    dilation_height dilation_width padding_top padding_left"""
"""Fields of kernels with a sliding window (:mod:`q31.kernels.padding`)."""

BOX = """input output sizes input_strides output_strides rank run input_offset output_offset
    input_size output_size"""
"""Fields of kernels that copy boxes of bytes (:mod:`q31.kernels.shape.copies`)."""

PLACES = "positions indices index_size index_count fault count slices depth sizes lows highs"
"""Fields of kernels that name slices by rows of indices (:mod:`.indexed`)."""

WAY = "input output time_major backward output_width output_start batches steps inputs"
"""Fields of layers that go through a sequence (:mod:`q31.kernels.recurrent.float_lowering`)."""

LINES = "channels row_width pairs ring kept lines line_width line_size sums part parts"
"""Fields of depthwise convolutions (:mod:`.depthwise`)."""

BYTE_PRODUCT = f"""input input_size output output_step filter bias batches input_channels output_channels groups
    sign_flip input_zero_point {WINDOW} {REQUANTIZATION} depth panel panel_size panel_rows contiguous transposed part
    parts taps filter_zero_point row_terms sums sums_size"""
"""Fields of products over panels of bytes (:mod:`.quad_convolution`)."""

WINOGRAD = f"""input input_size output output_step filter bias batches input_channels output_channels sign_flip
    input_zero_point input_height input_width output_height output_width padding_top padding_left tile_rows tile_columns
    {REQUANTIZATION} depth panel panel_rows panel_step patch sums part parts"""
"""Fields of convolutions by Winograd's algorithm (:mod:`.winograd`)."""

QUAD_LINES = "channels variants quads ring kept lines line_width line_size part parts"
"""Fields of depthwise convolutions by quads (:mod:`.quad_depthwise`)."""

POOL = """input output batches channels input_height input_width
    output_height output_width filter_height filter_width stride_height stride_width padding_top padding_left"""
"""Fields of poolings (:mod:`.pooling`, :mod:`.byte_pooling`)."""

FLOAT_SVDF = """input input_size output state batches inputs filters memory units rank blocks feature_weights
    time_weights bias biased activation activation_min activation_max sums"""
"""Fields of SVDF in float32 and hybrid (:mod:`.float_recurrent`)."""

MATRICES = """input1 input1_size input2 input2_size output offsets1 offsets2 batches rows inner columns
    row_stride1 depth_stride1 depth_stride2 column_stride2 output_channels depth filter panel panel_rows"""
"""Fields of products of matrices (:mod:`.batch_matmul`)."""

BROADCAST = "input1 input2 output input1_size input2_size sizes input1_strides input2_strides rank"
"""Fields of kernels with two operands that broadcast (:mod:`q31.kernels.elementwise.lowering`)."""


def _rescaling(name: str) -> str:
    """Name the constants of one scalar rescaling (:func:`.elementwise.rescale`)."""
    return " ".join(f"{name}_{part}" for part in ("multiplier", "rounding", "sign_mask", "right_shift"))


INTERPOLATION = """input output lower_rows upper_rows row_distances lower_columns upper_columns column_distances
    batches input_height input_width output_height output_width channels"""
"""Fields of bilinear interpolations (:mod:`.resize`)."""

REDUCTION = "input input_size output outputs sizes strides rank run run_stride"
"""Fields of kernels that reduce axes (:mod:`q31.kernels.reduce.lowering`)."""

SUM_OF_CODES = f"""sums zero_points output_left_shift {_rescaling("output")} output_zero_point activation_min
    activation_max"""
"""Fields of sums of codes (:mod:`.reduction`)."""

LAYOUTS: dict[str, Layout] = {
    "walk": _layout("walk", "table rows"),
    "share": _layout("threads", "next_part done parts run tables pause"),
    "announce": _layout("threads", "generation"),
    "await_work": _layout("threads", "generation seen spins"),
    "integer_peak": _layout("peak", "rounds numbers result"),
    "conv_2d": _layout(
        "convolution",
        f"""input input_size output output_step filter bias batches input_channels output_channels groups sign_flip
        input_zero_point {WINDOW} {REQUANTIZATION} depth panel panel_rows contiguous transposed part parts""",
    ),
    "conv_2d_winograd": _layout("winograd", WINOGRAD),
    "conv_2d_winograd_line": _layout("winograd_line", f"{WINOGRAD} tile_height tile_width"),
    "matrix_vector8": _layout(
        "matrix_vector",
        f"""input input_size output filter bias rows inner depth output_channels sign_flip input_zero_point
        filter_zero_point codes {REQUANTIZATION} part parts""",
    ),
    "conv_2d_quads": _layout("quad_convolution", BYTE_PRODUCT),
    "conv_2d_tiles": _layout("tile_convolution", f"{BYTE_PRODUCT} config"),
    "depthwise_conv_2d": _layout(
        "depthwise",
        f"""input input_size output filter filter_step bias batches sign_flip input_zero_point {WINDOW}
        {REQUANTIZATION} {LINES}""",
    ),
    "depthwise_conv_2d_quads": _layout(
        "quad_depthwise",
        f"""input input_size output filter filter_step bias batches sign_flip input_zero_point {WINDOW}
        {REQUANTIZATION} {QUAD_LINES}""",
    ),
    "float_conv_2d": _layout(
        "float_convolution",
        f"""input input_size output filter bias batches input_channels output_channels groups {WINDOW}
        activation_min activation_max depth panel panel_rows contiguous transposed part parts""",
    ),
    "float_depthwise_conv_2d": _layout(
        "float_convolution",
        f"""input input_size output filter filter_step bias batches output_channels {WINDOW}
        activation_min activation_max part parts""",
    ),
    "conv_2d_int16": _layout(
        "int16_convolution",
        f"""input input_size output filter bias batches input_channels output_channels groups {WINDOW}
        {WIDE_REQUANTIZATION} depth panel panel_rows contiguous transposed part parts chunk sums""",
    ),
    "depthwise_conv_2d_int16": _layout(
        "depthwise",
        f"""input input_size output filter filter_step bias batches {WINDOW} {WIDE_REQUANTIZATION} {LINES}""",
    ),
    "hybrid_conv_2d": _layout(
        "hybrid",
        f"""input input_size output filter bias batches input_channels output_channels groups {WINDOW} {HYBRID}
        depth panel panel_rows contiguous transposed part parts chunk sums""",
    ),
    "hybrid_sparse": _layout(
        "hybrid_sparse",
        f"""input input_size output filter bias batches input_channels output_channels groups {WINDOW} {HYBRID}
        depth panel panel_rows contiguous transposed part parts chunk sums zero_points row_sums one_scale""",
    ),
    "hybrid_depthwise_conv_2d": _layout(
        "hybrid",
        f"input input_size output filter filter_step bias batches output_channels pairs {WINDOW} {HYBRID}",
    ),
    "hybrid_transpose_conv": _layout(
        "hybrid_transpose",
        f"""input input_size output filter bias batches input_channels output_channels groups {WINDOW} {HYBRID}
        depth panel panel_rows contiguous transposed part parts""",
    ),
    "batch_matmul8": _layout(
        "batch_matmul", f"{MATRICES} output_step input1_zero_point input2_zero_point {REQUANTIZATION} bias"
    ),
    "batch_matmul8_to_32": _layout("batch_matmul", f"{MATRICES} chunk sums"),
    "batch_matmul16": _layout("batch_matmul", f"{MATRICES} {WIDE_REQUANTIZATION} bias chunk sums narrow packed"),
    "fully_connected8_to_16": _layout(
        "widening",
        f"""input input_size output workspace shuffled filter bias sign_flip input_zero_point rows inner depth
        output_channels codes {WIDE_REQUANTIZATION} chunk sums""",
    ),
    "batch_matmul_float32": _layout("batch_matmul", f"{MATRICES} bias activation_min activation_max"),
    "lstm8": _layout(
        "recurrent",
        """input output hidden cell time_major batches steps inputs cells outputs input_depth hidden_depth gate_blocks
        input_weights hidden_weights bias zeros constants input_zero_point output_zero_point hidden_zero_point
        update_shift cell_clip projection_clip coupled logistic tanh cell_tanh vector vector_size input_sums
        hidden_sums projected projection_weights projection_bias projection_blocks projection_depth projection_sums""",
    ),
    "lstm_float": _layout(
        "float_lstm",
        f"""{WAY} hidden cell cells outputs cell_blocks coupled input_weights input_scales hidden_weights
        hidden_scales bias peepholes peephole_weights normalized norm_factors norm_bias cell_clip projection_clip
        exponential hybrid asymmetric quirks ends vector vector_size products zeros sums cells_out projected
        projection_weights projection_scale projection_bias projection_sums output_blocks""",
    ),
    "rnn_float": _layout(
        "float_rnn",
        f"""{WAY} hidden units blocks weights weights_scale recurrent
        recurrent_scale bias activation activation_min activation_max hybrid asymmetric quirks ends vector vector_size
        products zeros sums""",
    ),
    "svdf8": _layout(
        "recurrent",
        """input output state batches inputs filters memory units rank depth blocks feature_weights time_weights bias
        zeros constants input_zero_point output_zero_point vector sums""",
    ),
    "svdf_float32": _layout("float_recurrent", FLOAT_SVDF),
    "svdf_hybrid": _layout(
        "float_recurrent",
        f"{FLOAT_SVDF} filter_scale asymmetric quirks whole codes scales ends vector depth products zeros",
    ),
    "strided_copy": _layout("copies", f"{BOX} unit"),
    "strided_lookup8": _layout("copies", f"{BOX} table"),
    "turned_copy": _layout(
        "transposition",
        """input output sizes input_strides output_strides rank boxes rows columns row_stride column_stride input_offset
        output_offset input_size output_size unit part parts""",
    ),
    "gather": _layout(
        "copies",
        """input output starts positions position_step indices index_size index_count axis_size fault batches outer
        outer_step count run unit input_size output_size""",
    ),
    "gather_nd": _layout("indexed", f"input output {PLACES} run unit"),
    "scatter_nd": _layout("indexed", f"updates output {PLACES} run kind"),
    "update_slice": _layout("indexed", f"{BOX} unit indices index_size index_count limits start_strides"),
    "reverse_sequence": _layout(
        "indexed",
        """input output positions indices index_size index_count axis_size fault outer first middle second time_first
        run unit""",
    ),
    "pad": _layout(
        "copies", "input output value sizes output_strides rank run item_size output_offset input_size output_size"
    ),
    "resize_nearest_neighbor": _layout(
        "resize",
        """input output rows columns batches input_height input_width output_height output_width pixel""",
    ),
    "resize_bilinear_bytes": _layout("resize", f"{INTERPOLATION} line distances runs run_count part parts"),
    **{
        f"resize_bilinear_{element}": _layout("resize", INTERPOLATION)
        for element in ("float32", "uint8", "int8", "int16")
    },
    "arg_max8": _layout("arg_max", "input output outer size inner wide flip"),
    "arg_max_float32": _layout("arg_max", "input output outer size inner wide sign"),
    "quantize8": _layout("quantize", "input output size scale zero_point code_min code_max sign_flip part parts"),
    "quantize16": _layout("quantize", "input output size scale zero_point code_min code_max part parts"),
    "dequantize8": _layout("quantize", "input output table size"),
    "dequantize_bytes": _layout("quantize", "input output size sign_flip zero_point scale part parts"),
    "dequantize16": _layout("quantize", "input output size scale zero_point part parts"),
    "requantize": _layout(
        "quantize",
        f"""input output size input_width output_width input_zero_point output_left_shift {_rescaling("output")}
        output_zero_point code_min code_max""",
    ),
    "lookup8": _layout("lookup", "input output table size part parts"),
    "lookup_pair8": _layout("lookup", f"{BROADCAST} table part parts"),
    "lookup16": _layout("lookup", "input output table size"),
    **{
        f"add{bits}": _layout(
            "elementwise",
            f"""{BROADCAST} sign_flip input1_zero_point input2_zero_point left_shift negation
            {_rescaling("input1")} {_rescaling("input2")} {_rescaling("output")}
            output_zero_point activation_min activation_max""",
        )
        for bits in (8, 16)
    },
    "weighted_sum8": _layout(
        "byte_arithmetic", f"{BROADCAST} sign_flip weights bias right_shift code_min code_max part parts"
    ),
    "scaled_sum8": _layout(
        "scaled_sum",
        """input output size channels sign_flip zero_point weights offsets below shift product_min product_max weight
        terms right_shift code_min code_max part parts""",
    ),
    "product8": _layout(
        "byte_arithmetic",
        f"""{BROADCAST} sign_flip input1_zero_point input2_zero_point bias doubled_multiplier offset sign_mask exponent
        code_min code_max part parts""",
    ),
    **{
        f"mul{bits}": _layout(
            "elementwise",
            f"""{BROADCAST} sign_flip input1_zero_point input2_zero_point output_left_shift {_rescaling("output")}
            output_zero_point activation_min activation_max""",
        )
        for bits in (8, 16)
    },
    "greater8": _layout("byte_arithmetic", f"{BROADCAST} sign_flip code_min code_max part parts"),
    "greater16": _layout("elementwise", f"{BROADCAST} turn"),
    **{
        f"prelu{bits}": _layout(
            "elementwise",
            f"""{BROADCAST} sign_flip input1_zero_point input2_zero_point output_left_shift {_rescaling("output")}
            positive_left_shift {_rescaling("positive")} output_zero_point activation_min activation_max""",
        )
        for bits in (8, 16)
    },
    "arithmetic_float32": _layout("float_arithmetic", f"{BROADCAST} operation activation_min activation_max"),
    "clamp_float32": _layout("float_arithmetic", "input output size activation_min activation_max"),
    "hard_swish_float32": _layout("float_arithmetic", "input output size"),
    "apply_float32": _layout("float_functions", "input output size function"),
    "elu_float32": _layout("float_functions", "input output size function"),
    "gelu_float32": _layout("eigen", "input output size exponential"),
    "gelu_approximate_float32": _layout("eigen", "input output size"),
    "logistic_float32": _layout("float_functions", "input output size exponential"),
    "softmax_float32": _layout("float_functions", "input output rows depth beta exponential"),
    "max_pool_bytes": _layout("byte_pooling", f"{POOL} output_step sign_flip code_min code_max part parts"),
    "average_pool_bytes": _layout("byte_pooling", f"{POOL} sign_flip code_min code_max sums part parts"),
    "max_pool8": _layout("pooling", f"{POOL} activation_min activation_max sign_flip"),
    "average_pool8": _layout("pooling", f"{POOL} activation_min activation_max sign_flip sums"),
    "max_pool16": _layout("pooling", f"{POOL} activation_min activation_max"),
    "average_pool16": _layout("pooling", f"{POOL} activation_min activation_max sums"),
    "max_pool_float32": _layout("pooling", f"{POOL} activation_min activation_max"),
    "average_pool_float32": _layout("pooling", f"{POOL} activation_min activation_max sums"),
    "sum8": _layout("reduction", f"{REDUCTION} {SUM_OF_CODES} turn"),
    "sum16": _layout("reduction", f"{REDUCTION} {SUM_OF_CODES}"),
    "sum_float32": _layout("reduction", f"{REDUCTION} divisor whole"),
    "extreme8": _layout("reduction", f"{REDUCTION} turn"),
    "extreme16": _layout("reduction", f"{REDUCTION} turn"),
    "extreme_float32": _layout("reduction", f"{REDUCTION} whole greatest"),
    "detection_postprocess": _layout(
        "detection",
        """boxes anchors scores output_boxes output_classes output_scores output_number fault count width columns
        background classes slots most step per_class regular score_threshold overlap_threshold scales boxes_coded
        box_scale box_zero_point anchor_scale anchor_zero_point scores_coded whole_lanes score_scale score_zero_point
        exponential corners real_scores order spare selected selected_size labels label_count class_scores kept merged
        kept_size""",
    ),
    "l2_normalization8": _layout(
        "normalization",
        """input output rows depth sign_flip input_zero_point output_zero_point factor shift single code_min
        code_max""",
    ),
    "log_softmax8": _layout(
        "normalization",
        """input output rows depth sign_flip exponentials scaled diff_min reverse_multiplier reverse_shift single
        output_zero_point output_min output_max""",
    ),
    "softmax8": _layout("softmax", "input output rows depth sign_flip exponentials terms falling quotients part parts"),
    "softmax8_of_few": _layout("softmax", "input output rows depth sign_flip exponentials terms sums ends part parts"),
    "softmax8_to_16": _layout("softmax", "input output rows depth sign_flip exponentials terms"),
    "softmax16": _layout("softmax", "input output rows depth exponentials reciprocals"),
}


def fields(kernel: str) -> Any:
    """Return a named tuple of field positions, for use as a compile-time constant in a kernel."""
    names = LAYOUTS[kernel].fields
    return namedtuple(f"{kernel}_fields", names)(*range(len(names)))
