"""Custom operators that a program brings along: ``q31.register_custom``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ...schema import Error, InputError, TensorType, numpy_dtype
from ...schema.deferred import dataclass
from ..operator import Kernel, Node, Prepared, Shape
from ..profiles import Profile

_ANY_VERSION = (1, 2**31 - 1)

# The one table of the process: a registration holds for every model prepared after it.
_REGISTERED: dict[str, Kernel] = {}


@dataclass(frozen=True)
class Custom(Prepared):
    """What a registered operator's own ``prepare`` returned, and what its outputs are checked against."""

    own: Prepared
    types: tuple[TensorType, ...]


def register_custom(
    name: str,
    prepare: Callable[[Node, Profile], Prepared],
    evaluate: Callable[..., Any],
    initial: Callable[[Any], np.ndarray] | None = None,
) -> None:
    """Register a custom operator, for every model that is loaded afterwards.

    Parameters
    ----------
    name : the operator's custom code. What was registered under it before is replaced, q31's own included.
    prepare : ``prepare(node, profile) -> Prepared``. The node has the tensors' types, shapes and quantization, and
        ``custom_options`` as bytes (:func:`q31.kernels.custom.flexbuffer_map` reads most of them). Whatever it
        derives goes into a subclass of :class:`q31.kernels.operator.Prepared`, whose ``output_shapes`` has a shape for
        each output, or None where that depends on values.
    evaluate : ``evaluate(prepared, *arrays) -> array or tuple of arrays``. The arrays are the inputs in order,
        read-only, None where one is left out; each result must have the output's data type and shape.
    initial : for an operator that goes on from run to run: ``initial(prepared) -> array`` gives what it begins with.
        ``evaluate`` takes that array after the inputs, and returns after the outputs what the next run begins with, of
        any shape. ``Interpreter.reset_all_variables`` makes it begin again.

    Raises
    ------
    InputError
        ``name`` is not a string or empty, or one of the functions cannot be called with those arguments.

    Notes
    -----
    Exceptions of ``prepare`` and ``evaluate`` reach the caller as they are. What they return is checked: an
    :class:`q31.Error` says what was expected. Registered operators run in both back ends, always by ``evaluate``.

    Examples
    --------
    >>> import numpy as np
    >>> from q31.kernels.custom import flexbuffer_map, register_custom
    >>> from q31.kernels.operator import Prepared
    >>> def prepare(node, profile):
    ...     return Prepared((node.input(0).shape,))
    >>> def evaluate(prepared, x):
    ...     return np.sinc(x).astype(np.float32)
    >>> register_custom("Sinc", prepare, evaluate)

    The sum over all runs:

    >>> def add(prepared, x, total):
    ...     return total + x, total + x
    >>> register_custom("Sum", prepare, add, lambda prepared: np.zeros(prepared.output_shape, np.float32))
    """
    if not isinstance(name, str) or not name:
        raise InputError(f"a custom operator is registered by its custom code, a string; got {name!r}")
    _check_function(name, "prepare", prepare, "(node, profile)", 2)
    _check_function(name, "evaluate", evaluate, "(prepared, *arrays)", None)
    if initial is not None:
        _check_function(name, "initial", initial, "(prepared)", 1)
    checked = _checked_prepare(prepare), _checked_evaluate(name, evaluate, keeps=initial is not None)
    start = None if initial is None else _checked_initial(name, initial)
    _REGISTERED[name] = Kernel(
        name, _ANY_VERSION, tuple(TensorType), *checked, foreign=True, initial=start, resets=start is not None
    )


