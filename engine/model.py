"""The Pythonic face: ``model = q31.load(path); y = model(x)``."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..kernels.operator import Shape
from ..kernels.profiles import Profile
from ..schema import Error, Graph, InputError
from .arguments import arguments, batch_size, one_example
from .batches import chunk_sizes, is_batched, keeps_state, largest_chunk
from .program import Program
from .session import Session, find_profile, open_model, sha256, stamp_of, with_accumulator
from .views import OperatorView, Port, port_of

if TYPE_CHECKING:
    from .explanation import Explanation
    from .ranges import Ranges
    from .trace import Trace


def load(
    model: str | os.PathLike[str] | bytes | bytearray | memoryview,
    *,
    profile: str | Profile = "litert",
    backend: str | None = None,
    num_threads: int | None = None,
    accumulator_bits: int | None = None,
    overflow: str | None = None,
) -> Model:
    """Load a .tflite model.

    Parameters
    ----------
    model : path or bytes.
    profile : whose bits to give: ``"litert"``, ``"tflm"`` or ``"single"``.
    backend : ``"numba"`` (compiled, the default) or ``"numpy"`` (readable, slow, the same bits).
    num_threads : how many threads work on a call, at most as there are processors; None is one.
    accumulator_bits : from 2 to 64: emulate hardware whose accumulators of the products in CONV_2D,
        DEPTHWISE_CONV_2D, TRANSPOSE_CONV, FULLY_CONNECTED and BATCH_MATMUL on codes have so many bits, bit for bit,
        slowly. None is the reference's 32, or 64 of int16 activations; as many or more change nothing.
    overflow : of such accumulators: ``"wrap"`` (the default; modulo ``2**bits``) or ``"saturate"`` (after each
        addition, in the order of the reference's loops, which ``kernels/convolution/accumulation.py`` gives).

    Raises
    ------
    InputError
        Where an option is wrong.
    ModelError
        Where the file cannot be opened or is malformed; says where, and what was expected.
    UnsupportedOperatorError
        Where an operator has no kernel; says which, and what is supported.
    """
    chosen = with_accumulator(find_profile(profile), accumulator_bits, overflow)
    return Model(model, profile=chosen, backend=backend, num_threads=num_threads)


class Model:
    """A model to call. Made by :func:`load`.

    Safe to call from several threads: calls on one Model take turns.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | bytes | bytearray | memoryview,
        *,
        profile: str | Profile = "litert",
        backend: str | None = None,
        num_threads: int | None = None,
    ) -> None:
        graph, self._content = open_model(model)
        self._session = Session(graph, profile, backend, num_threads=num_threads)
        self._program = self._session.program()
        self._batched: dict[int, Program | None] = {}
        self._observed: Program | None = None
        self.trace_of_last_run: Trace | None = None
        self._lock = threading.Lock()
        tensors = graph.subgraphs[0].tensors
        self.inputs = tuple(port_of(tensors[index], index) for index in graph.subgraphs[0].inputs)
        self.outputs = tuple(port_of(tensors[index], index) for index in graph.subgraphs[0].outputs)

    # What it is

    @property
    def graph(self) -> Graph:
        """The model as read from the file."""
        return self._session.graph

    @property
    def profile(self) -> Profile:
        """The arithmetic in use."""
        return self._session.profile

    @property
    def backend(self) -> str:
        """``"numba"`` or ``"numpy"``."""
        return self._session.backend

    @property
    def sha256(self) -> str:
        """SHA-256 of the model's bytes, in hexadecimal."""
        return sha256(self._content)

    @property
    def operators(self) -> tuple[OperatorView, ...]:
        """The operators of the primary subgraph with their prepared parameters."""
        return tuple(
            OperatorView(
                operator.index,
                operator.operator.custom_code or operator.operator.name,
                operator.operator.version,
                operator.operator.inputs,
                operator.operator.outputs,
                operator.operator.options,
                operator.prepared,
                operator.index in self._program.compiled,
                operator.folded,
            )
            for operator in self._program.preparation.operators
        )

    @property
    def arena_size(self) -> int:
        """Bytes of memory for activations."""
        return self._program.arena_size

    def __repr__(self) -> str:
        lines = [
            f"<q31.Model: {len(self.graph.subgraphs[0].operators)} operators, profile {self.profile.title}, "
            f"back end {self.backend}"
        ]
        lines += [f"  input  {port}" for port in self.inputs]
        lines += [f"  output {port}" for port in self.outputs]
        return "\n".join(lines) + ">"

    # Calling it

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the model.

        Parameters
        ----------
        args : one array per input in order, or one dict of arrays by input name.
        kwargs : arrays by input name, where the names are Python identifiers.

        Returns
        -------
        The output array, or a dict of arrays by name where the model has several outputs. A model whose batch
        is 1 takes ``(N, ...)`` and gives ``(N, ...)``.

        Raises
        ------
        InputError
            Where an input is missing, unknown, or of another shape or data type than expected.
        """
        arrays = self._arguments(args, kwargs)
        with self._lock:
            batch = self._batch_size(arrays)
            results = self._run(self._program, arrays) if batch is None else self._run_batch(arrays, batch)
        return self._named(results)

    def map(self, examples: Iterable[Any]) -> Iterator[Any]:
        """Run the model on one example after the other, in batches inside, and yield the result of each.

        Parameters
        ----------
        examples : each an array of the input's shape, or without its first dimension where that is 1, as come from
            going through an array of images; or a tuple of such arrays by input, or a dict of them by name.

        Yields
        ------
        What a call gives for the example, without the first dimension where the example came without it.

        Raises
        ------
        InputError
            Where an example does not fit, after the results of those before it.
        """
        waiting: list[tuple[list[np.ndarray], bool]] = []
        size = self._largest_chunk()
        with self._lock:
            if any(self._shape(port)[:1] != (1,) for port in self.inputs) or self._batch_program(size) is None:
                size = 1
        for example in examples:
            try:
                waiting.append(self._example(example))
            except InputError:
                yield from self._results(waiting)
                raise
            if len(waiting) == size:
                yield from self._results(waiting)
                waiting = []
        yield from self._results(waiting)

    def reset(self) -> None:
        """Set back what calls leave behind (variables, states), so that the next call is as the first."""
        with self._lock:
            self._program.restart()
            self._session.restart()

    def trace(self, *args: Any, seed: int | None = None, **kwargs: Any) -> Trace:
        """Run the model as a call does, and return everything that lies between inputs and outputs.

        Parameters
        ----------
        args, kwargs : as for a call; of exactly the inputs' shapes, no batch of examples.
        seed : of random inputs, to be remembered with the trace.

        Returns
        -------
        Trace : tensors, accumulators, prepared parameters; the outputs have the bits of a call.

        Raises
        ------
        InputError
            Where the inputs do not fit.
        """
        from .trace import trace_run

        arrays = self._arguments(args, kwargs)
        with self._lock:
            if self._batch_size(arrays) is not None:
                shapes = ", ".join(str(list(self._shape(port))) for port in self.inputs)
                raise InputError(f"a trace is of one call: expected inputs of shape {shapes}")
            if self._observed is None:
                self._observed = self._session.program(preserve_all=True)
            self._observed.take_state(self._program)
            self._fill(self._observed, arrays)
            stamp = {**self.stamp, "seed": seed}
            trace = trace_run(self._session, self._observed, stamp)
            self._program.take_state(self._observed)
            self.trace_of_last_run = trace
            return trace

    @property
    def stamp(self) -> dict[str, Any]:
        """Whose numbers the model gives: profile and its oracle, q31's version, the SHA-256 of the file."""
        return stamp_of(self.profile, self.sha256)

    def explain(
        self, operator: int, at: Sequence[int], *args: Any, profile: str | Sequence[str] | None = None, **kwargs: Any
    ) -> Explanation:
        """Explain one output value of an operator, from operands to result.

        Parameters
        ----------
        operator : its index.
        at : the index of the value in the operator's first output.
        args, kwargs : the model's inputs, as for :meth:`trace`; without any, those of the last trace.
        profile : one profile or several, each with the operands of this model's own run; its own where left out.

        Raises
        ------
        InputError
            Where there is no such operator or value, or the operator has no integer arithmetic to explain.
        """
        from .explanation import explain

        last = self.trace_of_last_run
        trace = self.trace(*args, **kwargs) if args or kwargs or last is None else last
        names = [self.profile.name] if profile is None else [profile] if isinstance(profile, str) else list(profile)
        profiles = [replace(find_profile(name), accumulator=self.profile.accumulator) for name in names]
        return explain(trace, operator, at, profiles)

    def ranges(self, data: Any, *, running: bool = False) -> Ranges:
        """Return how far the accumulators of products go on data, and could go, hence the bits they need.

        Parameters
        ----------
        data : examples as one array, along its first dimension, or a dict of such arrays by input name.
        running : also follow the sums product by product, in the reference's order, which is slow.

        Raises
        ------
        InputError
            Where the data does not fit.
        """
        from .ranges import examples_of, measure

        return measure(self, examples_of(data, self.inputs), running)

    def _example(self, example: Any) -> tuple[list[np.ndarray], bool]:
        """Return an example's arrays in the shapes of the inputs, and whether they came without a first dimension."""
        arrays = self._arguments(example if isinstance(example, tuple) else (example,), {})
        return one_example(self.inputs, [self._shape(port) for port in self.inputs], arrays)

    def _results(self, examples: Sequence[tuple[list[np.ndarray], bool]]) -> Iterator[Any]:
        if not examples:
            return
        with self._lock:
            if len(examples) == 1:
                results = self._run(self._program, examples[0][0])
            else:
                together = zip(*(arrays for arrays, _ in examples), strict=True)
                results = self._run_batch([np.concatenate(parts) for parts in together], len(examples))
        for index, (_, bare) in enumerate(examples):
            own = results
            if len(examples) > 1:
                own = [np.array(result[index : index + 1]) for result in results]
            yield self._named([result[0] if bare and result.shape[:1] == (1,) else result for result in own])

    def _named(self, results: Sequence[np.ndarray]) -> Any:
        if len(self.outputs) == 1:
            return results[0]
        return {port.name: result for port, result in zip(self.outputs, results, strict=True)}

    def _arguments(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[np.ndarray]:
        types = [self.graph.subgraphs[0].tensors[port.index].type for port in self.inputs]
        return arguments(self.inputs, types, args, kwargs)

    def _batch_size(self, arrays: list[np.ndarray]) -> int | None:
        return batch_size(self.inputs, [self._shape(port) for port in self.inputs], arrays)

    def _shape(self, port: Port) -> Shape:
        array = self._program.array(port.index)
        return port.shape if array is None else array.shape

    def _run(self, program: Program, arrays: list[np.ndarray]) -> list[np.ndarray]:
        self._fill(program, arrays)
        program.run()
        return [program.output(port.index) for port in self.outputs]

    def _fill(self, program: Program, arrays: list[np.ndarray]) -> None:
        for port, array in zip(self.inputs, arrays, strict=True):
            target = program.array(port.index)
            if target is None or target.dtype == object:
                program.set_object(port.index, array)
            else:
                target[...] = array

    def _run_batch(self, arrays: list[np.ndarray], batch: int) -> list[np.ndarray]:
        """Run N examples: in chunks through a program of that batch size, or one by one where there is none."""
        for port in self.outputs:
            shape = self._program.preparation.shapes[port.index]
            if shape is not None:
                self._require_batch(port, shape, 1)
        if batch == 0:
            return [np.empty((0, *self._shape(port)[1:]), port.dtype) for port in self.outputs]
        results: list[np.ndarray] = []
        start = 0
        for program, size in self._programs(batch):
            count = min(size, batch - start)
            chunk = [array[start : start + count] for array in arrays]
            if count < size:  # filled up with the last example, so that a program serves several numbers of them
                chunk = [np.concatenate([part, np.repeat(part[-1:], size - count, axis=0)]) for part in chunk]
            given = self._run(program, chunk)
            if not results:
                results = [np.empty((batch, *one.shape[1:]), one.dtype) for one in given]
            for port, result, target in zip(self.outputs, given, results, strict=True):
                self._require_batch(port, result.shape, size, target.shape[1:])
                target[start : start + count] = result[:count]
            start += count
        return results

    def _programs(self, batch: int) -> Iterator[tuple[Program, int]]:
        """Yield the programs that run a batch, with the number of examples each takes."""
        for size in chunk_sizes(batch, self._largest_chunk()):
            program = self._batch_program(size)
            yield from [(self._program, 1)] * min(size, batch) if program is None else [(program, size)]
            batch -= size

    def _largest_chunk(self) -> int:
        return largest_chunk(self.arena_size)

    def _require_batch(self, port: Port, shape: Shape, size: int, example: Shape | None = None) -> None:
        """Raise InputError where an output is not a batch of ``size`` examples, each of the shape given."""
        if shape[:1] != (size,) or (example is not None and shape[1:] != example):
            inputs = ", ".join(str(list(self._shape(one))) for one in self.inputs)
            raise InputError(
                f"the model takes no batches: output {port.name!r} has shape {list(shape)}; "
                f"expected inputs of shape {inputs}"
            )

    def _batch_program(self, size: int) -> Program | None:
        """Return a program for a batch, or None where the model cannot be resized to it.

        A batch baked into the graph (a RESHAPE to a constant shape) or state carried between calls forbids it.
        """
        if size == 1:
            return self._program
        if size not in self._batched:
            shapes = {port.index: (size, *self._shape(port)[1:]) for port in self.inputs}
            program: Program | None = None
            if not keeps_state(self.graph, self._program):
                try:
                    program = self._session.program(input_shapes=shapes)
                except Error:
                    program = None
            if program is not None and not all(is_batched(self._program, program, port, size) for port in self.outputs):
                program = None
            self._batched[size] = program
        return self._batched[size]
