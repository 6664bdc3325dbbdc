"""What a quirk of the reference is; the table of them is :mod:`q31.kernels.quirks.table`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from .operator import Node, Prepared

SEEN_WITH = "ai-edge-litert 2.3.0"


class Treatment(Enum):
    """What q31 does about a quirk."""

    REPRODUCED = "reproduced by the profile litert; the definition in tflm and single"
    EVERYWHERE = "reproduced by every profile"
    RIGHT = "not reproduced, for the reference aborts or its answer is not determined; the definition in every profile"
    REFUSED = "not reproduced, for the answer would be what lies in memory; a ModelError in every profile"


@dataclass(frozen=True)
class Quirk:
    """A defect of the reference.

    Parameters
    ----------
    name : stable, for scripts.
    operators : where it is met.
    reference : what the reference does.
    definition : what the operator's definition says.
    seen : where in the reference, source file and function; seen with ``SEEN_WITH``.
    treatment : what q31 does about it.
    code : the functions of q31 that decide on it or compute it, as ``module:function`` within ``q31.kernels``.
    condition : whether a prepared operator of that name meets it.
    """

    name: str
    operators: tuple[str, ...]
    reference: str
    definition: str
    seen: str
    treatment: Treatment
    code: tuple[str, ...]
    condition: Callable[[Node, Prepared], bool]

    def applies(self, node: Node, prepared: Prepared) -> bool:
        """Whether an operator meets the quirk, or may where values decide; ``prepared`` as the profile has it."""
        return (node.custom_code or node.name) in self.operators and self.condition(node, prepared)
