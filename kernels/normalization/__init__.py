"""Normalizations of float32 and 8-bit vectors."""
