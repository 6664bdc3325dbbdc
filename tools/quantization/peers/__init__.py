"""Other quantizers run on the same float models with the same data, and what they write beside what q31 writes.

None of them is a dependency of q31: each program says what it needs, in an environment of its own.
"""
