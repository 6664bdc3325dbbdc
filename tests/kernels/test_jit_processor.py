"""What Linux says of the processor is what LLVM says of it."""

from __future__ import annotations

import pytest

from q31.kernels.jit.isa import TIERS
from q31.kernels.jit.processor import processor_flags, processor_lines


@pytest.mark.skipif(not processor_flags(), reason="needs an x86-64 processor and Linux")
def test_features_of_the_tiers_are_those_that_llvm_sees() -> None:
    llvm = pytest.importorskip("llvmlite.binding").get_host_cpu_features()
    for feature in frozenset().union(*TIERS.values()):
        assert (feature.replace("-", "") in processor_flags()) == llvm.get(feature, False), feature


def test_what_changes_from_process_to_process_is_left_out() -> None:
    assert processor_lines() == processor_lines()
    assert not any(line.lower().startswith(("cpu mhz", "bogomips", "apicid", "core id")) for line in processor_lines())
