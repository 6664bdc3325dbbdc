"""What q31 cannot run is refused by name: operator, version, data types, place, and what is supported."""

from __future__ import annotations

import pytest

import q31
from q31.engine.structure import STRUCTURAL
from q31.kernels.operator import Node
from q31.kernels.registry import CUSTOM, REGISTRY
from q31.schema import GraphBuilder, TensorType, write
from q31.schema.operators import OPERATOR_NAMES

EVERY = {**REGISTRY, **CUSTOM, **STRUCTURAL}
ABSENT = sorted({*OPERATOR_NAMES} - {*EVERY, "CUSTOM", "DELEGATE", "PLACEHOLDER_FOR_GREATER_OP_CODES"})


def refusal(name: str, version: int, tensor_type: TensorType = TensorType.FLOAT32, custom_code: str = "") -> str:
    """Return what q31 says of a model whose second operator has that name and version."""
    builder = GraphBuilder()
    tensors = [builder.tensor(f"t{index}", tensor_type, (1, 2)) for index in range(7)]
    shape = builder.tensor("shape", TensorType.INT32, (2,), value=[1, 2])
    source = builder.tensor("source", tensor_type, (2,))
    builder.operator("RESHAPE", [source, shape], [tensors[0]], None, 1)
    custom = {"custom_code": custom_code} if custom_code else {}
    builder.operator("CUSTOM" if custom_code else name, tensors[:5], tensors[5:], None, version, **custom)
    with pytest.raises(q31.UnsupportedOperatorError) as raised:
        q31.load(write(builder.build([source, *tensors[1:5]], tensors[5:])))
    return str(raised.value)


@pytest.mark.parametrize("name", sorted(EVERY))
def test_a_version_that_is_not_there_is_refused_with_those_that_are(name: str) -> None:
    message = refusal(name, 99, custom_code=name if name in CUSTOM else "")
    lowest, highest = EVERY[name].versions
    assert message.startswith("subgraph 0 operator 1: ") and f"{name}" in message and "version 99" in message
    assert "float32[1, 2], float32[1, 2]" in message and "\n" not in message
    assert message.endswith(f"supported: versions {lowest} to {highest}" if lowest < highest else f"version {lowest}")


@pytest.mark.parametrize(
    "name", sorted(name for name in {*REGISTRY, *CUSTOM} if TensorType.FLOAT64 not in EVERY[name].types)
)
def test_a_type_that_is_not_there_is_refused_with_those_that_are(name: str) -> None:
    kernel = EVERY[name]
    message = refusal(name, kernel.versions[0], TensorType.FLOAT64, name if name in CUSTOM else "")
    assert message.startswith("subgraph 0 operator 1: ") and name in message and "float64[1, 2]" in message
    if kernel.form_of is not None:
        kernel = kernel.form_of(Node(name, kernel.versions[0], None, (), ()))
    assert "supported: " + ", ".join(one.name.lower() for one in kernel.types) in message


@pytest.mark.parametrize("name", ABSENT)
def test_an_operator_that_is_not_there_is_refused_by_name(name: str) -> None:
    message = refusal(name, 1)
    assert message.startswith(f"subgraph 0 operator 1: {name} version 1 is not supported for float32[1, 2]")
    assert message.endswith("supported: the operators that 'q31 ops' lists")


def test_a_custom_operator_that_is_not_there_is_refused_with_the_way_to_add_it() -> None:
    message = refusal("", 1, custom_code="MyOwn")
    assert message.startswith("subgraph 0 operator 1: CUSTOM 'MyOwn' version 1 is not supported for float32[1, 2]")
    assert "q31.register_custom" in message
