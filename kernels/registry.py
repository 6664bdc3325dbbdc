"""The registry: every operator q31 implements, by its schema name. The support table is generated from it."""

from __future__ import annotations

from collections.abc import Mapping

from .activations import elu, exp_log, gelu, hard_swish, log_softmax, lookup, prelu, relu, softmax
from .convolution import batch_matmul, conv_2d, conv_3d, depthwise_conv_2d, fully_connected, transpose_conv
from .custom import audio_spectrogram, detection_postprocess, mfcc, numeric_verify
from .custom.registration import registered
from .custom.signal import filter_bank, noise, rfft, spectrum, streams
from .elementwise import (
    absolute,
    add_n,
    add_sub,
    binary,
    comparisons,
    complex_parts,
    div,
    mul,
    power,
    roots,
    select,
    squared_difference,
    unary,
)
from .fft import rfft_2d
from .indexing import (
    finding,
    gather,
    hashtable_lookup,
    lookup_rows,
    lookup_sparse,
    lsh_projection,
    non_max_suppression,
    scatter,
    segments,
    skip_gram,
)
from .normalization import l2_normalization, local_response
from .operator import Kernel, Node
from .pooling import l2_pool_2d, pool_2d
from .quantize import cast, dequantize, fake_quant, quantize
from .random import distributions, rng_bit_generator
from .recurrent import bidirectional_lstm, bidirectional_rnn, lstm, rnn, svdf
from .reduce import arg_max, mean, reductions, sum_prod
from .resize import bilinear, nearest_neighbor
from .shape import (
    bitcast,
    blocks,
    broadcast_args,
    concatenation,
    densify,
    mirror_pad,
    pad,
    repeat,
    reshape,
    reverse,
    sequence,
    shape,
    split,
    split_v,
    strided_slice,
    transpose,
)
from .stablehlo import elementwise as stablehlo_elementwise
from .stablehlo import gather as stablehlo_gather
from .stablehlo import pad as stablehlo_pad
from .stablehlo import reduce_window
from .stablehlo import scatter as stablehlo_scatter

_MODULES: tuple[tuple[Kernel, ...], ...] = (
    absolute.KERNELS,
    add_n.KERNELS,
    add_sub.KERNELS,
    arg_max.KERNELS,
    batch_matmul.KERNELS,
    bidirectional_lstm.KERNELS,
    bidirectional_rnn.KERNELS,
    bilinear.KERNELS,
    binary.KERNELS,
    bitcast.KERNELS,
    blocks.KERNELS,
    broadcast_args.KERNELS,
    cast.KERNELS,
    comparisons.KERNELS,
    complex_parts.KERNELS,
    concatenation.KERNELS,
    conv_2d.KERNELS,
    conv_3d.KERNELS,
    depthwise_conv_2d.KERNELS,
    densify.KERNELS,
    dequantize.KERNELS,
    distributions.KERNELS,
    div.KERNELS,
    elu.KERNELS,
    exp_log.KERNELS,
    fake_quant.KERNELS,
    finding.KERNELS,
    fully_connected.KERNELS,
    gather.KERNELS,
    gelu.KERNELS,
    hard_swish.KERNELS,
    hashtable_lookup.KERNELS,
    l2_normalization.KERNELS,
    l2_pool_2d.KERNELS,
    local_response.KERNELS,
    log_softmax.KERNELS,
    lookup.KERNELS,
    lookup_rows.KERNELS,
    lookup_sparse.KERNELS,
    lsh_projection.KERNELS,
    lstm.KERNELS,
    mean.KERNELS,
    mirror_pad.KERNELS,
    mul.KERNELS,
    nearest_neighbor.KERNELS,
    non_max_suppression.KERNELS,
    pad.KERNELS,
    pool_2d.KERNELS,
    power.KERNELS,
    prelu.KERNELS,
    quantize.KERNELS,
    reduce_window.KERNELS,
    reductions.KERNELS,
    relu.KERNELS,
    repeat.KERNELS,
    reshape.KERNELS,
    reverse.KERNELS,
    rfft_2d.KERNELS,
    rng_bit_generator.KERNELS,
    rnn.KERNELS,
    roots.KERNELS,
    scatter.KERNELS,
    segments.KERNELS,
    select.KERNELS,
    sequence.KERNELS,
    shape.KERNELS,
    softmax.KERNELS,
    skip_gram.KERNELS,
    split.KERNELS,
    split_v.KERNELS,
    squared_difference.KERNELS,
    stablehlo_elementwise.KERNELS,
    stablehlo_gather.KERNELS,
    stablehlo_pad.KERNELS,
    stablehlo_scatter.KERNELS,
    strided_slice.KERNELS,
    sum_prod.KERNELS,
    svdf.KERNELS,
    transpose.KERNELS,
    transpose_conv.KERNELS,
    unary.KERNELS,
)

REGISTRY: Mapping[str, Kernel] = {kernel.name: kernel for kernels in _MODULES for kernel in kernels}

_CUSTOM_MODULES: tuple[tuple[Kernel, ...], ...] = (
    audio_spectrogram.KERNELS,
    detection_postprocess.KERNELS,
    filter_bank.KERNELS,
    mfcc.KERNELS,
    noise.KERNELS,
    numeric_verify.KERNELS,
    rfft.KERNELS,
    spectrum.KERNELS,
    streams.KERNELS,
)

CUSTOM: Mapping[str, Kernel] = {kernel.name: kernel for kernels in _CUSTOM_MODULES for kernel in kernels}
"""Custom operators that q31 has kernels of its own for, by custom code."""


def find(node: Node) -> Kernel:
    """Return the kernel for an operator.

    Raises
    ------
    UnsupportedOperatorError
        Where the operator, its version or its selecting data type has no kernel; says what is supported.
    """
    if node.name == "CUSTOM":
        return _find_custom(node)
    kernel = REGISTRY.get(node.name)
    if kernel is None:
        raise node.unsupported("the operators that 'q31 ops' lists")
    return _checked(kernel, node)


def _find_custom(node: Node) -> Kernel:
    """Return the kernel registered under the node's custom code, or else q31's own."""
    code = node.custom_code or ""
    if code in registered():
        return registered()[code]
    if code not in CUSTOM:
        raise node.unsupported("those that 'q31 ops' lists, and what q31.register_custom adds")
    return _checked(CUSTOM[code], node)


def _checked(kernel: Kernel, node: Node) -> Kernel:
    """Return the kernel, where it has the node's version and selecting data type."""
    require_version(kernel, node)
    if kernel.form_of is not None:
        kernel = kernel.form_of(node)
    selecting = node.output(-kernel.selector - 1) if kernel.selector < 0 else node.input(kernel.selector)
    if selecting.type not in kernel.types:
        raise node.unsupported(", ".join(t.name.lower() for t in kernel.types))
    return kernel


def require_version(kernel: Kernel, node: Node) -> None:
    """Raise UnsupportedOperatorError where the kernel has not the node's version."""
    lowest, highest = kernel.versions
    if not lowest <= node.version <= highest:
        raise node.unsupported(f"versions {lowest} to {highest}" if lowest < highest else f"version {lowest}")
