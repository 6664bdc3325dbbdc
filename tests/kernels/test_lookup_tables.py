"""HASHTABLE_LOOKUP, SKIP_GRAM, LSH_PROJECTION and packed tables: values worked out by hand, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from q31.kernels.indexing.farmhash import fingerprint64
from q31.kernels.indexing.hashtable_lookup import find
from q31.kernels.indexing.skip_gram import words_of
from q31.kernels.operator import Node
from q31.kernels.profiles import LITERT, TFLM
from q31.kernels.registry import find as find_kernel
from q31.schema import ModelError, TensorType, UnsupportedOperatorError
from q31.schema import options as tables
from quirk_nodes import FLOAT32, INT8, INT32, UINT8, node, result, run, spec

STRING, INT4 = TensorType.STRING, TensorType.INT4


def test_keys_are_found_by_bisection() -> None:
    assert find(3, [1, 3, 5]) == 1
    assert find(4, [1, 3, 5]) == -1
    assert find(2, [2, 2, 2, 2]) == 2  # the first that bisection meets
    assert find(9, [9, 1, 1]) == -1  # keys that are not in order


def test_rows_that_are_missing_are_zeros() -> None:
    inputs = (spec([5, 4], INT32), spec([3, 5], INT32), spec([[1.0, 2.0], [3.0, 4.0]], FLOAT32))
    _, (rows, hits) = run(Node("HASHTABLE_LOOKUP", 1, None, inputs, (result(FLOAT32), result(UINT8))), LITERT)
    assert rows.tolist() == [[3.0, 4.0], [0.0, 0.0]]
    assert hits.tolist() == [1, 0]


def test_groups_of_words_come_after_those_they_begin() -> None:
    def grams(*options: int) -> list[bytes]:
        one = node("SKIP_GRAM", [spec([b"a b  c"], STRING)], result(STRING), tables.SkipGramOptions(*options), 1)
        return list(run(one, LITERT)[1])

    assert grams(2, 0, False) == [b"a b", b"b c"]
    assert grams(2, 1, True) == [b"a b", b"a c", b"a", b"b c", b"b", b"c"]
    assert grams(4, 1, True) == []


@pytest.mark.parametrize(
    ("sentence", "litert", "others"),
    [(b" a b c", [b"b", b"c"], [b"a", b"b", b"c"]), (b" ab", [b" ab"], [b"ab"]), (b"", [], []), (b" ", [b" "], [])],
)
def test_a_leading_space(sentence: bytes, litert: list[bytes], others: list[bytes]) -> None:
    assert words_of(sentence, True) == litert
    assert words_of(sentence, False) == others


def test_fingerprints_are_those_of_farmhash() -> None:
    assert fingerprint64(b"") == 0x9AE16A3B2F90404F
    assert len({fingerprint64(bytes(size)) for size in range(200)}) == 200


def test_rows_of_four_bits_begin_where_they_begin_but_in_litert() -> None:
    inputs = [spec([1], INT32), spec([[1, 2, 3], [4, 5, 6]], INT4, 0.5)]
    assert run(node("EMBEDDING_LOOKUP", inputs, result(FLOAT32)), LITERT)[1].tolist() == [[1.5, 2.0, 2.5]]
    assert run(node("EMBEDDING_LOOKUP", inputs, result(FLOAT32)), TFLM)[1].tolist() == [[2.0, 2.5, 3.0]]


def test_what_is_no_table_is_refused() -> None:
    for bad in (
        node("DENSIFY", [], result(INT8), None, 1),
        node("SKIP_GRAM", [spec(np.empty((0,), object), STRING)], result(STRING), None, 1),
        node("LSH_PROJECTION", [spec([[1.0]], FLOAT32), spec([1], INT8)], result(INT32), None, 1),
        node("HASHTABLE_LOOKUP", [spec([1], INT32)] * 2, result(INT32), None, 1),
        node("EMBEDDING_LOOKUP", [spec([0], INT32), spec([[1]], INT8, 1.0)], result(INT32)),
    ):
        with pytest.raises((ModelError, UnsupportedOperatorError), match=bad.name):
            find_kernel(bad).prepare(bad, LITERT)


def test_packed_integers_are_cast_to_float32_only() -> None:
    one = node("CAST", [spec([1], INT4)], result(INT32), None, 1)
    with pytest.raises(UnsupportedOperatorError, match="from and to float32"):
        find_kernel(one).prepare(one, LITERT)
