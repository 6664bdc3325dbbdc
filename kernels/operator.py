"""What an operator's module takes and gives: the contract between the kernels and the engine.

An operator is a module with three functions, bound together in a :class:`Kernel`:

``prepare(node, profile) -> Prepared``
    Everything derived before a value arrives: output shapes, padding, multipliers, shifts, clamps, tables.
``evaluate(prepared, *arrays) -> array or tuple of arrays``
    The readable NumPy specification, bit-exact. ``arrays`` are the node's inputs in order, constants included,
    ``None`` where an optional input is left out.
``lower(prepared, node) -> Instruction, a tuple of them, or None``
    The same for the compiled engine, for the operators that cost time. ``None``: this node stays with ``evaluate``.

Kernels see no graph, no bytes of a file and no interpreter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any, TypeAlias

import numpy as np

from ..schema import ModelError, Quantization, Sparsity, TensorType, UnsupportedOperatorError, numpy_dtype
from ..schema.deferred import dataclass
from .profiles import Profile

Shape: TypeAlias = tuple[int, ...]


@dataclass(frozen=True)
class TensorSpec:
    """A tensor as ``prepare`` sees it.

    ``shape`` of an input is the actual shape; of an output it is what the file says, which is not to be
    trusted. ``value`` is the array of a constant (int4 unpacked to int8), otherwise None. ``block_scales`` is the
    array of the scales of a tensor quantized by blocks, where that is a constant.
    """

    name: str
    type: TensorType
    shape: Shape
    quantization: Quantization = field(default_factory=Quantization)
    value: np.ndarray | None = field(default=None, compare=False)
    is_variable: bool = False
    sparsity: Sparsity | None = None
    block_scales: np.ndarray | None = field(default=None, compare=False)

    @property
    def dtype(self) -> np.dtype:
        """NumPy data type of one element."""
        return numpy_dtype(self.type)

    @property
    def quantized(self) -> bool:
        """Whether the tensor has a scale."""
        return bool(self.quantization.scale)

    @property
    def scale(self) -> np.float32:
        """The per-tensor scale as float32; 0 where the tensor is not quantized (as in TFLite's params)."""
        return np.float32(self.quantization.scale[0] if self.quantization.scale else 0.0)

    @property
    def zero_point(self) -> int:
        """The per-tensor zero point; 0 where the tensor is not quantized."""
        return self.quantization.zero_point[0] if self.quantization.zero_point else 0


@dataclass(frozen=True)
class Node:
    """One operator with its tensors, as ``prepare`` and ``lower`` see it.

    A custom operator is named ``"CUSTOM"`` and has a ``custom_code``; its ``custom_options`` are the bytes in the file.
    ``intermediates`` are tensors without values, whose quantization is that of an operator's inner results.
    ``bodies`` names the operators of each of the model's subgraphs, for operators that take one as their function.
    """

    name: str
    version: int
    options: Any
    inputs: tuple[TensorSpec | None, ...]
    outputs: tuple[TensorSpec, ...]
    custom_code: str | None = None
    custom_options: bytes | None = None
    intermediates: tuple[TensorSpec | None, ...] = ()
    bodies: tuple[tuple[str, ...], ...] = ()

    @property
    def title(self) -> str:
        """The name, for messages; a custom operator's code is there, too."""
        return self.name if self.custom_code is None else f"{self.name} {self.custom_code!r:.60}"

    def input(self, index: int) -> TensorSpec:
        """Return a required input, or raise ModelError where the file leaves it out."""
        spec = self.optional_input(index)
        if spec is None:
            raise ModelError(f"{self.title}: input {index} is missing; it is required")
        return spec

    def optional_input(self, index: int) -> TensorSpec | None:
        """Return an input, or None where it is left out."""
        return self.inputs[index] if index < len(self.inputs) else None

    def output(self, index: int = 0) -> TensorSpec:
        """Return an output, or raise ModelError where the file has fewer."""
        if index >= len(self.outputs):
            raise ModelError(f"{self.title}: has {len(self.outputs)} outputs; output {index} is required")
        return self.outputs[index]

    def value(self, index: int) -> np.ndarray:
        """Return the value of an input that ``prepare`` needs (listed in ``Kernel.values``)."""
        spec = self.input(index)
        if spec.value is None:
            raise ModelError(f"{self.title}: the value of input {index} ({spec.name!r}) must be known beforehand")
        return spec.value

    def require(self, condition: bool, expectation: str) -> None:
        """Raise ModelError saying what was expected, unless ``condition`` holds."""
        if not condition:
            raise ModelError(f"{self.title}: expected {expectation}; got {self.describe()}")

    def unsupported(self, supported: str) -> UnsupportedOperatorError:
        """Return the error for a combination of types or options without a kernel, saying what is supported."""
        return UnsupportedOperatorError(
            f"{self.title} version {self.version} is not supported for {self.describe()}; supported: {supported}"
        )

    def describe(self) -> str:
        """Types and shapes in a line: ``int8[1, 8, 8, 3], int8[4, 3, 3, 3] -> int8[1, 6, 6, 4]``."""

        def one(spec: TensorSpec | None) -> str:
            return "none" if spec is None else f"{spec.type.name.lower()}{list(spec.shape)}"

        return ", ".join(map(one, self.inputs)) + " -> " + ", ".join(map(one, self.outputs))


@dataclass(frozen=True)
class Prepared:
    """Base of every operator's prepared parameters.

    ``output_shapes`` are the shapes that ``evaluate`` will return, one per output; None where an output's
    shape depends on values and is only known after evaluation.
    """

    output_shapes: tuple[Shape | None, ...]

    @property
    def output_shape(self) -> Shape:
        """The first output's shape, where it is known."""
        shape = self.output_shapes[0]
        assert shape is not None, "this operator's output shape depends on values"
        return shape


@dataclass(frozen=True)
class Input:
    """Instruction field: the address of the node's input tensor ``index``, of which ``size`` bytes are read."""

    index: int
    size: int


@dataclass(frozen=True)
class Output:
    """Instruction field: the address of byte ``offset`` of output tensor ``index``; ``size`` bytes are written."""

    index: int
    size: int
    offset: int = 0


@dataclass(frozen=True)
class State:
    """Instruction field: the address of the node's input tensor ``index``, a state, whose ``size`` bytes are updated.

    The engine lowers no node whose state is an operand of it in another place too.
    """

    index: int
    size: int


@dataclass(frozen=True)
class Scratch:
    """Instruction field: the address of ``size`` bytes, 64-byte aligned, that live for this instruction only."""

    size: int


@dataclass(frozen=True)
class Fault:
    """Instruction field: the address of an int64 that the kernel sets to 1 where values make no sense.

    The program then raises ModelError with the message, as ``evaluate`` does. What the kernel writes must be sound all
    the same, for instructions after it still run; not those that update a state. Where the message has braces, the
    kernel writes so many int64 ``values`` behind the first, which are put there.
    """

    message: str
    values: int = 0


Field: TypeAlias = "Input | Output | State | Scratch | Fault | np.ndarray | int | float"


@dataclass(frozen=True)
class Instruction:
    """One row of the compiled engine's table: a kernel's name and a value for each field of its layout.

    Arrays are constants: the engine keeps them alive, 64-byte aligned and contiguous, and passes their address.
    A float is passed as the bits of a float64. ``fields`` must have exactly the names of the kernel's layout.
    """

    kernel: str
    fields: Mapping[str, Field]


Evaluated: TypeAlias = "np.ndarray | tuple[np.ndarray, ...]"
Lowered: TypeAlias = "Instruction | tuple[Instruction, ...] | None"


@dataclass(frozen=True)
class Kernel:
    """An operator's entry in the registry.

    Parameters
    ----------
    name : schema name, such as ``"CONV_2D"``.
    versions : lowest and highest operator version, both included; the reference resolver's own range.
    types : the data types that select a kernel (usually of input 0), as the support table shows them.
    values : indices of the inputs whose values ``prepare`` needs (a shape, an axis). Where such an input is
        not constant, the engine prepares the operator at run time.
    shape_only : True where the result follows from the input shapes alone (SHAPE), so that it can be folded.
    aliases : True where the output is the bytes of input 0 under another shape, so that no copy is needed.
    foreign : True where the program that uses q31 registered it: its exceptions are the program's own, and what it
        computes may depend on more than its inputs.
    states : indices of the inputs that are state: variable tensors, which must be given. ``evaluate`` returns their
        new values after the outputs, in this order, and never writes to them.
    selector : the input (or, negative, the output) whose type is held against ``types``.
    initial : for operators that go on from run to run by something that is no tensor (a random generator): an array,
        from what ``prepare`` returned. ``evaluate`` takes it after the inputs, and returns what follows it after the
        outputs.
    resets : True where that begins again when the variables are reset, as tflite-micro's operators do.
    form_of : for an operator whose forms differ in more than what ``prepare`` returns, such as in their states: gives
        the kernel of a node's form.
    """

    name: str
    versions: tuple[int, int]
    types: tuple[TensorType, ...]
    prepare: Callable[[Node, Profile], Any]
    evaluate: Callable[..., Evaluated]
    lower: Callable[[Any, Node], Lowered] | None = None
    values: tuple[int, ...] = ()
    shape_only: bool = False
    aliases: bool = False
    selector: int = 0
    foreign: bool = False
    states: tuple[int, ...] = ()
    initial: Callable[[Any], np.ndarray] | None = None
    resets: bool = False
    form_of: Callable[[Node], Kernel] | None = None
