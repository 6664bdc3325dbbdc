"""The object code of the fast kernels holds the instructions that it is meant to, and none that it must not.

Kernels are compiled for other processors too, without being run: LLVM makes code for any of its own architecture.
"""

import os
import platform
import re
import subprocess
import sys
from functools import cache

import pytest

X86 = pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="names instructions of x86-64")

HASWELL = {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx2"}
ICE_LAKE = {
    "NUMBA_CPU_NAME": "icelake-server",
    "NUMBA_CPU_FEATURES": "+avx2,+avx512f,+avx512bw,+avx512dq,+avx512vl,+avx512vnni",
}
SAPPHIRE_RAPIDS = {
    "NUMBA_CPU_NAME": "sapphirerapids",
    "NUMBA_CPU_FEATURES": ICE_LAKE["NUMBA_CPU_FEATURES"] + ",+amx-tile,+amx-int8",
}

ICE_LAKE_WITH_VBMI = {**ICE_LAKE, "NUMBA_CPU_FEATURES": ICE_LAKE["NUMBA_CPU_FEATURES"] + ",+avx512vbmi"}

_LIST = """
import sys
from q31.engine.codecache import create_target
from q31.engine.compiler import optimized_kernel
target = create_target()
print(target.emit_assembly(optimized_kernel(sys.argv[1], "entry", target)))
"""


def listing(kernel: str, **environment: str) -> str:
    """Return the assembly of a kernel, compiled in a process with these environment variables."""
    pytest.importorskip("q31.engine.compiler")
    return _listing(kernel, tuple(environment.items()))


@cache
def _listing(kernel: str, environment: tuple[tuple[str, str], ...]) -> str:
    env = {name: value for name, value in os.environ.items() if name not in ("Q31_ISA", "Q31_JIT")}
    command = [sys.executable, "-c", _LIST, kernel]
    done = subprocess.run(command, env={**env, **dict(environment)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def count(text: str, mnemonic: str, registers: str = "") -> int:
    """Return how many lines are this instruction, with such registers among its operands."""
    return len(re.findall(rf"^\s*{mnemonic}\s.*{registers}", text, re.MULTILINE))


@X86
@pytest.mark.parametrize(
    ("kernel", "processor", "mnemonic", "registers", "least"),
    [
        ("lookup8", HASWELL, "vpshufb", "%ymm", 16),
        ("lookup8", ICE_LAKE_WITH_VBMI, "vpermi2b|vpermt2b", "%zmm", 2),
        ("turned_copy", HASWELL, "vpunpck[lh]bw", "%ymm", 16),
        ("turned_copy", HASWELL, "vpunpck[lh]wd", "%ymm", 8),
        ("quantize8", HASWELL, "vdivps", "%ymm", 2),
        ("quantize8", HASWELL, "vpackuswb", "%[xy]mm", 1),
        ("softmax8", HASWELL, "vpshufb", "%ymm", 16),
        ("arg_max8", HASWELL, "vpmaxub", "%xmm", 1),
        ("arg_max8", HASWELL, "vpmovmskb", "%xmm", 1),
        ("weighted_sum8", HASWELL, "vpmaddwd", "%ymm", 4),
        ("scaled_sum8", HASWELL, "vpmulld", "%ymm", 4),
        ("product8", HASWELL, "vpmuludq", "%ymm", 4),
        ("average_pool_bytes", HASWELL, "vpmulhuw", "%ymm", 1),
        ("max_pool_bytes", HASWELL, "vpmaxub", "%ymm", 1),
        ("conv_2d", HASWELL, "vpmaddwd", "%ymm", 12),
        ("conv_2d", HASWELL, "prefetcht1", "", 1),
        ("conv_2d", HASWELL, "vpacksswb", "%ymm", 3),
        ("depthwise_conv_2d", HASWELL, "vpacksswb", "%ymm", 1),
        ("conv_2d_winograd", HASWELL, "vpmaddwd", "%ymm", 12 + 8),
        ("conv_2d_winograd_line", HASWELL, "vpmaddwd", "%ymm", 12 + 8),
        ("conv_2d", ICE_LAKE, "vpmaddwd|vpdpwssd", "%zmm", 6),
        ("matrix_vector8", HASWELL, "vpmaddubsw", "%ymm", 8 * 8 + 8),
        ("matrix_vector8", HASWELL, "vpmaddwd", "%ymm", 8 + 8),
        ("depthwise_conv_2d", HASWELL, "vpmaddwd", "%ymm", 12),
        ("depthwise_conv_2d", ICE_LAKE, "vpmaddwd|vpdpwssd", "%zmm", 6),
        ("conv_2d_int16", HASWELL, "vpmaddwd", "%ymm", 12),
        ("conv_2d_int16", HASWELL, "vcvttpd2dq", "%ymm", 4),
        ("hybrid_conv_2d", HASWELL, "vpmaddwd", "%ymm", 12),
        ("conv_2d_tiles", SAPPHIRE_RAPIDS, "tdpbusd", "%tmm", 4),
        ("conv_2d_tiles", SAPPHIRE_RAPIDS, "tileloadd", "%tmm", 4 + 4),
        ("conv_2d_tiles", SAPPHIRE_RAPIDS, "tilestored", "%tmm", 4),
        ("depthwise_conv_2d_quads", ICE_LAKE, "vpdpbusd", "%zmm", 3 + 1),
        ("conv_2d_quads", ICE_LAKE, "vpdpbusd", "%zmm", 24 + 24 + 12 + 4 + 1),
    ],
)
def test_products_are_the_tiers_instruction(kernel, processor, mnemonic, registers, least):
    text = listing(kernel, **processor)
    assert count(text, f"(?:{mnemonic})", registers) >= least


@X86
def test_the_largest_tile_of_quads_stays_in_registers():
    """24 sums, 4 columns and a row's codes fit 32 registers: none is kept on the stack in the loop."""
    blocks = re.split(r"^\.L\w+:", listing("conv_2d_quads", **ICE_LAKE), flags=re.MULTILINE)
    loops = [block for block in blocks if count(block, "vpdpbusd") == 24]
    assert len(loops) == 2  # 6 rows of 4 blocks, 12 rows of 2
    assert not any(count(loop, "vmov\\w+", r"%zmm.*\(%rsp|\(%rsp.*%zmm") for loop in loops)


@X86
@pytest.mark.parametrize(
    ("environment", "mnemonic", "products"),
    [(HASWELL, "vpmaddwd", 12), ({"Q31_ISA": "generic"}, "v?pmul\\w+|v?pmadd\\w+", 6), (ICE_LAKE, "vpdpbusd", 24)],
)
def test_the_loop_of_the_peak_touches_no_memory_it_need_not(environment, mnemonic, products):
    """What multiplies most is the measure of all kernels: nothing is kept on the stack, nothing written in the loop."""
    text = listing("integer_peak", **environment)
    blocks = re.split(r"^\.L\w+:|^\s*j\w+\s.*$", text, flags=re.MULTILINE)
    loop = max(blocks, key=lambda block: count(block, f"(?:{mnemonic})"))
    assert count(loop, f"(?:{mnemonic})") >= products
    assert not count(loop, r"v?mov\w+", r"%[xyz]mm\d+, .*\(")  # no store
    assert "(%rsp" not in loop


@X86
def test_tiles_are_configured_and_released():
    text = listing("conv_2d_tiles", **SAPPHIRE_RAPIDS)
    assert count(text, "ldtilecfg") == 1 and "tilerelease" in text


@X86
def test_a_requantization_multiplies_in_vectors():
    """The narrow form takes two multiplications of 32 bits for each vector."""
    assert count(listing("conv_2d_quads", **ICE_LAKE), "vpmuludq", "%zmm") >= 2
    assert count(listing("conv_2d", **HASWELL), "vpmuludq", "%ymm") >= 4


@pytest.mark.parametrize("kernel", ["float_conv_2d", "float_depthwise_conv_2d", "hybrid_conv_2d"])
def test_no_float_kernel_fuses_a_multiplication_and_an_addition(kernel):
    """The reference rounds the product first. Look at the instructions, on a processor that could fuse them."""
    text = listing(kernel)
    assert "mulps" in text or "fmul" in text
    assert "fmadd" not in text and "fmla" not in text


def test_a_tier_that_was_asked_for_keeps_higher_features_from_llvm():
    code = "from q31.kernels.jit.isa import target_features; print(target_features())"
    env = {**os.environ, **ICE_LAKE, "Q31_ISA": "avx2"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    words = done.stdout.strip().split(",")
    assert "+avx2" in words and "-avx512vnni" in words and not any(word.startswith("+avx512") for word in words)


def test_an_unknown_tier_is_refused_by_name():
    env = {**os.environ, "Q31_ISA": "mmx"}
    done = subprocess.run([sys.executable, "-m", "q31", "demo"], env=env, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines() == [
        "q31: error: Q31_ISA=mmx: expected one of generic, avx2, avx512vnni, amx"
    ]
