"""The hex files, read by a Verilog test bench under Icarus Verilog: every accumulator and every output."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import q31
from q31.schema import write
from q31.tools.digits.bundle import model_path
from q31.tools.vectors.memory import MemoryFormat
from vectors.models import PRODUCTS, product, run_verilog

LAYOUTS = {
    "bytes": MemoryFormat(),
    "four lanes": MemoryFormat(word_bits=32),
    "four lanes, big": MemoryFormat(word_bits=32, endianness="big"),
    "one wide lane": MemoryFormat(word_bits=32, lanes=1),
    "two wide lanes": MemoryFormat(word_bits=32, lanes=2, endianness="big"),
}

pytestmark = pytest.mark.skipif(shutil.which("iverilog") is None, reason="iverilog is not installed")


@pytest.mark.parametrize("profile", ["litert", "tflm", "single"])
@pytest.mark.parametrize("name", PRODUCTS)
def test_verilog_agrees(name: str, profile: str, tmp_path: Path) -> None:
    manifest = q31.vectors(write(product(name, seed=4)), profile=profile).save(tmp_path / "vectors", "readmemh")
    (case,) = manifest["cases"]
    run_verilog(tmp_path / "vectors", case, manifest["format"], tmp_path / "bench")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_verilog_agrees_in_every_layout(layout: str, tmp_path: Path) -> None:
    made = q31.vectors(write(product("CONV_2D", seed=6)))
    manifest = made.save(tmp_path / "vectors", "readmemh", LAYOUTS[layout])
    (case,) = manifest["cases"]
    # real multipliers take two words of 32 bits; the test bench does not read them here
    run_verilog(tmp_path / "vectors", case, manifest["format"], tmp_path / "bench")


def test_verilog_agrees_on_the_bundled_model(tmp_path: Path) -> None:
    manifest = q31.vectors(str(model_path("integer_int8")), profile="tflm").save(tmp_path / "vectors", "readmemh")
    products = [case for case in manifest["cases"] if case["operator_name"] == "FULLY_CONNECTED"]
    for case in products:
        run_verilog(tmp_path / "vectors", case, manifest["format"], tmp_path / "bench")
    assert products
