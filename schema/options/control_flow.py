"""Options tables of control flow, resources, hash tables, random numbers and text."""

from __future__ import annotations

from ..deferred import dataclass
from ..types import CombinerType, LSHProjectionType, TensorType
from .base import Int32, Int64, NoOptions, Options, UInt32


@dataclass(frozen=True)
class IfOptions(Options):
    """Options of IF."""

    then_subgraph_index: Int32 = 0
    else_subgraph_index: Int32 = 0


@dataclass(frozen=True)
class WhileOptions(Options):
    """Options of WHILE."""

    cond_subgraph_index: Int32 = 0
    body_subgraph_index: Int32 = 0


@dataclass(frozen=True)
class CallOptions(Options):
    """Options of CALL."""

    subgraph: UInt32 = 0


@dataclass(frozen=True)
class CallOnceOptions(Options):
    """Options of CALL_ONCE."""

    init_subgraph_index: Int32 = 0


@dataclass(frozen=True)
class VarHandleOptions(Options):
    """Options of VAR_HANDLE."""

    container: str = ""
    shared_name: str = ""


class ReadVariableOptions(NoOptions):
    """Options of READ_VARIABLE."""


class AssignVariableOptions(NoOptions):
    """Options of ASSIGN_VARIABLE."""


@dataclass(frozen=True)
class HashtableOptions(Options):
    """Options of HASHTABLE."""

    table_id: Int32 = 0
    key_dtype: TensorType = TensorType.FLOAT32
    value_dtype: TensorType = TensorType.FLOAT32


class HashtableFindOptions(NoOptions):
    """Options of HASHTABLE_FIND."""


class HashtableImportOptions(NoOptions):
    """Options of HASHTABLE_IMPORT."""


class HashtableSizeOptions(NoOptions):
    """Options of HASHTABLE_SIZE."""


@dataclass(frozen=True)
class RandomOptions(Options):
    """Options of RANDOM_STANDARD_NORMAL, RANDOM_UNIFORM and MULTINOMIAL."""

    seed: Int64 = 0
    seed2: Int64 = 0


class Rfft2dOptions(NoOptions):
    """Options of RFFT2D."""


@dataclass(frozen=True)
class ConcatEmbeddingsOptions(Options):
    """Options of CONCAT_EMBEDDINGS."""

    num_channels: Int32 = 0
    num_columns_per_channel: tuple[Int32, ...] = ()
    embedding_dim_per_channel: tuple[Int32, ...] = ()


@dataclass(frozen=True)
class EmbeddingLookupSparseOptions(Options):
    """Options of EMBEDDING_LOOKUP_SPARSE."""

    combiner: CombinerType = CombinerType.SUM


@dataclass(frozen=True)
class LSHProjectionOptions(Options):
    """Options of LSH_PROJECTION."""

    type: LSHProjectionType = LSHProjectionType.UNKNOWN


@dataclass(frozen=True)
class SkipGramOptions(Options):
    """Options of SKIP_GRAM."""

    ngram_size: Int32 = 0
    max_skip_size: Int32 = 0
    include_all_ngrams: bool = False
