"""Runs models that make no sense, in a process of its own that may crash, hang, or run out of its memory.

Reads length-prefixed pickles of :class:`Job` from standard input and answers each with a dictionary from back end to
:class:`Outcome`. Started by :mod:`robustness.process`.
"""

from __future__ import annotations

import faulthandler
import json
import os
import pickle
import random
import resource
import struct
import sys
import traceback
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

import q31
from conformance.judge import BACKENDS
from q31.engine.structure import Environment, is_stateful
from q31.kernels.jit import INTERPRETED
from q31.kernels.profiles import PROFILES
from q31.kernels.random import distributions
from q31.schema import Graph, read
from q31.tools import inspection
from q31.tools.conformance.differences import compare
from robustness.jobs import Job, Outcome

MEMORY = 3 << 30
"""Bytes of address space beyond what the process has when it starts to answer."""

MOST_CALLS = 300

_STRANGE = np.array([np.nan, np.inf, -np.inf, 3.4e38, -3.4e38, 1e-45, -0.0], np.float32)


def random_array(dtype: np.dtype, shape: tuple[int, ...], seed: random.Random) -> np.ndarray:
    """Return values that an index, a code or a real number could have, and some that none should."""
    generator = np.random.default_rng(seed.getrandbits(32))
    if dtype.kind == "O":
        array = np.empty(shape, object)
        array[...] = b"text"
        return array
    if dtype.kind == "b":
        return generator.integers(0, 2, shape).astype(bool)
    if dtype.kind in "fc" or dtype.name == "bfloat16":
        array = generator.standard_normal(shape) * seed.choice((1.0, 1.0, 100.0, 1e30))
        if seed.random() < 0.3:
            array = np.where(generator.random(shape) < 0.1, generator.choice(_STRANGE, shape), array)
        with np.errstate(over="ignore"):
            return np.asarray(array, dtype)
    limits = np.iinfo(dtype)
    if dtype.itemsize >= 4 and seed.random() < 0.8:  # as a shape or an axis
        return generator.integers(0, seed.choice((1, 2, 4, 9)), shape, endpoint=True).astype(dtype)
    return generator.integers(limits.min, limits.max, shape, dtype, endpoint=True)


def elements(details: list[dict[str, Any]]) -> int:
    return sum(int(np.prod(detail["shape"], dtype=object)) for detail in details)


def run(job: Job, backend: str) -> Outcome:
    """Run a model through the Interpreter, as far as its size lets it."""
    interpreter = q31.Interpreter(
        model_content=job.model,
        backend=backend,
        profile=job.profile,
        experimental_preserve_all_tensors=job.preserve_all,
    )
    inputs = interpreter.get_input_details()
    for position, shape in job.resized.items():
        interpreter.resize_tensor_input(inputs[position]["index"], shape)
    try:
        interpreter.allocate_tensors()
    except q31.Error:
        look_around(interpreter)
        raise
    if elements(interpreter.get_tensor_details()) > job.most_elements:
        return Outcome("large")
    seed = random.Random(job.seed)
    for detail in interpreter.get_input_details():
        interpreter.set_tensor(detail["index"], value_for(detail, seed))
    interpreter.invoke()
    if elements(interpreter.get_output_details()) > job.most_elements:
        return Outcome("large")
    outputs = read_outputs(interpreter)
    if job.thorough:
        look_around(interpreter)
        interpreter.invoke()
        difference = compare(outputs, read_outputs(interpreter))
        assert not difference or keeps_state(read(job.model)), f"the second call: {difference}"
    return Outcome("answer", outputs)


def keeps_state(graph: Graph) -> bool:
    return any(
        any(tensor.is_variable for tensor in subgraph.tensors)
        or any(is_stateful(operator) for operator in subgraph.operators)
        for subgraph in graph.subgraphs
    )


def value_for(detail: dict[str, Any], seed: random.Random) -> np.ndarray:
    dtype = object if detail["dtype"] is np.bytes_ else detail["dtype"]
    return random_array(np.dtype(dtype), tuple(detail["shape"]), seed)


def read_outputs(interpreter: q31.Interpreter) -> list[np.ndarray]:
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


def look_around(interpreter: q31.Interpreter) -> None:
    """Call what may be called at any time; each call may refuse."""
    for detail in interpreter.get_tensor_details():
        if np.prod(detail["shape"], dtype=object) <= 1 << 20:
            for look in (interpreter.get_tensor, lambda index: interpreter.tensor(index)()):
                with suppress(q31.Error):
                    look(detail["index"])
    with suppress(q31.Error):
        interpreter.invoke()
    interpreter.reset_all_variables()


