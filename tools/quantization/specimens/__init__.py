"""Small float models that show how operators are quantized, and what TensorFlow's converter makes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .conflict_models import MODELS as _CONFLICTS
from .operator_models import MODELS as _OPERATORS
from .random_models import MODELS as _RANDOM
from .recurrent_models import MODELS as _RECURRENT
from .sketch import SmallModel

MODELS: Mapping[str, Callable[[], SmallModel]] = {**_OPERATORS, **_CONFLICTS, **_RANDOM, **_RECURRENT}
"""Name -> what builds a model."""
