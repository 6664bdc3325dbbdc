"""Representative data: every form that people have it in, and one clear error for each thing that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from q31.schema import Graph, InputError, Signature, TensorType
from q31.schema.builder import GraphBuilder
from q31.schema.options import AddOptions
from q31.tools.quantization.dataset import Dataset

FLOAT32 = TensorType.FLOAT32


def one_input(shape: tuple[int, ...] = (1, 2), signature: tuple[int, ...] = (), type: TensorType = FLOAT32) -> Graph:
    builder = GraphBuilder()
    x = builder.tensor("x", type, shape, shape_signature=signature)
    y = builder.tensor("y", type, shape)
    builder.operator("RELU", [x], [y])
    return builder.build([x], [y], signatures=[Signature("serve", 0, (("picture", x),), (("out", y),))])


def two_inputs() -> Graph:
    builder = GraphBuilder()
    a, b, y = (builder.tensor(name, FLOAT32, (1, 2)) for name in "aby")
    builder.operator("ADD", [a, b], [y], AddOptions())
    return builder.build([a, b], [y], signatures=[Signature("serve", 0, (("right", b), ("left", a)), (("out", y),))])


def drawn(data: Any, graph: Graph | None = None, **options: Any) -> list[list[list[Any]]]:
    """Return the examples as nested lists."""
    return [[array.tolist() for array in one.arrays] for one in Dataset.of(data, graph or one_input(), **options)]


ROWS = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
EXPECTED = [[[[1.0, 2.0]]], [[[3.0, 4.0]]], [[[5.0, 6.0]]]]


def in_lists() -> Iterator[list[np.ndarray]]:
    """Yield as TensorFlow's converter wants it: one list an example, an array an input."""
    for row in ROWS:
        yield [row[None]]


class Representative:
    """What TensorFlow wraps such a function in."""

    input_gen = staticmethod(in_lists)


@pytest.mark.parametrize(
    "data",
    [
        ROWS,
        ROWS[:, None],
        {"x": ROWS},
        {"picture": ROWS},
        list(ROWS),
        [row[None] for row in ROWS],
        in_lists,
        in_lists(),
        Representative(),
        lambda: ROWS,
        [{"x": row} for row in ROWS],
        ({"picture": row[None]} for row in ROWS),
        [("serve", {"picture": row}) for row in ROWS],
        [(row,) for row in ROWS],
        [[[[1, 2]]], [[[3, 4]]], [[[5.0, 6.0]]]],
    ],
)
def test_forms_of_one_input(data: Any) -> None:
    assert drawn(data) == EXPECTED


def test_forms_of_two_inputs() -> None:
    expected = [[[[1.0, 2.0]], [[10.0, 20.0]]], [[[3.0, 4.0]], [[30.0, 40.0]]], [[[5.0, 6.0]], [[50.0, 60.0]]]]
    for data in (
        {"a": ROWS, "b": ROWS * 10},
        {"right": ROWS * 10, "left": ROWS[:, None]},
        list(zip(ROWS, ROWS * 10, strict=True)),
        [{"b": row * 10, "a": row} for row in ROWS],
    ):
        assert drawn(data, two_inputs()) == expected


def test_a_dataset_can_be_drawn_twice_and_knows_its_length() -> None:
    dataset = Dataset.of(in_lists, one_input())
    assert len(list(dataset)) == len(list(dataset)) == 3 and dataset.total is None
    assert Dataset.of(dataset, one_input()) is dataset
    assert Dataset.of(ROWS, one_input()).total == Dataset.of(list(ROWS), one_input()).total == 3


def test_skip_and_limit() -> None:
    assert drawn(ROWS, skip=1, limit=1) == EXPECTED[1:2]
    assert drawn(in_lists, skip=2) == EXPECTED[2:]
    assert [Dataset.of(ROWS, one_input(), skip=s, limit=m).total for s, m in ((0, 2), (2, 2), (5, None))] == [2, 1, 0]


