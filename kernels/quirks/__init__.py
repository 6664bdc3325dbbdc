"""The quirks of the reference; :mod:`q31.kernels.quirks.table` gathers them."""
