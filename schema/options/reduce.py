"""Options tables of reductions, segments and searches."""

from __future__ import annotations

from ..deferred import dataclass
from ..types import TensorType
from .base import NoOptions, Options


@dataclass(frozen=True)
class ArgMinOptions(Options):
    """Options of ARG_MIN."""

    output_type: TensorType = TensorType.FLOAT32


@dataclass(frozen=True)
class CumsumOptions(Options):
    """Options of CUMSUM."""

    exclusive: bool = False
    reverse: bool = False


class TopKV2Options(NoOptions):
    """Options of TOPK_V2."""


@dataclass(frozen=True)
class UniqueOptions(Options):
    """Options of UNIQUE."""

    idx_out_type: TensorType = TensorType.INT32


class WhereOptions(NoOptions):
    """Options of WHERE."""


class SegmentSumOptions(NoOptions):
    """Options of SEGMENT_SUM."""


class UnsortedSegmentSumOptions(NoOptions):
    """Options of UNSORTED_SEGMENT_SUM."""


class UnsortedSegmentProdOptions(NoOptions):
    """Options of UNSORTED_SEGMENT_PROD."""


class UnsortedSegmentMaxOptions(NoOptions):
    """Options of UNSORTED_SEGMENT_MAX."""


class UnsortedSegmentMinOptions(NoOptions):
    """Options of UNSORTED_SEGMENT_MIN."""


class NonMaxSuppressionV4Options(NoOptions):
    """Options of NON_MAX_SUPPRESSION_V4."""


class NonMaxSuppressionV5Options(NoOptions):
    """Options of NON_MAX_SUPPRESSION_V5."""
