"""q31 evaluate: counts held to NumPy's on real digits and on scores worked out by hand, and what is refused."""

from __future__ import annotations

import gzip
import json
import struct
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import q31
from conformance.shared import SHARED, needs_shared
from q31.engine.views import Port
from q31.schema import GraphBuilder, Quantization, TensorType, write
from q31.schema.options import AddOptions, SVDFOptions
from q31.tools.cli import main
from q31.tools.digits.bundle import DIGITS, model_path, read_digits
from q31.tools.evaluation.counts import Counts
from q31.tools.evaluation.data import Dataset, open_data, parse_slice
from q31.tools.evaluation.labels import read_labels, read_names
from q31.tools.evaluation.running import Options, evaluate_part
from q31.tools.evaluation.values import to_input
from q31.tools.ports import from_pixels, quantize

MNIST = SHARED / "data" / "mnist"
UINT8, INT8, FLOAT = (str(model_path(form)) for form in ("integer_uint8", "integer_int8", "float32"))
F, I8 = TensorType.FLOAT32, TensorType.INT8


def passing(classes: int = 4, kind: TensorType = F, quantization: Quantization | None = None) -> bytes:
    """A model whose scores are its input."""
    builder = GraphBuilder()
    x, y = (builder.tensor(name, kind, (1, classes), quantization) for name in "xy")
    builder.operator("RELU", [x], [y])
    return write(builder.build([x], [y]))


# Counts

SCORES = np.array([[3, 9, 9, 1], [5, 5, 5, 5], [1, 2, 3, 4], [4, 3, 2, 1]], np.int8)


def test_counts_worked_out_by_hand() -> None:
    counts = Counts.of(SCORES, np.array([2, 3, 3, 3]))
    # 9 and 9: the lower index is given. All equal: 0 is given, 3 is the last.
    np.testing.assert_array_equal(counts.confusion, [[0, 0, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0], [2, 0, 0, 1]])
    np.testing.assert_array_equal(counts.ranks, [1, 1, 0, 2])
    assert [counts.right(top) for top in (1, 2, 3, 4, 9)] == [1, 2, 2, 4, 4]
    assert counts.accuracy() == 0.25 and counts.examples == 4
    np.testing.assert_array_equal(counts.recall, [np.nan, np.nan, 0, 1 / 3])
    np.testing.assert_array_equal(counts.precision, [0, 0, np.nan, 1])
    assert counts.confused() == [(3, 0, 2), (2, 1, 1)]
    assert np.isnan(Counts.empty(3).accuracy())


def test_a_nan_is_below_every_number() -> None:
    scores = np.array([[np.nan, -np.inf, 1], [np.nan, np.nan, np.nan]])
    counts = Counts.of(scores, np.array([0, 0]))
    assert counts.not_numbers == 2
    np.testing.assert_array_equal(counts.confusion, [[1, 0, 1], [0, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(counts.ranks, [1, 1, 0])


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 40), max_size=5), st.integers(2, 7))
def test_counts_are_the_same_for_any_parts_in_any_order(seed: int, cuts: list[int], classes: int) -> None:
    random = np.random.default_rng(seed)
    scores, labels = random.integers(-3, 3, (40, classes)), random.integers(0, classes, 40)
    first = random.random(40) < 0.5
    whole = Counts.of(scores, labels, first)
    edges = [0, *sorted(cuts), 40]
    parts = [Counts.of(scores[a:b], labels[a:b], first[a:b]) for a, b in pairwise(edges)]
    random.shuffle(parts)
    merged = Counts.empty(classes)
    for part in parts:
        merged = merged.merge(part)
    assert merged == whole == Counts.from_dict(json.loads(json.dumps(whole.to_dict())))
    # Against NumPy's own: argmax for the first, a stable sort for the rest.
    order = np.argsort(-scores, axis=1, kind="stable")
    for top in range(1, classes + 1):
        assert whole.right(top) == (order[:, :top] == labels[:, None]).any(axis=1).sum()
    assert whole.confusion[labels[0]].sum() == (labels == labels[0]).sum()
    assert whole.lost == (first & (scores.argmax(axis=1) != labels)).sum()


def test_counts_of_other_classes_do_not_merge() -> None:
    with pytest.raises(q31.InputError, match="3 and of 4 classes"):
        Counts.empty(3).merge(Counts.empty(4))
    with pytest.raises(q31.InputError, match="label 4 is beyond the model's 4 classes"):
        Counts.of(SCORES, np.array([0, 1, 4, 2]))


