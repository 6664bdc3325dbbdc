"""Programs: folding, memory reuse, aliases, and the check that stands between instructions and raw memory."""

import numpy as np
import pytest

import q31
from q31.engine.binding import Binder, aligned_empty
from q31.engine.program import Program
from q31.kernels.convolution.packing import WHOLE
from q31.kernels.operator import Input, Instruction, Output
from q31.kernels.profiles import LITERT
from q31.schema import TensorType, write
from q31.schema.builder import GraphBuilder
from q31.schema.options import AddOptions, GatherOptions, ReshapeOptions, SVDFOptions
from small_graphs import FINE, INT8, chain, classifier


def program(graph, compiled=True, **options):
    return Program(graph, profile=LITERT, compiled=compiled, **options)


def run(prepared, x):
    prepared.array(prepared.preparation.inputs[0])[...] = x
    prepared.run()
    return prepared.array(prepared.preparation.outputs[0]).copy()


def test_a_chain_reuses_memory_and_preserving_does_not():
    x = np.random.default_rng().integers(-128, 128, (1, 64), np.int8)
    reusing, preserving = program(chain(length=20)), program(chain(length=20), preserve_all=True)
    assert reusing.arena_size <= 4 * 64
    assert preserving.arena_size == 21 * 64
    np.testing.assert_array_equal(run(reusing, x), run(preserving, x))
    for index in range(1, 21):
        np.testing.assert_array_equal(preserving.array(index), np.maximum(x, 3))


def test_inputs_keep_their_value_from_run_to_run():
    prepared = program(chain())
    x = np.random.default_rng().integers(-128, 128, (1, 64), np.int8)
    first = run(prepared, x)
    prepared.run()
    np.testing.assert_array_equal(prepared.array(prepared.preparation.outputs[0]), first)


def test_a_reshape_of_an_intermediate_takes_no_memory_and_no_step():
    prepared = program(classifier())
    assert prepared.array(3).ctypes.data == prepared.array(4).ctypes.data
    assert program(classifier(), preserve_all=True).array(3).ctypes.data != prepared.array(4).ctypes.data


def test_an_operator_on_constants_is_folded():
    builder = GraphBuilder()
    x = builder.tensor("x", INT8, (1, 4), FINE)
    constant = builder.tensor("constant", INT8, (2, 2), FINE, value=[[-9, 9], [0, 100]])
    shape = builder.tensor("shape", TensorType.INT32, (2,), value=[1, 4])
    positive = builder.tensor("positive", INT8, (2, 2), FINE)
    flat = builder.tensor("flat", INT8, (1, 4), FINE)
    y = builder.tensor("y", INT8, (1, 4), FINE)
    builder.operator("RELU", [constant], [positive])
    builder.operator("RESHAPE", [positive, shape], [flat], ReshapeOptions())
    builder.operator("ADD", [x, flat], [y], AddOptions())
    prepared = program(builder.build([x], [y]))
    assert [operator.folded for operator in prepared.preparation.operators] == [True, True, False]
    np.testing.assert_array_equal(prepared.preparation.constants[flat], [[3, 9, 3, 100]])


def test_variable_tensors_start_at_the_zero_point_if_int8():
    builder = GraphBuilder()
    state = builder.tensor("state", INT8, (1, 4), FINE, is_variable=True)
    count = builder.tensor("count", TensorType.INT16, (1, 4), is_variable=True)
    y = builder.tensor("y", INT8, (1, 4), FINE)
    builder.operator("RELU", [state], [y])
    prepared = program(builder.build([], [y, count]))
    assert (prepared.array(state) == 3).all()
    prepared.array(state)[...] = 50
    prepared.array(count)[...] = 50
    prepared.reset_variables()
    assert (prepared.array(state) == 3).all()
    assert (prepared.array(count) == 0).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"input": Input(0, 65)}, "input: 65 bytes of tensor 0, which has 64"),
        ({"output": Output(0, 65)}, "output: 65 bytes of tensor 1, which has 64"),
        ({"output": Output(0, 64, 1)}, "output: 65 bytes of tensor 1, which has 64"),
        ({"output": Output(0, 64, -1)}, "output: byte -1 of tensor 1"),
        ({"input": Input(0, -1)}, "-1 bytes"),
        ({"extra": 1}, "extra"),
    ],
)
def test_an_instruction_that_leaves_its_tensors_is_never_bound(change, message):
    memory = [aligned_empty(64), aligned_empty(64)]
    fields = {"input": Input(0, 64), "output": Output(0, 64), "table": np.zeros(256, np.uint8), "size": 64, **WHOLE}
    binder = Binder(memory.__getitem__, aligned_empty(0))
    assert binder.bind(Instruction("lookup8", fields), [0], [1])
    with pytest.raises(q31.Error, match=message):
        binder.bind(Instruction("lookup8", fields | change), [0], [1])


