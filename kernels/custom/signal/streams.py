"""SignalDelay, SignalFramer, SignalOverlapAdd and SignalStacker: samples that wait from run to run.

What waits is an array that the engine keeps for the operator; it begins as ``initial`` gives it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ....schema import TensorType
from ....schema.flexbuffer import flexbuffer_map
from ...checks import require_arity
from ...operator import Kernel, Node, Prepared
from ...profiles import Profile
from ..options import flag, integer

INT16 = np.iinfo(np.int16)
_LONGEST = 1 << 24


def _rows(node: Node, last: int = 1) -> int:
    """Return how many streams the input has: its elements but for the last dimensions, none of which may be 0."""
    shape = node.input(0).shape
    node.require(len(shape) >= last and min(shape) > 0, f"an input of rank {last} or more, of one element or more")
    return math.prod(shape[:-last])


def _length(node: Node, name: str, lowest: int) -> int:
    value = integer(node, flexbuffer_map(node.custom_options), name)
    node.require(lowest <= value <= _LONGEST, f"{name} in [{lowest}, {_LONGEST}], not {value}")
    return value


@dataclass(frozen=True)
class Delay(Prepared):
    """Each of ``rows`` streams comes out ``length`` samples later."""

    rows: int
    length: int


def prepare_delay(node: Node, profile: Profile) -> Delay:
    """Prepare SignalDelay.

    Notes
    -----
    Source: ``Prepare`` in tflite-micro's ``signal/micro/kernels/delay.cc``.
    """
    require_arity(node, 1)
    node.require(node.output().type is TensorType.INT16, "an int16 output")
    rows = _rows(node)
    return Delay((node.input(0).shape,), rows, _length(node, "delay_length", 0))


def initial_delay(prepared: Delay) -> np.ndarray:
    """Return silence."""
    return np.zeros((prepared.rows, prepared.length), np.int16)


def evaluate_delay(prepared: Delay, x: np.ndarray, waiting: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what has waited longest, and what waits then.

    Notes
    -----
    Source: ``Eval`` in tflite-micro's ``signal/micro/kernels/delay.cc``.
    """
    stream = np.concatenate([waiting, x.reshape(prepared.rows, -1)], axis=1)
    size = x.shape[-1]
    return stream[:, :size].reshape(x.shape), stream[:, size:]


@dataclass(frozen=True)
class Framer(Prepared):
    """Frames of ``size`` samples, each beginning ``step`` samples after the last; with ``prefill``, in silence."""

    rows: int
    size: int
    step: int
    prefill: bool


