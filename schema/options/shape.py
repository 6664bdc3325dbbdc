"""Options tables of operators that move or select elements."""

from __future__ import annotations

from typing import ClassVar

from ..deferred import dataclass
from ..types import MirrorPadMode
from .base import Int32, NoOptions, Options


@dataclass(frozen=True)
class SqueezeOptions(Options):
    """Options of SQUEEZE."""

    squeeze_dims: tuple[Int32, ...] = ()


class ExpandDimsOptions(NoOptions):
    """Options of EXPAND_DIMS."""


class RankOptions(NoOptions):
    """Options of RANK."""


class TransposeOptions(NoOptions):
    """Options of TRANSPOSE."""


@dataclass(frozen=True)
class SplitOptions(Options):
    """Options of SPLIT."""

    num_splits: Int32 = 0


@dataclass(frozen=True)
class SplitVOptions(Options):
    """Options of SPLIT_V."""

    num_splits: Int32 = 0


@dataclass(frozen=True)
class UnpackOptions(Options):
    """Options of UNPACK."""

    num: Int32 = 0
    axis: Int32 = 0


class PadV2Options(NoOptions):
    """Options of PADV2."""


@dataclass(frozen=True)
class MirrorPadOptions(Options):
    """Options of MIRROR_PAD."""

    mode: MirrorPadMode = MirrorPadMode.REFLECT


class SliceOptions(NoOptions):
    """Options of SLICE."""


class DynamicUpdateSliceOptions(NoOptions):
    """Options of DYNAMIC_UPDATE_SLICE."""


@dataclass(frozen=True)
class GatherOptions(Options):
    """Options of GATHER."""

    axis: Int32 = 0
    batch_dims: Int32 = 0


class GatherNdOptions(NoOptions):
    """Options of GATHER_ND."""


class ScatterNdOptions(NoOptions):
    """Options of SCATTER_ND."""


class TileOptions(NoOptions):
    """Options of TILE."""


class BroadcastToOptions(NoOptions):
    """Options of BROADCAST_TO."""


class ReverseV2Options(NoOptions):
    """Options of REVERSE_V2."""


@dataclass(frozen=True)
class ReverseSequenceOptions(Options):
    """Options of REVERSE_SEQUENCE."""

    seq_dim: Int32 = 0
    batch_dim: Int32 = 0


@dataclass(frozen=True)
class SpaceToDepthOptions(Options):
    """Options of SPACE_TO_DEPTH."""

    block_size: Int32 = 0


@dataclass(frozen=True)
class DepthToSpaceOptions(Options):
    """Options of DEPTH_TO_SPACE."""

    block_size: Int32 = 0


class SpaceToBatchNDOptions(NoOptions):
    """Options of SPACE_TO_BATCH_ND."""


class BatchToSpaceNDOptions(NoOptions):
    """Options of BATCH_TO_SPACE_ND."""


@dataclass(frozen=True)
class ResizeBilinearOptions(Options):
    """Options of RESIZE_BILINEAR."""

    # The slots before were new_height and new_width, which the schema has deprecated.
    first_slot: ClassVar[int] = 2

    align_corners: bool = False
    half_pixel_centers: bool = False


@dataclass(frozen=True)
class ResizeNearestNeighborOptions(Options):
    """Options of RESIZE_NEAREST_NEIGHBOR."""

    align_corners: bool = False
    half_pixel_centers: bool = False


class MatrixDiagOptions(NoOptions):
    """Options of MATRIX_DIAG."""


class MatrixSetDiagOptions(NoOptions):
    """Options of MATRIX_SET_DIAG."""


@dataclass(frozen=True)
class SparseToDenseOptions(Options):
    """Options of SPARSE_TO_DENSE."""

    validate_indices: bool = False


class FillOptions(NoOptions):
    """Options of FILL."""


class ZerosLikeOptions(NoOptions):
    """Options of ZEROS_LIKE."""


class RangeOptions(NoOptions):
    """Options of RANGE."""


@dataclass(frozen=True)
class OneHotOptions(Options):
    """Options of ONE_HOT."""

    axis: Int32 = 0
