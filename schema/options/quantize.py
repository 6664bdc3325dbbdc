"""Options tables of changes of data type."""

from __future__ import annotations

from ..deferred import dataclass
from ..types import TensorType
from .base import Float32, Int32, NoOptions, Options


@dataclass(frozen=True)
class FakeQuantOptions(Options):
    """Options of FAKE_QUANT."""

    min: Float32 = 0.0
    max: Float32 = 0.0
    num_bits: Int32 = 0
    narrow_range: bool = False


@dataclass(frozen=True)
class CastOptions(Options):
    """Options of CAST."""

    in_data_type: TensorType = TensorType.FLOAT32
    out_data_type: TensorType = TensorType.FLOAT32


class BitcastOptions(NoOptions):
    """Options of BITCAST."""


class DensifyOptions(NoOptions):
    """Options of DENSIFY."""


@dataclass(frozen=True)
class BucketizeOptions(Options):
    """Options of BUCKETIZE."""

    boundaries: tuple[Float32, ...] = ()
