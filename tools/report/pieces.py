"""Which part of an operator's tensors a page carries: whole ones up to a limit, of larger ones a window in the middle.

A window of the output brings along whatever its values are computed from, so that each of them can be gone through.
Shapes are seen as four dimensions (batch, height, width, channels); those that a tensor has not are 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from ...kernels.padding import Window

Span: TypeAlias = "tuple[int, int]"
Box: TypeAlias = "tuple[Span, Span, Span, Span]"


@dataclass(frozen=True)
class Limits:
    """How many elements of an activation, and of weights, a page carries whole."""

    activations: int = 40_000
    weights: int = 100_000


_OPERATORS = 66
"""Operators to step through with which those limits make a page of some 5 MB."""


def limits_of(operators: int) -> Limits:
    """Return the limits of a page with so many operators to step through: of more there is less of each."""
    whole = Limits()
    if operators <= _OPERATORS:
        return whole
    return Limits(whole.activations * _OPERATORS // operators, whole.weights * _OPERATORS // operators)


_LEAST_SIDE, _LEAST_CHANNELS = 6, 16


@dataclass(frozen=True)
class Piece:
    """A part of an array of four dimensions: what is inside of ``box``."""

    array: np.ndarray
    shape: tuple[int, int, int, int]
    box: Box

    @property
    def whole(self) -> bool:
        """Whether nothing is left out."""
        return all(span == (0, size) for span, size in zip(self.box, self.shape, strict=True))


def four(shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Return a shape as batch, height, width, channels."""
    if len(shape) > 4:
        return math.prod(shape[:-3]), *shape[-3:]  # type: ignore[return-value]
    if len(shape) == 3:
        return 1, *shape
    if len(shape) == 2:
        return shape[0], 1, 1, shape[1]
    return (*(1,) * (4 - len(shape)), *shape)  # type: ignore[return-value]


def cut(array: np.ndarray, box: Box) -> Piece:
    """Cut a box out of an array, seen in four dimensions."""
    shape = four(array.shape)
    inside = array.reshape(shape)[tuple(slice(*span) for span in box)]
    return Piece(np.ascontiguousarray(inside), shape, box)


def _middle(size: int, kept: int) -> Span:
    start = (size - kept) // 2
    return start, start + kept


def _volume(box: Box) -> int:
    return math.prod(stop - start for start, stop in box)


def choose_box(shape: tuple[int, int, int, int], channels: Span, needs: Callable[[Box], Box], limits: Limits) -> Box:
    """Return the box of the output to show: as much around the middle as fits with what it is computed from.

    Parameters
    ----------
    shape : the output's, in four dimensions.
    channels : those that may be shown.
    needs : from a box of the output to that of the input.
    limits : what fits.
    """

    def box(batches: int, side: int, depth: int) -> Box:
        start, stop = channels
        first = start + (stop - start - depth) // 2
        rows, columns = (_middle(size, min(size, side)) for size in shape[1:3])
        return (0, batches), rows, columns, (first, first + depth)

    batches, side, depth = shape[0], max(shape[1:3]), channels[1] - channels[0]

    def fits() -> bool:
        found = box(batches, side, depth)
        return max(_volume(found), _volume(needs(found))) <= limits.activations

    while not fits() and batches > 1:
        batches = batches // 2
    while not fits() and side > _LEAST_SIDE:
        side -= 1
    while not fits() and depth > _LEAST_CHANNELS:
        depth = max(depth // 2, _LEAST_CHANNELS)
    while not fits() and side > 1:
        side -= 1
    return box(batches, side, depth)


def receptive(window: Window, rows: Span, columns: Span) -> tuple[Span, Span]:
    """Return the rows and columns of the input that a box of the output sees, within the image."""
    found = []
    for span, axis in ((rows, window.vertical), (columns, window.horizontal)):
        start = span[0] * axis.stride - axis.before
        stop = (span[1] - 1) * axis.stride - axis.before + (axis.filter_size - 1) * axis.dilation + 1
        low = min(max(start, 0), axis.input_size)
        found.append((low, max(low, min(stop, axis.input_size))))
    return found[0], found[1]


def shown_channels(total: int, each: int, limits: Limits) -> Span:
    """Return the channels whose weights are carried, of ``each`` elements a channel."""
    return _middle(total, max(1, min(total, limits.weights // max(each, 1))))