def prepare_framer(node: Node, profile: Profile) -> Framer:
    """Prepare SignalFramer.

    Notes
    -----
    Source: ``Prepare`` in tflite-micro's ``signal/micro/kernels/framer.cc``. A step longer than the frame is refused
    with ``prefill``, where that file fills its buffer with a negative number of zeros.
    """
    require_arity(node, 1, 2)
    types = node.output(0).type, node.output(1).type
    node.require(types == (TensorType.INT16, TensorType.BOOL), "outputs of int16 and bool")
    rows, shape = _rows(node), node.input(0).shape
    size, step = _length(node, "frame_size", 1), _length(node, "frame_step", 1)
    prefill = flag(node, flexbuffer_map(node.custom_options), "prefill")
    node.require(shape[-1] % step == 0, f"a whole number of steps of {step} samples")
    node.require(step <= size or not prefill, f"a step within the frame, to be filled, not {step} of {size} samples")
    return Framer(((*shape[:-1], shape[-1] // step, size), ()), rows, size, step, prefill)


def initial_framer(prepared: Framer) -> np.ndarray:
    """Return nothing, or silence for what the first frame lacks."""
    return np.zeros((prepared.rows, prepared.size - prepared.step if prepared.prefill else 0), np.int16)


def evaluate_framer(prepared: Framer, x: np.ndarray, waiting: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the frames, whether there were samples for all of them, and what waits then.

    Frames without enough samples are 0. The reference leaves them as they were in memory.

    Notes
    -----
    Source: ``Eval`` in tflite-micro's ``signal/micro/kernels/framer.cc``.
    """
    count = x.shape[-1] // prepared.step
    frames = np.zeros((prepared.rows, count, prepared.size), np.int16)
    valid = True
    for index, samples in enumerate(np.split(x.reshape(prepared.rows, -1), count, axis=1)):
        waiting = np.concatenate([waiting, samples], axis=1)
        if waiting.shape[1] >= prepared.size:
            frames[:, index] = waiting[:, : prepared.size]
            waiting = waiting[:, prepared.step :]
        else:
            valid = False
    return frames.reshape(*x.shape[:-1], count, prepared.size), np.array(valid), waiting


@dataclass(frozen=True)
class OverlapAdd(Prepared):
    """Frames of ``size`` samples are added up, each beginning ``step`` samples after the last."""

    rows: int
    size: int
    step: int
    dtype: np.dtype


def prepare_overlap_add(node: Node, profile: Profile) -> OverlapAdd:
    """Prepare SignalOverlapAdd.

    Notes
    -----
    Source: ``OverlapAddPrepare`` in tflite-micro's ``signal/micro/kernels/overlap_add.cc``, which reads beyond a frame
    that is shorter than the step: that is refused.
    """
    require_arity(node, 1)
    source = node.input(0)
    node.require(node.output().type is source.type, "an output of the input's data type")
    code = integer(node, flexbuffer_map(node.custom_options), "T")
    node.require(code == source.type, f"T to be the input's data type, not {code}")
    rows, step = _rows(node, 2), _length(node, "frame_step", 1)
    *outer, count, size = source.shape
    node.require(step <= size, f"a step within a frame of {size} samples, not {step}")
    return OverlapAdd(((*outer, count * step),), rows, size, step, source.dtype)


def initial_overlap_add(prepared: OverlapAdd) -> np.ndarray:
    """Return silence."""
    return np.zeros((prepared.rows, prepared.size), prepared.dtype)


def evaluate_overlap_add(prepared: OverlapAdd, x: np.ndarray, sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the samples to which no further frame is added, and the sums so far of those that follow.

    Notes
    -----
    Source: ``OverlapAdd`` in tflite-micro's ``signal/src/overlap_add.cc``: int16 saturates at each addition.
    """
    frames = x.reshape(prepared.rows, -1, prepared.size)
    result = np.zeros((prepared.rows, frames.shape[1], prepared.step), prepared.dtype)
    for index in range(frames.shape[1]):
        if prepared.dtype == np.int16:
            total = sums.astype(np.int32) + frames[:, index]
            sums = np.clip(total, INT16.min, INT16.max).astype(np.int16)
        else:
            sums = sums + frames[:, index]
        result[:, index] = sums[:, : prepared.step]
        sums = np.concatenate([sums[:, prepared.step :], np.zeros_like(result[:, index])], axis=1)
    return result.reshape(prepared.output_shape), sums


@dataclass(frozen=True)
class Stacker(Prepared):
    """``frames`` of ``channels`` numbers come out as one; ``step`` frames later, the next.

    ``left`` copies of the first frame come before it.
    """

    channels: int
    left: int
    frames: int
    step: int


def prepare_stacker(node: Node, profile: Profile) -> Stacker:
    """Prepare SignalStacker.

    Notes
    -----
    Source: ``StackerInit`` and ``StackerPrepare`` in tflite-micro's ``signal/micro/kernels/stacker.cc``. A step beyond
    what is stacked, which would discard samples before they came, is refused.
    """
    require_arity(node, 1, 2)
    types = node.output(0).type, node.output(1).type
    node.require(types == (TensorType.INT16, TensorType.BOOL), "outputs of int16 and bool")
    shape = node.input(0).shape
    channels = _length(node, "num_channels", 1)
    node.require(len(shape) == 1 and shape[0] >= channels, f"an input of rank 1, of {channels} channels")
    left, right = _length(node, "stacker_left_context", 0), _length(node, "stacker_right_context", 0)
    frames = left + right + 1
    step = _length(node, "stacker_step", 1)
    node.require(step <= frames, f"a step within {frames} frames, not {step}")
    node.require(channels * frames <= _LONGEST, f"at most {_LONGEST} numbers to be stacked")
    return Stacker(((channels * frames,), ()), channels, left, frames, step)


def initial_stacker(prepared: Stacker) -> np.ndarray:
    """Return nothing; a first number of 0 says that no frame has come yet."""
    return np.zeros(1, np.int16)


def evaluate_stacker(
    prepared: Stacker, x: np.ndarray, waiting: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the stacked frames, whether there were enough of them, and what waits then.

    Where there are not enough, 0s come out. The reference leaves the output as it was in memory.

    Notes
    -----
    Source: ``StackerEval`` in tflite-micro's ``signal/micro/kernels/stacker.cc``.
    """
    frame = x[: prepared.channels]
    copies = 1 if waiting[0] else 1 + prepared.left
    stream = np.concatenate([waiting[1:], np.tile(frame, copies)])
    size = prepared.channels * prepared.frames
    valid = len(stream) >= size
    stacked = stream[:size] if valid else np.zeros(size, np.int16)
    rest = stream[prepared.channels * prepared.step :] if valid else stream
    return stacked, np.array(valid), np.concatenate([np.ones(1, np.int16), rest])


_INT16 = (TensorType.INT16,)

KERNELS = (
    Kernel("SignalDelay", (1, 1), _INT16, prepare_delay, evaluate_delay, initial=initial_delay, resets=True),
    Kernel("SignalFramer", (1, 1), _INT16, prepare_framer, evaluate_framer, initial=initial_framer, resets=True),
    Kernel(
        "SignalOverlapAdd",
        *((1, 1), (TensorType.INT16, TensorType.FLOAT32), prepare_overlap_add, evaluate_overlap_add),
        initial=initial_overlap_add,
        resets=True,
    ),
    Kernel("SignalStacker", (1, 1), _INT16, prepare_stacker, evaluate_stacker, initial=initial_stacker, resets=True),
)
