"""The reference's defects, by name, and what q31 does about each.

A quirk is where the reference does not compute what the operator's definition says. Those that are deterministic
are reproduced by the profiles with ``reproduces_quirks`` (``litert``); their code asks that field, and this table
names the function that does so. ``q31 ops --quirks`` prints the table, ``q31 inspect`` the quirks a model meets.

A module of this package holds one family's, each with its condition: whether an operator meets it, from the node and
what its ``prepare`` made of it. Where values decide that are not known beforehand, the operator may meet it.
"""

from __future__ import annotations

from ..operator import Node, Prepared
from ..profiles import Profile
from ..quirk import Quirk, Treatment
from . import activations, arithmetic, custom, movement, products, random, recurrent, reductions

_FAMILIES = (activations, arithmetic, custom, movement, products, random, recurrent, reductions)

QUIRKS: tuple[Quirk, ...] = tuple(
    sorted((quirk for family in _FAMILIES for quirk in family.QUIRKS), key=lambda quirk: quirk.name)
)


def quirks_of(node: Node, prepared: Prepared, profile: Profile) -> tuple[Quirk, ...]:
    """Return the quirks an operator meets; in profiles of another reference only those that they have too."""
    return tuple(
        quirk
        for quirk in QUIRKS
        if (profile.reproduces_quirks or quirk.treatment is Treatment.EVERYWHERE) and quirk.applies(node, prepared)
    )