# What becomes of data


def port(kind: Any, scale: float = 0.0, zero_point: int = 0, shape: tuple[int, ...] = (1, 2, 2)) -> Port:
    return Port("x", 0, shape, shape, np.dtype(kind), scale, zero_point)


def test_the_rule_of_inputs() -> None:
    real = np.array([[[0.0, 0.25], [0.26, 9.0]]], np.float64)
    pixels = np.array([[[0, 128], [200, 255]]], np.uint8)
    fine = port("i1", 0.02, -3)
    np.testing.assert_array_equal(to_input(real, fine), [[[-3, 10], [10, 127]]])  # 12.5 goes away from zero, to 13
    np.testing.assert_array_equal(to_input(real, port("f4")), real.astype(np.float32))
    np.testing.assert_array_equal(to_input(pixels, port("u1", 1, 0)), pixels)
    np.testing.assert_array_equal(to_input(pixels, fine), pixels.astype(int) - 128)
    np.testing.assert_allclose(to_input(pixels, port("f4")), pixels / 255, rtol=1e-6)
    np.testing.assert_array_equal(to_input(pixels, fine, (-1, 1)), from_pixels(fine, pixels, -1, 1))
    wide = port("u1", 0.5, 10)
    np.testing.assert_array_equal(to_input(pixels, wide, (0, 255)), np.minimum(10 + 2 * pixels.astype(int), 255))
    codes = np.array([[[-128, 1], [2, 3]]], np.int8)
    np.testing.assert_array_equal(to_input(codes, fine), codes)
    words = np.array([[[0, 1], [2, 300]]], np.int64)
    np.testing.assert_array_equal(to_input(words, port("i4")), words)
    assert to_input(real[..., None], port("f4")).shape == (1, 2, 2)
    assert to_input(real, port("f4", shape=(1, 2, 2, 1))).shape == (1, 2, 2, 1)


def test_data_that_an_input_cannot_stand_for() -> None:
    with pytest.raises(q31.InputError, match=r"expected data of shape \[N, 2, 2\], got \[1, 4\]"):
        to_input(np.zeros((1, 4)), port("f4"))
    with pytest.raises(q31.InputError, match="neither its codes"):
        to_input(np.zeros((1, 2, 2), np.int64), port("i1", 0.1))
    with pytest.raises(q31.InputError, match="goes from 0 to 2147483648"):
        to_input(np.array([[[0, 1], [2, 2**31]]]), port("i4"))
    with pytest.raises(q31.InputError, match="takes no example by itself"):
        to_input(np.zeros((4, 2)), port("f4", shape=(4, 2)))


# Labels and data from files


def write_idx(path: Path, array: np.ndarray, kind: int = 8) -> Path:
    header = struct.pack(f">HBB{array.ndim}I", 0, kind, array.ndim, *array.shape)
    path.write_bytes(gzip.compress(header + array.astype(array.dtype.newbyteorder(">")).tobytes()))
    return path


