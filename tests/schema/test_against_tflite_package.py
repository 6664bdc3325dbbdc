"""What is written is held against the accessors generated from the schema (the ``tflite`` package)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from graph_strategies import TABLES, graphs, options_of
from q31.schema import Graph, GraphBuilder, TensorType, write
from q31.schema.operators import OPERATOR_NAMES
from q31.schema.options import BUILTIN_OPTIONS, BUILTIN_OPTIONS_2, Options, layout, options_class

tflite = pytest.importorskip("tflite")

# Tables and enumeration members that the schema got after the newest release of the package.
NEWER_TABLES = {"StablehloCaseOptions"}
NEWER_OPERATORS = {"STABLEHLO_CASE"}
NEWER_TYPES = {"INT2", "UINT4", "FLOAT8_E4M3FN", "FLOAT8_E5M2"}


def members(enumeration: type) -> dict[str, int]:
    return {name: value for name, value in vars(enumeration).items() if isinstance(value, int)}


def test_operator_codes_are_the_schema_s() -> None:
    ours = {name: code for code, name in enumerate(OPERATOR_NAMES) if name not in NEWER_OPERATORS}
    assert ours == members(tflite.BuiltinOperator)


def test_union_type_codes_are_the_schema_s() -> None:
    for tables, union in ((BUILTIN_OPTIONS, tflite.BuiltinOptions), (BUILTIN_OPTIONS_2, tflite.BuiltinOptions2)):
        ours = {"NONE": 0} | {name: code for code, name in enumerate(tables, 1) if name not in NEWER_TABLES}
        assert ours == members(union)


def test_tensor_types_are_the_schema_s() -> None:
    assert {t.name: t.value for t in TensorType if t.name not in NEWER_TYPES} == members(tflite.TensorType)


def camel(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def accessor_value(table: Any, field: Any) -> Any:
    """Read a field through the generated accessor of its table."""
    name = camel(field.name)
    if field.kind == "scalar":
        return getattr(table, name)()
    if field.kind == "string":
        return (getattr(table, name)() or b"").decode()
    values = [getattr(table, name)(i) for i in range(getattr(table, f"{name}Length")())]
    return bytes(values) if field.kind == "bytes" else tuple(values)


def read_options(data: bytes, table: str) -> Any:
    operator = tflite.Model.GetRootAs(data).Subgraphs(0).Operators(0)
    second = table in BUILTIN_OPTIONS_2
    found = operator.BuiltinOptions2() if second else operator.BuiltinOptions()
    result = getattr(tflite, table)()
    result.Init(found.Bytes, found.Pos)
    return result


@pytest.mark.parametrize("table", [table for table in TABLES if table not in NEWER_TABLES])
def test_every_option_lies_where_the_generated_accessor_reads_it(table: str) -> None:
    options_type = options_class(table)
    start = getattr(__import__(f"tflite.{table}", fromlist=[table]), f"{table}Start")
    slots: list[int] = []
    start(type("Builder", (), {"StartObject": lambda self, count: slots.append(count)})())
    fields = layout(options_type)
    assert slots == [options_type.first_slot + len(fields)]

    @settings(max_examples=8)
    @given(options_of(options_type))
    def check(options: Options) -> None:
        builder = GraphBuilder()
        builder.operator("CUSTOM", [], [], options)
        found = read_options(write(builder.build([], [])), table)
        for field in fields:
            assert accessor_value(found, field) == getattr(options, field.name), field.name

    check()


def vector(table: Any, name: str) -> tuple[Any, ...]:
    return tuple(getattr(table, name)(i) for i in range(getattr(table, f"{name}Length")()))


def text(value: bytes | None) -> str:
    return (value or b"").decode()


@given(graphs())
def test_the_core_tables_are_what_the_generated_accessors_read(graph: Graph) -> None:
    model = tflite.Model.GetRootAs(write(graph))
    assert tflite.Model.ModelBufferHasIdentifier(write(graph), 0)
    assert model.Version() == graph.version
    assert text(model.Description()) == graph.description
    assert vector(model, "MetadataBuffer") == graph.metadata_buffer
    assert [(text(m.Name()), m.Buffer()) for m in vector(model, "Metadata")] == [
        (m.name, m.buffer) for m in graph.metadata
    ]
    for ours, theirs in zip(graph.signatures, vector(model, "SignatureDefs"), strict=True):
        assert (ours.key, ours.subgraph_index) == (text(theirs.SignatureKey()), theirs.SubgraphIndex())
        for pairs, maps in ((ours.inputs, vector(theirs, "Inputs")), (ours.outputs, vector(theirs, "Outputs"))):
            assert pairs == tuple((text(item.Name()), item.TensorIndex()) for item in maps)
    for ours, theirs in zip(graph.buffers, vector(model, "Buffers"), strict=True):
        if not ours.external:
            data = b"" if theirs.DataIsNone() else theirs.DataAsNumpy().tobytes()
            assert data == bytes(ours.data)
            assert theirs.DataIsNone() == (not data and not ours.explicitly_empty)
    for ours, theirs in zip(graph.subgraphs, vector(model, "Subgraphs"), strict=True):
        assert (ours.inputs, ours.outputs) == (vector(theirs, "Inputs"), vector(theirs, "Outputs"))
        assert ours.name == text(theirs.Name())
        for tensor, found in zip(ours.tensors, vector(theirs, "Tensors"), strict=True):
            check_tensor(tensor, found)
        for operator, found in zip(ours.operators, vector(theirs, "Operators"), strict=True):
            check_operator(operator, found, model)


def check_tensor(tensor: Any, found: Any) -> None:
    assert (tensor.name, tensor.type, tensor.buffer) == (text(found.Name()), found.Type(), found.Buffer())
    assert tensor.shape == vector(found, "Shape")
    assert (tensor.is_variable, tensor.has_rank) == (found.IsVariable(), found.HasRank())
    assert (tensor.shape_signature is None) == found.ShapeSignatureIsNone()
    assert (tensor.shape_signature or ()) == vector(found, "ShapeSignature")
    quantization = found.Quantization()
    if quantization is not None:
        for name in ("Scale", "ZeroPoint", "Min", "Max"):
            ours = getattr(tensor.quantization, {"ZeroPoint": "zero_point"}.get(name, name.lower()))
            assert ours == vector(quantization, name)
        assert tensor.quantization.quantized_dimension == quantization.QuantizedDimension()
    for ours, theirs in zip(tensor.variant_tensors, vector(found, "VariantTensors"), strict=True):
        assert (ours.shape, ours.type, ours.has_rank) == (vector(theirs, "Shape"), theirs.Type(), theirs.HasRank())
    if tensor.sparsity is not None:
        sparsity = found.Sparsity()
        assert tensor.sparsity.traversal_order == vector(sparsity, "TraversalOrder")
        for ours, theirs in zip(tensor.sparsity.dim_metadata, vector(sparsity, "DimMetadata"), strict=True):
            assert (ours.format, ours.dense_size) == (theirs.Format(), theirs.DenseSize())
            if ours.array_indices is not None:
                kind = {1: "Int32Vector", 2: "Uint16Vector", 3: "Uint8Vector"}[theirs.ArrayIndicesType()]
                union = theirs.ArrayIndices()
                values = getattr(tflite, kind)()
                values.Init(union.Bytes, union.Pos)
                assert ours.array_indices == vector(values, "Values")


def check_operator(operator: Any, found: Any, model: Any) -> None:
    code = model.OperatorCodes(found.OpcodeIndex())
    builtin = OPERATOR_NAMES.index(operator.name)
    assert (code.BuiltinCode(), code.Version(), text(code.CustomCode())) == (
        builtin,
        operator.version,
        operator.custom_code,
    )
    assert code.DeprecatedBuiltinCode() == min(builtin, 127)
    assert (operator.inputs, operator.outputs) == (vector(found, "Inputs"), vector(found, "Outputs"))
    assert operator.intermediates == vector(found, "Intermediates")
    assert operator.mutating_variable_inputs == vector(found, "MutatingVariableInputs")
    if not operator.large_custom_options:
        custom = None if found.CustomOptionsIsNone() else np.asarray(found.CustomOptionsAsNumpy()).tobytes()
        assert custom == operator.custom_options
    else:
        assert found.LargeCustomOptionsSize() == len(operator.custom_options)
        assert found.LargeCustomOptionsOffset() > 1
