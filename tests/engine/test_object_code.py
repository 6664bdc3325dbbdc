"""Object code placed by q31 itself: it runs, on memory that is not writable, and anything unusual is refused."""

from __future__ import annotations

import ctypes
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from q31.engine.codecache import CodeCache, cache_key, entry_point, read_object
from q31.engine.object_code import PlacedObject, Unsupported
from q31.kernels.jit import INTERPRETED
from q31.kernels.jit.peak import NUMBERS, RESULTS

pytestmark = pytest.mark.skipif(
    INTERPRETED or sys.platform != "linux" or not Path("/proc/self/maps").exists(), reason="needs compiled code in ELF"
)


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return object_code("integer_peak", tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def code_with_constants(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What must be told where its constants lie."""
    return object_code("softmax8", tmp_path_factory.mktemp("cache"))


def object_code(kernel: str, directory: Path) -> bytes:
    CodeCache(directory).addresses([kernel])
    found = read_object(directory / cache_key() / kernel)
    assert found is not None
    if struct.unpack_from("<H", found, 18)[0] != 62:
        pytest.skip("not x86-64")
    return found


def run(address: int) -> np.ndarray:
    numbers, result = np.arange(NUMBERS // 2, dtype=np.int16), np.zeros(RESULTS, np.int32)
    block = np.array([3, numbers.ctypes.data, result.ctypes.data])
    ctypes.CFUNCTYPE(None, ctypes.c_int64)(address)(block.ctypes.data)
    return result


def test_it_computes_what_code_linked_by_llvm_does(code: bytes, tmp_path: Path) -> None:
    placed = PlacedObject(code)
    cache = CodeCache(tmp_path)
    expected = run(cache._link_by_llvm("integer_peak", code))
    assert expected.any()
    assert np.array_equal(run(placed.address(entry_point("integer_peak"))), expected)


def test_memory_that_runs_cannot_be_written(code: bytes) -> None:
    placed = PlacedObject(code)
    address = placed.address(entry_point("integer_peak"))
    for line in Path("/proc/self/maps").read_text().splitlines():
        start, end = (int(text, 16) for text in line.split()[0].split("-"))
        if start <= address < end:
            assert line.split()[1].startswith("r-x")
            return
    raise AssertionError("the code is not mapped")


def changed(code: bytes, offset: int, form: str, value: int) -> bytes:
    copy = bytearray(code)
    struct.pack_into(form, copy, offset, value)
    return bytes(copy)


def sections(code: bytes) -> list[tuple[int, ...]]:
    (table,) = struct.unpack_from("<Q", code, 40)
    size, count = struct.unpack_from("<HH", code, 58)
    return [struct.unpack_from("<IIQQQQIIQQ", code, table + i * size) for i in range(count)]


def relocations_of_code(code: bytes) -> int:
    """Return where the first relocation of a section that runs is."""
    found = sections(code)
    return next(one[4] for one in found if one[1] == 4 and found[one[7]][2] & 4)


@pytest.mark.parametrize("size", [0, 7, 63, 64, 500])
def test_what_is_cut_off_is_refused(code: bytes, size: int) -> None:
    with pytest.raises(Unsupported):
        PlacedObject(code[:size])


def test_another_machine_is_refused(code: bytes) -> None:
    with pytest.raises(Unsupported, match="x86-64"):
        PlacedObject(changed(code, 18, "<H", 183))


def test_another_kind_of_relocation_is_refused(code_with_constants: bytes) -> None:
    where = relocations_of_code(code_with_constants)
    with pytest.raises(Unsupported, match="a relocation of type 2"):
        PlacedObject(changed(code_with_constants, where + 8, "<I", 2))


def test_a_relocation_beyond_its_section_is_refused(code_with_constants: bytes) -> None:
    with pytest.raises(Unsupported):
        PlacedObject(changed(code_with_constants, relocations_of_code(code_with_constants), "<Q", 1 << 40))


def test_an_unknown_function_is_refused(code: bytes) -> None:
    where = code.index(b"\0" + entry_point("integer_peak").encode() + b"\0")
    placed = PlacedObject(code[: where + 1] + b"p" + code[where + 2 :])
    with pytest.raises(Unsupported, match="no symbol q31_integer_peak"):
        placed.address(entry_point("integer_peak"))


def test_the_cache_leaves_to_llvm_what_is_refused(code: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(code: bytes) -> PlacedObject:
        raise Unsupported

    monkeypatch.setattr("q31.engine.codecache.PlacedObject", refuse)
    assert run(CodeCache(tmp_path).address("integer_peak")).any()
