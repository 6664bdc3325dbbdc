"""The digit classifier's files: what is bundled is what the record speaks of."""

from __future__ import annotations

import gzip
import re
import struct
from pathlib import Path

import numpy as np
import pytest

import q31
from conformance.shared import SHARED, needs_shared
from q31.tools.conformance.oracle import missing
from q31.tools.digits import accuracy, draw_digits, mnist, record_reference
from q31.tools.digits.bundle import FORMS, MODELS, model_path, read_digits, reference, reference_outputs, sha256
from q31.tools.idx import read_idx
from q31.tools.ports import dequantize, from_pixels, quantize

IMAGES = SHARED / "data" / "mnist" / "t10k-images-idx3-ubyte.gz"
LABELS = SHARED / "data" / "mnist" / "t10k-labels-idx1-ubyte.gz"


def test_the_record_is_of_the_bundled_files() -> None:
    record = reference()
    assert set(record["forms"]) == set(FORMS)
    assert sorted(path.name for path in MODELS.iterdir()) == sorted(model_path(form).name for form in FORMS)
    for form, entry in record["forms"].items():
        content = model_path(form).read_bytes()
        assert (q31.load(content).sha256, len(content)) == (entry["model_sha256"], entry["bytes"])
        assert entry["held_back_correct"] / record["held_back"] > 0.97
    assert record["digits_sha256"] == sha256(read_digits().images)
    assert sum(path.stat().st_size for path in MODELS.iterdir()) < 400_000


def test_models_hold_no_path_of_the_machine_that_made_them() -> None:
    for form in FORMS:
        content = model_path(form).read_bytes()
        assert not re.search(rb"/(home|tmp|root|usr|work|Users)/|\.py\b", content), form


def test_models_take_any_batch() -> None:
    for form in FORMS:
        model = q31.load(model_path(form))
        assert model.inputs[0].shape == (1, 28, 28) and model.inputs[0].shape_signature == (-1, 28, 28)


def test_drawing_gives_the_bundled_digits() -> None:
    digits = read_digits()
    np.testing.assert_array_equal(digits.labels, np.arange(10))
    for image, label in zip(digits.images, digits.labels, strict=True):
        difference = np.abs(draw_digits.draw(int(label)).astype(int) - image)
        assert difference.max() <= 1, "libm may differ in a last bit, a picture may not"


@pytest.mark.skipif(bool(missing()), reason=missing() or "-")
@pytest.mark.parametrize("form", FORMS)
def test_recording_again_gives_the_recorded_outputs(form: str) -> None:
    content = model_path(form).read_bytes()
    inputs = from_pixels(q31.load(content).inputs[0], read_digits().images)
    outputs = record_reference.run_reference(content, inputs)
    assert outputs.tobytes() == reference_outputs(form).tobytes()
    assert (outputs.argmax(axis=-1) == read_digits().labels).all()


@needs_shared
@pytest.mark.parametrize("form", ["float32", "integer_uint8", "integer_int8", "integer_float_fallback"])
def test_accuracy_is_the_recorded_one_to_the_bit(form: str) -> None:
    row, same = accuracy.measure(form, mnist.read_images(IMAGES, LABELS), None)
    assert same and row.endswith("| equal |")
    right = reference()["forms"][form]["held_back_correct"] / reference()["held_back"]
    assert row.count(f"{right:.2%}") == 2


def write_idx(path: Path, array: np.ndarray, compress: bool = False) -> Path:
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    content = header + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content) if compress else content)
    return path


@pytest.mark.parametrize("compress", [False, True])
def test_idx_files(compress: bool, tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (15, 28, 28), np.uint8)
    labels = np.arange(15, dtype=np.uint8)
    data = mnist.read_images(
        write_idx(tmp_path / "images", images, compress), write_idx(tmp_path / "labels", labels, compress)
    )
    np.testing.assert_array_equal(data.images, images)
    training, held_back = mnist.split(data)
    np.testing.assert_array_equal(held_back.labels, [4, 9, 14])
    assert len(training.labels) == 12 and not set(training.labels) & set(held_back.labels)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0\0",
        b"text, not bytes",
        b"\0\0\x0a\1\0\0\0\4" + bytes(16),
        b"\0\0\x08\1\0\0\0\4" + bytes(3),
        b"\x1f\x8b",
    ],
)
def test_files_that_are_not_idx(content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "images"
    path.write_bytes(content)
    with pytest.raises(q31.InputError, match="images"):
        read_idx(path)


def test_images_and_labels_must_belong_together(tmp_path: Path) -> None:
    images = write_idx(tmp_path / "images", np.zeros((3, 28, 28), np.uint8))
    labels = write_idx(tmp_path / "labels", np.zeros(2, np.uint8))
    with pytest.raises(q31.InputError, match=r"\[3, 28, 28\] and \[2\]"):
        mnist.read_images(images, labels)


def test_accuracy_reports_bad_files_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["accuracy", "--images", str(tmp_path / "no"), "--labels", str(tmp_path / "no")])
    assert accuracy.main() == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("form", ["integer_uint8", "integer_int8"])
def test_pixels_as_they_are_and_as_reals_are_the_same_codes(form: str) -> None:
    port = q31.load(model_path(form)).inputs[0]
    levels = np.arange(256)
    np.testing.assert_array_equal(from_pixels(port, levels), from_pixels(port, levels, 0.0, 1.0))
    real = dequantize(port, from_pixels(port, levels))
    np.testing.assert_allclose(real, levels / 255, rtol=1e-6)
    np.testing.assert_array_equal(quantize(port, real), from_pixels(port, levels))


def test_quantizing_saturates() -> None:
    port = q31.load(model_path("integer_int8")).inputs[0]
    np.testing.assert_array_equal(quantize(port, np.array([-1e30, -5.0, 5.0, 1e30])), [-128, -128, 127, 127])
