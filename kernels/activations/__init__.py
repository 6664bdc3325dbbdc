"""Activation operators: lookup tables, the RELU family, HARD_SWISH, SOFTMAX."""
