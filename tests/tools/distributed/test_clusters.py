"""Ways to name a cluster, and what is wrong with some of them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import q31
from q31.tools.cli import main
from q31.tools.digits.bundle import model_path
from q31.tools.quantization.calibration_file import to_json

FLOAT = str(model_path("float32"))
IMAGES = np.linspace(-1, 1, 6 * 28 * 28, dtype=np.float32).reshape(6, 28, 28)
needs_dask = pytest.mark.usefixtures("client")


def examples(client: Any, **options: Any) -> int:
    return q31.distributed.calibrate(FLOAT, IMAGES, client, **options).examples


def test_clusters_have_many_names(client: Any) -> None:
    assert examples(client) == examples(client.cluster) == examples(client.scheduler.address) == 6
    assert set(client.nthreads().values()) == {1}


@needs_dask
def test_processes_of_this_machine_are_started_and_ended() -> None:
    import psutil

    before = {one.pid for one in psutil.Process().children(recursive=True)}
    seen: set[int] = set()

    def data() -> Any:
        seen.update(one.pid for one in psutil.Process().children(recursive=True))
        yield from IMAGES

    assert to_json(q31.distributed.calibrate(FLOAT, data, workers=3)) == to_json(q31.calibrate(FLOAT, IMAGES))
    assert seen - before
    assert not (seen - before) & {one.pid for one in psutil.Process().children(recursive=True)}


@needs_dask
def test_where_nothing_answers_there_is_one_error_in_time() -> None:
    began = time.monotonic()
    with pytest.raises(q31.DistributedError, match=r"no Dask scheduler answers at 127\.0\.0\.1:9 \(waited 0\.5 s\)"):
        examples("127.0.0.1:9", timeout=0.5)
    assert time.monotonic() - began < 20


@needs_dask
def test_a_cluster_without_workers() -> None:
    from distributed import LocalCluster

    with (
        LocalCluster(n_workers=0, dashboard_address="127.0.0.1:0") as cluster,
        pytest.raises(q31.DistributedError, match="has no workers"),
    ):
        examples(cluster, timeout=0.5)


@needs_dask
@pytest.mark.parametrize(
    "wrong", ["", "nonsense", "http://127.0.0.1:8786", 7, "local:0", "local:two", "local:", object()]
)
def test_what_is_no_cluster(wrong: Any) -> None:
    with pytest.raises(q31.InputError, match=r"client|workers"):
        examples(wrong)


@needs_dask
@pytest.mark.parametrize(
    "options", [{"workers": 0}, {"workers": "2"}, {"timeout": 0}, {"timeout": None}, {"batch_size": 0}]
)
def test_wrong_options(client: Any, options: dict[str, Any]) -> None:
    with pytest.raises(q31.InputError, match=next(iter(options))):
        examples(None if "workers" in options else client, **options)


def test_without_dask_there_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(q31.InputError, match=r"pip install 'q31\[distributed\]'"):
        examples(None)


def test_the_module_is_lazy_and_importable_beside_dask_in_this_folder() -> None:
    code = "import sys, q31.distributed as one\nfrom q31.distributed import calibrate, evaluate\n"
    code += "assert one.calibrate is calibrate and not {'distributed', 'dask', 'numba'} & set(sys.modules)\n"
    pytest.importorskip("distributed", reason="Dask is not installed: pip install 'q31[distributed]'")
    code += "import distributed\nassert distributed.Client\n"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(q31.__file__).parent)


@needs_dask
def test_a_script_without_its_main_line_is_told_so(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(f"import numpy, q31\nq31.distributed.calibrate({FLOAT!r}, numpy.zeros((2, 28, 28), 'f'))\n")
    found = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120, check=False)
    assert found.returncode == 1
    assert found.stderr.splitlines()[-1].startswith("q31.schema.errors.DistributedError: worker processes do not start")
    assert "__name__ == '__main__'" in found.stderr.splitlines()[-1]


@needs_dask
def test_the_example_on_the_page_runs_as_pasted(tmp_path: Path) -> None:
    root = Path(q31.__file__).parent
    page = (root / "docs" / "quantization.md").read_text(encoding="utf-8")
    script = tmp_path / "script.py"
    script.write_text("\n".join(re.findall(r"^```py\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)), encoding="utf-8")
    found = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120, check=True, cwd=root)
    assert found.stdout.startswith("200 ")


@needs_dask
@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="signals are held back on POSIX alone")
def test_an_interrupt_ends_all_processes_without_a_word_of_theirs(tmp_path: Path) -> None:
    import psutil

    script = tmp_path / "script.py"
    script.write_text(
        "import numpy, q31, time\n"
        "def data():\n"
        "    for number in range(1000):\n"
        "        if number == 9: print('under way', flush=True)\n"
        "        time.sleep(number > 8 and 0.1)\n"
        "        yield numpy.zeros((28, 28), 'f')\n"
        "if __name__ == '__main__':\n"
        f"    q31.distributed.calibrate({FLOAT!r}, data, workers=1, batch_size=1)\n"
    )
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, script], start_new_session=True, text=True, **pipes) as process:
        assert process.stdout and process.stdout.readline() == "under way\n"
        children = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        errors = process.communicate(timeout=120)[1]
    assert errors.splitlines()[-1] == "KeyboardInterrupt" and "nanny" not in errors and "spawn" not in errors
    assert children
    patience = time.monotonic() + 60  # multiprocessing's resource tracker ends when it has seen its pipe close
    while left := [one for one in children if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]:
        assert time.monotonic() < patience, left
        time.sleep(0.05)


def test_the_verbs_take_an_address(client: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    address = client.scheduler.address
    np.savez(tmp_path / "data.npz", images=IMAGES, labels=np.arange(6))
    np.save(tmp_path / "data.npy", IMAGES)
    evaluate = ["evaluate", FLOAT, "--data", str(tmp_path / "data.npz"), "--no-timing", "--json"]
    calibrate = ["calibrate", FLOAT, "--data", str(tmp_path / "data.npy"), "--method", "entropy", "--out"]
    for verb, where in ((evaluate, []), (calibrate, [str(tmp_path / "one.json")])):
        assert main([*verb, *where]) == 0
    alone = capsys.readouterr().out
    for verb, where in ((evaluate, []), (calibrate, [str(tmp_path / "two.json")])):
        assert main([*verb, *where, "--dask", address]) == 0
    assert capsys.readouterr().out == alone.replace("one.json", "two.json")
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    assert main([*evaluate, "--dask", ""]) == 2
    assert main([*calibrate, str(tmp_path / "three.json"), "--dask", "nonsense"]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 2 and all(line.startswith("q31: error: client: ") for line in errors)
    assert not os.path.exists(tmp_path / "three.json")
