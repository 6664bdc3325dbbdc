# What q31.distributed, made in __init__.py, has.
from .tools.distributed import calibrate as calibrate
from .tools.distributed import evaluate as evaluate
