"""Options of the builtin operators: one frozen dataclass for each options table of the TFLite schema.

A class has the table's name; its fields have the schema's names, order and defaults. The classes are made when
they are first asked for, a family at a time, because all 150 would cost every import some tens of milliseconds. One
family is of those that most networks have.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .base import FieldLayout, NoOptions, Options, layout

if TYPE_CHECKING:
    from .activations import *  # noqa: F403
    from .common import *  # noqa: F403
    from .control_flow import *  # noqa: F403
    from .convolution import *  # noqa: F403
    from .elementwise import *  # noqa: F403
    from .quantize import *  # noqa: F403
    from .recurrent import *  # noqa: F403
    from .reduce import *  # noqa: F403
    from .shape import *  # noqa: F403
    from .stablehlo import *  # noqa: F403

_UNION = """
    Conv2DOptions DepthwiseConv2DOptions ConcatEmbeddingsOptions LSHProjectionOptions Pool2DOptions
    SVDFOptions RNNOptions FullyConnectedOptions SoftmaxOptions ConcatenationOptions AddOptions
    L2NormOptions LocalResponseNormalizationOptions LSTMOptions ResizeBilinearOptions CallOptions
    ReshapeOptions SkipGramOptions SpaceToDepthOptions EmbeddingLookupSparseOptions MulOptions PadOptions
    GatherOptions BatchToSpaceNDOptions SpaceToBatchNDOptions TransposeOptions ReducerOptions SubOptions
    DivOptions SqueezeOptions SequenceRNNOptions StridedSliceOptions ExpOptions TopKV2Options SplitOptions
    LogSoftmaxOptions CastOptions DequantizeOptions MaximumMinimumOptions ArgMaxOptions LessOptions
    NegOptions PadV2Options GreaterOptions GreaterEqualOptions LessEqualOptions SelectOptions SliceOptions
    TransposeConvOptions SparseToDenseOptions TileOptions ExpandDimsOptions EqualOptions NotEqualOptions
    ShapeOptions PowOptions ArgMinOptions FakeQuantOptions PackOptions LogicalOrOptions OneHotOptions
    LogicalAndOptions LogicalNotOptions UnpackOptions FloorDivOptions SquareOptions ZerosLikeOptions
    FillOptions BidirectionalSequenceLSTMOptions BidirectionalSequenceRNNOptions
    UnidirectionalSequenceLSTMOptions FloorModOptions RangeOptions ResizeNearestNeighborOptions
    LeakyReluOptions SquaredDifferenceOptions MirrorPadOptions AbsOptions SplitVOptions UniqueOptions
    ReverseV2Options AddNOptions GatherNdOptions CosOptions WhereOptions RankOptions ReverseSequenceOptions
    MatrixDiagOptions QuantizeOptions MatrixSetDiagOptions HardSwishOptions IfOptions WhileOptions
    DepthToSpaceOptions NonMaxSuppressionV4Options NonMaxSuppressionV5Options ScatterNdOptions
    SelectV2Options DensifyOptions SegmentSumOptions BatchMatMulOptions CumsumOptions CallOnceOptions
    BroadcastToOptions Rfft2dOptions Conv3DOptions HashtableOptions HashtableFindOptions
    HashtableImportOptions HashtableSizeOptions VarHandleOptions ReadVariableOptions AssignVariableOptions
    RandomOptions BucketizeOptions GeluOptions DynamicUpdateSliceOptions UnsortedSegmentProdOptions
    UnsortedSegmentMaxOptions UnsortedSegmentMinOptions UnsortedSegmentSumOptions ATan2Options SignOptions
    BitcastOptions BitwiseXorOptions RightShiftOptions
"""
_UNION_2 = """
    StablehloConcatenateOptions StablehloBroadcastInDimOptions StablehloSliceOptions
    StablehloConvolutionOptions StablehloCustomCallOptions StablehloReduceOptions StablehloScatterOptions
    StablehloCompareOptions StablehloDynamicSliceOptions StablehloPadOptions StablehloIotaOptions
    StablehloDotGeneralOptions StablehloReduceWindowOptions StablehloSortOptions StablehloWhileOptions
    StablehloGatherOptions StablehloTransposeOptions DilateOptions StablehloRngBitGeneratorOptions
    ReduceWindowOptions StableHLOCompositeOptions StablehloShiftLeftOptions StablehloCaseOptions
