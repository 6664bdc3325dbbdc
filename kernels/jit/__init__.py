"""The compiled engine's kernels: numba loops, one signature ``void(int64 parameter_block)`` each.

This package's ``__init__`` and :mod:`.layouts` import no numba; the modules with kernels do.
``engine/machine.py`` says how to add one.
"""

import os

INTERPRETED = os.environ.get("Q31_JIT", "1") == "0" or os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")
"""Whether kernels run as the Python they are written in, not compiled (``Q31_JIT=0``): for coverage and debugging."""