def load(job: Job, backend: str) -> Outcome:
    """Run a model through ``q31.load``, with a batch where its inputs have one."""
    model = q31.load(job.model, profile=job.profile, backend=backend)
    repr(model), model.operators, model.sha256
    shapes = [tensor.shape for tensor in model.graph.subgraphs[0].tensors]
    if elements([{"shape": shape} for shape in shapes]) > job.most_elements or model.arena_size > 1 << 24:
        return Outcome("large")
    seed = random.Random(job.seed)
    batch = seed.choice((None, 0, 1, 3, 70))
    arrays = []
    for port in model.inputs:
        shape = (batch, *port.shape[1:]) if batch is not None and port.shape[:1] == (1,) else port.shape
        arrays.append(random_array(port.dtype, shape, seed))
    model(*arrays)
    return Outcome("answer")


def sign(job: Job, backend: str) -> Outcome:
    """Run every signature of a model."""
    interpreter = q31.Interpreter(model_content=job.model, profile=job.profile, backend=backend)
    seed = random.Random(job.seed)
    for key in interpreter.get_signature_list():
        runner = interpreter.get_signature_runner(key)
        runner.get_output_details()
        inputs = runner.get_input_details()
        if elements(interpreter.get_tensor_details()) > job.most_elements:
            return Outcome("large")
        runner(**{name: value_for(detail, seed) for name, detail in inputs.items()})
    return Outcome("answer")


def inspect(job: Job, backend: str) -> Outcome:
    """Print a model as the command line does."""
    result = inspection.inspect(read(job.model), PROFILES[job.profile])
    json.dumps(result, allow_nan=False)
    list(inspection.text({"file": "", "bytes": len(job.model), "sha256": "", **result}))
    return Outcome("answer")


def judge(function: Any, job: Job, backend: str) -> Outcome:
    try:
        with warnings.catch_warnings():
            # A number that does not fit where it is put depends on the processor; interpreted kernels wrap on purpose.
            warnings.simplefilter("ignore" if INTERPRETED else "error", RuntimeWarning)
            return function(job, backend)
    except q31.Error as error:
        # The base class itself stands for a defect of q31, such as an instruction that the engine's check refused.
        kind = "defect" if type(error) is q31.Error else "error"
        return Outcome(kind, name=type(error).__name__, text=str(error))
    except Exception as error:
        text = "".join(traceback.format_exception(error)[-4:])
        return Outcome("defect", name=type(error).__name__, text=text)


def answer(job: Job) -> dict[str, Outcome]:
    outcomes = {backend: judge(run, job, backend) for backend in BACKENDS}
    large = any(outcome.kind == "large" or "memory" in outcome.text for outcome in outcomes.values())
    for function in (load, sign, inspect) if job.thorough and not large else ():
        outcomes[function.__name__] = judge(function, job, BACKENDS[-1])
    return outcomes


def read_exactly(stream: Any, count: int) -> bytes:
    data = stream.read(count)
    if len(data) != count:
        sys.exit(0)
    return data


def limit_memory() -> None:
    """Load what is needed, then allow no more than MEMORY beyond it."""
    from q31.engine import machine

    if not INTERPRETED:
        machine.warmup(lambda *_: None)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))


def limit_loops() -> None:
    """Refuse models whose subgraphs call each other too often: a broken loop need not end, as little as in LiteRT."""
    call = Environment.call

    def limited(environment: Any, subgraph_index: int, arrays: Any, anew: bool = False) -> Any:
        environment.calls = getattr(environment, "calls", 0) + 1
        if environment.calls > MOST_CALLS:
            raise q31.ModelError("subgraphs call each other without an end")
        return call(environment, subgraph_index, arrays, anew)

    Environment.call = limited  # type: ignore[method-assign]


def main() -> None:
    # Whatever is printed must not land in the pipe.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    questions = os.fdopen(os.dup(0), "rb")
    faulthandler.enable()
    if INTERPRETED:
        from robustness import guarded_views

        guarded_views.install()
    if sys.platform == "linux":
        limit_memory()
    limit_loops()
    distributions.draw_seeds = lambda: (1, 2)  # so that both back ends draw the same numbers
    while True:
        (length,) = struct.unpack("<Q", read_exactly(questions, 8))
        job = pickle.loads(read_exactly(questions, length))
        faulthandler.dump_traceback_later(job.seconds, exit=True)
        payload = pickle.dumps(answer(job), protocol=5)
        faulthandler.cancel_dump_traceback_later()
        if INTERPRETED:
            guarded_views.forget()
        answers.write(struct.pack("<Q", len(payload)) + payload)
        answers.flush()


if __name__ == "__main__":
    main()
