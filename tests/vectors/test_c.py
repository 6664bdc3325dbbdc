"""The C headers, compiled with gcc against a plain C reference: every accumulator and every output."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import q31
from q31.schema import TensorType, write
from q31.tools.digits.bundle import model_path
from vectors.models import INT8, INT16, PRODUCTS, UINT8, product, run_c

PROFILES = ("litert", "tflm", "single")

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("source_type", [INT8, UINT8, INT16], ids=lambda one: one.name)
@pytest.mark.parametrize("name", PRODUCTS)
def test_c_agrees(name: str, source_type: TensorType, profile: str, tmp_path: Path) -> None:
    made = q31.vectors(write(product(name, source_type, seed=3)), profile=profile, count=2, seed=5)
    manifest = made.save(tmp_path / "vectors", "c")
    assert len(manifest["cases"]) == 2
    for case in manifest["cases"]:
        run_c(tmp_path / "vectors", case["name"], name, tmp_path / "reference")
    outputs = [case["output_ref"] for case in made]
    assert all(len(np.unique(one)) > 8 for one in outputs), "the outputs should not all saturate"


def test_c_agrees_without_a_bias(tmp_path: Path) -> None:
    for name in PRODUCTS:
        manifest = q31.vectors(write(product(name, bias=False))).save(tmp_path / name, "c")
        assert "biases" not in {one["name"] for one in manifest["cases"][0]["arrays"]}
        run_c(tmp_path / name, manifest["cases"][0]["name"], name, tmp_path / "reference")


@pytest.mark.parametrize("form", ["integer_int8", "integer_uint8", "int16x8"])
def test_c_agrees_on_the_bundled_models(form: str, tmp_path: Path) -> None:
    manifest = q31.vectors(str(model_path(form))).save(tmp_path / "vectors", "c")
    products = [case for case in manifest["cases"] if case["operator_name"] in PRODUCTS]
    assert len(products) >= 2
    for case in products:
        run_c(tmp_path / "vectors", case["name"], case["operator_name"], tmp_path / "reference")


def test_a_wrong_bit_in_the_headers_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "vectors"
    manifest = q31.vectors(write(product("CONV_2D"))).save(folder, "c")
    (case,) = manifest["cases"]
    header = folder / case["name"] / "output_shift_data.h"
    text = header.read_text()
    shift = text[text.index("{") + 1 :].split(",")[0].strip()
    header.write_text(text.replace(f"{{\n    {shift},", f"{{\n    {int(shift) + 1},"))
    with pytest.raises(AssertionError, match="differ"):
        run_c(folder, case["name"], "CONV_2D", tmp_path / "reference")
