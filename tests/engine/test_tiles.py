"""Tiles are used only after they have given the bits of other kernels."""

import os
import subprocess
import sys

import numpy as np
import pytest

from q31.kernels.jit import isa

_USE = """
import warnings
from q31.engine import tiles
from q31.kernels.jit import isa
right = tiles._run
def wrong(instruction, x):
    return right(instruction, x) + (instruction.kernel == "conv_2d_tiles")
if {broken}:
    tiles._run = wrong
with warnings.catch_warnings(record=True) as caught:
    print(tiles.confirm_tiles(), isa.TILES, [str(one.message) for one in caught])
"""


def use(broken: bool) -> str:
    """Return what is said of tiles in a process held to their tier, whether or not the processor has them."""
    env = {**os.environ, "Q31_ISA": "amx"}
    command = [sys.executable, "-c", _USE.format(broken=broken)]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_tiles_that_compute_the_same_are_used():
    assert use(broken=False) == "True True []"


def test_tiles_that_compute_something_else_are_left_alone():
    assert use(broken=True) == (
        'False False ["q31: this processor\'s tiles compute something else than they should: not used"]'
    )


def test_tiles_are_described_as_the_processor_wants():
    """A palette, bytes of a row from byte 16 on, rows from byte 48 on."""
    code = """
import numpy as np
from q31.kernels.jit.tiles import write_config
config = np.full(64, 255, np.uint8)
write_config(config.ctypes.data, 13)
print(config.tolist())
"""
    env = {**os.environ, "Q31_JIT": "0"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    config = np.array(eval(done.stdout), np.uint8)
    assert config[:16].tolist() == [1] + [0] * 15
    assert config[16:48].view("<u2").tolist() == [64] * 8 + [0] * 8
    assert config[48:].tolist() == [13] * 6 + [16] * 2 + [0] * 8


@pytest.mark.skipif(isa.TIER != "amx", reason="this processor has no tiles, or the system does not permit them")
def test_this_processors_tiles_are_used():
    from q31.engine.tiles import confirm_tiles

    assert confirm_tiles()
