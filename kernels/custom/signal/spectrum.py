"""SignalWindow, SignalFftAutoScale and SignalEnergy: what comes before and after the Fourier transform."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ....schema import TensorType
from ....schema.flexbuffer import flexbuffer_map
from ...checks import require_arity
from ...operator import Kernel, Node, Prepared
from ...profiles import Profile
from ..options import integer

INT16 = np.iinfo(np.int16)


@dataclass(frozen=True)
class Window(Prepared):
    """Products are shifted right by ``shift`` bits."""

    shift: int


def prepare_window(node: Node, profile: Profile) -> Window:
    """Prepare SignalWindow.

    Notes
    -----
    Source: ``WindowPrepare`` in tflite-micro's ``signal/micro/kernels/window.cc``.
    """
    require_arity(node, 2)
    source, weights = node.input(0), node.input(1)
    node.require(weights.type is node.output().type is TensorType.INT16, "int16 weights and output")
    node.require(len(source.shape) >= 1 and len(weights.shape) == 1, "an input of rank 1 or more, weights of rank 1")
    size = weights.shape[0]
    node.require(size > 0 and math.prod(source.shape) % size == 0, "an input of whole windows")
    shift = integer(node, flexbuffer_map(node.custom_options), "shift")
    node.require(0 <= shift <= 31, f"a shift in [0, 31], not {shift}")
    return Window((source.shape,), shift)


def evaluate_window(prepared: Window, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return ``x * weights >> shift``, saturated to int16.

    Notes
    -----
    Source: ``ApplyWindow`` in tflite-micro's ``signal/src/window.cc``.
    """
    products = x.reshape(-1, len(weights)).astype(np.int32) * weights.astype(np.int32) >> prepared.shift
    return np.clip(products, INT16.min, INT16.max).astype(np.int16).reshape(x.shape)


def prepare_auto_scale(node: Node, profile: Profile) -> Prepared:
    """Prepare SignalFftAutoScale.

    Notes
    -----
    Source: ``FftAutoScalePrepare`` in tflite-micro's ``signal/micro/kernels/fft_auto_scale_common.cc``.
    """
    require_arity(node, 1, 2)
    source = node.input(0)
    node.require(len(source.shape) == 1, "an input of rank 1")
    types = node.output(0).type, node.output(1).type
    node.require(types == (TensorType.INT16, TensorType.INT32), "outputs of int16 and int32")
    return Prepared((source.shape, ()))


def evaluate_auto_scale(prepared: Prepared, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ``x`` shifted left until its largest magnitude fills 15 bits, and by how many bits; zeros by none.

    Notes
    -----
    Source: ``FftAutoScale`` in tflite-micro's ``signal/src/fft_auto_scale.cc``, built by GCC or Clang.
    """
    largest = _largest_since_the_last_minimum(x)
    bits = max(15 - largest.bit_length(), 0) if largest > 0 else 0
    return (x.astype(np.int32) << bits).astype(np.int16), np.array(bits, np.int32)


def _largest_since_the_last_minimum(x: np.ndarray) -> int:
    """Return the largest magnitude as int16, in which that of -32768 is -32768: what came before it is forgotten.

    Notes
    -----
    Source: ``MaxAbs16`` in tflite-micro's ``signal/src/max_abs.cc``, a defect that all profiles reproduce: the operator
    is tflite-micro's. Numbers may then be shifted out of 16 bits.
    """
    largest = 0
    for value in x.tolist():
        if value > largest:
            largest = value
        elif -value > largest:
            largest = -value if value > INT16.min else INT16.min
    return largest


@dataclass(frozen=True)
class Energy(Prepared):
    """The bins from ``start`` to before ``end`` are computed; the others are 0."""

    start: int
    end: int


def prepare_energy(node: Node, profile: Profile) -> Energy:
    """Prepare SignalEnergy.

    Notes
    -----
    Source: ``EnergyPrepare`` in tflite-micro's ``signal/micro/kernels/energy.cc``.
    """
    require_arity(node, 1)
    source = node.input(0)
    node.require(node.output().type is TensorType.UINT32, "a uint32 output")
    node.require(len(source.shape) == 1 and source.shape[0] % 2 == 0, "an input of rank 1, real and imaginary in turn")
    options = flexbuffer_map(node.custom_options)
    start, end = integer(node, options, "start_index"), integer(node, options, "end_index")
    bins = source.shape[0] // 2
    node.require(0 <= start <= end <= bins, f"start_index and end_index within {bins} bins, not {start} and {end}")
    return Energy(((bins,),), start, end)


def evaluate_energy(prepared: Energy, x: np.ndarray) -> np.ndarray:
    """Return the squared magnitude of complex numbers, uint32.

    Notes
    -----
    Source: ``SpectrumToEnergy`` in tflite-micro's ``signal/src/energy.cc``, which leaves bins outside of start and end
    as they were in memory.
    """
    result = np.zeros(prepared.output_shape, np.uint32)
    window = slice(prepared.start, prepared.end)
    result[window] = np.square(x.reshape(-1, 2)[window].astype(np.int64)).sum(axis=1)
    return result


_TYPES = (TensorType.INT16,)

KERNELS = (
    Kernel("SignalWindow", (1, 1), _TYPES, prepare_window, evaluate_window),
    Kernel("SignalFftAutoScale", (1, 1), _TYPES, prepare_auto_scale, evaluate_auto_scale),
    Kernel("SignalEnergy", (1, 1), _TYPES, prepare_energy, evaluate_energy),
)
