"""SQUARED_DIFFERENCE of codes: what is float64 decides a multiplier's last bits, and a code now and then."""

import numpy as np

from q31.kernels.elementwise import squared_difference
from q31.kernels.operator import Node, TensorSpec
from q31.kernels.profiles import LITERT
from q31.schema import Quantization, TensorType


def test_the_square_of_the_scale_is_not_rounded_to_float32():
    """In float32 the multiplier would be 2**-16, and the code 113."""
    specs = tuple(
        TensorSpec("t", TensorType.INT8, (1,), Quantization((float(np.float32(scale)),), (zero_point,)))
        for scale, zero_point in [(0.03125, 0), (1.6420353651046753, 75), (86.28096771240234, 0)]
    )
    kernel = squared_difference.KERNELS[0]
    prepared = kernel.prepare(Node("SQUARED_DIFFERENCE", 2, None, specs[:2], specs[2:]), LITERT)
    assert (prepared.output_multiplier, prepared.output_shift) == (2147483568, -17)
    assert kernel.evaluate(prepared, np.array([0], np.int8), np.array([15], np.int8)).tolist() == [112]
