"""Models that pass the schema's verification but make little sense: each gets an answer, the same bits from both back
ends, or an error of q31. Nothing crashes, hangs, leaves its memory or raises anything else.

``Q31_ROBUSTNESS_EXAMPLES=5000 pytest tests/engine/test_malformed_models.py`` breaks so many models of each operator.
The models run in a process of their own; ``tests/robustness/`` has it, and the mutations.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import control_flow_graphs
import small_graphs
from conformance.shared import SHARED
from conformance.test_operators import CASES
from q31 import tools
from q31.kernels.registry import REGISTRY
from q31.schema import Error, Graph, read, write
from robustness.jobs import Job
from robustness.judge import hold
from robustness.mutations import mutate, odd_input_shapes
from robustness.process import Worker

EXAMPLES = int(os.environ.get("Q31_ROBUSTNESS_EXAMPLES", "0"))

OPERATORS = sorted(REGISTRY)
LOWERED = [name for name in OPERATORS if REGISTRY[name].lower]
MODELS = sorted(Path(next(iter(tools.__path__)), "digits", "models").glob("*.tflite"))
MODELS += sorted((SHARED / "models" / "tflm").glob("*.tflite"))
MODELS.append(SHARED / "models" / "mlperf_tiny" / "kws_int8.tflite")


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker() as process:
        yield process


@pytest.fixture(scope="module")
def interpreting_worker() -> Iterator[Worker]:
    """A process in which the compiled kernels are Python, on memory with bounds."""
    with Worker(interpreted=True) as process:
        yield process


def graphs_of(operator: str) -> st.SearchStrategy[Graph]:
    """Return the graphs of an operator's conformance cases."""
    strategies = [strategy for name, strategy in CASES.items() if name.split()[0] == operator]
    if not strategies:
        pytest.skip(f"{operator} has no conformance cases")
    return st.one_of(strategies).map(lambda case: case.graph)


def broken_job(graph: Graph, random: Random, most_elements: int) -> tuple[Job, list[str]]:
    """Break a graph; a mutant that the schema cannot hold is no example."""
    graph, mutations = mutate(graph, random)
    try:
        model = bytes(write(graph))
    except Error:
        assume(False)
    job = Job(
        model,
        seed=random.getrandbits(32),
        resized=odd_input_shapes(graph, random),
        profile=random.choice(("litert", "litert", "tflm", "single")),
        preserve_all=random.random() < 0.2,
        thorough=random.random() < 0.25,
        most_elements=most_elements,
    )
    return job, mutations


def check(worker: Worker, name: str, graphs: st.SearchStrategy[Graph], examples: int, most_elements: int) -> None:
    @settings(max_examples=EXAMPLES or examples)
    @given(graph=graphs, random=st.randoms(use_true_random=False))
    def broken_models_are_held(graph: Graph, random: Random) -> None:
        job, mutations = broken_job(graph, random, most_elements)
        hold(worker, job, f"{name} after {', '.join(mutations)}")

    # One operator's failures are kept apart from another's.
    broken_models_are_held.hypothesis.inner_test._hypothesis_internal_add_digest = name.encode()  # type: ignore[attr-defined]
    broken_models_are_held()


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_broken_operator_is_answered_alike_or_refused(operator: str, worker: Worker) -> None:
    check(worker, operator, graphs_of(operator), 40, 1 << 15)


@pytest.mark.parametrize("operator", LOWERED)
def test_interpreted_kernels_stay_within_their_memory(operator: str, interpreting_worker: Worker) -> None:
    check(interpreting_worker, operator, graphs_of(operator), 10, 1 << 10)


def test_broken_networks_are_answered_alike_or_refused(worker: Worker) -> None:
    functions = [small_graphs.chain, small_graphs.classifier, small_graphs.dynamic_reshape, small_graphs.two_inputs]
    functions += [control_flow_graphs.branching, control_flow_graphs.composite, control_flow_graphs.counting]
    networks = [strategy.map(lambda case: case.graph) for name, strategy in CASES.items() if "network" in name]
    check(worker, "network", st.one_of([*map(st.builds, functions), *networks]), 60, 1 << 15)


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_broken_real_models_are_answered_alike_or_refused(path: Path, worker: Worker) -> None:
    if not path.exists():
        pytest.skip("no ../shared beside the checkout: real models are absent")
    check(worker, path.stem, st.just(read(path.read_bytes())), 3, 1 << 18)
