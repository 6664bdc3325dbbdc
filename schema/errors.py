"""The error classes of q31, all derived from :class:`Error`.

LiteRT raises ``ValueError`` for some mistakes and ``RuntimeError`` for others, and for a bad model either,
depending on when it notices. Every error here is both, so code written for LiteRT catches what it caught before.
"""

from __future__ import annotations


class Error(ValueError, RuntimeError):
    """Base of every error that q31 raises on purpose."""


class ModelError(Error):
    """The model is malformed: the message says where, what is there and what was expected."""


class UnsupportedOperatorError(Error):
    """An operator, version or combination of data types that q31 does not implement."""


class InputError(Error):
    """A value given to a model does not fit: name, expected and given shape and data type."""


class StateError(Error):
    """A call came in the wrong order, for example ``invoke`` before ``allocate_tensors``."""


class DistributedError(Error):
    """Processes that share the work cannot be reached, or fail in another way than a single process would."""


class QuantizationError(Error):
    """A model cannot be quantized as asked: the message names the operator or tensor, its place, and why."""
