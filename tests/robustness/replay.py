"""Run a saved job again: ``python tests/robustness/replay.py tests/robustness/failures/ADD.pkl [interpreted]``."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from q31.schema import read
from q31.tools.conformance.case import Case
from robustness.process import Worker


def main() -> None:
    job = pickle.loads(Path(sys.argv[1]).read_bytes())
    print(Case(read(job.model), ()))
    print("resized", dict(job.resized), "profile", job.profile)
    with Worker(interpreted="interpreted" in sys.argv) as worker:
        for name, outcome in worker.ask(job).items():
            print(name, outcome)


if __name__ == "__main__":
    main()
