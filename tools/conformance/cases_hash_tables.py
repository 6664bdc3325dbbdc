"""Cases of the hash tables, in both directions: filled once, also by a subgraph that is called once."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from ...schema import GraphBuilder, TensorType
from ...schema.options import (
    CallOnceOptions,
    HashtableFindOptions,
    HashtableImportOptions,
    HashtableOptions,
    HashtableSizeOptions,
)
from .case import Case
from .control_flow_graphs import joined
from .strategies import shapes

INT64, STRING, RESOURCE = TensorType.INT64, TensorType.STRING, TensorType.RESOURCE
WORDS = (b"", b"a", b"b", b"ab", b"a\0b", "größe".encode(), b"a longer word than the others", b"\xff\xfe")
NUMBERS = (0, 1, -1, 2, 3, 2**62, -(2**63), 2**63 - 1)


@st.composite
def values(draw: DrawFn, kind: TensorType, shape: tuple[int, ...]) -> np.ndarray:
    """Words or numbers of which some come twice."""
    count = int(np.prod(shape))
    chosen = draw(st.lists(st.sampled_from(WORDS if kind is STRING else NUMBERS), min_size=count, max_size=count))
    array = np.empty(count, object if kind is STRING else np.int64)
    array[:] = chosen
    return array.reshape(shape)


@st.composite
def hash_table(draw: DrawFn) -> Case:
    key, value = draw(st.sampled_from([(INT64, STRING), (STRING, INT64)]))
    options = HashtableOptions(draw(st.integers(0, 3)), key, value)
    stored = draw(shapes(1, 2, high=4))
    keys, entries = draw(values(key, stored)), draw(values(value, stored))
    main, first = GraphBuilder(), GraphBuilder()
    once = draw(st.booleans())

    def handle(builder: GraphBuilder) -> int:
        target = builder.tensor("handle", RESOURCE, (1,))
        builder.operator("HASHTABLE", [], [target], options)
        return target

    def fill(builder: GraphBuilder) -> None:
        sources = [builder.tensor("keys", key, stored, value=keys), builder.tensor("e", value, stored, value=entries)]
        builder.operator("HASHTABLE_IMPORT", [handle(builder), *sources], [], HashtableImportOptions())

    if once:
        main.operator("CALL_ONCE", [], [], CallOnceOptions(1))
        fill(first)
    else:
        size_before = main.tensor("before", INT64, (1,))
        main.operator("HASHTABLE_SIZE", [handle(main)], [size_before], HashtableSizeOptions())
        fill(main)
    shape = draw(shapes(1, 3, high=4))
    asked = main.tensor("asked", key, shape)
    default = main.tensor("default", value, (1,), value=draw(values(value, (1,))))
    found, size = main.tensor("found", value, shape), main.tensor("size", INT64, (1,))
    main.operator("HASHTABLE_FIND", [handle(main), asked, default], [found], HashtableFindOptions())
    main.operator("HASHTABLE_SIZE", [handle(main)], [size], HashtableSizeOptions())
    outputs = [found, size] if once else [found, size, size_before]
    runs = [(draw(values(key, shape)),) for _ in range(draw(st.integers(1, 3)))]
    return Case(joined(main.build([asked], outputs), first.build([], [], name="first")), runs[0], more=tuple(runs[1:]))


CASES: dict[str, st.SearchStrategy[Case]] = {
    f"{name} graph": hash_table() for name in ("HASHTABLE", "HASHTABLE_FIND", "HASHTABLE_IMPORT", "HASHTABLE_SIZE")
}
