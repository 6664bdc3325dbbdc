"""Conversions between real and quantized values, and casts."""
