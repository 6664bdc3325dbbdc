"""Dataclasses that are put off are those of the standard library once they are used, whatever comes first."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import subprocess
import sys
import threading
from typing import Any, ClassVar

import pytest

from q31.schema.deferred import dataclass, field_types


@dataclass(frozen=True)
class Point:
    """A point."""

    x: int
    y: int = 2


def classes() -> tuple[Any, Any]:
    """Return a class and one derived from it, not yet used."""

    @dataclass(frozen=True)
    class Base:
        a: int
        b: list = dataclasses.field(default_factory=list)

    @dataclass(frozen=True)
    class Derived(Base):
        c: str = "c"

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Derived) and self.a == other.a

    return Base, Derived


def names(cls: Any) -> list[str]:
    return [field.name for field in dataclasses.fields(cls)]


def test_fields_can_be_asked_for_before_there_is_an_instance() -> None:
    base, derived = classes()
    assert dataclasses.is_dataclass(derived)
    assert names(derived) == ["a", "b", "c"] and names(base) == ["a", "b"]
    assert derived.__match_args__ == ("a", "b", "c")


def test_a_derived_class_comes_first() -> None:
    base, derived = classes()
    assert repr(derived(1)).endswith("Derived(a=1, b=[], c='c')")
    assert repr(base(1)).endswith("Base(a=1, b=[])")
    assert derived(1) == derived(1, c="other") and base(1) != base(2) and base(1) == base(1)
    assert hash(derived(1, b=2)) == hash(derived(1, b=2)) != hash(derived(1, b=3))  # by its fields, as of old


def test_instances_are_frozen_hashable_and_matched() -> None:
    point = Point(1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        point.x = 3  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        del point.x
    assert {point: 1}[Point(1, 2)] == 1
    match point:
        case Point(x, y):
            assert (x, y) == (1, 2)
    assert dataclasses.replace(point, y=5) == Point(1, 5) == copy.copy(Point(1, 5))
    assert dataclasses.asdict(point) == {"x": 1, "y": 2}
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
        Point()  # type: ignore[call-arg]


def is_made(cls: Any) -> bool:
    return isinstance(vars(cls)["__dataclass_fields__"], dict)


def test_instances_need_no_dataclass() -> None:
    base, derived = classes()
    one, other = derived(1), derived(2, [3], c="d")
    assert (one.a, one.b, one.c) == (1, [], "c") and (other.a, other.b, other.c) == (2, [3], "d")
    assert base(1).b is not base(1).b
    assert not is_made(base) and not is_made(derived)
    assert repr(one).endswith("Derived(a=1, b=[], c='c')")
    assert is_made(derived)
    assert derived(1) == one and base(4).b == []


@pytest.mark.parametrize(
    ("arguments", "keywords", "message"),
    [
        ((), {}, "missing 1 required"),
        ((1, [], "c", 4), {}, "takes from 2 to 4 positional"),
        ((1,), {"a": 1}, "multiple values"),
        ((), {"d": 1}, "unexpected keyword"),
        ((1,), {"d": 1}, "unexpected keyword"),
    ],
)
def test_wrong_arguments_are_what_the_dataclass_says(arguments: Any, keywords: Any, message: str) -> None:
    _, derived = classes()
    with pytest.raises(TypeError, match=message):
        derived(*arguments, **keywords)
    assert derived(1).c == "c"


def test_class_variables_are_no_fields_and_post_init_runs() -> None:
    @dataclass(frozen=True)
    class Doubled:
        unit: ClassVar[int] = 3
        a: int = 1

        def __post_init__(self) -> None:
            object.__setattr__(self, "a", 2 * self.a)

    assert (Doubled().a, Doubled(5).a, Doubled.unit) == (2, 10, 3)
    assert not is_made(Doubled)
    assert list(field_types(Doubled)) == ["a"] == names(Doubled)
    assert field_types(Doubled) == {"a": ("int", 1, dataclasses.MISSING)}


def test_a_copy_in_another_process_is_equal() -> None:
    """It is made of bytes, without ``__init__``."""
    from q31.schema import Quantization

    code = (
        "import pickle, sys; read = pickle.load(sys.stdin.buffer)\n"
        "from q31.schema import Quantization; assert read == Quantization((0.5,), (3,)), read"
    )
    content = pickle.dumps(Quantization((0.5,), (3,)))
    subprocess.run([sys.executable, "-c", code], input=content, check=True)


def test_threads_that_come_together_make_it_once() -> None:
    for _ in range(20):
        base, derived = classes()
        barrier, made = threading.Barrier(4), []

        def use(one: Any, barrier: threading.Barrier = barrier, made: list[Any] = made) -> None:
            barrier.wait()
            made.append(one(7))

        threads = [threading.Thread(target=use, args=(one,)) for one in (base, derived, derived, base)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [one.a for one in made] == [7] * 4
