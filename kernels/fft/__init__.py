"""Fourier transforms in the order of operations of the libraries that the reference uses."""
