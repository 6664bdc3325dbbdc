"""The order in which the C++ library's ``partial_sort`` leaves equal elements.

The standard leaves it open; the reference's bits follow the library it is built with, libstdc++: a heap of the first
elements, into which each later one that is better is exchanged for the worst.
"""

from __future__ import annotations

from collections.abc import Sequence


def best(values: Sequence[float], count: int) -> list[int]:
    """Return the indices of the ``count`` greatest values, greatest first.

    Notes
    -----
    Source: ``std::partial_sort`` of libstdc++ (``bits/stl_algo.h``, ``bits/stl_heap.h``) with "greater" as the order.
    """
    heap = list(range(count))
    for parent in range(count // 2 - 1, -1, -1):
        _settle(heap, values, parent, count, heap[parent])
    for index in range(count, len(values)):
        if values[index] > values[heap[0]]:
            _settle(heap, values, 0, count, index)
    for size in range(count - 1, 0, -1):
        last, heap[size] = heap[size], heap[0]
        _settle(heap, values, 0, size, last)
    return heap


def _settle(heap: list[int], values: Sequence[float], top: int, size: int, index: int) -> None:
    """Put ``index`` in place of the heap's element ``top``: down to a leaf first, then up to where it belongs."""
    hole = top
    while 2 * hole + 2 < size:
        child = 2 * hole + 2
        if values[heap[child]] > values[heap[child - 1]]:
            child -= 1
        heap[hole] = heap[child]
        hole = child
    if 2 * hole + 2 == size:
        heap[hole] = heap[size - 1]
        hole = size - 1
    while hole > top and values[heap[(hole - 1) // 2]] > values[index]:
        heap[hole] = heap[(hole - 1) // 2]
        hole = (hole - 1) // 2
    heap[hole] = index
