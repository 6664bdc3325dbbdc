"""q31: quantized TensorFlow Lite models in Python, bit for bit as the reference interpreter runs them.

``q31.load(path)`` gives a model to call; ``q31.Interpreter`` is the class that LiteRT's users know. Names are
resolved on first use, so that importing q31 is quick and never imports numba.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .engine.interpreter import Interpreter
    from .engine.model import Model, load
    from .kernels.custom.registration import register_custom
    from .schema.errors import (
        DistributedError,
        Error,
        InputError,
        ModelError,
        QuantizationError,
        StateError,
        UnsupportedOperatorError,
    )
    from .tools import distributed as distributed
    from .tools.compare.comparison import Comparison
    from .tools.compare.running import compare
    from .tools.conformance.running import run_conformance
    from .tools.debugging.running import debug
    from .tools.evaluation.running import evaluate
    from .tools.quantization.calibration import Calibration, calibrate
    from .tools.quantization.mixed_precision import mixed_precision
    from .tools.quantization.quantize import quantize
    from .tools.quantization.sensitivity import sensitivity
    from .tools.ranges import ranges
    from .tools.report.running import report
    from .tools.targets.checking import check
    from .tools.vectors.generation import vectors

__all__ = [
    "Calibration",
    "Comparison",
    "DistributedError",
    "Error",
    "InputError",
    "Interpreter",
    "Model",
    "ModelError",
    "QuantizationError",
    "StateError",
    "UnsupportedOperatorError",
    "__version__",
    "calibrate",
    "check",
    "compare",
    "debug",
    "distributed",
    "evaluate",
    "load",
    "mixed_precision",
    "quantize",
    "ranges",
    "register_custom",
    "report",
    "run_conformance",
    "sensitivity",
    "vectors",
]

_HOMES = {
    "Calibration": "tools.quantization.calibration",
    "Comparison": "tools.compare.comparison",
    "DistributedError": "schema.errors",
    "Error": "schema.errors",
    "InputError": "schema.errors",
    "Interpreter": "engine.interpreter",
    "Model": "engine.model",
    "ModelError": "schema.errors",
    "QuantizationError": "schema.errors",
    "StateError": "schema.errors",
    "UnsupportedOperatorError": "schema.errors",
    "calibrate": "tools.quantization.calibration",
    "compare": "tools.compare.running",
    "check": "tools.targets.checking",
    "debug": "tools.debugging.running",
    "evaluate": "tools.evaluation.running",
    "load": "engine.model",
    "mixed_precision": "tools.quantization.mixed_precision",
    "quantize": "tools.quantization.quantize",
    "ranges": "tools.ranges",
    "register_custom": "kernels.custom.registration",
    "report": "tools.report.running",
    "run_conformance": "tools.conformance.running",
    "sensitivity": "tools.quantization.sensitivity",
    "vectors": "tools.vectors.generation",
}


def _lazy_module(name: str, home: str) -> ModuleType:
    """Return a module ``q31.name`` that gets what it has from another one, when it is asked for it.

    A file of that name in this folder would hide a package of the same name from programs that run here.
    """
    from importlib import import_module

    module = ModuleType(f"{__name__}.{name}")
    module.__getattr__ = lambda attribute: getattr(import_module(home, __name__), attribute)  # type: ignore[method-assign]
    sys.modules[module.__name__] = module
    return module


if not TYPE_CHECKING:
    distributed = _lazy_module("distributed", ".tools.distributed")


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'q31' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
