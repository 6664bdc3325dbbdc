"""The registry: every operator q31 implements, by its schema name. The support table is generated from it.

A model has few of the operators there are, and to import the modules of all takes longer than to run many a model: a
module is imported when one of its operators is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module

from .custom.registration import registered
from .operator import Kernel, Node

_BUILTIN: Mapping[str, str] = {
    "activations.elu": "ELU",
    "activations.exp_log": "EXP LOG",
    "activations.gelu": "GELU",
    "activations.hard_swish": "HARD_SWISH",
    "activations.log_softmax": "LOG_SOFTMAX",
    "activations.lookup": "LOGISTIC TANH",
    "activations.prelu": "PRELU",
    "activations.relu": "RELU RELU6 RELU_N1_TO_1 RELU_0_TO_1 LEAKY_RELU",
    "activations.softmax": "SOFTMAX",
    "convolution.batch_matmul": "BATCH_MATMUL",
    "convolution.conv_2d": "CONV_2D",
    "convolution.conv_3d": "CONV_3D CONV_3D_TRANSPOSE",
    "convolution.depthwise_conv_2d": "DEPTHWISE_CONV_2D",
    "convolution.fully_connected": "FULLY_CONNECTED",
    "convolution.transpose_conv": "TRANSPOSE_CONV",
    "elementwise.absolute": "ABS",
    "elementwise.add_n": "ADD_N",
    "elementwise.add_sub": "ADD SUB",
    "elementwise.binary": """MAXIMUM MINIMUM LOGICAL_AND LOGICAL_OR BITWISE_XOR RIGHT_SHIFT FLOOR_DIV FLOOR_MOD
        STABLEHLO_AND STABLEHLO_SHIFT_LEFT ATAN2""",
    "elementwise.comparisons": "EQUAL NOT_EQUAL GREATER GREATER_EQUAL LESS LESS_EQUAL",
    "elementwise.complex_parts": "REAL IMAG COMPLEX_ABS",
    "elementwise.div": "DIV",
    "elementwise.mul": "MUL",
    "elementwise.power": "POW",
    "elementwise.roots": "SQRT RSQRT",
    "elementwise.select": "SELECT SELECT_V2",
    "elementwise.squared_difference": "SQUARED_DIFFERENCE",
    "elementwise.unary": "NEG SQUARE SIN COS FLOOR CEIL ROUND SIGN LOGICAL_NOT ZEROS_LIKE",
    "fft.rfft_2d": "RFFT2D",
    "indexing.finding": "ONE_HOT WHERE TOPK_V2 UNIQUE BUCKETIZE",
    "indexing.gather": "GATHER GATHER_ND",
    "indexing.hashtable_lookup": "HASHTABLE_LOOKUP",
    "indexing.lookup_rows": "EMBEDDING_LOOKUP",
    "indexing.lookup_sparse": "EMBEDDING_LOOKUP_SPARSE",
    "indexing.lsh_projection": "LSH_PROJECTION",
    "indexing.non_max_suppression": "NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5",
    "indexing.scatter": "SCATTER_ND SPARSE_TO_DENSE DYNAMIC_UPDATE_SLICE MATRIX_DIAG MATRIX_SET_DIAG",
    "indexing.segments": """UNSORTED_SEGMENT_SUM UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_MIN
        SEGMENT_SUM CUMSUM""",
    "indexing.skip_gram": "SKIP_GRAM",
    "normalization.l2_normalization": "L2_NORMALIZATION",
    "normalization.local_response": "LOCAL_RESPONSE_NORMALIZATION",
    "pooling.l2_pool_2d": "L2_POOL_2D",
    "pooling.pool_2d": "AVERAGE_POOL_2D MAX_POOL_2D",
    "quantize.cast": "CAST",
    "quantize.dequantize": "DEQUANTIZE",
    "quantize.fake_quant": "FAKE_QUANT",
    "quantize.quantize": "QUANTIZE",
    "random.distributions": "MULTINOMIAL RANDOM_STANDARD_NORMAL RANDOM_UNIFORM",
    "random.rng_bit_generator": "STABLEHLO_RNG_BIT_GENERATOR",
    "recurrent.bidirectional_lstm": "BIDIRECTIONAL_SEQUENCE_LSTM",
    "recurrent.bidirectional_rnn": "BIDIRECTIONAL_SEQUENCE_RNN",
    "recurrent.lstm": "UNIDIRECTIONAL_SEQUENCE_LSTM LSTM",
    "recurrent.rnn": "RNN UNIDIRECTIONAL_SEQUENCE_RNN",
    "recurrent.svdf": "SVDF",
    "reduce.arg_max": "ARG_MAX ARG_MIN",
    "reduce.mean": "MEAN",
    "reduce.reductions": "REDUCE_MAX REDUCE_MIN REDUCE_ANY REDUCE_ALL",
    "reduce.sum_prod": "SUM REDUCE_PROD",
    "resize.bilinear": "RESIZE_BILINEAR",
    "resize.nearest_neighbor": "RESIZE_NEAREST_NEIGHBOR",
    "shape.bitcast": "BITCAST",
    "shape.blocks": "SPACE_TO_DEPTH DEPTH_TO_SPACE SPACE_TO_BATCH_ND BATCH_TO_SPACE_ND",
    "shape.broadcast_args": "BROADCAST_ARGS",
    "shape.concatenation": "CONCATENATION PACK",
    "shape.densify": "DENSIFY",
    "shape.mirror_pad": "MIRROR_PAD",
    "shape.pad": "PAD PADV2",
    "shape.repeat": "TILE BROADCAST_TO FILL",
    "shape.reshape": "RESHAPE SQUEEZE EXPAND_DIMS",
    "shape.reverse": "REVERSE_V2 REVERSE_SEQUENCE",
    "shape.sequence": "RANGE RANK",
    "shape.shape": "SHAPE",
    "shape.split": "SPLIT UNPACK",
    "shape.split_v": "SPLIT_V",
    "shape.strided_slice": "SLICE STRIDED_SLICE",
    "shape.transpose": "TRANSPOSE",
    "stablehlo.elementwise": "STABLEHLO_ADD STABLEHLO_MULTIPLY STABLEHLO_MAXIMUM STABLEHLO_MINIMUM",
    "stablehlo.gather": "STABLEHLO_GATHER",
    "stablehlo.pad": "STABLEHLO_PAD DILATE",
    "stablehlo.reduce_window": "REDUCE_WINDOW STABLEHLO_REDUCE_WINDOW",
    "stablehlo.scatter": "STABLEHLO_SCATTER",
}
"""Module -> the operators that it has kernels of."""

_CUSTOM_CODES: Mapping[str, str] = {
    "custom.audio_spectrogram": "AudioSpectrogram",
    "custom.detection_postprocess": "TFLite_Detection_PostProcess",
    "custom.mfcc": "Mfcc",
    "custom.numeric_verify": "NumericVerify",
    "custom.signal.filter_bank": "SignalFilterBank SignalFilterBankSquareRoot SignalFilterBankLog SignalPCAN",
    "custom.signal.noise": "SignalFilterBankSpectralSubtraction",
    "custom.signal.rfft": "SignalRfft SignalIrfft",
    "custom.signal.spectrum": "SignalWindow SignalFftAutoScale SignalEnergy",
    "custom.signal.streams": "SignalDelay SignalFramer SignalOverlapAdd SignalStacker",
}
"""The same of custom operators, by custom code."""


class _Registry(Mapping[str, Kernel]):
    """Kernels by name, from the modules that have them."""

    def __init__(self, modules: Mapping[str, str]) -> None:
        self._modules = {name: module for module, names in modules.items() for name in names.split()}
        self._kernels: dict[str, Kernel] = {}

    def __getitem__(self, name: str) -> Kernel:
        if name not in self._kernels:
            module = import_module(f".{self._modules[name]}", __package__)
            self._kernels.update((kernel.name, kernel) for kernel in module.KERNELS)
        return self._kernels[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)


REGISTRY: Mapping[str, Kernel] = _Registry(_BUILTIN)

CUSTOM: Mapping[str, Kernel] = _Registry(_CUSTOM_CODES)
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