"""

# The members of the schema's unions BuiltinOptions and BuiltinOptions2, in order: the first has type code 1.
BUILTIN_OPTIONS: tuple[str, ...] = tuple(_UNION.split())
BUILTIN_OPTIONS_2: tuple[str, ...] = tuple(_UNION_2.split())

_FAMILIES = {
    "common": """
        Conv2DOptions DepthwiseConv2DOptions Pool2DOptions FullyConnectedOptions AddOptions MulOptions
        SubOptions SoftmaxOptions QuantizeOptions DequantizeOptions ReshapeOptions ConcatenationOptions
        PadOptions ShapeOptions StridedSliceOptions PackOptions HardSwishOptions ReducerOptions
        ArgMaxOptions
    """,
    "convolution": """
        Conv3DOptions TransposeConvOptions BatchMatMulOptions DilateOptions
    """,
    "elementwise": """
        DivOptions FloorDivOptions FloorModOptions PowOptions SquaredDifferenceOptions
        MaximumMinimumOptions ATan2Options AddNOptions AbsOptions NegOptions SignOptions SquareOptions
        ExpOptions CosOptions BitwiseXorOptions RightShiftOptions EqualOptions NotEqualOptions
        LessOptions LessEqualOptions GreaterOptions GreaterEqualOptions LogicalAndOptions
        LogicalOrOptions LogicalNotOptions SelectOptions SelectV2Options
    """,
    "activations": """
        LogSoftmaxOptions LeakyReluOptions GeluOptions L2NormOptions LocalResponseNormalizationOptions
    """,
    "quantize": """
        FakeQuantOptions CastOptions BitcastOptions DensifyOptions BucketizeOptions
    """,
    "shape": """
        SqueezeOptions ExpandDimsOptions RankOptions TransposeOptions SplitOptions SplitVOptions
        UnpackOptions PadV2Options MirrorPadOptions SliceOptions DynamicUpdateSliceOptions GatherOptions
        GatherNdOptions ScatterNdOptions TileOptions BroadcastToOptions ReverseV2Options
        ReverseSequenceOptions SpaceToDepthOptions DepthToSpaceOptions SpaceToBatchNDOptions
        BatchToSpaceNDOptions ResizeBilinearOptions ResizeNearestNeighborOptions MatrixDiagOptions
        MatrixSetDiagOptions SparseToDenseOptions FillOptions ZerosLikeOptions RangeOptions
        OneHotOptions
    """,
    "reduce": """
        ArgMinOptions CumsumOptions TopKV2Options UniqueOptions WhereOptions SegmentSumOptions
        UnsortedSegmentSumOptions UnsortedSegmentProdOptions UnsortedSegmentMaxOptions
        UnsortedSegmentMinOptions NonMaxSuppressionV4Options NonMaxSuppressionV5Options
    """,
    "recurrent": """
        RNNOptions SequenceRNNOptions BidirectionalSequenceRNNOptions LSTMOptions
        UnidirectionalSequenceLSTMOptions BidirectionalSequenceLSTMOptions SVDFOptions
    """,
    "control_flow": """
        IfOptions WhileOptions CallOptions CallOnceOptions VarHandleOptions ReadVariableOptions
        AssignVariableOptions HashtableOptions HashtableFindOptions HashtableImportOptions
        HashtableSizeOptions RandomOptions Rfft2dOptions ConcatEmbeddingsOptions
        EmbeddingLookupSparseOptions LSHProjectionOptions SkipGramOptions
    """,
    "stablehlo": """
        StablehloConcatenateOptions StablehloBroadcastInDimOptions StablehloSliceOptions
        StablehloConvolutionOptions StablehloCustomCallOptions StablehloReduceOptions
        StablehloScatterOptions StablehloCompareOptions StablehloDynamicSliceOptions StablehloPadOptions
        StablehloIotaOptions StablehloDotGeneralOptions StablehloReduceWindowOptions
        StablehloSortOptions StablehloWhileOptions StablehloGatherOptions StablehloTransposeOptions
        StablehloRngBitGeneratorOptions StableHLOCompositeOptions StablehloShiftLeftOptions
        StablehloCaseOptions ReduceWindowOptions
    """,
}
_FAMILY_OF = {table: family for family, tables in _FAMILIES.items() for table in tables.split()}

__all__ = ["BUILTIN_OPTIONS", "BUILTIN_OPTIONS_2", "FieldLayout", "NoOptions", "Options", "layout"]


def __getattr__(name: str) -> Any:
    family = _FAMILY_OF.get(name)
    if family is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f".{family}", __name__)
    globals().update((table, getattr(module, table)) for table in _FAMILIES[family].split())
    return globals()[name]


def __dir__() -> list[str]:
    return sorted([*globals(), *_FAMILY_OF])


def options_class(table: str) -> type[Options]:
    """Return the class of an options table by its schema name, such as ``"Conv2DOptions"``."""
    found = globals().get(table)
    return found if found is not None else __getattr__(table)
