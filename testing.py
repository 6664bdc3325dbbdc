"""For tests of implementations: bits held to bits, and golden vectors to hold them to.

``from q31.testing import assert_bit_exact, read_vectors``. Wherever q31 is installed, pytest also has the fixtures
``q31_model`` and ``q31_vectors`` (``pytest --fixtures``).
"""

from .tools.assertions import assert_bit_exact
from .tools.golden import Vector, read_vectors

__all__ = ["Vector", "assert_bit_exact", "read_vectors"]
