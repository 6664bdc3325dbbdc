"""A case as C headers, laid out and named as CMSIS-NN's test data: one folder, one header an array, macros in one."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from .case import Case, VectorArray
from .macros import macros
from .memory import elements

_PER_LINE = 16
_TYPES = {"i": "int{}_t", "u": "uint{}_t"}


def headers(case: Case, arrays: tuple[VectorArray, ...]) -> Iterator[tuple[str, str, str]]:
    """Yield for the macros, each array and all of them together: the array's name, the file's name and its text."""
    about = "\n".join(f"// {line}" for line in _about(case))
    lines = [f"#define {case.name.upper()}_{name} {_literal(value)}" for name, value in macros(case).items()]
    yield "", "config_data.h", "\n".join([about, *_ROUNDING, "#pragma once", "#include <math.h>", *lines, ""])
    names = ["config_data.h"]
    for one in arrays:
        file = f"{one.name}_data.h"
        names.append(file)
        yield one.name, file, f"{about}\n#pragma once\n#include <math.h>\n#include <stdint.h>\n\n{_array(case, one)}\n"
    yield "", "test_data.h", "\n".join([about, *(f'#include "{name}"' for name in names), ""])


_ROUNDING = (
    "// Real multiplier = MULT * 2^(SHIFT - 31): a positive SHIFT is to the left. OFFSETs are what is added.",
    "// ROUNDING 0: doubling high multiply, then a rounding right shift; 1: one rounding; 2: round(acc * real_mult)",
    "// in double. Accumulators of 64 bits are multiplied by (MULT + 2^15) >> 16 and shifted once.",
)


def _about(case: Case) -> list[str]:
    stamp = case.stamp
    what = f"operator {case.operator} {case.operator_name}" + (
        f", seed {stamp['seed']}" if stamp.get("seed") is not None else ""
    )
    return [
        f"Golden vectors by q31 {stamp['q31_version']}, profile {stamp['profile']}: the bits of {stamp['oracle']}",
        f"Model SHA-256 {stamp['model_sha256']}, {what}",
    ]


def _array(case: Case, one: VectorArray) -> str:
    flat = elements(one.array)
    kind, bits = flat.dtype.kind, 8 * flat.dtype.itemsize
    if kind == "f" and bits == 16:
        flat, kind = flat.view(np.uint16), "u"  # C has no such type: the bits
    name = _TYPES[kind].format(bits) if kind in _TYPES else "float" if bits == 32 else "double"
    if not flat.size:
        return f"const {name} *const {case.name}_{one.name} = 0;"
    values = flat.tolist()
    if kind in _TYPES and bits < 64:
        written = list(map(str, values))
        if bits == 32 and kind == "i":
            written = ["(-2147483647 - 1)" if text == "-2147483648" else text for text in written]
    else:
        written = [_literal(value) for value in values]
    lines = (", ".join(written[i : i + _PER_LINE]) for i in range(0, len(written), _PER_LINE))
    return f"const {name} {case.name}_{one.name}[{flat.size}] = {{\n    " + ",\n    ".join(lines) + "};"


def _literal(value: float | int) -> str:
    """Write a number as C reads it back, floats exactly."""
    if isinstance(value, (float, np.floating)):
        value = float(value)
        if math.isnan(value):
            return "NAN"
        if math.isinf(value):
            return "INFINITY" if value > 0 else "-INFINITY"
        return value.hex() if value >= 0 and math.copysign(1, value) > 0 else f"({value.hex()})"
    value = int(value)
    if value > 2**63 - 1:
        return f"{value}ULL"
    if value in (-(2**31), -(2**63)):
        return f"(-{-value - 1}{'LL' if value < -(2**31) else ''} - 1)"
    return str(value)
