"""Operators that draw random numbers from counters: the same seed gives the same numbers."""
