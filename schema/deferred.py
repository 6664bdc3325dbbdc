"""Frozen dataclasses that are made when they are first used.

To make a dataclass takes up to a millisecond, for its methods are compiled from text. q31 has hundreds, and a model
needs few: those that it does not need would take a tenth of the time from a process's start to its first result.

``dataclass`` here is that of the standard library with ``frozen=True``, put off until the class gets an instance, a
class derived from it does, or somebody asks for its fields.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from dataclasses import MISSING
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

T = TypeVar("T")

_lock = threading.RLock()
_MADE = ("__dataclass_fields__", "__dataclass_params__", "__match_args__", "__repr__", "__eq__", "__hash__", "__init__")
"""What ``dataclasses`` adds to a class. ``__init__`` is the last: who finds it finds all others."""

_NOT_COPIED = ("__dict__", "__weakref__", "__annotate__", "__annotate_func__", "__annotations_cache__")


class _Attribute:
    """Stands for an attribute that the class gets when it is made."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type) -> Any:
        _make(next(one for one in owner.__mro__ if self._name in vars(one)))
        return getattr(owner, self._name)


def field_types(cls: type) -> dict[str, tuple[str, Any, Any]]:
    """Return the fields of a dataclass by name: annotation, default, and what makes a default, or ``MISSING``.

    TypeError where a field is one that ``__init__`` does not take as it comes.
    """
    found: dict[str, tuple[str, Any, Any]] = {}
    for one in reversed(cls.__mro__):
        for name, kind, default in _own_fields(one):
            if not isinstance(default, dataclasses.Field):
                found[name] = (kind, default, MISSING)
            elif default.init and default.kw_only in (False, MISSING):
                found[name] = (kind, default.default, default.default_factory)
            else:
                raise TypeError(f"{cls.__name__}.{name}: a field that is no plain argument")
    return found


def _own_fields(cls: type) -> list[tuple[str, str, Any]]:
    """Return name, annotation and default, or what says how to make one, of the fields; none of other classes."""
    content = vars(cls)
    made = content.get("__dataclass_fields__")
    if made is None:
        return []
    if isinstance(made, dict):
        fields: list[tuple[str, str, Any]] = [(name, str(field.type), field) for name, field in made.items()]
    else:
        annotations = content.get("__annotations__", {})
        fields = [(name, str(kind), content.get(name, MISSING)) for name, kind in annotations.items()]
    return [field for field in fields if not field[1].startswith("ClassVar")]


@cache
def _plan(
    cls: type,
) -> tuple[type, tuple[str, ...], frozenset[str], dict[str, Any], dict[str, Callable[[], Any]], bool]:
    """Return what ``_initialize`` needs of a class whose ``__init__`` it is.

    The class that has it, the names of the fields in order and as a set, the defaults, what makes the other defaults,
    and whether there is a ``__post_init__``.
    """
    owner = next(one for one in cls.__mro__ if "__init__" in vars(one))
    fields = field_types(owner)
    defaults = {name: default for name, (_, default, _) in fields.items() if default is not MISSING}
    factories = {name: make for name, (_, _, make) in fields.items() if make is not MISSING}
    return owner, tuple(fields), frozenset(fields), defaults, factories, hasattr(owner, "__post_init__")


def _initialize(self: Any, *arguments: Any, **keywords: Any) -> None:
    """Set the fields as the dataclass's own ``__init__`` does, which is made to complain where they do not fit."""
    owner, names, fields, defaults, factories, has_more = _plan(self.__class__)
    given = dict(zip(names, arguments, strict=False))
    given.update(keywords)
    values = {**defaults, **given}
    for name, make in factories.items():
        if name not in values:
            values[name] = make()
    if len(given) == len(arguments) + len(keywords) and values.keys() == fields:
        self.__dict__.update(values)
        if has_more:
            self.__post_init__()
        return
    _make(owner)
    self.__init__(*arguments, **keywords)


def _method(name: str) -> Callable[..., Any]:
    def stand_in(self: object, *arguments: Any, **keywords: Any) -> Any:
        _make(next(one for one in type(self).__mro__ if name in vars(one)))
        return getattr(self, name)(*arguments, **keywords)

    return stand_in


_STAND_INS: dict[str, Any] = {
    **{name: _Attribute(name) for name in _MADE[:3]},
    **{name: _method(name) for name in _MADE[3:-1]},
    "__init__": _initialize,
}


def _make(cls: type) -> None:
    """Give a class what its dataclass has, unless another thread has done so; at no time is it without stand-ins."""
    with _lock:
        standing = [name for name in _MADE if vars(cls).get(name) is _STAND_INS[name]]
        if not standing:
            return
        left_out = {*standing, *_NOT_COPIED, "__setattr__", "__delattr__"}
        content = {name: value for name, value in vars(cls).items() if name not in left_out}
        content["__annotations__"] = dict(cls.__annotations__)
        twin: type = dataclasses.dataclass(frozen=True)(type(cls.__name__, cls.__bases__, content))
        for field in content["__annotations__"]:
            if field in vars(twin):
                setattr(cls, field, vars(twin)[field])  # the default
            elif field in vars(cls):
                delattr(cls, field)  # what said how to make a default
        for name in standing:
            setattr(cls, name, vars(twin)[name])


def _refuse(self: object, name: str, value: object = None) -> NoReturn:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _put_off(cls: type[T]) -> type[T]:
    for name, stand_in in _STAND_INS.items():
        if vars(cls).get(name) is None:  # a method of the class's own stays; its own __eq__ leaves __hash__ None
            setattr(cls, name, stand_in)
    cls.__setattr__ = cls.__delattr__ = _refuse  # type: ignore[method-assign]
    return cls


if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(*, frozen: bool) -> Callable[[type[T]], type[T]]:
        """Decorate a class as ``dataclasses.dataclass(frozen=True)`` does, when it is first used."""
        assert frozen
        return _put_off
