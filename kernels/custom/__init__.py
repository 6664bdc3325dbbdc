"""Custom operators, which a model names by a custom code: q31's own, and those a program registers."""

from ...schema.flexbuffer import flexbuffer_map
from .registration import register_custom

__all__ = ["flexbuffer_map", "register_custom"]
