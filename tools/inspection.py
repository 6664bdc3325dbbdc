"""``q31 inspect``: a model's tensors, operators and everything that was derived for them."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ..engine.preparation import Preparation
    from ..kernels.profiles import Profile
    from ..schema import Graph, Operator, Subgraph, Tensor

_SHOWN = 4
"""How many entries of a long list are shown in text."""
_WIDTH = 110


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    from .console import add_profile

    parser.add_argument("model", metavar="MODEL", help="a .tflite file")
    parser.add_argument("--json", action="store_true", help="print JSON, with every array in full")
    add_profile(parser)


def main(arguments: argparse.Namespace) -> int:
    """Print the inspection."""
    from ..engine.session import find_profile, open_model, sha256

    graph, content = open_model(arguments.model)
    result = {
        "file": os.path.basename(arguments.model),
        "bytes": len(content),
        "sha256": sha256(content),
        **inspect(graph, find_profile(arguments.profile)),
    }
    if arguments.json:
        print(json.dumps(result, indent=1, allow_nan=False))
    else:
        for line in text(result):
            print("".join(one if one.isprintable() else "?" for one in line))
    return 0


def inspect(graph: Graph, profile: Profile) -> dict[str, Any]:
    """Return what is known of a model, in values that JSON takes; arrays become lists."""
    from .. import __version__

    return {
        "q31": __version__,
        "profile": profile.name,
        "oracle": profile.oracle,
        "description": graph.description,
        "signatures": [
            {"key": one.key, "subgraph": one.subgraph_index, "inputs": dict(one.inputs), "outputs": dict(one.outputs)}
            for one in graph.signatures
        ],
        "metadata": [entry.name for entry in graph.metadata],
        "subgraphs": [_subgraph(graph, index, profile) for index in range(len(graph.subgraphs))],
    }


def _subgraph(graph: Graph, index: int, profile: Profile) -> dict[str, Any]:
    from ..engine.preparation import prepare
    from ..schema import Error

    subgraph = graph.subgraphs[index]
    preparation, problem = None, None
    try:
        preparation = prepare(graph, index, profile)
    except Error as error:
        problem = str(error)
    return {
        "name": subgraph.name,
        "inputs": list(subgraph.inputs),
        "outputs": list(subgraph.outputs),
        "problem": problem,
        "operators": [_operator(i, operator, preparation, profile) for i, operator in enumerate(subgraph.operators)],
        "tensors": _tensors(graph, subgraph, preparation),
    }


def _tensors(graph: Graph, subgraph: Subgraph, preparation: Preparation | None) -> list[dict[str, Any]]:
    return [
        _tensor(tensor, tensor.shape if preparation is None else preparation.shapes[index], _is_stored(graph, tensor))
        for index, tensor in enumerate(subgraph.tensors)
    ]


def _is_stored(graph: Graph, tensor: Tensor) -> bool:
    return tensor.buffer != 0 and len(graph.buffers[tensor.buffer].data) > 0


def _tensor(tensor: Tensor, shape: tuple[int, ...] | None, constant: bool) -> dict[str, Any]:
    quantization = tensor.quantization
    return {
        "name": tensor.name,
        "type": tensor.type.name.lower(),
        "shape": None if shape is None else list(shape),
        "shape_signature": plain(tensor.shape_signature),
        "constant": constant,
        "variable": tensor.is_variable,
        "scale": plain(quantization.scale),
        "zero_point": plain(quantization.zero_point),
        "quantized_dimension": quantization.quantized_dimension,
    }


def _operator(index: int, operator: Operator, preparation: Preparation | None, profile: Profile) -> dict[str, Any]:
    from ..kernels.quirks.table import quirks_of

    prepared = None if preparation is None else preparation.operators[index]
    execution = "unknown"
    quirks: list[str] = []
    if prepared is not None:
        if prepared.node is not None and prepared.prepared is not None:
            quirks = [quirk.name for quirk in quirks_of(prepared.node, prepared.prepared, profile)]
        execution = "folded" if prepared.folded else "at run time" if prepared.late else "evaluated"
        if execution == "evaluated" and prepared.node is not None and prepared.kernel.lower is not None:
            execution = "compiled" if prepared.kernel.lower(prepared.prepared, prepared.node) is not None else execution
    return {
        "name": operator.custom_code or operator.name,
        "version": operator.version,
        "inputs": list(operator.inputs),
        "outputs": list(operator.outputs),
        "execution": execution,
        "quirks": quirks,
        "options": plain(operator.options),
        "prepared": None if prepared is None else plain(prepared.prepared),
    }


def plain(value: Any) -> Any:
    """Return a value as JSON takes it: dataclasses as objects with their class, enumerations by name, arrays as
    lists, numbers without a JSON form (NaN, infinities) and functions as strings.
    """  # noqa: D205
    if is_dataclass(value) and not isinstance(value, type):
        members = {field.name: plain(getattr(value, field.name)) for field in fields(value)}
        return {"class": type(value).__name__, **members}
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, np.ndarray):
        exact = value.dtype.kind in "biu" or (value.dtype.kind == "f" and bool(np.isfinite(value).all()))
        return value.tolist() if exact else plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(one) for one in value]
    if isinstance(value, float):
        return value if np.isfinite(value) else str(value)
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return getattr(value, "__name__", str(value))


def text(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of the inspection for people; long lists are cut."""
    yield f"{result['file']}: {result['bytes']:,} bytes, sha256 {result['sha256']}"
    yield f"profile {result['profile']}: the bits of {result['oracle']}"
    for index, subgraph in enumerate(result["subgraphs"]):
        tensors = subgraph["tensors"]
        yield ""
        yield f"subgraph {index}{' ' + subgraph['name'] if subgraph['name'] else ''}"
        if subgraph["problem"]:
            yield f"  cannot run: {subgraph['problem']}"
        for kind in ("inputs", "outputs"):
            for tensor in subgraph[kind]:
                yield f"  {kind[:-1]:6} {_describe(tensors, tensor)}"
        for number, operator in enumerate(subgraph["operators"]):
            yield ""
            yield f"  {number} {operator['name']} version {operator['version']}, {operator['execution']}"
            for kind, arrow in (("inputs", "<-"), ("outputs", "->")):
                for tensor in operator[kind]:
                    yield f"      {arrow} {_describe(tensors, tensor)}"
            yield from _parameters(operator["prepared"], "      ")
            if operator["quirks"]:
                yield f"      quirks of the reference: {', '.join(operator['quirks'])} (see 'q31 ops --quirks')"