def test_a_constant_is_never_written():
    memory = [aligned_empty(64), aligned_empty(64)]
    memory[1].flags.writeable = False
    fields = {"input": Input(0, 64), "output": Output(0, 64), "table": np.zeros(256, np.uint8), "size": 64, **WHOLE}
    with pytest.raises(q31.Error, match="constant"):
        Binder(memory.__getitem__, aligned_empty(0)).bind(Instruction("lookup8", fields), [0], [1])


@pytest.mark.parametrize("shared", [False, True])
def test_a_state_is_updated_in_place_unless_it_is_another_operand_too(shared):
    builder = GraphBuilder()
    x = builder.tensor("x", TensorType.FLOAT32, (1, 6))
    state = builder.tensor("state", TensorType.FLOAT32, (1, 6), is_variable=True)
    features = builder.tensor("features", TensorType.FLOAT32, (2, 6), value=np.arange(12.0).reshape(2, 6))
    time = builder.tensor("time", TensorType.FLOAT32, (2, 3), value=np.arange(6.0).reshape(2, 3))
    y = builder.tensor("y", TensorType.FLOAT32, (1, 2))
    builder.operator("SVDF", [state if shared else x, features, time, -1, state], [y], SVDFOptions(rank=1))
    compiled, evaluated = (program(builder.build([x], [y]), compiled=compiled) for compiled in (True, False))
    assert bool(compiled.compiled) is not shared
    for _ in range(3):
        states = []
        for prepared in (compiled, evaluated):
            if shared:
                prepared.array(state)[...] += 1
            run(prepared, np.ones((1, 6), np.float32))
            states.append((prepared.output(state).tolist(), prepared.output(y).tolist()))
        assert states[0] == states[1]


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_a_program_that_keeps_all_tensors_may_take_more_steps(backend):
    model = q31.load(write(classifier()), backend=backend)  # its RESHAPE copies only where every tensor is kept
    x = np.random.default_rng().integers(-128, 128, (1, 3, 4), np.int8)
    np.testing.assert_array_equal(model.trace(x).outputs[0], model(x))


def picks_and_state():
    """Pick rows by the same run-time indices, from 6 and from 5; the first pick feeds an operator with state."""
    builder = GraphBuilder()
    indices = builder.tensor("indices", TensorType.INT32, (1,))
    rows = builder.tensor("rows", TensorType.FLOAT32, (6, 6), value=np.arange(36.0).reshape(6, 6))
    fewer = builder.tensor("fewer", TensorType.FLOAT32, (5, 6), value=np.arange(30.0).reshape(5, 6))
    picked, others = (builder.tensor(name, TensorType.FLOAT32, (1, 6)) for name in ("picked", "others"))
    state = builder.tensor("state", TensorType.FLOAT32, (1, 6), is_variable=True)
    features = builder.tensor("features", TensorType.FLOAT32, (2, 6), value=np.arange(12.0).reshape(2, 6))
    time = builder.tensor("time", TensorType.FLOAT32, (2, 3), value=np.arange(6.0).reshape(2, 3))
    y = builder.tensor("y", TensorType.FLOAT32, (1, 2))
    builder.operator("GATHER", [rows, indices], [picked], GatherOptions())
    builder.operator("GATHER", [fewer, indices], [others], GatherOptions())
    builder.operator("SVDF", [picked, features, time, -1, state], [y], SVDFOptions(rank=1))
    return builder.build([indices], [y, others, state])


@pytest.mark.parametrize("compiled", [False, True])
def test_indices_beyond_their_axis_are_told_once_and_leave_no_trace(compiled):
    prepared = program(picks_and_state(), compiled)
    assert len(prepared.compiled) == (3 if compiled else 0)
    _, others, state = prepared.preparation.outputs
    for index, size in [(-1, 6), (6, 6), (2**31 - 1, 6), (-(2**31), 6), (5, 5)]:
        message = rf"^GATHER: expected indices in \[0, {size}\); got some in \[{index}, {index}\]$"
        with pytest.raises(q31.ModelError, match=message):
            run(prepared, index)
        assert not prepared.array(state).any()
    run(prepared, 2)
    np.testing.assert_array_equal(prepared.array(others), [np.arange(12.0, 18.0)])
    assert prepared.array(state).any()
