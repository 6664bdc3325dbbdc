"""Operators that move values without changing them."""
