"""CONCATENATION and PACK: several tensors into one along an axis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...schema import ActivationFunctionType, TensorType
from ...schema.options import ConcatenationOptions, PackOptions
from ..checks import options_of, require_arity, require_quantized, require_same_type
from ..fixed_point import round_half_away
from ..operator import Instruction, Kernel, Node, Prepared, TensorSpec
from ..profiles import Profile
from ..quantize.conversion import to_int32
from . import copies
from .arguments import normalized_axis, require_same_parameters, without


@dataclass(frozen=True)
class Concatenation(Prepared):
    """The axis, and how each input's codes become the output's.

    ``tables[i]`` has the output code of each code of input ``i`` (uint8 only); None where it is copied as it is.
    """

    axis: int
    tables: tuple[np.ndarray | None, ...]


def rescale_table(source: TensorSpec, target: TensorSpec) -> np.ndarray | None:
    """Tabulate how a uint8 input is rescaled to the output's parameters; None where they are equal.

    Returns
    -------
    uint8 array of 256 : ``round(q * scale + bias) + zero_point``, clamped.

    Notes
    -----
    Source: ``ConcatenationWithScaling`` in ``kernels/internal/reference/concatenation.h``. ``scale`` is the input's
    times the float32 inverse of the output's, ``bias`` is ``-zero_point * scale``; product and sum round in float32.
    """
    if (source.scale, source.zero_point) == (target.scale, target.zero_point):
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        scale = source.scale * (np.float32(1) / target.scale)
        bias = np.float32(-source.zero_point) * scale
        codes = to_int32(round_half_away(np.arange(256, dtype=np.float32) * scale + bias)) + target.zero_point
    return np.clip(codes, 0, 255).astype(np.uint8)


def prepare_concatenation(node: Node, profile: Profile) -> Concatenation:
    """Prepare CONCATENATION.

    Notes
    -----
    Source: ``Prepare`` in ``kernels/concatenation.cc``. Only uint8 is rescaled: int8 inputs must have the
    output's parameters, int16 ones zero point 0. Scalars make a vector, though only constant ones do so there.
    """
    options = options_of(node, ConcatenationOptions)
    node.require(len(node.inputs) >= 1, "at least 1 input")
    require_arity(node, len(node.inputs))
    sources = [node.input(index) for index in range(len(node.inputs))]
    target = node.output()
    require_same_type(node, *sources, target)
    none = ActivationFunctionType.NONE
    node.require(options.fused_activation_function is none, "no fused activation")
    _check_parameters(node, sources, target)
    tables = tuple(rescale_table(source, target) if source.type is TensorType.UINT8 else None for source in sources)
    shape = sources[0].shape
    if shape == ():
        node.require(options.axis == 0 and all(source.shape == () for source in sources), "scalars along axis 0")
        return Concatenation(((len(sources),),), 0, tables)
    axis = normalized_axis(node, options.axis, len(shape))
    for source in sources:
        alike = len(source.shape) == len(shape) and without(source.shape, axis) == without(shape, axis)
        node.require(alike, f"inputs of one shape but for axis {axis}")
    joined = sum(source.shape[axis] for source in sources)
    return Concatenation(((*shape[:axis], joined, *shape[axis + 1 :]),), axis, tables)


def _check_parameters(node: Node, sources: list[TensorSpec], target: TensorSpec) -> None:
    if target.type is TensorType.INT8:
        require_same_parameters(node)
    elif target.type is TensorType.INT16:
        node.require(all(spec.zero_point == 0 for spec in (*sources, target)), "zero points of 0")
    elif target.type is TensorType.UINT8:
        parameters = {(spec.scale, spec.zero_point) for spec in (*sources, target)}
        if len(parameters) > 1:
            require_quantized(node, *sources, target)


def evaluate_concatenation(prepared: Concatenation, *arrays: np.ndarray) -> np.ndarray:
    """Rescale the inputs that need it and join all along the axis."""
    codes = [x if table is None else table[x] for x, table in zip(arrays, prepared.tables, strict=True)]
    return np.concatenate([np.atleast_1d(x) for x in codes], prepared.axis)


def lower_concatenation(prepared: Concatenation, node: Node) -> tuple[Instruction, ...] | None:
    """Lower to one copy for each input, through a table of 256 codes where it is rescaled."""
    return copies.join(node, prepared.axis, prepared.output_shape, prepared.tables)


def prepare_pack(node: Node, profile: Profile) -> Concatenation:
    """Prepare PACK: inputs of one shape become the slices along a new axis.

    Notes
    -----
    Source: ``Prepare`` in ``kernels/pack.cc``.
    """
    options = options_of(node, PackOptions)
    node.require(options.values_count >= 1, f"values_count of at least 1, not {options.values_count}")
    require_arity(node, options.values_count)
    sources = [node.input(index) for index in range(len(node.inputs))]
    require_same_type(node, *sources, node.output())
    require_same_parameters(node)
    shape = sources[0].shape
    node.require(all(source.shape == shape for source in sources), "inputs of one shape")
    axis = normalized_axis(node, options.axis, len(shape) + 1)
    return Concatenation(((*shape[:axis], len(sources), *shape[axis:]),), axis, (None,) * len(sources))


def evaluate_pack(prepared: Concatenation, *arrays: np.ndarray) -> np.ndarray:
    """Stack the inputs along a new axis."""
    return np.stack(arrays, prepared.axis)


def lower_pack(prepared: Concatenation, node: Node) -> tuple[Instruction, ...] | None:
    """Lower to one ``strided_copy`` for each input."""
    return copies.join(node, prepared.axis, prepared.output_shape, prepared.tables)


_CONCATENATION_TYPES = (
    TensorType.FLOAT32,
    TensorType.FLOAT16,
    TensorType.UINT8,
    TensorType.INT8,
    TensorType.INT16,
    TensorType.INT32,
    TensorType.INT64,
    TensorType.BOOL,
    TensorType.UINT32,
    TensorType.BFLOAT16,
    TensorType.INT4,
)
_PACK_TYPES = (
    TensorType.FLOAT32,
    TensorType.UINT8,
    TensorType.INT8,
    TensorType.INT16,
    TensorType.INT32,
    TensorType.UINT32,
    TensorType.INT64,
)

KERNELS = (
    Kernel(
        "CONCATENATION",
        (1, 7),
        _CONCATENATION_TYPES,
        prepare_concatenation,
        evaluate_concatenation,
        lower_concatenation,
    ),
    Kernel("PACK", (1, 5), _PACK_TYPES, prepare_pack, evaluate_pack, lower_pack),
)
