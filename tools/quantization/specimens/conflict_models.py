"""Small float models in which operators want one tensor in several scales, or a float operator stands in between."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ....schema import TensorType
from ....schema import options as o
from ....schema.types import Padding
from .sketch import Sketch, SmallModel

_WIDE = (-4.0, 6.0)


def graph(sketching: Callable[[Sketch], Sequence[int]]) -> Callable[[], SmallModel]:
    """Return what builds a model; the function given sketches it and returns its outputs."""

    def build() -> SmallModel:
        sketch = Sketch()
        return sketch.build(*sketching(sketch))

    return build


def _x(s: Sketch) -> int:
    return s.input(2, 8)


def _y(s: Sketch) -> int:
    return s.input(2, 8, span=_WIDE)


def _concatenation(s: Sketch, *tensors: int) -> int:
    return int(s.operator("CONCATENATION", tensors, o.ConcatenationOptions(1)))


def _dense(s: Sketch, x: int, size: int = 8) -> int:
    return int(s.operator("FULLY_CONNECTED", [x, s.weights(8, size), s.weights(8)], o.FullyConnectedOptions()))


def _add(s: Sketch, x: int, y: int) -> int:
    return int(s.operator("ADD", [x, y], o.AddOptions()))


def _op(s: Sketch, name: str, *tensors: int) -> int:
    return int(s.operator(name, tensors))


def _reshape(s: Sketch, x: int, *shape: int) -> int:
    return int(s.operator("RESHAPE", [x, s.integers(shape)], o.ReshapeOptions(shape)))


def _split(s: Sketch, x: int) -> Sequence[int]:
    return list(s.operator("SPLIT", [s.integers(1), x], o.SplitOptions(2), ("float32", "float32")))


def _maximum(s: Sketch, x: int, y: int) -> int:
    return int(s.operator("MAXIMUM", [x, y], o.MaximumMinimumOptions()))


def _minimum(s: Sketch, x: int, y: int) -> int:
    return int(s.operator("MINIMUM", [x, y], o.MaximumMinimumOptions()))


def _softmax(s: Sketch, x: int) -> int:
    return int(s.operator("SOFTMAX", [x], o.SoftmaxOptions(1.0)))


def _two_concatenations(s: Sketch) -> list[int]:
    x, y, z = _x(s), _y(s), s.input(2, 3, span=(0, 9))
    return [_concatenation(s, x, y), _concatenation(s, x, z)]


def _two_concatenations_of_an_inner_tensor(s: Sketch) -> list[int]:
    x, y, z = _dense(s, _x(s)), _y(s), s.input(2, 3, span=(0, 9))
    return [_concatenation(s, x, y), _concatenation(s, x, z)]


def _concatenation_and_add(s: Sketch) -> list[int]:
    x, y = _dense(s, _x(s)), _y(s)
    return [_concatenation(s, x, y), _add(s, x, y)]


def _nested_concatenations(s: Sketch) -> list[int]:
    x, y, z = _x(s), _y(s), s.input(2, 3, span=(0, 9))
    return [_concatenation(s, _concatenation(s, x, y), z)]


def _twice_in_a_concatenation(s: Sketch) -> list[int]:
    x = _dense(s, _x(s))
    return [_concatenation(s, x, _y(s), x)]


def _logistic_into_concatenation(s: Sketch) -> list[int]:
    return [_concatenation(s, _op(s, "LOGISTIC", _x(s)), _y(s))]


def _logistic_alone_into_concatenation(s: Sketch) -> list[int]:
    x = _x(s)
    return [_concatenation(s, _op(s, "LOGISTIC", x), _op(s, "TANH", x))]


def _two_logistics_into_concatenation(s: Sketch) -> list[int]:
    return [_concatenation(s, _op(s, "LOGISTIC", _x(s)), _op(s, "LOGISTIC", _y(s)))]


def _moved_logistic_into_concatenation(s: Sketch) -> list[int]:
    return [_concatenation(s, _reshape(s, _op(s, "LOGISTIC", _x(s)), 4, 4), s.input(4, 8, span=_WIDE))]


def _logistic_output_and_concatenation(s: Sketch) -> list[int]:
    p = _op(s, "LOGISTIC", _x(s))
    return [p, _concatenation(s, p, _y(s))]


def _clip(s: Sketch) -> list[int]:
    x = _dense(s, _x(s))
    return [_dense(s, _minimum(s, _maximum(s, x, s.values(-0.5)), s.values(1.0)))]


def _maximum_of_used(s: Sketch) -> list[int]:
    x, y = _dense(s, _x(s)), _y(s)
    return [_maximum(s, x, y), _add(s, x, y)]


def _maximum_of_logistic(s: Sketch) -> list[int]:
    return [_maximum(s, _op(s, "LOGISTIC", _x(s)), s.values(0.3))]


def _maximum_beyond(s: Sketch) -> list[int]:
    return [_add(s, _maximum(s, _dense(s, _x(s)), s.values([9.0])), _y(s))]


def _output_inside(s: Sketch) -> list[int]:
    total = _add(s, _x(s), _y(s))
    return [total, _op(s, "RELU", total)]


def _output_inside_moved(s: Sketch) -> list[int]:
    total = _add(s, _x(s), _y(s))
    moved = _reshape(s, total, 4, 4)
    return [moved, total, _op(s, "RELU", moved)]


def _reshaped_input(s: Sketch) -> list[int]:
    x = _x(s)
    return [_dense(s, _reshape(s, x, 4, 4), 4), _add(s, x, _y(s))]


def _softmax_moved(s: Sketch) -> list[int]:
    return [_reshape(s, _softmax(s, _dense(s, _x(s))), 4, 4)]


def _softmax_used(s: Sketch) -> list[int]:
    p = _softmax(s, _x(s))
    return [p, _add(s, p, _y(s))]


def _padded(s: Sketch) -> list[int]:
    x = s.operator("PAD", [s.input(1, 4, 6, 4), s.integers([[0, 0], [0, 2], [3, 0], [0, 0]])], o.PadOptions())
    filter, bias = s.weights(5, 3, 3, 4), s.weights(5)
    return [s.operator("CONV_2D", [x, filter, bias], o.Conv2DOptions(Padding.VALID, 1, 1))]


def _padded_by_less(s: Sketch) -> list[int]:
    x = _op(s, "RELU", _x(s))
    padded = s.operator("PADV2", [x, s.integers([[0, 0], [1, 1]]), s.values(-3.0)], o.PadV2Options())
    return [_op(s, "RELU6", padded), _add(s, x, x)]


def _pooled(s: Sketch) -> list[int]:
    x = s.input(1, 4, 6, 4)
    y = s.operator("CONV_2D", [x, s.weights(5, 3, 3, 4), s.weights(5)], o.Conv2DOptions(Padding.SAME, 1, 1))
    pooled = s.operator("MAX_POOL_2D", [y], o.Pool2DOptions(Padding.VALID, 2, 2, 2, 2))
    mean = s.operator("MEAN", [pooled, s.integers([1, 2])], o.ReducerOptions())
    return [s.operator("ARG_MAX", [mean, s.integers(1)], o.ArgMaxOptions(TensorType.INT32), ("int32",))]


def _split_and_added(s: Sketch) -> list[int]:
    return [_add(s, *_split(s, _dense(s, _x(s))))]


def _split_and_joined(s: Sketch) -> list[int]:
    a, b = _split(s, _x(s))
    return [_concatenation(s, _op(s, "LOGISTIC", a), b, _y(s))]


def _split_apart(s: Sketch) -> list[int]:
    x = _dense(s, _x(s))
    a, b = _split(s, x)
    return [_concatenation(s, a, _y(s)), b, x]


def _packed(s: Sketch) -> list[int]:
    x = s.operator("PACK", [_dense(s, _x(s)), _op(s, "TANH", _y(s))], o.PackOptions(2, 0))
    a, b = s.operator("UNPACK", [x], o.UnpackOptions(2, 0), ("float32", "float32"))
    return [_add(s, a, b)]


def _selected(s: Sketch) -> list[int]:
    x, y = _x(s), _y(s)
    more = s.operator("GREATER", [x, y], o.GreaterOptions(), ("bool",))
    return [s.operator("SELECT_V2", [more, _op(s, "LOGISTIC", x), y], o.SelectV2Options())]


def _selected_constant(s: Sketch) -> list[int]:
    x = _dense(s, _x(s))
    more = s.operator("GREATER", [x, s.values(0.5)], o.GreaterOptions(), ("bool",))
    return [_dense(s, s.operator("SELECT_V2", [more, x, s.values(-9.0)], o.SelectV2Options()))]


def _float_between(name: str) -> Callable[[], SmallModel]:
    return graph(lambda s: [_dense(s, _op(s, name, _dense(s, _x(s))))])


def _float_at_the_ends(s: Sketch) -> list[int]:
    return [_op(s, "SIN", _dense(s, _op(s, "FLOOR", _x(s))))]


def _float_and_integer_users(s: Sketch) -> list[int]:
    x = _dense(s, _x(s))
    return [_op(s, "FLOOR", x), _op(s, "SIN", x), _add(s, x, x)]


def _float_moved(s: Sketch) -> list[int]:
    x = _op(s, "FLOOR", _x(s))
    moved = _reshape(s, x, 4, 4)
    return [_dense(s, moved, 4), _op(s, "COS", moved)]


def _moved_to_float(s: Sketch) -> list[int]:
    return [_op(s, "COS", _reshape(s, _dense(s, _x(s)), 4, 4))]


def _input_moved_to_float(s: Sketch) -> list[int]:
    x = _x(s)
    return [_op(s, "COS", _reshape(s, x, 4, 4)), _add(s, x, x)]


def _float_into_concatenation(s: Sketch) -> list[int]:
    x = _x(s)
    return [_concatenation(s, _op(s, "FLOOR", x), _dense(s, x)), _op(s, "COS", x)]


def _shared_constant(s: Sketch) -> list[int]:
    c = s.weights(2, 8)
    return [s.operator("MUL", [_add(s, _x(s), c), c], o.MulOptions()), _maximum(s, _y(s), c)]


def _shared_weights(s: Sketch) -> list[int]:
    w, b = s.weights(5, 8), s.weights(5)
    return [s.operator("FULLY_CONNECTED", [x, w, b], o.FullyConnectedOptions()) for x in (_x(s), _y(s))]


def _weights_as_activation(s: Sketch) -> list[int]:
    w = s.weights(5, 8)
    dense = s.operator("FULLY_CONNECTED", [_x(s), w, s.weights(5)], o.FullyConnectedOptions())
    return [dense, _add(s, s.input(5, 8), w)]


def _constant_joined(s: Sketch) -> list[int]:
    x = _dense(s, _x(s))
    return [_add(s, _reshape(s, _concatenation(s, x, s.weights(2, 8, span=_WIDE)), 4, 8), s.values(1.0))]


def _multiplied_by_its_logistic(s: Sketch) -> list[int]:
    x = _dense(s, _x(s))
    return [s.operator("MUL", [x, _op(s, "LOGISTIC", x)], o.MulOptions())]


def _sliced_and_joined(s: Sketch) -> list[int]:
    x = _x(s)
    a, b = (s.operator("SLICE", [x, s.integers([0, at]), s.integers([2, 3])], o.SliceOptions()) for at in (0, 4))
    return [_concatenation(s, a, _y(s), b)]


def _transposed_product(s: Sketch) -> list[int]:
    x, y = s.input(2, 3, 8), s.input(8, 2, 5, span=_WIDE)
    y = s.operator("TRANSPOSE", [y, s.integers([1, 0, 2])], o.TransposeOptions())
    return [s.operator("BATCH_MATMUL", [x, y], o.BatchMatMulOptions())]


def _passed_through(s: Sketch) -> list[int]:
    x = _x(s)
    return [x, _add(s, x, x)]


def _divided(s: Sketch) -> list[int]:
    return [s.operator("DIV", [_x(s), _dense(s, _y(s))], o.DivOptions())]


def _normalized(s: Sketch) -> list[int]:
    x = _dense(s, _x(s))
    mean = s.operator("MEAN", [x, s.integers([1])], o.ReducerOptions(keep_dims=True))
    variance = s.operator(
        "MEAN",
        [s.operator("SQUARED_DIFFERENCE", [x, mean], o.SquaredDifferenceOptions()), s.integers([1])],
        o.ReducerOptions(keep_dims=True),
    )
    inverse = _op(s, "RSQRT", _add(s, variance, s.values(1e-3)))
    return [s.operator("MUL", [s.operator("SUB", [x, mean], o.SubOptions()), inverse], o.MulOptions())]


MODELS: Mapping[str, Callable[[], SmallModel]] = {
    name.strip("_").replace("_", " "): graph(sketching)
    for name, sketching in dict(globals()).items()
    if getattr(sketching, "__annotations__", {}) == {"s": "Sketch", "return": "list[int]"}
} | {f"{name} in between": _float_between(name) for name in ("SIN", "FLOOR", "ELU", "NEG")}
"""Name -> what builds a model."""
