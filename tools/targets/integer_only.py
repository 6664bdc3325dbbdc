"""Integer through and through: no tensor of floating-point numbers, neither inside nor at the ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...schema import TensorType
from . import conditions as c
from .rule import Rule, Source, Target

SOURCE = Source(
    "LiteRT, Post-training integer quantization: integer only",
    "https://ai.google.dev/edge/litert/models/post_training_quantization#integer_only",
)
INTEGERS = tuple(
    one for one in TensorType if one.name.startswith(("INT", "UINT")) or one.name in ("BOOL", "STRING", "RESOURCE")
)


class _Every(Mapping[str, tuple[Rule, ...]]):
    """A table with an empty entry for every operator."""

    def __getitem__(self, name: str) -> tuple[Rule, ...]:
        return ()

    def __contains__(self, name: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


TARGET = Target(
    name="integer-only",
    title="hardware that has integers only",
    listed=SOURCE,
    fallback="floating-point arithmetic",
    every=(
        Rule("inputs and outputs are integers", SOURCE, c.activations_are(*INTEGERS)),
        Rule("constants are integers", SOURCE, c.constants_are(*INTEGERS)),
    ),
    operators=_Every(),
)
