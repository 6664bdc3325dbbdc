"""Cases of L2_NORMALIZATION, LOCAL_RESPONSE_NORMALIZATION and L2_POOL_2D."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from ...schema import Quantization, TensorType
from ...schema.options import L2NormOptions, LocalResponseNormalizationOptions
from .case import Case, result, single_operator, tensor
from .cases_pooling import pool
from .strategies import arrays, float_arrays, images, per_tensor, shapes

FLOAT32, INT8, UINT8 = TensorType.FLOAT32, TensorType.INT8, TensorType.UINT8


@st.composite
def l2_normalization(draw: DrawFn, tensor_type: TensorType) -> Case:
    shape = list(draw(shapes(1, 5)))
    shape[-1] = draw(st.one_of(st.integers(1, 9), st.sampled_from([17, 64, 1000])))
    source = target = Quantization()
    if tensor_type is FLOAT32:
        x = draw(float_arrays(shape, special=True)) * draw(st.sampled_from([1.0, 1.0, 1e-7]))
        x = x.astype("float32")
    else:
        source = draw(per_tensor(tensor_type))
        target = Quantization((1 / 128,), (128 if tensor_type is UINT8 else 0,))
        x = draw(arrays(tensor_type, shape, source.zero_point[0]))
    inputs, outputs = [tensor(tensor_type, shape, source)], [result(tensor_type, target)]
    return single_operator("L2_NORMALIZATION", L2NormOptions(), inputs, outputs, [x])


@st.composite
def local_response(draw: DrawFn) -> Case:
    shape = draw(images(high=4))
    options = LocalResponseNormalizationOptions(
        radius=draw(st.one_of(st.integers(0, 9), st.sampled_from([-1, 100]))),
        bias=draw(st.sampled_from([0.0, 1.0, 2.0, 0.5])),
        alpha=draw(st.sampled_from([1.0, 1e-4, 0.3, -0.1])),
        beta=draw(st.sampled_from([0.0, 0.5, 0.75, 1.0, -1.0])),
    )
    x = draw(float_arrays(shape, special=True))
    inputs, outputs = [tensor(FLOAT32, shape)], [result(FLOAT32)]
    return single_operator("LOCAL_RESPONSE_NORMALIZATION", options, inputs, outputs, [x])


CASES: dict[str, st.SearchStrategy[Case]] = {
    "L2_NORMALIZATION float32": l2_normalization(FLOAT32),
    "L2_NORMALIZATION int8": l2_normalization(INT8),
    "L2_NORMALIZATION uint8": l2_normalization(UINT8),
    "LOCAL_RESPONSE_NORMALIZATION float32": local_response(),
    "L2_POOL_2D float32": pool("L2_POOL_2D", FLOAT32, version=1),
}
