"""LOCAL_RESPONSE_NORMALIZATION of float32 images: each value divided by a power of its neighbours' squares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ...schema.options import LocalResponseNormalizationOptions
from ..checks import options_of, require_arity, require_same_type
from ..operator import Kernel, Node, Prepared
from ..profiles import Profile


@dataclass(frozen=True)
class LocalResponse(Prepared):
    """``y = x * (bias + alpha * sum of squares)**-beta`` over ``radius`` channels before and ``radius - 1`` after."""

    radius: int
    bias: float
    alpha: float
    beta: float


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
    return LocalResponse((source.shape,), options.radius, options.bias, options.alpha, options.beta)


def evaluate(prepared: LocalResponse, x: np.ndarray) -> np.ndarray:
    """Normalize; the squares are added from the first channel on, in float32, the factor is formed in float64.

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
        factors = np.power(prepared.bias + prepared.alpha * sums.astype(np.float64), -prepared.beta)
        return x * factors.astype(np.float32)


KERNELS = (Kernel("LOCAL_RESPONSE_NORMALIZATION", (1, 1), (TensorType.FLOAT32,), prepare, evaluate),)
