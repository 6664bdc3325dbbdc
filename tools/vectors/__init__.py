"""Golden vectors: what goes into an operator, what lies in between and what comes out, as files for test benches.

``case`` takes them from a trace; ``c_headers``, ``memory`` (hex and raw binary) and ``folder`` write them; ``cut`` and
``corner_cases`` make inputs and single-operator models that reach the arithmetic's corners, and ``hits`` checks what
they reach.
"""