def _describe(tensors: list[dict[str, Any]], index: int) -> str:
    if index < 0:
        return "(left out)"
    tensor = tensors[index]
    quantized = ""
    if tensor["scale"]:
        quantized = f"  scale {_short(tensor['scale'])}  zero point {_short(tensor['zero_point'])}"
        if len(tensor["scale"]) > 1:
            quantized += f"  along dimension {tensor['quantized_dimension']}"
    shape = "[?]" if tensor["shape"] is None else str(tensor["shape"])
    constant = "  constant" if tensor["constant"] else ""
    return f"{index:<3} {tensor['type']}{shape}  {tensor['name']}{constant}{quantized}"


def _parameters(prepared: Mapping[str, Any] | None, indent: str) -> Iterator[str]:
    """Yield a prepared object's fields, several to a line; objects inside it on lines of their own."""
    plain_fields = []
    for name, value in (prepared or {}).items():
        if isinstance(value, Mapping):
            yield f"{indent}{name}:"
            yield from _parameters(value, indent + "  ")
        elif name not in ("class", "output_shapes") and value is not None:
            plain_fields.append(f"{name} {_short(value)}")
    if plain_fields:
        unbroken = "; ".join(plain_fields).replace(" ", "\N{NO-BREAK SPACE}").replace(";\N{NO-BREAK SPACE}", "; ")
        for line in wrap(unbroken, _WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False):
            yield line.replace("\N{NO-BREAK SPACE}", " ")


def _short(value: Any) -> str:
    """Write a value in a few words: the entry itself where there is one, the first few of many."""
    if not isinstance(value, list):
        return f"{value:.9g}" if isinstance(value, float) else str(value)
    if len(value) == 1:
        return _short(value[0])
    entries = ", ".join(map(_short, value[:_SHOWN]))
    return f"[{entries}]" if len(value) <= _SHOWN else f"[{entries}, ... {len(value)} in all]"
