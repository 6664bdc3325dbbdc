"""Hash tables: what the oracle cannot say, the errors."""

from __future__ import annotations

import numpy as np
import pytest

import q31
from q31.schema import GraphBuilder, TensorType, write
from q31.schema.options import HashtableFindOptions, HashtableImportOptions, HashtableOptions

INT64, STRING, RESOURCE, FLOAT32 = TensorType.INT64, TensorType.STRING, TensorType.RESOURCE, TensorType.FLOAT32
NUMBERS_TO_WORDS = HashtableOptions(1, INT64, STRING)
WORDS = np.array([b"one", b"two"], object)


def looked_up(
    options: HashtableOptions | None = NUMBERS_TO_WORDS,
    keys: tuple[int, ...] = (1, 2),
    default: tuple[bytes, ...] = (b"none",),
    filled: bool = True,
) -> list[bytes]:
    builder = GraphBuilder()
    asked, found = builder.tensor("asked", INT64, (3,)), builder.tensor("found", STRING, (3,))
    handle = builder.tensor("handle", RESOURCE, (1,))
    builder.operator("HASHTABLE", [], [handle], options)
    if filled:
        sources = [
            builder.tensor("keys", INT64, (len(keys),), value=keys),
            builder.tensor("w", STRING, (2,), value=WORDS),
        ]
        builder.operator("HASHTABLE_IMPORT", [handle, *sources], [], HashtableImportOptions())
    other = builder.tensor("default", STRING, (len(default),), value=np.array(default, object))
    builder.operator("HASHTABLE_FIND", [handle, asked, other], [found], HashtableFindOptions())
    model = q31.load(bytes(write(builder.build([asked], [found]))))
    return model(np.array([2, 3, 1])).tolist()


def test_keys_that_are_not_there_have_the_default() -> None:
    assert looked_up() == [b"two", b"none", b"one"]


def test_the_first_of_a_keys_values_is_kept() -> None:
    assert looked_up(keys=(1, 1)) == [b"none", b"none", b"one"]


def test_what_a_table_cannot_be_is_refused() -> None:
    with pytest.raises(q31.ModelError, match="string to int64; got float32 to float32"):
        looked_up(HashtableOptions())
    with pytest.raises(q31.ModelError, match="the table is of string to int64"):
        looked_up(HashtableOptions(1, STRING, INT64))
    with pytest.raises(q31.ModelError, match="expected HashtableOptions"):
        looked_up(None)


def test_a_table_that_is_not_filled_is_refused() -> None:
    with pytest.raises(q31.ModelError, match="not filled"):
        looked_up(filled=False)


def test_keys_without_values_and_no_default_are_refused() -> None:
    with pytest.raises(q31.ModelError, match="a value for each key"):
        looked_up(keys=(1, 2, 3))
    with pytest.raises(q31.ModelError, match="a default"):
        looked_up(default=())


def test_other_tensors_are_no_handles() -> None:
    builder = GraphBuilder()
    x, size = builder.tensor("x", FLOAT32, (1,)), builder.tensor("size", INT64, (1,))
    builder.operator("HASHTABLE_SIZE", [x], [size])
    with pytest.raises(q31.ModelError, match="handle of a hash table"):
        q31.load(bytes(write(builder.build([x], [size]))))(np.zeros(1, np.float32))
