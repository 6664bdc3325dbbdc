"""Small float models of one operator each: what a quantizer makes of them shows its rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ....schema import ActivationFunctionType as Act
from ....schema import TensorType
from ....schema import options as o
from ....schema.types import MirrorPadMode, Padding
from .sketch import Sketch, SmallModel

_SAME, _VALID = Padding.SAME, Padding.VALID
_POSITIVE = (0.125, 3.0)
_B = ("bool",)


def one(
    name: str,
    operands: Callable[[Sketch], Sequence[int]],
    options: Any = None,
    types: Sequence[str] = ("float32",),
    version: int = 1,
) -> Callable[[], SmallModel]:
    """Return what builds a model of one operator."""

    def build() -> SmallModel:
        sketch = Sketch()
        made = sketch.operator(name, operands(sketch), options, types, version)
        return sketch.build(*(made if isinstance(made, list) else [made]))

    return build


def _image(s: Sketch) -> int:
    return s.input(1, 4, 6, 4)


def _row(s: Sketch) -> int:
    return s.input(2, 8)


def _unary(name: str, options: Any = None, span: tuple[float, float] = (-1.5, 2.25)) -> Callable[[], SmallModel]:
    return one(name, lambda s: [s.input(2, 8, span=span)], options)


def _products() -> Mapping[str, Callable[[], SmallModel]]:
    conv, depthwise = o.Conv2DOptions(_SAME, 1, 1), o.DepthwiseConv2DOptions(_SAME, 1, 1, 2)
    dense, matrix, back = o.FullyConnectedOptions(), o.BatchMatMulOptions(), o.TransposeConvOptions(_SAME, 2, 2)
    biased = o.TransposeConvOptions(_SAME, 2, 2, Act.RELU)

    def size(s: Sketch) -> int:
        return s.integers([1, 8, 12, 3])

    return {
        "CONV_2D": one("CONV_2D", lambda s: [_image(s), s.weights(5, 3, 3, 4), s.weights(5)], conv),
        "CONV_2D dilated": one(
            "CONV_2D",
            lambda s: [_image(s), s.weights(5, 2, 2, 4), s.weights(5)],
            o.Conv2DOptions(_VALID, 1, 1, Act.NONE, 2, 2),
            version=2,
        ),
        "CONV_2D grouped": one("CONV_2D", lambda s: [_image(s), s.weights(6, 3, 3, 2), s.weights(6)], conv, version=6),
        "DEPTHWISE_CONV_2D dilated": one(
            "DEPTHWISE_CONV_2D",
            lambda s: [_image(s), s.weights(1, 2, 2, 4), s.weights(4)],
            o.DepthwiseConv2DOptions(_VALID, 1, 1, 1, Act.RELU, 2, 2),
            version=2,
        ),
        "FULLY_CONNECTED two inputs": one("FULLY_CONNECTED", lambda s: [_row(s), s.weights(5, 8)], dense, version=6),
        "FULLY_CONNECTED keep_num_dims": one(
            "FULLY_CONNECTED",
            lambda s: [s.input(2, 3, 8), s.weights(5, 8), s.weights(5)],
            o.FullyConnectedOptions(keep_num_dims=True),
            version=5,
        ),
        "CONV_2D activation as filter": one("CONV_2D", lambda s: [_image(s), s.input(3, 1, 1, 4), s.weights(3)], conv),
        "CONV_2D activation as bias": one("CONV_2D", lambda s: [_image(s), s.weights(3, 1, 1, 4), s.input(3)], conv),
        "CONV_2D large bias": one(
            "CONV_2D", lambda s: [_image(s), s.weights(3, 1, 1, 4, span=(-1e-5, 1e-5)), s.values([5e3, 1, -2e4])], conv
        ),
        "CONV_2D zero channel": one(
            "CONV_2D", lambda s: [_image(s), s.values([[[[0] * 4]], [[[1, 2, -3, 4]]]]), s.values([0, 1])], conv
        ),
        "DEPTHWISE_CONV_2D": one(
            "DEPTHWISE_CONV_2D", lambda s: [_image(s), s.weights(1, 3, 3, 8), s.weights(8)], depthwise
        ),
        "DEPTHWISE_CONV_2D activation as filter": one(
            "DEPTHWISE_CONV_2D", lambda s: [_image(s), s.input(1, 3, 3, 8), s.weights(8)], depthwise
        ),
        "FULLY_CONNECTED": one("FULLY_CONNECTED", lambda s: [_row(s), s.weights(5, 8), s.weights(5)], dense),
        "FULLY_CONNECTED no bias": one(
            "FULLY_CONNECTED", lambda s: [_row(s), s.weights(5, 8), -1], o.FullyConnectedOptions(Act.RELU)
        ),
        "FULLY_CONNECTED activation as weights": one(
            "FULLY_CONNECTED", lambda s: [_row(s), s.input(5, 8), s.weights(5)], dense
        ),
        "FULLY_CONNECTED activation as weights, no bias": one(
            "FULLY_CONNECTED", lambda s: [_row(s), s.input(5, 8), -1], dense
        ),
        "FULLY_CONNECTED activation as bias": one(
            "FULLY_CONNECTED", lambda s: [_row(s), s.weights(5, 8), s.input(5)], dense
        ),
        "FULLY_CONNECTED constant input": one("FULLY_CONNECTED", lambda s: [s.weights(2, 8), s.input(5, 8), -1], dense),
        "TRANSPOSE_CONV": one("TRANSPOSE_CONV", lambda s: [size(s), s.weights(3, 3, 3, 4), _image(s)], back),
        "TRANSPOSE_CONV bias": one(
            "TRANSPOSE_CONV", lambda s: [size(s), s.weights(3, 3, 3, 4), _image(s), s.weights(3)], biased, version=4
        ),
        "TRANSPOSE_CONV activation as filter": one(
            "TRANSPOSE_CONV", lambda s: [size(s), s.input(3, 3, 3, 4), _image(s)], back
        ),
        "BATCH_MATMUL": one("BATCH_MATMUL", lambda s: [s.input(2, 3, 8), s.input(2, 8, 5)], matrix),
        "BATCH_MATMUL constant": one("BATCH_MATMUL", lambda s: [s.input(2, 3, 8), s.weights(2, 8, 5)], matrix),
        "BATCH_MATMUL constant, transposed": one(
            "BATCH_MATMUL", lambda s: [s.input(2, 3, 8), s.weights(2, 5, 8)], o.BatchMatMulOptions(adj_y=True)
        ),
        "BATCH_MATMUL first constant": one("BATCH_MATMUL", lambda s: [s.weights(2, 3, 8), s.input(2, 8, 5)], matrix),
        "EMBEDDING_LOOKUP": one("EMBEDDING_LOOKUP", lambda s: [s.input(3, type="int32", span=(0, 6)), s.weights(6, 4)]),
    }


def _binary(name: str, options: Any, types: Sequence[str] = ("float32",)) -> Mapping[str, Callable[[], SmallModel]]:
    other = (-0.5, 4.0)
    return {
        name: one(name, lambda s: [_row(s), s.input(2, 8, span=other)], options, types),
        f"{name} constant": one(name, lambda s: [_row(s), s.weights(8)], options, types),
        f"{name} positive number": one(name, lambda s: [_row(s), s.values(0.7)], options, types),
        f"{name} first constant": one(name, lambda s: [s.weights(2, 8), _row(s)], options, types),
        f"{name} with itself": one(name, lambda s: [_row(s)] * 2, options, types),
    }


def _arithmetic() -> Mapping[str, Callable[[], SmallModel]]:
    found: dict[str, Callable[[], SmallModel]] = {}
    options: Any
    for name, options in (
        ("ADD", o.AddOptions()),
        ("SUB", o.SubOptions()),
        ("MUL", o.MulOptions()),
        ("SQUARED_DIFFERENCE", o.SquaredDifferenceOptions()),
        ("MAXIMUM", o.MaximumMinimumOptions()),
        ("MINIMUM", o.MaximumMinimumOptions()),
    ):
        found.update(_binary(name, options))
    for name, options in (
        ("EQUAL", o.EqualOptions()),
        ("NOT_EQUAL", o.NotEqualOptions()),
        ("LESS", o.LessOptions()),
        ("LESS_EQUAL", o.LessEqualOptions()),
        ("GREATER", o.GreaterOptions()),
        ("GREATER_EQUAL", o.GreaterEqualOptions()),
    ):
        found.update(_binary(name, options, _B))
    for name, options in (
        ("DIV", o.DivOptions()),
        ("FLOOR_DIV", o.FloorDivOptions()),
        ("FLOOR_MOD", o.FloorModOptions()),
    ):
        found[name] = one(name, lambda s: [_row(s), s.input(2, 8, span=_POSITIVE)], options)
        found[f"{name} constant"] = one(name, lambda s: [_row(s), s.weights(8, span=_POSITIVE)], options)
    for name in ("MEAN", "SUM", "REDUCE_PROD", "REDUCE_MAX", "REDUCE_MIN"):
        found[name] = one(name, lambda s: [_image(s), s.integers([1, 2])], o.ReducerOptions())
        found[f"{name} keep_dims"] = one(name, lambda s: [_row(s), s.integers([1])], o.ReducerOptions(keep_dims=True))
    found["REDUCE_ALL"] = one(
        "REDUCE_ALL", lambda s: [s.input(2, 8, type="bool"), s.integers([1])], o.ReducerOptions(), _B
    )
    return found


def _activations() -> Mapping[str, Callable[[], SmallModel]]:
    return {
        **{
            name: _unary(name)
            for name in (
                "RELU",
                "RELU6",
                "RELU_N1_TO_1",
                "RELU_0_TO_1",
                "ELU",
                "LOGISTIC",
                "TANH",
                "COS",
                "SIN",
                "FLOOR",
                "CEIL",
                "ROUND",
            )
        },
        "ABS": _unary("ABS", o.AbsOptions()),
        "NEG": _unary("NEG", o.NegOptions()),
        "EXP": _unary("EXP", o.ExpOptions()),
        "SQUARE": _unary("SQUARE", o.SquareOptions()),
        "HARD_SWISH": _unary("HARD_SWISH", o.HardSwishOptions()),
        "GELU": _unary("GELU", o.GeluOptions()),
        "GELU approximate": _unary("GELU", o.GeluOptions(approximate=True)),
        "LEAKY_RELU": _unary("LEAKY_RELU", o.LeakyReluOptions(0.2)),
        "SOFTMAX": _unary("SOFTMAX", o.SoftmaxOptions(1.0)),
        "LOG_SOFTMAX": _unary("LOG_SOFTMAX", o.LogSoftmaxOptions()),
        "L2_NORMALIZATION": _unary("L2_NORMALIZATION", o.L2NormOptions()),
        "LOG": _unary("LOG", span=_POSITIVE),
        "SQRT": _unary("SQRT", span=_POSITIVE),
        "RSQRT": _unary("RSQRT", span=_POSITIVE),
        "POW": one("POW", lambda s: [s.input(2, 8, span=_POSITIVE), s.values(1.5)], o.PowOptions()),
        "PRELU": one("PRELU", lambda s: [_image(s), s.weights(1, 1, 4)]),
        "PRELU positive alpha": one("PRELU", lambda s: [_image(s), s.weights(1, 1, 4, span=(0.1, 0.3))]),
        "PRELU activation as alpha": one("PRELU", lambda s: [_image(s), s.input(1, 1, 4)]),
        "LOCAL_RESPONSE_NORMALIZATION": one(
            "LOCAL_RESPONSE_NORMALIZATION", lambda s: [_image(s)], o.LocalResponseNormalizationOptions(2, 1.0, 0.5, 0.5)
        ),
        "CUMSUM": one("CUMSUM", lambda s: [_row(s), s.integers(1)], o.CumsumOptions()),
    }


def _moves() -> Mapping[str, Callable[[], SmallModel]]:
    pool = o.Pool2DOptions(_VALID, 2, 2, 2, 2)
    edges = [[0, 0], [1, 2]]
    two, three = ("float32",) * 2, ("float32",) * 3
    strided = o.StridedSliceOptions()
    return {
        "MAX_POOL_2D": one("MAX_POOL_2D", lambda s: [_image(s)], pool),
        "AVERAGE_POOL_2D": one("AVERAGE_POOL_2D", lambda s: [_image(s)], pool),
        "AVERAGE_POOL_2D fused": one(
            "AVERAGE_POOL_2D", lambda s: [_image(s)], o.Pool2DOptions(_VALID, 2, 2, 2, 2, Act.RELU)
        ),
        "CONCATENATION": one(
            "CONCATENATION", lambda s: [_row(s), s.input(2, 3, span=(0, 5))], o.ConcatenationOptions(1)
        ),
        "CONCATENATION constant": one(
            "CONCATENATION", lambda s: [_row(s), s.weights(2, 3, span=(-4, 3))], o.ConcatenationOptions(1)
        ),
        "PAD": one("PAD", lambda s: [_row(s), s.integers(edges)], o.PadOptions()),
        "PADV2": one("PADV2", lambda s: [_row(s), s.integers(edges), s.values(0.5)], o.PadV2Options()),
        "PADV2 beyond": one("PADV2", lambda s: [_row(s), s.integers(edges), s.values(-7)], o.PadV2Options()),
        "PADV2 activation as value": one("PADV2", lambda s: [_row(s), s.integers(edges), s.input()], o.PadV2Options()),
        "MIRROR_PAD": one(
            "MIRROR_PAD", lambda s: [_row(s), s.integers([[0, 0], [1, 2]])], o.MirrorPadOptions(MirrorPadMode.REFLECT)
        ),
        "RESHAPE": one("RESHAPE", lambda s: [_row(s), s.integers([4, 4])], o.ReshapeOptions((4, 4))),
        "SQUEEZE": one("SQUEEZE", lambda s: [s.input(1, 8)], o.SqueezeOptions((0,))),
        "EXPAND_DIMS": one("EXPAND_DIMS", lambda s: [_row(s), s.integers(0)], o.ExpandDimsOptions()),
        "TRANSPOSE": one("TRANSPOSE", lambda s: [_row(s), s.integers([1, 0])], o.TransposeOptions()),
        "SLICE": one("SLICE", lambda s: [_row(s), s.integers([0, 1]), s.integers([2, 3])], o.SliceOptions()),
        "STRIDED_SLICE": one(
            "STRIDED_SLICE",
            lambda s: [_row(s), s.integers([0, 1]), s.integers([2, 7]), s.integers([1, 2])],
            strided,
        ),
        "SPLIT": one("SPLIT", lambda s: [s.integers(1), _row(s)], o.SplitOptions(2), two),
        "SPLIT_V": one("SPLIT_V", lambda s: [_row(s), s.integers([1, 2, 5]), s.integers(1)], o.SplitVOptions(3), three),
        "PACK": one("PACK", lambda s: [_row(s), s.input(2, 8, span=(0, 5))], o.PackOptions(2, 0)),
        "PACK constant": one("PACK", lambda s: [_row(s), s.weights(2, 8, span=(-4, 3))], o.PackOptions(2, 0)),
        "UNPACK": one("UNPACK", lambda s: [_row(s)], o.UnpackOptions(2, 0), two),
        "GATHER": one("GATHER", lambda s: [_row(s), s.integers([3, 1])], o.GatherOptions(1)),
        "GATHER constant": one(
            "GATHER", lambda s: [s.weights(6, 4), s.input(3, type="int32", span=(0, 6))], o.GatherOptions(0)
        ),
        "GATHER_ND": one("GATHER_ND", lambda s: [_row(s), s.integers([[1, 3], [0, 2]])], o.GatherNdOptions()),
        "TILE": one("TILE", lambda s: [_row(s), s.integers([2, 1])], o.TileOptions()),
        "BROADCAST_TO": one(
            "BROADCAST_TO", lambda s: [_row(s), s.integers([3, 2, 8])], o.BroadcastToOptions(), version=2
        ),
        "REVERSE_V2": one("REVERSE_V2", lambda s: [_row(s), s.integers([1])], o.ReverseV2Options()),
        "REVERSE_SEQUENCE": one(
            "REVERSE_SEQUENCE", lambda s: [_row(s), s.integers([3, 5])], o.ReverseSequenceOptions(1, 0)
        ),
        "RESIZE_BILINEAR": one("RESIZE_BILINEAR", lambda s: [_image(s), s.integers([8, 9])], o.ResizeBilinearOptions()),
        "RESIZE_NEAREST_NEIGHBOR": one(
            "RESIZE_NEAREST_NEIGHBOR", lambda s: [_image(s), s.integers([8, 9])], o.ResizeNearestNeighborOptions()
        ),
        "SPACE_TO_DEPTH": one("SPACE_TO_DEPTH", lambda s: [_image(s)], o.SpaceToDepthOptions(2)),
        "DEPTH_TO_SPACE": one("DEPTH_TO_SPACE", lambda s: [_image(s)], o.DepthToSpaceOptions(2)),
        "SPACE_TO_BATCH_ND": one(
            "SPACE_TO_BATCH_ND", lambda s: [_image(s), s.integers([2, 2]), s.integers([[0, 0], [0, 0]])]
        ),
        "BATCH_TO_SPACE_ND": one(
            "BATCH_TO_SPACE_ND", lambda s: [s.input(4, 2, 3, 4), s.integers([2, 2]), s.integers([[0, 0], [0, 0]])]
        ),
        "SELECT": one(
            "SELECT", lambda s: [s.input(2, 8, type="bool"), _row(s), s.input(2, 8, span=(0, 5))], o.SelectOptions()
        ),
        "SELECT_V2": one(
            "SELECT_V2", lambda s: [s.input(2, 8, type="bool"), _row(s), s.input(1, span=(0, 5))], o.SelectV2Options()
        ),
        "SELECT_V2 constant": one(
            "SELECT_V2", lambda s: [s.input(2, 8, type="bool"), _row(s), s.values([0.0])], o.SelectV2Options()
        ),
        "TOPK_V2": one("TOPK_V2", lambda s: [_row(s), s.integers(3)], o.TopKV2Options(), ("float32", "int32")),
        "DYNAMIC_UPDATE_SLICE": one(
            "DYNAMIC_UPDATE_SLICE",
            lambda s: [_row(s), s.input(2, 3, span=(0, 5)), s.integers([0, 2])],
            o.DynamicUpdateSliceOptions(),
        ),
        "SCATTER_ND": one(
            "SCATTER_ND", lambda s: [s.integers([[1], [3]]), s.input(2, 8), s.integers([5, 8])], o.ScatterNdOptions()
        ),
        "MATRIX_DIAG": one("MATRIX_DIAG", lambda s: [_row(s)], o.MatrixDiagOptions()),
        "MATRIX_SET_DIAG": one(
            "MATRIX_SET_DIAG", lambda s: [s.input(2, 4, 4), s.input(2, 4)], o.MatrixSetDiagOptions()
        ),
        "FILL": one("FILL", lambda s: [s.integers([2, 3]), s.input()], o.FillOptions()),
        "SPARSE_TO_DENSE": one(
            "SPARSE_TO_DENSE",
            lambda s: [s.integers([[1], [3]]), s.integers([5]), s.input(2), s.values(0.0)],
            o.SparseToDenseOptions(),
        ),
        "CAST": one("CAST", lambda s: [_row(s)], o.CastOptions(TensorType.FLOAT32, TensorType.INT32), ("int32",)),
        "ZEROS_LIKE": one("ZEROS_LIKE", lambda s: [_row(s)], o.ZerosLikeOptions()),
        "ONE_HOT": one(
            "ONE_HOT",
            lambda s: [s.input(3, type="int32", span=(0, 6)), s.integers(6), s.values(1.0), s.values(0.0)],
            o.OneHotOptions(-1),
        ),
    }


def _others() -> Mapping[str, Callable[[], SmallModel]]:
    return {
        "ARG_MAX": one("ARG_MAX", lambda s: [_row(s), s.integers(1)], o.ArgMaxOptions(TensorType.INT32), ("int32",)),
        "ARG_MIN": one("ARG_MIN", lambda s: [_row(s), s.integers(1)], o.ArgMinOptions(TensorType.INT32), ("int32",)),
        "SHAPE": one("SHAPE", lambda s: [_row(s)], o.ShapeOptions(TensorType.INT32), ("int32",)),
        "WHERE": one("WHERE", lambda s: [s.input(2, 8, type="bool")], o.WhereOptions(), ("int64",)),
    }


MODELS: Mapping[str, Callable[[], SmallModel]] = {
    **_products(),
    **_arithmetic(),
    **_activations(),
    **_moves(),
    **_others(),
}
"""Name -> what builds a model: an operator, and what is peculiar about its operands."""
