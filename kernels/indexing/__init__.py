"""Operators that select by index, scatter to indices, and find indices."""
