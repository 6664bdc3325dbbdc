"""``q31.distributed``: calibration and evaluation shared by processes, on one machine or many, by Dask.

``pip install 'q31[distributed]'``. What comes out is what one process gives: statistics and counts add up exactly, in
any order. Everybody who calls this from a script needs the line ``if __name__ == "__main__":``, as worker processes of
this machine import the script.
"""

from .calibrating import calibrate
from .evaluating import evaluate

__all__ = ["calibrate", "evaluate"]
