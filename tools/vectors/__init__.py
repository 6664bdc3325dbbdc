"""Golden vectors: what goes into an operator, what lies in between and what comes out, as files for test benches.

``case`` takes them from a trace; ``c_headers``, ``memory`` (hex and raw binary) and ``folder`` write them.
"""