def test_sizes_left_open_may_be_any() -> None:
    graph = one_input((1, 1), (-1, -1))
    assert drawn([np.ones((1, 3), np.float32), np.ones(2, np.float32)], graph) == [[[[1.0] * 3]], [[[1.0] * 2]]]
    assert drawn([np.ones((2, 3), np.float32)], graph) == [[[[1.0] * 3] * 2]]
    assert len(drawn(np.ones((4, 3), np.float32), graph)) == 4


def test_without_a_batch_an_array_of_the_shape_is_one_example() -> None:
    assert drawn(ROWS, one_input((3, 2))) == [[ROWS.tolist()]]
    assert drawn(ROWS[None], one_input((3, 2))) == [[ROWS.tolist()]]
    assert drawn(np.arange(3, dtype=np.float32), one_input((1,), (-1,))) == [[[0.0]], [[1.0]], [[2.0]]]


def test_files(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", ROWS)
    np.savez(tmp_path / "any.npz", ROWS)
    np.savez(tmp_path / "two.npz", a=ROWS, b=ROWS)
    np.savez(tmp_path / "ordered.npz", ROWS, ROWS * 10)
    np.savez(tmp_path / "labelled.npz", images=ROWS, labels=np.arange(3))
    np.savez(tmp_path / "keras.npz", x_train=ROWS, y_train=np.arange(3), x_test=ROWS[:1], y_test=np.arange(1))
    for name in ("x.npy", "any.npz", "labelled.npz", "keras.npz"):
        assert drawn(str(tmp_path / name)) == EXPECTED
    assert drawn(tmp_path / "two.npz", two_inputs())[0] == [[[1.0, 2.0]]] * 2
    assert drawn(tmp_path / "ordered.npz", two_inputs())[0] == [[[1.0, 2.0]], [[10.0, 20.0]]]


def test_bytes_in_files_are_pixels(tmp_path: Path) -> None:
    levels = np.array([[0, 51], [255, 255]], np.uint8)
    np.save(tmp_path / "x.npy", levels)
    (tmp_path / "x-idx2-ubyte").write_bytes(bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 2]) + levels.tobytes())
    for name in ("x.npy", "x-idx2-ubyte"):
        assert drawn(tmp_path / name) == [[[[0.0, np.float32(0.2)]]], [[[1.0, 1.0]]]]
    assert drawn(tmp_path / "x.npy", image_range=(0, 255)) == [[[[0.0, 51.0]]], [[[255.0, 255.0]]]]
    assert drawn(tmp_path / "x.npy", one_input(type=TensorType.UINT8)) == [[[[0, 51]]], [[[255, 255]]]]


def test_a_folder_of_images_in_the_order_of_paths(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    for number, (name, level) in enumerate([("b/two.png", 255), ("a/one.PNG", 51), ("c.bmp", 0)]):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        image.new("L", (4 + number, 3), level).save(path)
    (tmp_path / "labels.txt").write_text("0 1 2\n")
    graph = one_input((1, 1, 2, 1))
    levels = [np.float32(0.2), 1.0, 0.0]
    assert drawn(tmp_path, graph) == [[[[[[level], [level]]]]] for level in levels]
    assert drawn(tmp_path, graph, image_range=(0, 255), limit=1) == [[[[[[51.0], [51.0]]]]]]
    assert drawn(tmp_path, graph, image_range=(-1, 1), skip=1) == [[[[[[1.0], [1.0]]]]], [[[[[-1.0], [-1.0]]]]]]
    assert Dataset.of(tmp_path, graph, limit=2).total == 2


NAN = np.array([[1, 2], [3, np.nan]], np.float32)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (NAN, r"example 1: input 'x': NaN at \[0, 1\]"),
        ([[ROWS[0]], [ROWS[0] * np.inf]], r"example 1: input 'x': infinity at \[0, 0\]"),
        ([], "there is no example in the data"),
        (lambda: iter(()), "there is no example in the data"),
        (ROWS[:0], "there is no example in the data"),
        (np.ones((3, 5), np.float32), r"example 0: input 'x': expected shape \[1, 2\], got \[5\]"),
        ([np.ones((1, 1, 2), np.float32)], r"example 0: input 'x': expected shape \[1, 2\], got \[1, 1, 2\]"),
        ([np.ones((4, 2), np.float32)], r"example 0: input 'x': expected shape \[1, 2\], got \[4, 2\]"),
        (ROWS.astype(np.uint8), "example 0: input 'x': expected data type float32, got uint8"),
        ([[ROWS[0], ROWS[0]]], r"example 0: expected 1 arrays \(x\), got 2"),
        ([()], r"example 0: expected 1 arrays \(x\), got 0"),
        ([ROWS[0], {"z": ROWS[0]}], "example 1: expected arrays named x; got z"),
        ({"z": ROWS}, "the data: expected arrays named x; got z"),
        ([("other", {"x": ROWS[0]})], "example 0: no signature is named 'other'; the model has serve"),
        ([["text"]], "example 0: input 'x': expected data type float32, got <U4"),
        ([[[[1, 2], [3]]]], "example 0: input 'x': expected an array, got list"),
        (5, "expected examples one after the other, got int"),
        (lambda: 5, "expected examples one after the other, got int"),
        (np.float32(1), "expected examples one after the other, got float32"),
        (np.array(1, np.float32), r"input 'x': expected examples of shape \[1, 2\], got a number"),
    ],
    ids=range(20),
)
def test_bad_data_is_one_clear_error(data: Any, message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}"):
        drawn(data)


