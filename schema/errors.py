"""The error classes of q31, all derived from :class:`Error`.

Where LiteRT's interpreter raises ``ValueError`` or ``RuntimeError`` for the same
mistake, the class here derives from that one too, so that code written for LiteRT
catches what it caught before. LiteRT raises ``ValueError`` for a bad file and
``RuntimeError`` when the same file fails later, in ``allocate_tensors``; so some derive from both.
"""

from __future__ import annotations


class Error(Exception):
    """Base of every error that q31 raises on purpose."""


class ModelError(Error, ValueError, RuntimeError):
    """The model is malformed: the message says where, what is there and what was expected."""


class UnsupportedOperatorError(Error, ValueError, RuntimeError):
    """An operator, version or combination of data types that q31 does not implement."""


class InputError(Error, ValueError):
    """A value given to a model does not fit: name, expected and given shape and data type."""


class StateError(Error, RuntimeError, ValueError):
    """A call came in the wrong order, for example ``invoke`` before ``allocate_tensors``."""
