"""Which function narrates which prepared form. A module is imported when one of its operators is explained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

_NARRATORS: Mapping[str, Mapping[str, str]] = {
    "products": {
        "CONV_2D QuantizedConv2D": "explain_conv_2d",
        "DEPTHWISE_CONV_2D QuantizedDepthwiseConv2D": "explain_depthwise_conv_2d",
        "TRANSPOSE_CONV QuantizedTransposeConv": "explain_transpose_conv",
        "FULLY_CONNECTED QuantizedFullyConnected": "explain_fully_connected",
    },
    "elementwise": {
        "ADD QuantizedSum": "explain_add",
        "SUB QuantizedSum": "explain_sub",
        "MUL QuantizedProduct": "explain_mul",
        "MEAN QuantizedMean": "explain_mean",
        "QUANTIZE Quantize": "explain_quantize",
        "QUANTIZE Requantize": "explain_quantize",
    },
    "selections": {
        "AVERAGE_POOL_2D Pool2D": "explain_average_pool",
        "MAX_POOL_2D Pool2D": "explain_max_pool",
        "LOGISTIC Lookup": "explain_lookup",
        "TANH Lookup": "explain_lookup",
        "SOFTMAX QuantizedSoftmax": "explain_softmax",
        "RELU QuantizedRelu": "explain_relu",
        "RELU6 QuantizedRelu": "explain_relu",
        "RELU_N1_TO_1 QuantizedRelu": "explain_relu",
        "RELU_0_TO_1 QuantizedRelu": "explain_relu",
        "LEAKY_RELU QuantizedLeakyRelu": "explain_leaky_relu",
    },
}
"""Module -> operator and class of what ``prepare`` returned -> function."""


def narrator(operator: str, prepared: Any) -> Callable[..., None] | None:
    """Return what narrates an operator of this prepared form; None where nothing does."""
    key = f"{operator} {type(prepared).__name__}"
    for module, functions in _NARRATORS.items():
        if key in functions:
            found: Callable[..., None] = getattr(import_module(f".{module}", __package__), functions[key])
            return found
    return None
