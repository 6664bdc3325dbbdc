"""LOCAL_RESPONSE_NORMALIZATION of float32 images: each value divided by a power of its neighbours' squares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ...schema.options import LocalResponseNormalizationOptions
from ..checks import options_of, require_arity, require_same_type
from ..libm import powf
from ..operator import Kernel, Node, Prepared
from ..profiles import Profile


@dataclass(frozen=True)
class LocalResponse(Prepared):
    """``y = x * (bias + alpha * sum of squares)**-beta`` over ``radius`` channels before and ``radius - 1`` after."""

    radius: int
    bias: np.float32
    alpha: np.float32
    beta: np.float32


def prepare(node: Node, profile: Profile) -> LocalResponse:
    """Prepare LOCAL_RESPONSE_NORMALIZATION.

    Notes
    -----
    Source: ``Prepare`` in ``kernels/local_response_norm.cc``.
    """
    require_arity(node, 1)
    source, target = node.input(0), node.output()
    require_same_type(node, source, target)
    node.require(len(source.shape) == 4, "an input of rank 4 (N, H, W, C)")
    options = options_of(node, LocalResponseNormalizationOptions)
    with np.errstate(all="ignore"):
        factors = [np.float32(value) for value in (options.bias, options.alpha, options.beta)]
    return LocalResponse((source.shape,), options.radius, *factors)


def evaluate(prepared: LocalResponse, x: np.ndarray) -> np.ndarray:
    """Normalize; the squares are added from the first channel on.

    Notes
    -----
    Source: ``LocalResponseNormalization`` in ``kernels/internal/reference/reference_ops.h``. The window ends before
    the channel ``radius`` after the middle, so that it is not symmetric.
    """
    channels = x.shape[3]
    sums = np.zeros_like(x)
    with np.errstate(all="ignore"):
        for offset in range(max(-prepared.radius, 1 - channels), min(prepared.radius, channels)):
            first, last = max(0, -offset), min(channels, channels - offset)
            near = x[..., first + offset : last + offset]
            sums[..., first:last] += near * near
        return x * powf(prepared.bias + prepared.alpha * sums, -prepared.beta)


KERNELS = (Kernel("LOCAL_RESPONSE_NORMALIZATION", (1, 1), (TensorType.FLOAT32,), prepare, evaluate),)
