"""Cases of BATCH_MATMUL."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from ...schema import Quantization, TensorType
from ...schema.options import BatchMatMulOptions
from .case import Case, constant, result, single_operator, tensor
from .products import tiny
from .strategies import (
    arrays,
    broadcastable,
    float32,
    float_arrays,
    log_uniform,
    per_channel,
    per_tensor,
    requantized,
    shapes,
)

FLOAT32, INT8, INT16, INT32 = TensorType.FLOAT32, TensorType.INT8, TensorType.INT16, TensorType.INT32


@st.composite
def batch_matmul(draw: DrawFn, x_type: TensorType, y_type: TensorType, output_type: TensorType) -> Case:
    """Leading axes of up to three, of which either factor may lack some or have ones."""
    leading = draw(shapes(0, 3, high=3))
    other = draw(broadcastable(leading)) if draw(st.booleans()) else leading
    first, second = (leading, other) if draw(st.booleans()) else (other, leading)
    rows, depth, columns = (draw(st.one_of(st.integers(1, 6), st.sampled_from([16, 33]))) for _ in range(3))
    adj_x, adj_y = draw(st.booleans()), draw(st.booleans())
    x_shape = (*first, depth, rows) if adj_x else (*first, rows, depth)
    y_shape = (*second, columns, depth) if adj_y else (*second, depth, columns)
    x_codes = y_codes = target = Quantization()
    if x_type is FLOAT32:
        x, y = draw(float_arrays(x_shape, special=True)), draw(float_arrays(y_shape, special=True))
    else:
        x_codes, y_codes = draw(per_tensor(x_type)), draw(per_tensor(y_type, zero_point=0 if x_type is INT16 else None))
        columns, axis = y_shape[-2 if adj_y else -1], len(y_shape) - (2 if adj_y else 1)
        if columns > 1 and output_type is not INT32 and draw(st.integers(0, 7)) == 0:
            y_codes = draw(per_channel(columns, axis))  # which the reference takes for a scale of 0
        product = float32(x_codes.scale[0] * y_codes.scale[0])
        if output_type is not INT32:
            limits = log_uniform(2.0**-14, 2.0) if x_type is INT8 else log_uniform(2.0**-24, 2.0**-6)
            target = draw(requantized(output_type, product, limits))
        x = draw(arrays(x_type, x_shape, x_codes.zero_point[0]))
        y = draw(arrays(y_type, y_shape, y_codes.zero_point[0]))
    inputs, values = [tensor(x_type, x_shape, x_codes)], [x]
    if draw(st.booleans()):
        inputs.append(constant(y, y_codes))
    else:
        inputs.append(tensor(y_type, y_shape, y_codes))
        values.append(y)
    options = BatchMatMulOptions(adj_x=adj_x, adj_y=adj_y)
    return single_operator("BATCH_MATMUL", options, inputs, [result(output_type, target)], values, version=4)


@st.composite
def hybrid(draw: DrawFn, asymmetric: bool = False, several: bool = False) -> Case:
    """float32 by int8; ``several``: more than one leading axis, where the reference mistakes the scales."""
    leading = draw(shapes(2, 3, low=1, high=3)) if several else draw(shapes(0, 1, high=3))
    other = draw(broadcastable(leading))
    first, second = (leading, other) if draw(st.booleans()) else (other, leading)
    if asymmetric:
        second = ()  # of several matrices only some get sums of their columns: the others read what is in memory
    rows, columns = (draw(st.integers(1, 6)) for _ in range(2))
    depth = draw(st.one_of(st.integers(1, 40), st.sampled_from([64, 3000])))
    adj_x, adj_y = draw(st.booleans()), draw(st.booleans())
    x = draw(float_arrays((*first, depth, rows) if adj_x else (*first, rows, depth)))
    if draw(st.integers(0, 4)) == 0:
        x = x * (np.arange(x.size).reshape(x.shape) % 2)
    y = draw(arrays(INT8, (*second, columns, depth) if adj_y else (*second, depth, columns)))
    axis = len(second) if adj_y else len(second) + 1
    one = per_tensor(INT8, zero_point=0)
    quantization = draw(one if columns == 1 else st.one_of(one, per_channel(columns, axis)))
    options = BatchMatMulOptions(adj_x=adj_x, adj_y=adj_y, asymmetric_quantize_inputs=asymmetric)
    inputs = [tensor(FLOAT32, x.shape), constant(y, quantization)]
    values = [draw(tiny(x.astype(np.float32)))]
    return single_operator("BATCH_MATMUL", options, inputs, [result(FLOAT32)], values, version=4)


CASES: dict[str, st.SearchStrategy[Case]] = {
    "BATCH_MATMUL float32": batch_matmul(FLOAT32, FLOAT32, FLOAT32),
    "BATCH_MATMUL hybrid": hybrid(),
    "BATCH_MATMUL hybrid asymmetric": hybrid(asymmetric=True),
    "BATCH_MATMUL hybrid several axes": hybrid(several=True),
    "BATCH_MATMUL int8": batch_matmul(INT8, INT8, INT8),
    "BATCH_MATMUL int8 to int32": batch_matmul(INT8, INT8, INT32),
    "BATCH_MATMUL int16": batch_matmul(INT16, INT16, INT16),
    "BATCH_MATMUL int16 by int8": batch_matmul(INT16, INT8, INT16),
}
