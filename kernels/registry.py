"""The registry: every operator q31 implements, by its schema name. The support table is generated from it."""

from __future__ import annotations

from collections.abc import Mapping

from ..schema import UnsupportedOperatorError
from .activations import lookup
from .operator import Kernel, Node

_MODULES: tuple[tuple[Kernel, ...], ...] = (lookup.KERNELS,)

REGISTRY: Mapping[str, Kernel] = {kernel.name: kernel for kernels in _MODULES for kernel in kernels}


def find(node: Node) -> Kernel:
    """Return the kernel for an operator.

    Raises
    ------
    UnsupportedOperatorError
        Where the operator, its version or its selecting data type has no kernel; says what is supported.
    """
    kernel = REGISTRY.get(node.name)
    if kernel is None:
        raise UnsupportedOperatorError(f"{node.name} version {node.version} is not supported; see 'q31 ops'")
    lowest, highest = kernel.versions
    if not lowest <= node.version <= highest:
        raise UnsupportedOperatorError(
            f"{node.name} version {node.version} is not supported; supported: {lowest} to {highest}"
        )
    selecting = node.output(-kernel.selector - 1) if kernel.selector < 0 else node.input(kernel.selector)
    if selecting.type not in kernel.types:
        raise node.unsupported(", ".join(t.name.lower() for t in kernel.types))
    return kernel
