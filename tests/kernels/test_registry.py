"""The registry says of every module which operators it has kernels of, and imports a module only when asked for one."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

from q31 import kernels
from q31.kernels.registry import _BUILTIN, _CUSTOM_CODES, CUSTOM, REGISTRY


def test_modules_have_the_kernels_that_the_registry_says() -> None:
    found = {}
    for module in pkgutil.walk_packages(kernels.__path__, "q31.kernels."):
        if not module.name.startswith("q31.kernels.jit"):
            listed = getattr(importlib.import_module(module.name), "KERNELS", None)
            if listed is not None:
                found[module.name.removeprefix("q31.kernels.")] = [kernel.name for kernel in listed]
    said = {module: names.split() for module, names in {**_BUILTIN, **_CUSTOM_CODES}.items()}
    assert {module: sorted(names) for module, names in found.items()} == {m: sorted(n) for m, n in said.items()}
    assert all(REGISTRY[name].name == name for name in REGISTRY) and all(CUSTOM[name].name == name for name in CUSTOM)


def test_loading_a_model_imports_only_its_operators() -> None:
    program = (
        "import sys, q31; from q31.tools.digits.bundle import *; from pathlib import Path;"
        "q31.load(next((Path(q31.__file__).parent / 'tools/digits/models').glob('*int8.tflite')));"
        "print([n for n in sys.modules if n.startswith('q31.kernels.') and ('lstm' in n or 'stablehlo' in n)])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
