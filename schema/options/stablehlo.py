"""Options tables of StableHLO operators."""

from __future__ import annotations

from ..deferred import dataclass
from ..types import (
    CustomOptionsFormat,
    ReduceWindowFunction,
    RngAlgorithm,
    StablehloComparisonDirection,
    StablehloComparisonType,
    StablehloPrecisionConfig,
)
from .base import Int32, Int64, NoOptions, Options


@dataclass(frozen=True)
class StablehloConcatenateOptions(Options):
    """Options of STABLEHLO_CONCATENATE."""

    dimension: Int64 = 0


@dataclass(frozen=True)
class StablehloBroadcastInDimOptions(Options):
    """Options of STABLEHLO_BROADCAST_IN_DIM."""

    broadcast_dimensions: tuple[Int64, ...] = ()


@dataclass(frozen=True)
class StablehloSliceOptions(Options):
    """Options of STABLEHLO_SLICE."""

    start_indices: tuple[Int64, ...] = ()
    limit_indices: tuple[Int64, ...] = ()
    strides: tuple[Int64, ...] = ()


@dataclass(frozen=True)
class StablehloConvolutionOptions(Options):
    """Options of STABLEHLO_CONVOLUTION."""

    window_strides: tuple[Int64, ...] = ()
    padding: tuple[Int64, ...] = ()
    lhs_dilation: tuple[Int64, ...] = ()
    rhs_dilation: tuple[Int64, ...] = ()
    window_reversal: tuple[bool, ...] = ()
    input_batch_dimension: Int64 = 0
    input_feature_dimension: Int64 = 0
    input_spatial_dimensions: tuple[Int64, ...] = ()
    kernel_input_feature_dimension: Int64 = 0
    kernel_output_feature_dimension: Int64 = 0
    kernel_spatial_dimensions: tuple[Int64, ...] = ()
    output_batch_dimension: Int64 = 0
    output_feature_dimension: Int64 = 0
    output_spatial_dimensions: tuple[Int64, ...] = ()
    feature_group_count: Int64 = 0
    batch_group_count: Int64 = 0
    precision_config: tuple[StablehloPrecisionConfig, ...] = ()


@dataclass(frozen=True)
class StablehloCustomCallOptions(Options):
    """Options of STABLEHLO_CUSTOM_CALL."""

    call_target_name: str = ""
    has_side_effect: bool = False
    backend_config: str = ""
    api_version: Int32 = 0
    called_computations: tuple[Int32, ...] = ()
    custom_attributes: bytes = b""


@dataclass(frozen=True)
class StablehloReduceOptions(Options):
    """Options of STABLEHLO_REDUCE."""

    dimensions: tuple[Int64, ...] = ()
    body_subgraph_index: Int32 = 0


@dataclass(frozen=True)
class StablehloScatterOptions(Options):
    """Options of STABLEHLO_SCATTER."""

    indices_are_sorted: bool = False
    update_window_dims: tuple[Int64, ...] = ()
    inserted_window_dims: tuple[Int64, ...] = ()
    scatter_dims_to_operand_dims: tuple[Int64, ...] = ()
    index_vector_dim: Int64 = 0
    unique_indices: bool = False
    update_computation_subgraph_index: Int32 = 0


@dataclass(frozen=True)
class StablehloCompareOptions(Options):
    """Options of STABLEHLO_COMPARE."""

    comparison_direction: StablehloComparisonDirection = StablehloComparisonDirection.EQ
    compare_type: StablehloComparisonType = StablehloComparisonType.NOTYPE


@dataclass(frozen=True)
class StablehloDynamicSliceOptions(Options):
    """Options of STABLEHLO_DYNAMIC_SLICE."""

    slice_sizes: tuple[Int64, ...] = ()


@dataclass(frozen=True)
class StablehloPadOptions(Options):
    """Options of STABLEHLO_PAD."""

    edge_padding_low: tuple[Int64, ...] = ()
    edge_padding_high: tuple[Int64, ...] = ()
    interior_padding: tuple[Int64, ...] = ()


@dataclass(frozen=True)
class StablehloIotaOptions(Options):
    """Options of STABLEHLO_IOTA."""

    iota_dimension: Int64 = 0


@dataclass(frozen=True)
class StablehloDotGeneralOptions(Options):
    """Options of STABLEHLO_DOT_GENERAL."""

    lhs_batching_dimensions: tuple[Int64, ...] = ()
    rhs_batching_dimensions: tuple[Int64, ...] = ()
    lhs_contracting_dimensions: tuple[Int64, ...] = ()
    rhs_contracting_dimensions: tuple[Int64, ...] = ()
    precision_config: tuple[StablehloPrecisionConfig, ...] = ()


@dataclass(frozen=True)
class StablehloReduceWindowOptions(Options):
    """Options of STABLEHLO_REDUCE_WINDOW."""

    window_dimensions: tuple[Int64, ...] = ()
    window_strides: tuple[Int64, ...] = ()
    base_dilations: tuple[Int64, ...] = ()
    window_dilations: tuple[Int64, ...] = ()
    padding: tuple[Int64, ...] = ()
    body_subgraph_index: Int32 = 0


@dataclass(frozen=True)
class StablehloSortOptions(Options):
    """Options of STABLEHLO_SORT."""

    dimension: Int64 = 0
    is_stable: bool = False
    comparator_subgraph_index: Int32 = 0


@dataclass(frozen=True)
class StablehloWhileOptions(Options):
    """Options of STABLEHLO_WHILE."""

    cond_subgraph_index: Int32 = 0
    body_subgraph_index: Int32 = 0


@dataclass(frozen=True)
class StablehloGatherOptions(Options):
    """Options of STABLEHLO_GATHER."""

    offset_dims: tuple[Int64, ...] = ()
    collapsed_slice_dims: tuple[Int64, ...] = ()
    start_index_map: tuple[Int64, ...] = ()
    index_vector_dim: Int64 = 0
    slice_sizes: tuple[Int64, ...] = ()
    indices_are_sorted: bool = False


@dataclass(frozen=True)
class StablehloTransposeOptions(Options):
    """Options of STABLEHLO_TRANSPOSE."""

    permutation: tuple[Int64, ...] = ()


@dataclass(frozen=True)
class StablehloRngBitGeneratorOptions(Options):
    """Options of STABLEHLO_RNG_BIT_GENERATOR."""

    algorithm: RngAlgorithm = RngAlgorithm.DEFAULT


@dataclass(frozen=True)
class StableHLOCompositeOptions(Options):
    """Options of STABLEHLO_COMPOSITE."""

    name: str = ""
    decomposition_subgraph_index: Int32 = 0
    composite_attributes: bytes = b""
    composite_attributes_format: CustomOptionsFormat = CustomOptionsFormat.FLEXBUFFERS
    version: Int32 = 0


class StablehloShiftLeftOptions(NoOptions):
    """Options of STABLEHLO_SHIFT_LEFT."""


@dataclass(frozen=True)
class StablehloCaseOptions(Options):
    """Options of STABLEHLO_CASE."""

    branch_subgraph_indices: tuple[Int32, ...] = ()


@dataclass(frozen=True)
class ReduceWindowOptions(Options):
    """Options of REDUCE_WINDOW, which the schema has deprecated."""

    reduce_function: ReduceWindowFunction = ReduceWindowFunction.UNSUPPORTED
