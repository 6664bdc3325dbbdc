"""Recurrent operators, whose state lives in variable tensors between invokes."""
