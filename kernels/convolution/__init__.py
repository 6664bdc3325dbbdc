"""Convolutions and the fully-connected layer."""
