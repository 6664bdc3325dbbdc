"""The compiled engine's kernels: numba loops, one signature ``void(int64 parameter_block)`` each.

This package's ``__init__`` and :mod:`.layouts` import no numba; the modules with kernels do.
"""