def test_labels_of_every_kind_of_file(tmp_path: Path) -> None:
    labels = np.array([3, 0, 2, 2])
    np.save(tmp_path / "l.npy", labels.astype(np.uint8)[:, None])
    np.savez(tmp_path / "l.npz", images=np.zeros(4), y=labels)
    (tmp_path / "l.txt").write_text("3\n0\n\n2\n2\n")
    (tmp_path / "names.txt").write_text("three\nzero\n two\n2\n")
    (tmp_path / "last.csv").write_text("a.png,3\nb.png,0\nc.png,2\nd.png,2\n")
    (tmp_path / "named.csv").write_text('Label,file\r\n3,"a,1"\r\n0,b\r\n2,c\r\n2,d\r\n')
    write_idx(tmp_path / "l-idx1-ubyte.gz", labels.astype(np.uint8))
    write_idx(tmp_path / "l.idx", labels.astype(np.int32), 0x0C)
    (tmp_path / "classes").write_text("zero\none\ntwo\nthree\n")
    classes = read_names(tmp_path / "classes")
    names = sorted(one.name for one in tmp_path.iterdir() if one.name.startswith(("l", "n")))
    assert len(names) == 8
    for name in names:
        np.testing.assert_array_equal(read_labels(tmp_path / name, classes), labels, err_msg=name)
    np.testing.assert_array_equal(read_labels([3.0, 0, 2, 2]), labels)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("1\nx\n", "label 2: 'x' is no integer"),
        ("1\n-1\n", "from 0 on"),
        ("1,2\n3\n", "row 2 has 1 cells"),
    ],
)
def test_text_that_is_no_labels(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / f"l.{'csv' if ',' in content else 'txt'}"
    path.write_text(content)
    with pytest.raises(q31.InputError, match=message):
        as_given = read_labels(path)
        open_data(np.zeros((2, 1)), as_given)


def test_arrays_that_are_no_labels() -> None:
    for wrong, message in (
        ([0.5], "integers from 0 on"),
        (np.eye(3), "argmax"),
        ([[1], [1, 2]], "labels"),
        ([None], "expected labels of integers"),
    ):
        with pytest.raises(q31.InputError, match=message):
            read_labels(wrong)


def folder_of_digits(folder: Path, names: list[str]) -> Path:
    image = pytest.importorskip("PIL.Image")
    digits = read_digits()
    for index, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for number in range(2):
            image.fromarray(digits.images[index]).save(folder / name / f"{number}.png")
    (folder / names[0] / "notes.txt").write_text("no image")
    (folder / ".hidden").mkdir()
    return folder


def test_a_folder_with_a_subfolder_for_each_class(tmp_path: Path) -> None:
    digits = folder_of_digits(tmp_path / "digits", [str(n) for n in range(10)])
    found = q31.evaluate(UINT8, digits, timing=False)
    assert (found.models[0].counts.right(), found.examples) == (20, 20)
    # By the order of their names: digit 0 lies in "b", which is class 1.
    named = open_data(folder_of_digits(tmp_path / "named", ["b", "a"]))
    assert named.class_names == ("a", "b") and named.labels is not None
    np.testing.assert_array_equal(named.labels, [0, 0, 1, 1])
    other = open_data(tmp_path / "named", class_names=["z", "b", "a"])
    np.testing.assert_array_equal(other.labels, [2, 2, 1, 1])
    with pytest.raises(q31.InputError, match="subfolder 'a' is none of the class names"):
        open_data(tmp_path / "named", class_names=["b", "c"])
    flat = q31.evaluate(UINT8, tmp_path / "digits" / "7", [7, 7], timing=False)
    assert flat.models[0].counts.right() == 2
    with pytest.raises(q31.InputError, match="no images in the folder"):
        open_data(tmp_path / "digits" / ".hidden")


# Whole evaluations


def test_models_side_by_side() -> None:
    digits = read_digits()
    found = q31.evaluate([UINT8, INT8, q31.load(FLOAT)], DIGITS)
    assert [one.counts.right() for one in found.models] == [10, 10, 10]
    assert [one.name for one in found.models] == [Path(UINT8).name, Path(INT8).name, "model 3"]
    for one, path in zip(found.models, (UINT8, INT8, FLOAT), strict=True):
        assert one.cost.file_bytes == Path(path).stat().st_size > one.cost.weights_bytes > 20_000
        assert (one.milliseconds or 0) > 0 and (one.cost.milliseconds or 0) > 0
    # Wrong on purpose: labels moved by one, a first model that is always wrong.
    wrong = q31.evaluate([UINT8, FLOAT], digits.images, (digits.labels + 1) % 10, timing=False)
    assert [one.counts.right() for one in wrong.models] == [0, 0] and wrong.models[1].cost.milliseconds is None
    assert str(wrong).splitlines()[2].startswith(Path(UINT8).name)


def test_lost_and_won() -> None:
    # The second model sees codes of a coarse scale, in which the two scores are equal: the lowest index wins.
    data = np.array([[0.5, 0.6], [0.6, 0.5], [0.5, 3.0]], np.float32)
    coarse = passing(2, I8, Quantization((1.0,), (0,)))
    found = q31.evaluate([passing(2), coarse], data, [1, 0, 1], top=1, timing=False)
    first, second = (one.counts for one in found.models)
    assert (first.right(), second.right(), second.lost, second.won) == (3, 2, 1, 0)
    assert found.drop(found.models[1]) == pytest.approx(100 / 3)


@needs_shared
def test_held_back_images_as_the_record_has_them(capsys: pytest.CaptureFixture[str]) -> None:
    images, labels = (str(MNIST / f"t10k-{name}.gz") for name in ("images-idx3-ubyte", "labels-idx1-ubyte"))
    command = ["evaluate", UINT8, "--data", images, "--labels", labels, "--select", "4::5", "--no-timing", "--json"]
    assert main(command) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["examples"], found["models"][0]["right"]) == (2000, 1955)
    whole = q31.load(UINT8)(from_pixels(q31.load(UINT8).inputs[0], open_data(images).columns["data"][4::5]))
    held = open_data(images, labels).select(slice(4, None, 5)).labels
    assert held is not None
    for entry in found["models"][0]["per_class"]:
        own = held == entry["class"]
        assert entry["recall"] == pytest.approx((whole.argmax(axis=1) == held)[own].mean())


