"""REVERSE_V2 and REVERSE_SEQUENCE: elements in opposite order."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ...schema import TensorType
from ...schema.options import ReverseSequenceOptions
from ..checks import options_of, require_arity, require_same_type
from ..indexing.bounds import require_within
from ..indexing.lowering import lower_reverse_sequence
from ..operator import Instruction, Kernel, Node, Prepared
from ..profiles import Profile
from . import copies
from .arguments import INDEX_TYPES, normalized_axis, vector

_LARGEST_RANK = 8


@dataclass(frozen=True)
class Reverse(Prepared):
    """The axes that are reversed."""

    axes: tuple[int, ...]


def prepare_reverse(node: Node, profile: Profile) -> Reverse:
    """Prepare REVERSE_V2. The axes must be neighbours, as the reference demands.

    Notes
    -----
    Source: ``Prepare`` and ``Eval`` in ``kernels/reverse.cc``.
    """
    require_arity(node, 2)
    source = node.input(0)
    rank = len(source.shape)
    require_same_type(node, source, node.output())
    node.require(rank <= _LARGEST_RANK, f"an input of rank at most {_LARGEST_RANK}")
    entries = vector(node, 1, (TensorType.INT32,))
    node.require(len(entries) <= rank, f"at most {rank} axes")
    axes = tuple(sorted(normalized_axis(node, axis, rank) for axis in entries))
    node.require(all(b == a + 1 for a, b in pairwise(axes)), f"neighbouring axes, not {list(axes)}")
    return Reverse((source.shape,), axes)


def evaluate_reverse(prepared: Reverse, x: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """Reverse ``x`` along the axes."""
    return np.array(np.flip(x, prepared.axes), order="C")


def lower_reverse(prepared: Reverse, node: Node) -> Instruction | None:
    """Lower to ``strided_copy``: the input is read backwards."""
    return copies.reverse(node, prepared.axes)


@dataclass(frozen=True)
class ReverseSequence(Prepared):
    """The axis that is reversed, and the axis along which the lengths differ."""

    seq_dim: int
    batch_dim: int


def prepare_reverse_sequence(node: Node, profile: Profile) -> ReverseSequence:
    """Prepare REVERSE_SEQUENCE.

    Notes
    -----
    Source: ``Prepare`` and ``ReverseSequenceImpl`` in ``kernels/reverse_sequence.cc``.
    """
    require_arity(node, 2)
    source, lengths = node.input(0), node.input(1)
    require_same_type(node, source, node.output())
    node.require(lengths.type in INDEX_TYPES and len(lengths.shape) == 1, "an int32 or int64 vector of lengths")
    options = options_of(node, ReverseSequenceOptions)
    rank = len(source.shape)
    seq_dim, batch_dim = options.seq_dim, options.batch_dim
    node.require(0 <= seq_dim < rank and 0 <= batch_dim < rank, f"seq_dim and batch_dim in [0, {rank})")
    node.require(seq_dim != batch_dim, "a seq_dim other than batch_dim")
    node.require(lengths.shape[0] == source.shape[batch_dim], f"{source.shape[batch_dim]} lengths")
    return ReverseSequence((source.shape,), seq_dim, batch_dim)


def evaluate_reverse_sequence(prepared: ReverseSequence, x: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Reverse the first ``lengths[i]`` elements of each slice ``i``.

    Raises
    ------
    ModelError
        Where a length is negative or greater than the axis.
    """
    require_within("REVERSE_SEQUENCE", lengths, 0, x.shape[prepared.seq_dim] + 1)
    output = x.copy()
    source = np.moveaxis(x, (prepared.batch_dim, prepared.seq_dim), (0, 1))
    target = np.moveaxis(output, (prepared.batch_dim, prepared.seq_dim), (0, 1))
    for slice_index, length in enumerate(lengths):
        target[slice_index, :length] = source[slice_index, :length][::-1]
    return output


def _lower_reverse_sequence(prepared: ReverseSequence, node: Node) -> Instruction | None:
    return lower_reverse_sequence(node, prepared.seq_dim, prepared.batch_dim)


_TYPES = (
    TensorType.FLOAT32,
    TensorType.FLOAT16,
    TensorType.UINT8,
    TensorType.INT8,
    TensorType.INT16,
    TensorType.INT32,
    TensorType.INT64,
    TensorType.BOOL,
    TensorType.BFLOAT16,
)
_SEQUENCE_TYPES = (TensorType.FLOAT32, TensorType.UINT8, TensorType.INT16, TensorType.INT32, TensorType.INT64)

KERNELS = (
    Kernel("REVERSE_V2", (1, 4), _TYPES, prepare_reverse, evaluate_reverse, lower_reverse, values=(1,)),
    Kernel(
        "REVERSE_SEQUENCE",
        (1, 1),
        _SEQUENCE_TYPES,
        prepare_reverse_sequence,
        evaluate_reverse_sequence,
        _lower_reverse_sequence,
    ),
)