def _check_function(name: str, role: str, function: Any, form: str, count: int | None) -> None:
    """Raise InputError unless ``function`` can be called with ``count`` arguments; None stands for one or more."""
    if not callable(function):
        raise InputError(f"custom operator {name!r}: {role} must be a function; got {type(function).__name__}")
    try:
        signature = inspect.signature(function)
    except ValueError:  # a built-in function, of which Python does not know it
        return
    positional = [p for p in signature.parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    many = any(p.kind is p.VAR_POSITIONAL for p in signature.parameters.values())
    needed = sum(p.default is p.empty for p in positional)
    fits = many or len(positional) >= (1 if count is None else count)
    if not fits or (count is not None and needed > count):
        raise InputError(f"custom operator {name!r}: {role} must take {form}; it takes {signature}")


def _checked_initial(name: str, initial: Callable[[Any], np.ndarray]) -> Callable[[Custom], np.ndarray]:
    def checked(prepared: Custom) -> np.ndarray:
        return _checked_kept(name, "initial", initial(prepared.own))

    return checked


def _checked_kept(name: str, role: str, value: Any) -> np.ndarray:
    if not isinstance(value, (np.ndarray, np.generic)):
        raise Error(
            f"CUSTOM {name!r:.60}: {role} must return an array for the next run; it returned {type(value).__name__}"
        )
    return np.array(value)


def registered() -> Mapping[str, Kernel]:
    """Return what was registered, by custom code."""
    return _REGISTERED


def _checked_prepare(prepare: Callable[[Node, Profile], Prepared]) -> Callable[[Node, Profile], Custom]:
    def checked(node: Node, profile: Profile) -> Custom:
        own = prepare(node, profile)
        if not isinstance(own, Prepared):
            raise Error(f"{node.title}: prepare must return a Prepared; it returned {type(own).__name__}")
        return Custom(_checked_shapes(node, own.output_shapes), own, tuple(output.type for output in node.outputs))

    return checked


def _checked_shapes(node: Node, shapes: Any) -> tuple[Shape | None, ...]:
    try:
        result = tuple(None if shape is None else tuple(size.__index__() for size in shape) for shape in shapes)
        possible = len(result) == len(node.outputs) and all(min(shape or (), default=0) >= 0 for shape in result)
    except (TypeError, AttributeError):
        possible = False
    if not possible:
        raise Error(
            f"{node.title}: prepare must give a shape, or None, for each of the {len(node.outputs)} outputs; "
            f"it gave {shapes!r:.80}"
        )
    return result


def _checked_evaluate(name: str, evaluate: Callable[..., Any], *, keeps: bool) -> Callable[..., tuple[np.ndarray, ...]]:
    def checked(prepared: Custom, *arrays: np.ndarray | None) -> tuple[np.ndarray, ...]:
        results = evaluate(prepared.own, *map(_read_only, arrays))
        results = results if isinstance(results, tuple) else (results,)
        if len(results) != len(prepared.types) + keeps:
            raise Error(
                f"CUSTOM {name!r:.60}: evaluate returned {len(results)} arrays for {len(prepared.types)} outputs"
                + (" and one for the next run" if keeps else "")
            )
        kept: tuple[np.ndarray, ...] = ()
        if keeps:
            kept, results = (_checked_kept(name, "evaluate", results[-1]),), results[:-1]
        for index, (result, shape) in enumerate(zip(results, prepared.output_shapes, strict=True)):
            _check_result(f"CUSTOM {name!r:.60}: output {index}", result, prepared.types[index], shape)
        # Copies: where a shape is only known now the array itself is kept, and an input's memory is used again.
        return (*(np.array(result) for result in results), *kept)

    return checked


def _check_result(place: str, result: Any, tensor_type: TensorType, shape: Shape | None) -> None:
    dtype = numpy_dtype(tensor_type)
    if not isinstance(result, (np.ndarray, np.generic)):
        raise Error(f"{place}: evaluate must return arrays; it returned {type(result).__name__}")
    if result.dtype != dtype:
        raise Error(f"{place}: evaluate returned {result.dtype}; the model has {dtype}")
    if shape is not None and result.shape != shape:
        raise Error(f"{place}: evaluate returned shape {list(result.shape)}; prepare said {list(shape)}")


def _read_only(array: np.ndarray | None) -> np.ndarray | None:
    if array is None:
        return None
    view = array.view()
    view.flags.writeable = False
    return view
