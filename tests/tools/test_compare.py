"""``q31.compare`` and ``q31 compare``: where two runs part, and whose doing each difference is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import q31
from conformance.shared import model_path as shared_path
from conformance.shared import needs_shared
from q31.engine.excerpt import constants_of, cut, stands_alone
from q31.schema import Buffer, Quantization, TensorType, read, write
from q31.schema.builder import GraphBuilder
from q31.schema.options import AddOptions
from q31.tools.arrays import random_array
from q31.tools.compare.comparison import Comparison
from q31.tools.compare.differences import equal
from q31.tools.conformance.control_flow_graphs import branching
from q31.tools.conformance.oracle import Abort, Answer, Oracle, missing
from q31.tools.digits.bundle import FORMS, model_path

INT8 = str(model_path("integer_int8"))
needs_litert = pytest.mark.skipif(bool(missing()), reason=missing())


def random_input(model: q31.Model, seed: int) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    return {port.name: random_array(port, generator) for port in model.inputs}


# One bit of one weight


def flipped(model: bytes, tensor: int, bit: int) -> bytes:
    """Return a copy of a model in which one bit of a constant is another."""
    graph = read(memoryview(model))
    place = graph.subgraphs[0].tensors[tensor].buffer
    data = bytearray(graph.buffers[place].data)
    data[bit // 8 % len(data)] ^= 1 << bit % 8
    buffers = [*graph.buffers]
    buffers[place] = Buffer(memoryview(bytes(data)))
    return write(replace(graph, buffers=tuple(buffers)))


def weights(model: q31.Model) -> list[tuple[int, int]]:
    """Return (operator, tensor) of every constant whose values are free: weights, biases, float16 constants."""
    found = []
    for index, operator in enumerate(model.graph.subgraphs[0].operators):
        if operator.name in ("CONV_2D", "FULLY_CONNECTED", "DEQUANTIZE"):
            free = operator.inputs if operator.name == "DEQUANTIZE" else operator.inputs[1:]
            found += [(index, i) for i in free if model.graph.buffers[model.graph.subgraphs[0].tensors[i].buffer].data]
    return found


@settings(max_examples=8)
@given(st.data())
@pytest.mark.parametrize("form", FORMS)
def test_a_bit_of_a_weight_is_found_at_its_operator(form: str, data: st.DataObject) -> None:
    content = model_path(form).read_bytes()
    model = q31.load(content)
    operator, tensor = data.draw(st.sampled_from(weights(model)))
    copy = flipped(content, tensor, data.draw(st.integers(0, 2**30)))
    x = random_input(model, data.draw(st.integers(0, 2**32)))
    for one, other in ((content, copy), (copy, content)):
        comparison = q31.compare(one, q31.load(other), x)
        assert not comparison.equal and comparison.first is not None
        assert comparison.first.index == operator
        assert [one.index for one in comparison.first.constants] == [tensor]
        assert comparison.first.constants[0].total.count == 1
        for found in comparison.operators:
            for output in found.outputs:
                assert output.local is not None and output.inherited is not None
                assert not output.local or found.index == operator, "only the operator itself adds differences"
                assert not output.inherited or found.index > operator
                if found.index == operator:
                    assert output.local == output.total


def test_a_bit_is_found_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = Path(INT8).read_bytes()
    _, tensor = next(one for one in weights(q31.load(content)) if one[0] == 4)
    copy = tmp_path / "copy.tflite"
    copy.write_bytes(flipped(content, tensor, 7))  # the sign of a weight of the last operator
    assert q31_main("compare", INT8, "--against", f"model:{copy}", "--json") == 1
    printed = json.loads(capsys.readouterr().out)
    assert printed["first"]["operator"] == 4 and printed["first"]["tensor"] == tensor
    assert q31_main("compare", INT8, "--against", f"model:{INT8}") == 0
    assert "equal" in capsys.readouterr().out


def q31_main(*arguments: str) -> int:
    from q31.tools.cli import main

    try:
        return main(arguments)
    except SystemExit as stop:
        return stop.code  # type: ignore[return-value]


# Local and inherited


def step(builder: GraphBuilder, source: int, name: str, offset: int) -> int:
    scale = Quantization((0.5,), (0,))
    constant = builder.tensor(f"{name}.offset", TensorType.INT8, (8,), scale, value=[offset] * 8)
    target = builder.tensor(name, TensorType.INT8, (8,), scale)
    builder.operator("ADD", [source, constant], [target], AddOptions())
    return target


def chain() -> bytes:
    """x + 1 + 2 + 3 + 4, int8 codes of one scale."""
    builder = GraphBuilder()
    tensors = [builder.tensor("x", TensorType.INT8, (8,), Quantization((0.5,), (0,)))]
    for number in range(1, 5):
        tensors.append(step(builder, tensors[-1], f"t{number}", number))
    return write(builder.build(tensors[:1], tensors[-1:]))


def counts(comparison: Comparison) -> list[tuple[int, ...]]:
    """Return (differing, local, inherited) of each operator whose output is told."""
    parts = ((one.total, one.local, one.inherited) for each in comparison.operators for one in each.outputs)
    return [tuple(-1 if one is None else one.count for one in part) for part in parts]


def told(**changes: Mapping[int, int]) -> dict[str, np.ndarray]:
    """Return the chain's tensors for x of zeros, with additions at places."""
    arrays = {f"t{n}": np.full(8, n * (n + 1) // 2, np.int8) for n in range(1, 5)}
    for name, change in changes.items():
        for place, amount in change.items():
            arrays[name][place] += amount
    return arrays


def test_what_an_operator_adds_and_what_it_inherits() -> None:
    x = np.zeros(8, np.int8)
    assert q31.compare(chain(), told(), x).equal
    # One value of t2 is 5 too high, and stays so; t4 adds -1 in another place.
    other = told(t2={3: 5}, t3={3: 5}, t4={3: 5, 6: -1})
    comparison = q31.compare(chain(), other, x)
    assert counts(comparison) == [(0, 0, 0), (1, 1, 0), (1, 0, 1), (2, 1, 1)]
    last = comparison.operators[3].outputs[0]
    assert dict(last.local.histogram) == {"-1": 1} and dict(last.inherited.histogram) == {"+5": 1}
    assert dict(last.total.histogram) == {"-1": 1, "+5": 1} and last.local.first == (6,)
    # An output that is equal though the input was not: the operator's own difference undoes the other.
    assert counts(q31.compare(chain(), told(t2={3: 5}), x)) == [(0, 0, 0), (1, 1, 0), (0, 1, 1), (0, 0, 0)]


def test_where_the_other_side_does_not_tell() -> None:
    x = np.zeros(8, np.int8)
    other = told(t1={0: 3}, t4={0: 3, 1: 1})
    del other["t2"], other["t3"]
    comparison = q31.compare(chain(), other, x)
    assert counts(comparison) == [(1, 1, 0), (2, 1, 1)]
    assert [one.covers for one in comparison.operators] == [(), (), (1,), (1, 2)]
    assert comparison.first is not None and comparison.first.index == 0
    del other["t1"]
    comparison = q31.compare(chain(), other, x)
    assert comparison.first is not None and comparison.first.covers == (0, 1, 2)
    assert "does not tell operators 0, 1, 2: the difference may be theirs" in str(comparison)
    assert "1 operator gave; of 3 it tells nothing" in str(q31.compare(chain(), {"t4": told()["t4"]}, x))


def test_profiles_part_where_their_arithmetic_does() -> None:
    comparison = q31.compare(INT8, "profile:single")
    first = comparison.first
    assert first is not None and first.name == "CONV_2D"
    output = first.outputs[0]
    assert output.local == output.total and not output.inherited
    assert all(not one.local for each in comparison.differing[1:] for one in each.outputs)
    command = comparison.explain_command(first)
    at = ",".join(map(str, output.total.first))
    assert command == f"q31 explain {INT8} --op 1 --at {at} --input random --seed 0 --profile litert,single"
    explanation = q31.load(INT8).explain(
        1, output.total.first, *random_input(q31.load(INT8), 0).values(), profile=["litert", "single"]
    )
    results = [one.result for one in explanation.narrations.values()]
    assert results == list(output.total.values)


def test_narrow_accumulators_part_from_wide_ones() -> None:
    comparison = q31.compare(q31.load(INT8, accumulator_bits=12), "profile:litert")
    first = comparison.first
    assert first is not None and first.name == "CONV_2D"
    assert "--seed 0 --accumulator-bits 12 --overflow wrap --profile litert" in comparison.explain_command(first)


def test_operators_that_keep_state_are_compared_after_one_run() -> None:
    path = shared_path("tflm/micro_speech_quantized")
    graph = branching()
    model = q31.load(write(graph))
    x = random_input(model, 3)
    trace = model.trace(x)
    assert q31.compare(model, trace, x).equal
    assert not path.exists() or q31.compare(path, "profile:litert").equal


# LiteRT


@needs_litert
@pytest.mark.parametrize("form", FORMS)
def test_the_reference_is_equal(form: str) -> None:
    comparison = q31.compare(model_path(form), "litert-ref", seed=5)
    assert comparison.equal, comparison
    assert len([one for one in comparison.operators if one.known]) >= 5


@needs_litert
def test_xnnpack_leaves_the_reference() -> None:
    comparison = q31.compare(INT8, "litert")
    assert comparison.first is not None and comparison.first.name == "CONV_2D"
    assert comparison.first.outputs[0].local == comparison.first.outputs[0].total
    assert comparison.other_stamp["resolver"] == "AUTO" and not comparison.notes


@needs_litert
@needs_shared
def test_xnnpack_leaves_the_reference_on_mobilenet() -> None:
    comparison = q31.compare(shared_path("coral/mobilenet_v2_1.0_224_quant"), "litert")
    first = comparison.first
    assert first is not None and (first.index, first.name) == (0, "CONV_2D")
    assert first.outputs[0].local.count == first.outputs[0].total.count > 0 == first.outputs[0].inherited.count
    assert all(one.local is not None for each in comparison.operators for one in each.outputs)
    copies = [one.outputs[0] for one in comparison.operators if one.name in ("ADD", "RESHAPE", "SOFTMAX")]
    assert all(one.inherited.count == one.total.count > 0 for one in copies)


@needs_litert
@pytest.mark.parametrize("form", ["integer_int8", "integer_uint8", "dynamic_range", "float32"])
def test_what_is_read_of_xnnpack_are_real_values(form: str, oracle: Oracle) -> None:
    """Each operator by itself, run as anybody runs it, gives of the tensors read the tensors read."""
    model = q31.load(model_path(form))
    x = random_input(model, 1)
    trace = model.trace(x)
    answer = oracle.run_many(bytes(model._content), [list(x.values())], all_tensors=True, resolver="AUTO")
    assert isinstance(answer, Answer)
    tensors = {**trace.tensors, **answer.runs[0], **dict(zip((p.index for p in model.inputs), x.values(), strict=True))}
    changed = 0
    for operator in trace.operators:
        assert stands_alone(model.graph.subgraphs[0].operators[operator.index])
        excerpt = cut(model.graph, operator.index, tensors, constants_of(model))
        inputs = [tensors[index] for index in excerpt.inputs]
        alone = oracle.run_many(write(excerpt.graph), [inputs], resolver="AUTO")
        assert isinstance(alone, Answer), alone
        for index, array in zip(excerpt.outputs, alone.outputs, strict=True):
            assert equal(array, tensors[index]), operator.name
            changed += not equal(array, trace.tensors[index])
    assert changed, "or the test says nothing"


@needs_litert
def test_a_process_that_ends_is_told_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Oracle, "run_many", lambda *_, **__: Abort("the process died (exit code -6)", "check failed"))
    assert q31_main("compare", INT8, "--against", "litert") == 2
    message = capsys.readouterr().err
    assert message == "q31: error: litert does not run this model: the process died (exit code -6): check failed\n"


@needs_litert
def test_fused_outputs_would_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    run_many = Oracle.run_many

    def fusing(self: Oracle, *args: object, all_tensors: bool, **kwargs: object) -> object:
        answer = run_many(self, *args, all_tensors=all_tensors, **kwargs)  # type: ignore[arg-type]
        return answer if all_tensors else Answer([[array + np.int8(1) for array in answer.outputs]])  # type: ignore

    monkeypatch.setattr(Oracle, "run_many", fusing)
    assert "without being observed, operators are fused" in q31.compare(INT8, "litert").notes[0]


def test_without_litert(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("q31.tools.conformance.oracle.missing", lambda: "not there")
    assert q31_main("compare", INT8, "--against", "litert-ref") == 2
    message = "q31: error: --against litert-ref needs the package ai-edge-litert: pip install 'q31[conformance]'\n"
    assert capsys.readouterr().err == message
