"""A prepared program: memory for every tensor and the steps that fill it.

A step is either a stretch of the compiled engine's table, or one operator's ``evaluate``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain

import numpy as np

from ..kernels.operator import Instruction, Shape
from ..kernels.profiles import Profile
from ..schema import Graph, ModelError, TensorType, numpy_dtype
from . import arena
from .binding import Binder, Packed, aligned_empty, scratch_size
from .clamps import absorb_clamps
from .joins import write_among_others
from .kept import Kept, copy_variables, fill_variables
from .memory import copy_of, empty_strings, physical_memory
from .normalization import join_normalizations
from .padding import absorb_paddings
from .places import Place, assign, in_place, may_stay, without_copies_in_place
from .pointwise import fuse, missing
from .preparation import Preparation, PreparedOperator, as_tuple, prepare
from .signs import absorb_sign_changes
from .steps import prepare_now, raise_faults, run_structural
from .structure import STRUCTURAL, Environment

Step = Callable[[], None]

# Compiled kernels may read a vector beyond the last element of the last tensor, never write there.
_SLACK = 4096


class Program:
    """One subgraph, prepared for fixed input shapes, with the memory to run it.

    Parameters
    ----------
    graph, subgraph_index : what to run.
    profile : the arithmetic.
    compiled : run lowered operators by the compiled engine; otherwise everything by ``evaluate``.
    input_shapes : tensor index -> shape, for inputs that were resized.
    preserve_all : give each tensor memory of its own, so that intermediates can be read afterwards.
    environment : runs other subgraphs and holds resource variables; needed where the graph has such operators.
    separate : let each operator be a step of its own, so that it can be timed.
    threads : how many threads work on a run.
    packed : constants to share with other programs of the subgraph.

    Raises
    ------
    ModelError, UnsupportedOperatorError
        Where an operator cannot be prepared.
    """

    def __init__(
        self,
        graph: Graph,
        subgraph_index: int = 0,
        *,
        profile: Profile,
        compiled: bool,
        input_shapes: Mapping[int, Shape] | None = None,
        preserve_all: bool = False,
        environment: Environment | None = None,
        separate: bool = False,
        threads: int = 1,
        packed: Packed | None = None,
    ) -> None:
        self.profile = profile
        self._threads = threads
        self._separate = separate
        self._subgraph_index = subgraph_index
        self._environment = environment
        try:
            self.preparation: Preparation = prepare(graph, subgraph_index, profile, input_shapes)
            self._build(compiled, preserve_all, packed)
        except MemoryError as error:
            raise ModelError(f"the model needs more memory than can be had: {error}") from None
        self.reset_variables()

    def _build(self, compiled: bool, preserve_all: bool, packed: Packed | None) -> None:
        self._arrays: list[np.ndarray | None] = [None] * len(self.preparation.tensors)
        for index, value in self.preparation.constants.items():
            self._arrays[index] = value
        unobserved = compiled and not preserve_all
        self._operators = fuse(self.preparation) if unobserved else self.preparation.operators
        if unobserved:
            for change in (absorb_clamps, join_normalizations, absorb_paddings, absorb_sign_changes):
                self._operators = change(self.preparation, self._operators)
        self._in_place = in_place(self._operators) if unobserved else frozenset()
        self.arena_size = self._allocate(preserve_all)
        instructions = self._lower() if compiled else {}
        if unobserved:
            instructions = self._spare_copies(instructions)
        self.compiled = frozenset(instructions) | missing(self.preparation, self._operators)
        scratch = max(map(scratch_size, chain(*instructions.values())), default=0) + _SLACK
        self._scratches = [aligned_empty(scratch) for _ in range(self._threads)]
        self._binder = Binder(partial(_compiled_memory, self._arrays), self._scratches[0], packed)
        self._reset_with_variables: list[Kept] = []
        self._kept: dict[int, Kept] = {}  # by operator
        self._steps: list[Step] = []
        self._operators_of_steps: list[int] = []
        self._build_steps(instructions)

    # Memory

    def _allocate(self, preserve_all: bool) -> int:
        places, layout = assign(self.preparation, self._operators, preserve_all, self._in_place)
        limit = physical_memory()
        try:
            # A system that overcommits grants any size, and ends the process when it is used.
            if limit is not None and layout.size > limit:
                raise MemoryError
            self._memory = aligned_empty(layout.size + _SLACK)
        except (MemoryError, ValueError):
            raise ModelError(f"the tensors need {layout.size} bytes of memory, which cannot be had") from None
        tensors, shapes = self.preparation.tensors, self.preparation.shapes
        for index in range(len(tensors)):
            place = places.get(index, Place(index))
            shape = shapes[index]
            if place.root in layout.offsets and shape is not None:
                dtype = numpy_dtype(tensors[index].type)
                start = layout.offsets[place.root] + place.offset
                size = dtype.itemsize * math.prod(shape)
                self._arrays[index] = self._memory[start : start + size].view(dtype).reshape(shape)
        for index in self.preparation.inputs:
            if tensors[index].type is TensorType.STRING:
                self._arrays[index] = empty_strings(shapes[index] or ())
        return layout.size

    # Steps

    def _lower(self) -> dict[int, tuple[Instruction, ...]]:
        from .tiles import confirm_tiles  # imports the compiled back end

        confirm_tiles()
        instructions: dict[int, tuple[Instruction, ...]] = {}
        for operator in self._operators:
            lower = operator.kernel.lower
            if lower is None or operator.folded or operator.node is None or not self._has_memory(operator):
                continue
            if _shares_state(operator) or set(operator.operator.inputs) & set(operator.operator.outputs):
                continue  # kernels read what they have written already
            lowered = lower(operator.prepared, operator.node)
            if lowered is not None and may_stay(operator, lowered, self._in_place):
                instructions[operator.index] = lowered if isinstance(lowered, tuple) else (lowered,)
        return instructions

    def _spare_copies(self, instructions: dict[int, tuple[Instruction, ...]]) -> dict[int, tuple[Instruction, ...]]:
        """Return the instructions without copies of what lies where it is to be, or can be written there."""
        changed = write_among_others(self.preparation, self._operators, instructions)
        # The whole needs its memory from its first part on: not where that makes more of all.
        if changed is not None and self._planned(changed[0]).size <= self.arena_size:
            self._operators, instructions = changed
            self._arrays = [None if i not in self.preparation.constants else x for i, x in enumerate(self._arrays)]
            self.arena_size = self._allocate(preserve_all=False)
        for operator in self._operators:
            if operator.index in instructions:
                lowered = instructions[operator.index]
                instructions[operator.index] = without_copies_in_place(operator, lowered, self._arrays)
        return instructions

    def _planned(self, operators: Sequence[PreparedOperator]) -> arena.Layout:
        return assign(self.preparation, operators, False, self._in_place)[1]

    def _has_memory(self, operator: PreparedOperator) -> bool:
        indices = (*operator.operator.inputs, *operator.operator.outputs)
        arrays = [self._arrays[index] for index in indices if index >= 0]
        return all(array is not None and array.dtype != object for array in arrays)

    def _build_steps(self, instructions: dict[int, tuple[Instruction, ...]]) -> None:
        """Build the steps; uses the instructions up, for packed weights are large and bound as aligned copies."""

        def add(operator: int, step: Step) -> None:
            self._steps.append(step)
            self._operators_of_steps.append(operator)

        def close_stretch(operator: int) -> None:
            if tables is not None and (stretch := tables.close()) is not None:
                add(operator, stretch)
                if faults := self._binder.take_faults():
                    add(operator, partial(raise_faults, faults))

        tables = None
        if instructions:
            from .machine import load_kernels  # imports the compiled back end
            from .tables import Tables

            load_kernels(sorted({instruction.kernel for instruction in chain(*instructions.values())}))
            tables = Tables(self._binder, self._scratches)
        resized: list[int] = []
        for operator in self._operators:
            if operator.folded or self._is_alias(operator):
                continue
            if operator.index not in self.compiled:
                close_stretch(operator.index - 1)
                structural = operator.operator.name in STRUCTURAL
                add(operator.index, self._structural(operator) if structural else self._evaluation(operator, resized))
            elif self._binder.may_fault and self._leaves_traces(operator):
                close_stretch(operator.index - 1)  # what outlives the run must not follow from senseless values
            for instruction in instructions.pop(operator.index, ()):
                assert tables is not None
                tables.add(instruction, operator.operator.inputs, operator.operator.outputs)
            if self._separate:
                close_stretch(operator.index)
            resized += [index for index in operator.operator.outputs if self.preparation.shapes[index] is None]
        close_stretch(len(self.preparation.operators) - 1)

    def _leaves_traces(self, operator: PreparedOperator) -> bool:
        tensors = self.preparation.tensors
        return bool(operator.kernel.states) or any(tensors[i].is_variable for i in operator.operator.outputs)

    def _is_alias(self, operator: PreparedOperator) -> bool:
        """Whether the output already lies on the input's bytes."""
        if not operator.kernel.aliases or operator.late:
            return False
        source, target = self._arrays[operator.operator.inputs[0]], self._arrays[operator.operator.outputs[0]]
        if source is None or target is None or not target.flags.writeable:
            return False
        return source.ctypes.data == target.ctypes.data and source.nbytes == target.nbytes

    def _evaluation(self, operator: PreparedOperator, resized: Sequence[int]) -> Step:
        """Return the step that evaluates an operator; ``resized`` are the tensors before it that a run may resize."""
        # The step must not hold the program, which holds the step: its memory would stay until a garbage collection.
        arrays, inputs, outputs = self._arrays, operator.operator.inputs, operator.operator.outputs
        evaluate, shapes = operator.kernel.evaluate, self.preparation.shapes
        targets = (*outputs, *(inputs[state] for state in operator.kernel.states))
        place = f"subgraph {self._subgraph_index} operator {operator.index}"
        prepare_late = partial(prepare_now, place, operator, self.preparation.tensors, arrays, self.profile)

        initial, kept = operator.kernel.initial, Kept(arrays, tuple(resized))
        self._kept[operator.index] = kept
        if operator.kernel.resets:
            self._reset_with_variables.append(kept)

        def step() -> None:
            prepared = operator.prepared
            if prepared is None:
                prepared = prepare_late()
            values = [None if i < 0 else arrays[i] for i in inputs]
            if initial is not None:
                values.append(initial(prepared) if kept.is_stale() else kept.value)
            with np.errstate(all="ignore"):  # a NaN is a value like another, as in the reference
                results = as_tuple(evaluate(prepared, *values))
            if initial is not None:
                *results, kept.value = results  # type: ignore[assignment]
            for index, value in zip(targets, results, strict=True):
                target = arrays[index]
                if shapes[index] is None or value.dtype == object:
                    arrays[index] = np.asarray(value, order="C")
                elif target is not None:
                    np.copyto(target, value, casting="no")

        return step

    def _structural(self, operator: PreparedOperator) -> Step:
        place = f"subgraph {self._subgraph_index} operator {operator.index}"
        tensors = self.preparation.tensors
        fixed = frozenset(i for i in operator.operator.outputs if self.preparation.shapes[i] is not None)
        return partial(run_structural, place, operator.operator, tensors, self._arrays, fixed, self._environment)

    # Running

    def call(self, arrays: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
        """Run on these inputs and return copies of the outputs.

        Raises
        ------
        ModelError
            As :meth:`run`, and where an input has another data type than its tensor.
        """
        for index, array in zip(self.preparation.inputs, arrays, strict=True):
            target = self._arrays[index]
            if target is None or (target.dtype == array.dtype == object):
                self._arrays[index] = array
            elif target.dtype != array.dtype:
                raise ModelError(f"subgraph {self._subgraph_index}: tensor {index} is given {array.dtype}")
            else:
                np.copyto(target, array)
        self.run()
        return tuple(self.output(index) for index in self.preparation.outputs)

    def run(self) -> None:
        """Run every step on what the input tensors hold.

        Raises
        ------
        ModelError
            Where an operator prepared at run time cannot be, or memory runs out.
        """
        try:
            for step in self._steps:
                step()
        except MemoryError as error:
            raise ModelError(f"the model needs more memory than can be had: {error}") from None

    def timed_run(self, clock: Callable[[], float]) -> list[tuple[int, float]]:
        """Run every step, and return the operators of the steps and what the clock says each took.

        Without ``separate`` a step is a stretch of operators, of which the last is named.
        """
        times, before = [], clock()
        for operator, step in zip(self._operators_of_steps, self._steps, strict=True):
            step()
            now = clock()
            times.append((operator, now - before))
            before = now
        return times

    def array(self, index: int) -> np.ndarray | None:
        """Return the memory of a tensor itself, not a copy; None where it has none (yet)."""
        return self._arrays[index]

    def output(self, index: int) -> np.ndarray:
        """Return a copy of a tensor's value, or raise ModelError where it has none."""
        array = self._arrays[index]
        if array is None:
            name = self.preparation.tensors[index].name
            raise ModelError(f"subgraph {self._subgraph_index}: tensor {index} ({name!r}) was never computed")
        return copy_of(array)

    def set_object(self, index: int, value: np.ndarray) -> None:
        """Set a tensor that has no fixed size, such as strings."""
        self._arrays[index] = value

    def take_state(self, other: Program) -> None:
        """Copy from another program of the subgraph what runs leave behind: variables, and what operators keep."""
        copy_variables(self.preparation.tensors, other._arrays, self._arrays)
        for operator in self._kept.keys() & other._kept.keys():  # one of them may do without a step that the other has
            own, others = self._kept[operator], other._kept[operator]
            own.value, own.shapes = others.value, others.shapes

    def restart(self) -> None:
        """Set back what runs leave behind: variable tensors, and what operators keep without a tensor."""
        self.reset_variables()
        for kept in self._kept.values():
            kept.value = None

    def reset_variables(self) -> None:
        """Fill variable tensors: int8 with the zero point, everything else with zero bytes, as the reference does.

        What tflite-micro's operators keep from run to run begins again, as in its own reset.
        """
        fill_variables(self.preparation.tensors, self._arrays)
        for kept in self._reset_with_variables:
            kept.value = None


def _shares_state(operator: PreparedOperator) -> bool:
    """Whether a state is an operand in another place too, where a kernel that updates it would be seen."""
    inputs, outputs = operator.operator.inputs, operator.operator.outputs
    states = [inputs[state] for state in operator.kernel.states]
    return any(inputs.count(state) > 1 or state in outputs for state in states)


def _compiled_memory(arrays: Sequence[np.ndarray | None], index: int) -> np.ndarray:
    array = arrays[index]
    if array is None:
        raise ModelError(f"tensor {index} has no memory before the program runs")
    return array