def test_parts_add_up_to_the_whole() -> None:
    digits = read_digits()
    many = Dataset({"x": np.repeat(digits.images, 9, axis=0)}, np.repeat(digits.labels[::-1], 9).astype(np.int64))
    models = [q31.load(UINT8), q31.load(FLOAT)]
    whole = evaluate_part(models, many, Options())
    parts = [evaluate_part(models, many.part(a, b), Options()) for a, b in ((50, 90), (0, 1), (1, 50))]
    merged = [one.merge(two).merge(three) for one, two, three in zip(*parts, strict=True)]
    assert merged == whole and whole[0].examples == 90


def test_examples_of_a_model_with_state_are_independent() -> None:
    builder = GraphBuilder()
    x = builder.tensor("x", F, (1, 2))
    state = builder.tensor("state", F, (1, 6), is_variable=True)
    features = builder.tensor("features", F, (2, 2), value=np.eye(2))
    time = builder.tensor("time", F, (2, 3), value=np.ones((2, 3)))
    y = builder.tensor("y", F, (1, 2))
    builder.operator("SVDF", [x, features, time, -1, state], [y], SVDFOptions(rank=1))
    model = q31.load(write(builder.build([x], [y])))
    data = np.array([[5, 0], [0, 1], [0, 1]], np.float32)
    assert [int(np.argmax(model(one[None]))) for one in data] == [0, 0, 0]  # the first goes on in the sums
    model.reset()
    assert q31.evaluate(model, data, [0, 1, 1], top=1, timing=False).models[0].counts.right() == 3
    whole = evaluate_part([model], Dataset({"x": data}, np.array([0, 1, 1])), Options())
    assert whole[0].right() == 3


def test_a_reset_makes_the_next_call_the_first() -> None:
    from q31.tools.conformance.control_flow_graphs import counting

    model = q31.load(write(counting()))  # a variable, set once, that calls add to
    first, second = (model(np.ones((1, 3), np.float32)) for _ in range(2))
    model.reset()
    np.testing.assert_array_equal(model(np.ones((1, 3), np.float32)), first)
    assert (first != second).all()


def test_inputs_by_name_and_labels_beside_them(tmp_path: Path) -> None:
    builder = GraphBuilder()
    x, y, z = (builder.tensor(name, F, (1, 3)) for name in ("x", "y", "z"))
    builder.operator("ADD", [x, y], [z], AddOptions())
    model = write(builder.build([x, y], [z]))
    one, two = np.eye(3, dtype=np.float32), 2 * np.eye(3, dtype=np.float32)[::-1]
    found = q31.evaluate(model, {"x": one, "y": two}, [2, 1, 0], top=1, timing=False)  # y is an input here
    assert found.models[0].counts.right() == 3
    np.savez(tmp_path / "d.npz", x=one, labels=np.arange(3))
    with pytest.raises(q31.InputError, match="the data has nothing for input 'y'; it has x, labels"):
        q31.evaluate(model, tmp_path / "d.npz")
    # Labels that are given count, not those in the file.
    alone = q31.evaluate(passing(3), tmp_path / "d.npz", [0, 1, 1], timing=False)
    assert alone.models[0].counts.right() == 2