def test_bad_data_of_two_inputs() -> None:
    with pytest.raises(InputError, match=r"^example 0: expected 2 arrays \(a, b\), got 1$"):
        drawn(list(ROWS), two_inputs())
    with pytest.raises(InputError, match=r"^expected as many examples of each input; got 3 of 'a', 2 of 'b'$"):
        drawn({"a": ROWS, "b": ROWS[:2]}, two_inputs())
    with pytest.raises(InputError, match=r"^the data: expected arrays named a, b; got an array without a name$"):
        drawn(ROWS, two_inputs())


def test_bad_options() -> None:
    for options in ({"skip": -1}, {"limit": 1.5}, {"limit": True}):
        with pytest.raises(InputError, match=rf"^{next(iter(options))}: expected an integer of 0 or more, got "):
            drawn(ROWS, **options)
    with pytest.raises(InputError, match=r"^there is no example in the data behind the first 7$"):
        drawn(ROWS, skip=7)


def test_bad_files(tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_bytes(b"PK nonsense")
    (tmp_path / "x.txt").write_text("1 2 3")
    np.savez(tmp_path / "z.npz", z=ROWS, other=ROWS)
    np.save(tmp_path / "rows.npy", ROWS)
    with pytest.raises(InputError, match=r"x\.npz: expected an \.npz file"):
        drawn(tmp_path / "x.npz")
    with pytest.raises(InputError, match=r"x\.txt: expected \.npz, \.npy, an IDX file or a folder of images"):
        drawn(tmp_path / "x.txt")
    with pytest.raises(InputError, match=r"^the data: expected arrays named x; got z, other"):
        drawn(tmp_path / "z.npz")
    with pytest.raises(InputError, match=r"^the model has 2 inputs: give an \.npz with arrays named a, b"):
        drawn(tmp_path / "rows.npy", two_inputs())
    with pytest.raises(FileNotFoundError):
        drawn(tmp_path / "missing")


def test_bad_images(tmp_path: Path) -> None:
    pytest.importorskip("PIL.Image")
    graph = one_input((1, 2, 2, 1))
    with pytest.raises(InputError, match="no images in the folder"):
        drawn(tmp_path, graph)
    (tmp_path / "cat.jpg").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"cat\.jpg: expected an image: cannot identify"):
        drawn(tmp_path, graph)
    with pytest.raises(InputError, match=r"takes no image"):
        drawn(tmp_path, one_input((1, 2)))
    with pytest.raises(InputError, match="leaves open what size images have"):
        drawn(tmp_path, one_input((1, 1, 1, 1), (-1, -1, -1, 1)))
    with pytest.raises(InputError, match="for a model with one input; this has 2"):
        drawn(tmp_path, two_inputs())
