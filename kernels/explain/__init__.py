"""How one output value came about: each operator's arithmetic in Python's integers, narrated step by step.

``evaluate`` computes whole tensors with NumPy; the modules here go through one element with unlimited integers and
say what they do. Tests hold the last step to ``evaluate`` and every step to definitions of their own. Nothing here is
imported before something is to be explained.
"""
