"""The error classes of q31, all derived from :class:`Error`.

Where LiteRT's interpreter raises ``ValueError`` or ``RuntimeError`` for the same
mistake, the class here derives from that one too, so that code written for LiteRT
catches what it caught before.
"""

from __future__ import annotations


class Error(Exception):
    """Base of every error that q31 raises on purpose."""


class ModelError(Error, ValueError):
    """The model is malformed: the message says where, what is there and what was expected."""


class UnsupportedOperatorError(Error, ValueError):
    """An operator, version or combination of data types that q31 does not implement."""


class InputError(Error, ValueError):
    """A value given to a model does not fit: name, expected and given shape and data type."""


class StateError(Error, RuntimeError):
    """A call came in the wrong order, for example ``invoke`` before ``allocate_tensors``."""
