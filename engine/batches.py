"""How many examples run at once.

A call on several examples spares what each call costs, and reads weights once for all of them; beyond what caches
hold, more at once only takes more memory. Sizes are powers of two, so that few programs serve any number of examples.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..schema import Graph
from .program import Program
from .structure import is_stateful
from .views import Port

_MEMORY = 8 << 20  # bytes of activations
_LARGEST = 64


def largest_chunk(arena_size: int) -> int:
    """Return the most examples to run at once, a power of two, where one needs an arena of this size."""
    limit = min(_LARGEST, max(1, _MEMORY // max(1, arena_size)))
    return 1 << (limit.bit_length() - 1)


def chunk_sizes(count: int, largest: int) -> Iterator[int]:
    """Yield powers of two, together at least ``count``; only the last may go beyond it, by at most a quarter.

    >>> list(chunk_sizes(39, 16)), list(chunk_sizes(35, 16))
    ([16, 16, 8], [16, 16, 2, 1])
    """
    while count > 0:
        above = 1 << (count - 1).bit_length()
        if above <= largest and 4 * above <= 5 * count:
            yield above
            return
        size = min(largest, 1 << (count.bit_length() - 1))
        yield size
        count -= size


def keeps_state(graph: Graph, program: Program) -> bool:
    """Whether anything goes on from run to run in the primary subgraph, so that examples cannot run together."""
    subgraph = graph.subgraphs[0]
    return (
        any(tensor.is_variable for tensor in subgraph.tensors)
        or any(is_stateful(operator) for operator in subgraph.operators)
        or any(operator.kernel.initial is not None for operator in program.preparation.operators)
    )


def is_batched(single: Program, program: Program, port: Port, size: int) -> bool:
    """Whether an output that is of one example in ``single`` is of ``size`` examples in ``program``."""
    one, many = single.preparation.shapes[port.index], program.preparation.shapes[port.index]
    return one is not None and many is not None and one[:1] == (1,) and many == (size, *one[1:])
