"""Dumps: bytes, and text in hexadecimal as firmware prints it, and what is said of lines that are wrong."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from q31.schema import Graph, InputError, Quantization, TensorType
from q31.schema.builder import GraphBuilder
from q31.tools.compare.dumps import by_key, find_tensor, fitted, read_dump
from q31.tools.compare.hexdump import parse

BYTES = bytes(range(7, 43))


def parsed(text: str) -> list[tuple[str, bytes]]:
    return [(one.name, bytes(one.data)) for one in parse(text, "d.hex")]


def graph() -> Graph:
    """RELU after RELU: int8 of 6, int16 of 3 values, float32 of 2."""
    builder = GraphBuilder()
    scale = Quantization((0.5,), (0,))
    x = builder.tensor("x", TensorType.INT8, (1, 6), scale)
    a = builder.tensor("add", TensorType.INT8, (1, 6), scale)
    b = builder.tensor("b:0", TensorType.INT16, (3,), scale)
    c = builder.tensor("twin", TensorType.FLOAT32, (2, 1))
    d = builder.tensor("twin", TensorType.FLOAT32, (2, 1))
    for source, target in ((x, a), (a, b), (b, c), (c, d)):
        builder.operator("RELU", [source], [target])
    return builder.build([x], [d])


@pytest.mark.parametrize(
    "text",
    [
        "01 02 03 04",
        "0x01, 0x02,0x03 , 0X04,",
        "01020304",
        "\n# a comment\n// another\n; a third\n0000: 01 02\n0002: 03 04\n",
        "0x20001000: 01 02\r\n0x20001002:  03  04\r\n",
        "00000000: 0102 0304                                ....",
        "00000000  01 02 03 04                                       |....|\n00000004\n",
        "01 02\n03 04",
    ],
)
def test_bytes_are_written_in_many_ways(text: str) -> None:
    assert parsed(text) == [("", b"\1\2\3\4")]


def test_headings_begin_tensors() -> None:
    text = "tensor 3:\n01 02\ntensor conv/Relu\n0: 03\nb:0:\n04\nname: 05 06\nTensor add\n07\n12:\n08"
    expected = [("3", b"\1\2"), ("conv/Relu", b"\3"), ("b:0", b"\4"), ("name", b"\5\6"), ("add", b"\7"), ("12", b"\10")]
    assert parsed(text) == expected


@given(st.binary(min_size=1, max_size=90), st.integers(1, 32), st.integers(0, 2**32), st.sampled_from(["", " ", ", "]))
def test_what_a_program_prints_is_read(data: bytes, width: int, base: int, between: str) -> None:
    rows = range(0, len(data), width)
    text = "\n".join(f"{base + at:08x}: " + between.join(f"{one:02x}" for one in data[at : at + width]) for at in rows)
    assert parsed(text) == [("", data)]


@pytest.mark.parametrize(
    "command", [["xxd"], ["xxd", "-g", "1"], ["xxd", "-p"], ["hexdump", "-C"], ["od", "-An", "-tx1"]]
)
def test_what_tools_print_is_read(command: list[str], tmp_path: Path) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    path = tmp_path / "d.bin"
    path.write_bytes(BYTES)
    printed = subprocess.run([*command, str(path)], capture_output=True, text=True, check=True).stdout
    assert parsed(printed) == [("", BYTES)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("01 02\n03 zz", r"d.hex: line 2: expected bytes of two hexadecimal digits, got 'zz'"),
        ("01 2", r"line 1: expected bytes of two hexadecimal digits, got '2'"),
        ("0000: 01 02\n0003: 03", r"line 2: offset 0x3, but the bytes before it end at 0x2"),
        ("tensor 1\n\ntensor 2\n01", r"line 1: no bytes follow this heading"),
        ("# nothing\n", r"expected bytes in hexadecimal; there are none"),
        ("conv1: xyz", r"line 1: expected bytes of two"),
    ],
)
def test_a_wrong_line_is_named(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse(text, "d.hex")


def read(tmp_path: Path, name: str, content: bytes | str, *layout: str) -> dict[int, list]:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return {index: array.tolist() for index, array in read_dump(str(path), graph(), layout)[0].items()}


def test_layouts_of_bytes(tmp_path: Path) -> None:
    floats = np.array([1.5, -2.0], np.float32).tobytes()
    assert read(tmp_path, "d.bin", floats) == {4: [1.5, -2.0]}  # the model's output
    assert read(tmp_path, "d.bin", b"\xff\0\1\2\3\4", "add") == {1: [-1, 0, 1, 2, 3, 4]}
    assert read(tmp_path, "d.bin", b"\1\0\2\0\xff\xff", "b:0") == {2: [1, 2, -1]}
    both = b"\1\0\2\0\xff\xff" + bytes(6)
    assert read(tmp_path, "d.bin", both, "2", "add") == {2: [1, 2, -1], 1: [0] * 6}
    assert read(tmp_path, "d.raw", bytes(10) + both, "2@10", "add@0x2") == {2: [1, 2, -1], 1: [0] * 6}
    everything = bytes(6) + b"\1\0\2\0\xff\xff" + floats + floats
    assert read(tmp_path, "d.bin", everything, "all")[2] == [1, 2, -1]
    assert read(tmp_path, "d.hex", "tensor add\n00 01 02 03 04 05\nb:0: 0100 0200 ffff") == {
        1: [0, 1, 2, 3, 4, 5],
        2: [1, 2, -1],
    }
    assert read(tmp_path, "d.txt", "0: 01 00 02 00 ff ff", "2") == {2: [1, 2, -1]}


@pytest.mark.parametrize(
    ("name", "content", "layout", "message"),
    [
        ("d.bin", b"1234567", ("add",), "tensor 1 .'add'. takes bytes 0 to 6; there are 7|take 6 bytes; there are 7"),
        ("d.bin", b"12345", ("add",), r"tensor 1 \('add'\) takes bytes 0 to 6; there are 5"),
        ("d.bin", b"", ("nonsense",), "no tensor is named 'nonsense'"),
        ("d.bin", b"", ("99",), "no tensor has the index 99; there are 5"),
        ("d.bin", b"", ("add@x",), "expected an offset in bytes, such as 0x400, got 'x'"),
        ("d.bin", b"", ("twin",), "tensors 3, 4 are all named 'twin': give the index"),
        ("d.hex", "tensor 1\n00 01", (), r"line 1: tensor 1 \('add'\) takes bytes 0 to 6; there are 2"),
        ("d.hex", "tensor what\n00 01", (), "line 1: no tensor is named 'what'"),
        ("d.hex", "tensor 1\n000102030405\ntensor 1\n00", (), "line 3: tensor 1 comes a second time"),
        ("d.npz", b"no", (), "expected an .npz file"),
        ("d.npy", b"no", (), "expected an .npy file"),
        ("d.npy", b"no", ("1", "2"), "holds one tensor of 2"),
        ("d.npz", b"no", ("1",), "--tensor is for dumps without names"),
        ("d.jpg", b"no", (), "expected a dump named"),
    ],
)
def test_dumps_that_do_not_fit(
    tmp_path: Path, name: str, content: bytes, layout: tuple[str, ...], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, name, content, *layout)


def test_keys_of_npz() -> None:
    one = np.zeros(6, np.int8)
    assert set(by_key({"add": one, "2": one, "twin#4": one}, graph())) == {1, 2, 4}
    assert set(by_key({0: one}, graph())) == {0}
    traced = {"stamp": np.array("{}"), "tensor/1": one, "operator/0/name": np.array("RELU")}
    assert set(by_key(traced, graph())) == {1}
    with pytest.raises(InputError, match="no tensor is named 'other'"):
        by_key({"add": one, "other": one}, graph())
    with pytest.raises(InputError, match="there are no tensors in it"):
        by_key({}, graph())


def test_a_name_of_digits_is_a_name_first() -> None:
    builder = GraphBuilder()
    tensors = [builder.tensor(name, TensorType.INT8, (1,)) for name in ("1", "0")]
    builder.operator("RELU", tensors[:1], tensors[1:])
    assert find_tensor(builder.build(tensors[:1], tensors[1:]), "0") == 1


def test_arrays_are_fitted_where_that_changes_nothing() -> None:
    like = np.zeros((1, 2, 3), np.int8)
    for given_ in (np.arange(6), np.arange(6.0).reshape(2, 3), np.arange(6, dtype=np.uint8), np.zeros((1, 2, 3), bool)):
        found = fitted(given_, like, "x")
        assert found.shape == (1, 2, 3) and found.dtype == np.int8 and found.ravel().tolist() == given_.ravel().tolist()
    nan = fitted(np.array([np.nan, 1.5]), np.zeros(2, np.float32), "x")
    assert np.isnan(nan[0]) and nan.dtype == np.float32


@pytest.mark.parametrize(
    "array",
    [
        np.full(6, 200, np.uint8),  # would be -56
        np.full(6, 0.5),
        np.arange(6).reshape(3, 2),
        np.arange(7),
        np.full(6, np.nan),
        np.array(["a"] * 6),
    ],
)
def test_arrays_that_do_not_fit(array: np.ndarray) -> None:
    with pytest.raises(InputError, match="x: expected int8"):
        fitted(array, np.zeros((1, 2, 3), np.int8), "x")