# The command


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "names").write_text("\n".join(f"digit{n}" for n in range(10)))
    names = ["--class-names", str(tmp_path / "names")]
    assert main(["evaluate", UINT8, "--data", str(DIGITS), *names]) == 0
    printed = capsys.readouterr().out
    for text in ("100.00 %", "ms/call", "label \\ predicted", "digit9", "10 examples"):
        assert text in printed
    assert main(["evaluate", UINT8, FLOAT, "--data", str(DIGITS), "--limit", "3", "--max-drop", "0", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["examples"] == 3 and [one["right"] for one in found["models"]] == [3, 3]
    assert np.array(found["models"][0]["confusion"]).trace() == 3


def test_a_drop_beyond_what_is_allowed_exits_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "fine.tflite").write_bytes(passing(2))
    (tmp_path / "coarse.tflite").write_bytes(passing(2, I8, Quantization((1.0,), (0,))))
    np.savez(tmp_path / "d.npz", x=np.array([[0.5, 0.6], [0.6, 0.5]], np.float32), labels=[1, 0])
    command = ["evaluate", *(str(tmp_path / f"{name}.tflite") for name in ("fine", "coarse")), "--no-timing"]
    command += ["--data", str(tmp_path / "d.npz"), "--per-class", "--confusion"]
    assert main([*command, "--max-drop", "49.9"]) == 1
    assert "no: coarse.tflite is 50.00 points below fine.tflite" in capsys.readouterr().out
    assert main([*command, "--max-drop", "50"]) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--data", "{npy}"], "there are no labels: give --labels"),
        (["--data", "{npy}", "--labels", "{short}"], "there are 10 examples and 2 labels"),
        (["--data", "{bad}"], "expected .npz, .npy, an IDX file or a folder of images"),
        (["--data", "nowhere.npz"], "nowhere.npz: No such file"),
        (["--data", "{digits}", "--label-offset", "5"], "label 10 is beyond the model's 10 classes"),
        (["--data", "{digits}", "--label-offset", "-1"], "would be below 0"),
        (["--data", "{digits}", "--select", "4"], "expected START:STOP"),
        (["--data", "{digits}", "--select", "90:"], "no example is selected"),
        (["--data", "{digits}", "--limit", "0"], "positive integer as limit"),
        (["--data", "{digits}", "--top", "0"], "positive integer as top"),
        (["--data", "{digits}", "--output", "z"], "no output 'z': --output says which"),
        (["--data", "{digits}", "--class-names", "{twice}"], "'a' is there twice"),
    ],
)
def test_bad_input_is_one_line(
    options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "x.npy", read_digits().images)
    (tmp_path / "short.txt").write_text("1\n2\n")
    (tmp_path / "bad.bin").write_bytes(b"nothing known")
    (tmp_path / "twice").write_text("a\na\n")
    paths = {
        "{npy}": tmp_path / "x.npy",
        "{short}": tmp_path / "short.txt",
        "{bad}": tmp_path / "bad.bin",
        "{twice}": tmp_path / "twice",
        "{digits}": DIGITS,
    }
    assert main(["evaluate", UINT8, *(str(paths.get(one, one)) for one in options)]) == 2
    captured = capsys.readouterr()
    assert message in captured.err and captured.err.count("\n") == 1 and not captured.out


@pytest.mark.parametrize("kind", [F, I8])
def test_one_probability_is_that_of_class_1(kind: TensorType) -> None:
    builder = GraphBuilder()
    x = builder.tensor("x", kind, (1, 1), Quantization((0.1,), (0,)) if kind is I8 else None)
    y = builder.tensor("y", kind, (1, 1), Quantization((1 / 256,), (-128,)) if kind is I8 else None)
    shape = builder.tensor("shape", TensorType.INT32, (1,), value=[1])
    z = builder.tensor("z", kind, (1,), Quantization((1 / 256,), (-128,)) if kind is I8 else None)
    builder.operator("LOGISTIC", [x], [y])
    builder.operator("RESHAPE", [y, shape], [z])
    data = np.array([[-3], [0], [0.2], [5], [5]], np.float32)  # 0 gives one half, which is not above one half
    found = q31.evaluate(write(builder.build([x], [z])), data, [0, 0, 1, 1, 0], timing=False)
    np.testing.assert_array_equal(found.models[0].counts.confusion, [[2, 1], [0, 2]])


def test_models_that_give_no_classes() -> None:
    with pytest.raises(q31.InputError, match=r"\(regression\), q31 debug"):
        q31.evaluate(passing(1), np.zeros((2, 1), np.float32), [0, 0])
    with pytest.raises(q31.InputError, match="autoencoders"):
        q31.evaluate(passing(4), np.zeros((2, 4), np.float32))
    found = q31.evaluate(passing(4), np.zeros((2, 4), np.float32), [0, 0], timing=False)
    assert "shape of the input" in found.models[0].notes[0]


def test_quantized_real_numbers_are_those_of_quantize() -> None:
    model = q31.load(INT8)
    real = np.random.default_rng(0).random((4, 28, 28))
    np.testing.assert_array_equal(to_input(real, model.inputs[0]), quantize(model.inputs[0], real))


def test_slices() -> None:
    assert [parse_slice(text) for text in (None, ":", "4::5", "1:2")] == [
        None,
        slice(None, None),
        slice(4, None, 5),
        slice(1, 2),
    ]
