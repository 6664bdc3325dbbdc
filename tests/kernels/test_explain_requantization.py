"""The steps that explain tells of a rescaling end at what the kernels compute, int32 that wraps included."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from q31.kernels.explain.narration import Narration
from q31.kernels.explain.requantization import explain_rescaling
from q31.kernels.fixed_point import multiply_by_quantized_multiplier
from q31.kernels.profiles import Rounding

ACCUMULATORS = st.integers(-(2**31), 2**31 - 1)


@pytest.mark.parametrize("rounding", [Rounding.SINGLE, Rounding.DOUBLE])
@given(x=ACCUMULATORS, multiplier=st.integers(2**30, 2**31 - 1), shift=st.integers(-31, 29))
def test_a_rescaling_is_told_as_it_is_computed(rounding: Rounding, x: int, multiplier: int, shift: int) -> None:
    told = explain_rescaling(Narration(), "rescaled", x, multiplier, shift, rounding)
    assert told == int(multiply_by_quantized_multiplier(x, multiplier, shift, rounding))
