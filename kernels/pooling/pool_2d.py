"""AVERAGE_POOL_2D and MAX_POOL_2D over images (N, H, W, C): float32, int8, uint8, int16.

Neither rescales: input and output are taken to have the same quantization, as the reference takes them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ...schema.options import Pool2DOptions
from ..activation_range import clamp_float, float_activation_range, quantized_activation_range
from ..checks import options_of, require_arity, require_quantized, require_same_type
from ..operator import Field, Input, Instruction, Kernel, Node, Output, Prepared, Scratch
from ..padding import Window, compute_window
from ..profiles import Profile

_TYPES = (TensorType.FLOAT32, TensorType.INT8, TensorType.UINT8, TensorType.INT16)


@dataclass(frozen=True)
class Pool2D(Prepared):
    """A pooling.

    Parameters
    ----------
    window : where the window stands; taps outside the image are left out.
    activation_min, activation_max : the fused activation as a clamp, in codes or in float32.
    rounds_half_up : of an average of codes: True for uint8, whose halves go up; False for the signed types, whose
        halves go away from zero.
    """

    window: Window
    activation_min: int | np.float32
    activation_max: int | np.float32
    rounds_half_up: bool = False


def prepare(node: Node, profile: Profile) -> Pool2D:
    """Prepare a pooling.

    Notes
    -----
    Source: ``GenericPrepare`` and the Eval functions of ``kernels/pooling.cc``.
    """
    require_arity(node, 1)
    source, target = node.input(0), node.output()
    require_same_type(node, source, target)
    node.require(len(source.shape) == 4, "an input of rank 4 (N, H, W, C)")
    options = options_of(node, Pool2DOptions)
    batches, height, width, channels = source.shape
    window = compute_window(
        node,
        options.padding,
        (height, width),
        (options.filter_height, options.filter_width),
        (options.stride_h, options.stride_w),
    )
    output_shape = (batches, window.output_height, window.output_width, channels)
    if source.type is TensorType.FLOAT32:
        return Pool2D((output_shape,), window, *float_activation_range(options.fused_activation_function))
    require_quantized(node, source, target)
    low, high = quantized_activation_range(options.fused_activation_function, target)
    if node.name == "MAX_POOL_2D" and source.type is TensorType.UINT8:
        high &= 0xFF  # the reference's clamp is a byte here; only a bound that left int32 is beyond it
    return Pool2D((output_shape,), window, low, high, source.type is TensorType.UINT8)


def accumulate(prepared: Pool2D, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the sums under the window and the number of taps that are inside the image.

    Parameters
    ----------
    x : (N, H, W, C); float32 is summed in float32, tap by tap, codes in int64.

    Returns
    -------
    (sums (N, OH, OW, C), counts (OH, OW, 1) of int64)
    """
    window = prepared.window
    dtype = np.float32 if x.dtype == np.float32 else np.int64
    sums = np.zeros((len(x), window.output_height, window.output_width, x.shape[3]), dtype)
    counts = np.zeros((window.output_height, window.output_width, 1), np.int64)
    with np.errstate(over="ignore", invalid="ignore"):  # infinities are float32's own affair
        for tap in window.taps():
            sums[:, tap.output[0], tap.output[1]] += x[:, tap.input[0], tap.input[1]]
            counts[tap.output] += 1
    return sums, counts


