"""FlexBuffers: what flatbuffers' own builder writes is read back, and malformed bytes are a ModelError."""

from __future__ import annotations

import contextlib
import struct
from typing import Any

import pytest
from flatbuffers import flexbuffers
from hypothesis import given
from hypothesis import strategies as st

from q31.schema import ModelError
from q31.schema.flexbuffer import flexbuffer_map, flexbuffer_value

_keys = st.text(st.characters(min_codepoint=1, max_codepoint=127), max_size=6)
_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(-1e30, 1e30),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.binary(),
)
_values = st.recursive(
    _scalars, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_keys, inner, max_size=4))
)


def written(value: Any) -> bytes:
    return bytes(flexbuffers.Dumps(value))


@given(st.dictionaries(_keys, _values, max_size=6))
def test_what_the_builder_writes_is_read_back(value: dict[str, Any]) -> None:
    assert flexbuffer_map(written(value)) == value


def test_typed_vectors_tuples_and_indirect_numbers() -> None:
    builder = flexbuffers.Builder()
    with builder.Map():
        builder.Key("bools")
        builder.TypedVectorFromElements([True, False])
        builder.Key("floats")
        builder.TypedVectorFromElements([0.5, 1.5, -2.0, 3.0, 4.0])
        builder.Key("indirect")
        builder.IndirectFloat(0.1)
        builder.Key("integers")
        builder.TypedVectorFromElements([1, -300])
        builder.Key("triple")
        builder.FixedTypedVectorFromElements([1, 2, 3])
    assert flexbuffer_map(bytes(builder.Finish())) == {
        "bools": [True, False],
        "floats": [0.5, 1.5, -2.0, 3.0, 4.0],
        "indirect": 0.1,
        "integers": [1, -300],
        "triple": [1, 2, 3],
    }


def test_bytes_by_hand() -> None:
    # Key "a", keys vector of one, then the map: keys offset, keys width, size, value 7, its type; root offset 2.
    data = b"a\0" + b"\x01\x03" + b"\x01\x01\x01" + b"\x07\x04" + b"\x02\x24\x01"
    assert flexbuffer_map(data) == {"a": 7}


def test_no_bytes_are_an_empty_map() -> None:
    assert flexbuffer_map(None) == flexbuffer_map(b"") == {}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\0", "too few"),
        (b"\0\0\3", "a root of 3 bytes"),
        (b"\5\4\1", "expected a map"),
        (b"\5\x24\1", "before the first byte"),
        (b"\0\0\x0d\2", "floating-point number of 2"),
        (b"\0\xf8\1", "62 is not a type"),
        (b"xx\2\x10\1", "no end"),
    ],
)
def test_malformed_bytes_are_named(data: bytes, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        flexbuffer_map(data)


def test_nesting_has_an_end() -> None:
    value: Any = 1
    for _ in range(40):
        value = [value, "x"]
    with pytest.raises(ModelError, match="deep"):
        flexbuffer_value(written(value))


def test_bytes_referred_to_over_and_over_are_refused() -> None:
    # Each vector has sixteen elements, all of them the vector before it.
    data, last = bytearray(b"\x01\x05\x04"), 1
    for level in range(12):
        data += struct.pack("<I", 16) if level else struct.pack("<xI", 16)
        start = len(data)
        data += b"".join(struct.pack("<I", start + 4 * i - last) for i in range(16)) + bytes([10 << 2 | 2]) * 16
        last = start
    data += struct.pack("<I", len(data) - last) + bytes([10 << 2 | 2, 4])
    with pytest.raises(ModelError):
        flexbuffer_value(bytes(data))


@given(st.binary(max_size=40))
def test_any_bytes_give_a_value_or_a_model_error(data: bytes) -> None:
    with contextlib.suppress(ModelError):
        flexbuffer_value(data)


@given(st.dictionaries(_keys, _values, max_size=4), st.data())
def test_damaged_bytes_give_a_value_or_a_model_error(value: dict[str, Any], data: st.DataObject) -> None:
    damaged = bytearray(written(value))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ModelError):
        flexbuffer_map(bytes(damaged))
