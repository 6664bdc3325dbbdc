"""Graphs of a few operators put together at random, in which many want one tensor in scales of their own."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from ....schema import options as o
from .sketch import Sketch, SmallModel

_ROWS, _COLUMNS = 2, 8
_TWO = ("float32", "float32")
SEEDS = (5, 8, 27, 53, 62, 71, 81, 83, 84, 94, 101, 119, 126, 129, 141, 142)
"""Those whose graphs are in :data:`MODELS`: none has what parts q31 and TensorFlow's converter."""

Step = Callable[[Sketch, random.Random, int, int], int]
"""Makes a tensor of the common shape of two."""


def _op(s: Sketch, name: str, inputs: Sequence[int], options: object = None) -> int:
    return int(s.operator(name, inputs, options))


def _cut(s: Sketch, tensor: int, column: int) -> int:
    return _op(s, "SLICE", [tensor, s.integers([0, column]), s.integers([_ROWS, _COLUMNS])], o.SliceOptions())


def _dense(s: Sketch, r: random.Random, a: int, b: int) -> int:
    weights, bias = s.weights(_COLUMNS, _COLUMNS), s.weights(_COLUMNS)
    return _op(s, "FULLY_CONNECTED", [a, weights, bias], o.FullyConnectedOptions())


def _added_constant(s: Sketch, r: random.Random, a: int, b: int) -> int:
    return _op(s, "ADD", [a, s.weights(_ROWS, _COLUMNS)], o.AddOptions())


def _bounded(s: Sketch, r: random.Random, a: int, b: int) -> int:
    return _op(s, "MAXIMUM", [a, s.weights(_COLUMNS, span=(-0.5, 0.5))], o.MaximumMinimumOptions())


def _joined(s: Sketch, r: random.Random, a: int, b: int) -> int:
    return _cut(s, _op(s, "CONCATENATION", [a, b], o.ConcatenationOptions(1)), r.randint(1, _COLUMNS - 1))


def _swapped(s: Sketch, r: random.Random, a: int, b: int) -> int:
    first, second = s.operator("SPLIT", [s.integers(1), a], o.SplitOptions(2), _TWO)
    if r.random() < 0.5:
        first = _op(s, "LOGISTIC", [first])
    return _op(s, "CONCATENATION", [second, first], o.ConcatenationOptions(1))


def _shrunk(s: Sketch, r: random.Random, a: int, b: int) -> int:
    part = _op(s, "SLICE", [a, s.integers([0, 1]), s.integers([_ROWS, 4])], o.SliceOptions())
    return _op(s, "PAD", [part, s.integers([[0, 0], [1, 3]])], o.PadOptions())


def _padded(s: Sketch, r: random.Random, a: int, b: int) -> int:
    value = s.values(r.uniform(-3, 3))
    return _cut(s, _op(s, "PADV2", [a, s.integers([[0, 0], [2, 0]]), value], o.PadV2Options()), 1)


def _chosen(s: Sketch, r: random.Random, a: int, b: int) -> int:
    more = s.operator("GREATER", [a, b], o.GreaterOptions(), ("bool",))
    return _op(s, "SELECT_V2", [more, b, a], o.SelectV2Options())


def _packed(s: Sketch, r: random.Random, a: int, b: int) -> int:
    both = _op(s, "PACK", [a, b], o.PackOptions(2, 0))
    first, second = s.operator("UNPACK", [both], o.UnpackOptions(2, 0), _TWO)
    return _op(s, "MUL", [first, second], o.MulOptions())


def _gathered(s: Sketch, r: random.Random, a: int, b: int) -> int:
    columns = [r.randrange(_COLUMNS) for _ in range(_COLUMNS)]
    return _op(s, "GATHER", [a, s.integers(columns)], o.GatherOptions(1))


def _centered(s: Sketch, r: random.Random, a: int, b: int) -> int:
    mean = _op(s, "MEAN", [a, s.integers([1])], o.ReducerOptions(keep_dims=True))
    return _op(s, "SUB", [a, mean], o.SubOptions())


def _plain(name: str, options: object = None, *, both: bool = False) -> Step:
    return lambda s, r, a, b: _op(s, name, [a, b] if both else [a], options)


_STEPS: Sequence[Step] = (
    *(_dense, _added_constant, _bounded, _joined, _swapped, _shrunk, _padded, _chosen, _packed, _gathered, _centered),
    *(_plain("LOGISTIC"), _plain("TANH"), _plain("FLOOR"), _plain("ABS", o.AbsOptions())),
    *(_plain("SOFTMAX", o.SoftmaxOptions(1.0)), _plain("HARD_SWISH", o.HardSwishOptions())),
    *(_plain("ADD", o.AddOptions(), both=True), _plain("MUL", o.MulOptions(), both=True)),
    *(_plain(name, o.MaximumMinimumOptions(), both=True) for name in ("MAXIMUM", "MINIMUM")),
)


def build(seed: int) -> SmallModel:
    """Return a graph of at most nine steps."""
    r, s = random.Random(seed), Sketch()
    pool = [s.input(_ROWS, _COLUMNS), s.input(_ROWS, _COLUMNS, span=(-4.0, 6.0))]
    made: list[int] = []
    for _ in range(r.randint(4, 9)):
        a, b = r.sample(pool[-4:], 2)
        made.append(r.choice(_STEPS)(s, r, a, b))
        pool.append(made[-1])
    s.drop_unused_inputs()
    return s.build(*(tensor for tensor in made if tensor not in s.used))


MODELS: Mapping[str, Callable[[], SmallModel]] = {f"random {seed}": partial(build, seed) for seed in SEEDS}
"""Name -> what builds a model."""