def evaluate_average(prepared: Pool2D, x: np.ndarray) -> np.ndarray:
    """Average over the taps inside the image; shape ``(N, OH, OW, C)``, type of ``x``.

    Notes
    -----
    Source: ``AveragePool`` in ``kernels/internal/reference/pooling.h`` (float32, uint8) and
    ``reference/integer_ops/pooling.h`` (int8, int16).
    """
    sums, counts = accumulate(prepared, x)
    if x.dtype == np.float32:
        average = sums / counts.astype(np.float32)
        return clamp_float(average, np.float32(prepared.activation_min), np.float32(prepared.activation_max))
    if prepared.rounds_half_up:
        average = (sums + counts // 2) // counts
    else:
        average = np.sign(sums) * ((np.abs(sums) + counts // 2) // counts)
    return np.clip(average, prepared.activation_min, prepared.activation_max).astype(x.dtype)


def evaluate_max(prepared: Pool2D, x: np.ndarray) -> np.ndarray:
    """Return the greatest value under the window; shape ``(N, OH, OW, C)``, type of ``x``.

    Notes
    -----
    Source: ``MaxPool`` in the files named at :func:`evaluate_average`. In float32 a NaN never wins, and of zeros of
    different sign the first stays.
    """
    window = prepared.window
    lowest = np.finfo(np.float32).min if x.dtype == np.float32 else np.iinfo(x.dtype).min
    greatest = np.full((len(x), window.output_height, window.output_width, x.shape[3]), lowest, x.dtype)
    for tap in window.taps():
        under = greatest[:, tap.output[0], tap.output[1]]
        value = x[:, tap.input[0], tap.input[1]]
        np.copyto(under, value, where=under < value)
    if x.dtype == np.float32:
        return clamp_float(greatest, np.float32(prepared.activation_min), np.float32(prepared.activation_max))
    return np.clip(greatest.astype(np.int64), prepared.activation_min, prepared.activation_max).astype(x.dtype)


_ELEMENTS = {TensorType.INT8: "8", TensorType.UINT8: "8", TensorType.INT16: "16", TensorType.FLOAT32: "_float32"}
_MOST_TAPS = {"average_pool8": 1 << 16, "average_pool16": 5000}  # rounded_quotient in kernels/jit/pooling.py


_LEAST_CHANNELS = 16  # of kernels/jit/byte_pooling.py
_MOST_TAPS_OF_BYTES = 128


def _lower(name: str, prepared: Pool2D, node: Node) -> Instruction | None:
    """Lower a pooling; empty tensors and averages of very many codes stay with ``evaluate``."""
    source, window = node.input(0), prepared.window
    kernel = name + _ELEMENTS.get(source.type, "")
    taps = window.filter_height * window.filter_width
    if source.type not in _ELEMENTS or math.prod(source.shape) == 0 or taps >= _MOST_TAPS.get(kernel, 1 << 31):
        return None
    if prepared.activation_max < prepared.activation_min:  # a bound beyond int32, which codes are cut to
        return None
    window_fields = {field: getattr(window, field) for field in _WINDOW_FIELDS}
    flip = 128 if source.type is TensorType.INT8 else 0
    limits_are_codes = prepared.activation_min + flip >= 0 and prepared.activation_max + flip <= 255
    wide = source.shape[3] >= _LEAST_CHANNELS and taps <= _MOST_TAPS_OF_BYTES
    if _ELEMENTS[source.type] == "8" and wide and limits_are_codes:
        size = math.prod(source.shape)
        own: dict[str, Field] = {
            "input": Input(0, size),
            "output": Output(0, math.prod(prepared.output_shape)),
            "batches": source.shape[0],
            "channels": source.shape[3],
            "sign_flip": flip,
            "code_min": int(prepared.activation_min) + flip,
            "code_max": int(prepared.activation_max) + flip,
            "part": 0,
            "parts": 1,
        }
        if name == "average_pool":
            own["sums"] = Scratch(2 * source.shape[2] * source.shape[3])
        else:
            own["output_step"] = source.shape[3]
        return Instruction(f"{name}_bytes", own | window_fields)
    number = float if source.type is TensorType.FLOAT32 else int
    fields: dict[str, Field] = {
        "input": Input(0, source.dtype.itemsize * math.prod(source.shape)),
        "output": Output(0, source.dtype.itemsize * math.prod(prepared.output_shape)),
        "batches": source.shape[0],
        "channels": source.shape[3],
        "activation_min": number(prepared.activation_min),
        "activation_max": number(prepared.activation_max),
    }
    if _ELEMENTS[source.type] == "8":
        fields["sign_flip"] = flip
    if name == "average_pool":
        fields["sums"] = Scratch(4 * source.shape[3])
    return Instruction(kernel, fields | window_fields)


_WINDOW_FIELDS = (
    "input_height",
    "input_width",
    "output_height",
    "output_width",
    "filter_height",
    "filter_width",
    "stride_height",
    "stride_width",
    "padding_top",
    "padding_left",
)


def lower_average(prepared: Pool2D, node: Node) -> Instruction | None:
    """Lower to ``average_pool8``, ``average_pool16`` or ``average_pool_float32``."""
    return _lower("average_pool", prepared, node)


def lower_max(prepared: Pool2D, node: Node) -> Instruction | None:
    """Lower to ``max_pool8``, ``max_pool16`` or ``max_pool_float32``."""
    return _lower("max_pool", prepared, node)


KERNELS = (
    Kernel("AVERAGE_POOL_2D", (1, 3), _TYPES, prepare, evaluate_average, lower_average),
    Kernel("MAX_POOL_2D", (1, 3), _TYPES, prepare, evaluate_max, lower_max),
)
