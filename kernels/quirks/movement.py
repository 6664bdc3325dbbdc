"""Quirks of conversions and of operators that move or pick values."""

from __future__ import annotations

import math

import numpy as np

from ...schema import TensorType
from ..operator import Node, Prepared
from ..quantize.quantize import Quantize
from ..quirk import Quirk, Treatment
from .condition import never

_LARGEST_INT32 = 2**31 - 1


def quantizes_float(node: Node, prepared: Prepared) -> bool:
    """QUANTIZE of float32: whether values are so large is known at run time only."""
    return isinstance(prepared, Quantize)


def concatenates_beyond_int32(node: Node, prepared: Prepared) -> bool:
    """CONCATENATION of uint8 codes that are more than 2**31 steps of the output's scale."""
    target = node.output()
    if target.type is not TensorType.UINT8 or not target.scale > 0:
        return False
    sources = (node.input(index) for index in range(len(node.inputs)))
    return any(float(one.scale) * (255 - one.zero_point) / float(target.scale) > _LARGEST_INT32 for one in sources)


def holds_flat_positions_only(node: Node, prepared: Prepared) -> bool:
    """Pick or write by indices of several axes; whether one is out of bounds is known at run time only."""
    indices = node.input(1 if node.name == "GATHER_ND" else 0)
    return getattr(prepared, "flat_bounds", False) and indices.shape[-1] > 1


def dequantizes_uint8_rows(node: Node, prepared: Prepared) -> bool:
    """Pick rows of a uint8 table as float32."""
    return node.input(1).type is TensorType.UINT8 and getattr(prepared, "codes", None) == np.int8


def reconsiders_selected(node: Node, prepared: Prepared) -> bool:
    """Select boxes; whether one is selected twice is known at run time only."""
    return bool(getattr(prepared, "reconsiders_selected", False))


def begins_rows_within_bytes(node: Node, prepared: Prepared) -> bool:
    """Dequantize rows of packed codes that are no whole bytes."""
    unit = getattr(prepared, "row_unit", 1)
    return math.prod(node.input(1).shape[1:]) % unit != 0


def begins_sentences_with_space(node: Node, prepared: Prepared) -> bool:
    """Make groups of words; with what a sentence begins is known at run time only."""
    return bool(getattr(prepared, "keeps_leading_space", False))


QUIRKS: tuple[Quirk, ...] = (
    Quirk(
        "concatenation-beyond-int32",
        ("CONCATENATION",),
        "uint8 inputs of another scale: a value of 2**31 steps of the output or more becomes the least code",
        "it becomes the greatest code",
        "kernels/internal/reference/concatenation.h, ConcatenationWithScaling",
        Treatment.EVERYWHERE,
        ("shape.concatenation:rescale_table",),
        concatenates_beyond_int32,
    ),
    Quirk(
        "embedding-rows-begin-with-bytes",
        ("EMBEDDING_LOOKUP",),
        "rows of int4 or int2 tables that begin within a byte are dequantized from that byte's first element on",
        "they begin where they begin",
        "kernels/embedding_lookup.cc, EvalHybrid",
        Treatment.REPRODUCED,
        ("indexing.lookup_rows:_row_unit",),
        begins_rows_within_bytes,
    ),
    Quirk(
        "embedding-uint8-as-int8",
        ("EMBEDDING_LOOKUP",),
        "rows of a uint8 table that become float32 are read as int8: 255 counts as -1",
        "the codes are those of uint8",
        "kernels/embedding_lookup.cc, EvalHybrid",
        Treatment.REPRODUCED,
        ("indexing.lookup_rows:_codes_as_read",),
        dequantizes_uint8_rows,
    ),
    Quirk(
        "gather-nd-flat-bounds",
        ("GATHER_ND", "SCATTER_ND"),
        "an index beyond its axis is taken where its flat position is within the tensor: another element",
        "there is no such element; q31 raises ModelError in the other profiles",
        "kernels/internal/reference/reference_ops.h, GatherNd, ScatterNd",
        Treatment.REPRODUCED,
        (
            "indexing.gather:prepare_gather_nd",
            "indexing.scatter:prepare_scatter_nd",
            "indexing.bounds:flat_positions",
        ),
        holds_flat_positions_only,
    ),
    Quirk(
        "nms-reconsiders-selected",
        ("NON_MAX_SUPPRESSION_V4", "NON_MAX_SUPPRESSION_V5"),
        "a selected box is a candidate again, suppressed by itself only: one without an area is selected many times",
        "a box is selected once",
        "kernels/internal/reference/non_max_suppression.h, NonMaxSuppression",
        Treatment.REPRODUCED,
        ("indexing.non_max_suppression:prepare", "indexing.non_max_suppression:_select"),
        reconsiders_selected,
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
        quantizes_float,
    ),
    Quirk(
        "skip-gram-leading-space",
        ("SKIP_GRAM",),
        "the first word of a sentence that begins with a space is lost; an only word keeps the space",
        "white space in front is not part of a word",
        "kernels/skip_gram.cc, Eval",
        Treatment.REPRODUCED,
        ("indexing.skip_gram:prepare", "indexing.skip_gram:words_of"),
        begins_sentences_with_space,
    ),
    Quirk(
        "slice-index-out-of-bounds",
        ("STRIDED_SLICE",),
        "leaves the output unwritten where the index of a dropped axis is out of bounds",
        "there is no such element",
        "kernels/strided_slice.cc, Prepare",
        Treatment.REFUSED,
        ("shape.strided_slice:prepare_strided_slice",),
        never,
    ),
)
