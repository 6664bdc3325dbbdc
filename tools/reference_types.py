"""What the reference accepts: facts about its operator resolver, for the support table.

The resolver is ``OpResolverType.BUILTIN_REF`` of ai-edge-litert 2.3.0.
"""

from __future__ import annotations

DEFAULT_RESOLVER = (
    *("CEIL", "ELU", "HASHTABLE", "HASHTABLE_FIND", "HASHTABLE_IMPORT", "HASHTABLE_SIZE", "ROUND", "SEGMENT_SUM"),
    *("STABLEHLO_AND", "STABLEHLO_CASE", "STABLEHLO_SHIFT_LEFT"),
)
"""Operators that the resolver lacks: they are held to ``OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES``."""

COLUMNS = (
    *("float32", "int8", "uint8", "int16", "hybrid", "int4-weights", "int2-weights", "float16", "bfloat16"),
    *("int32", "int64", "bool", "string", "float64", "uint16", "uint32", "uint64", "int4", "int2", "uint4"),
    *("complex64", "complex128", "graph"),
)
"""The support table's columns: data types of activations, and forms of an operator.

hybrid: float32 activations and int8 weights. int4-weights, int2-weights: packed weights, with any activations. graph:
no tensor's type matters, the operator runs subgraphs or keeps values.
"""

_SIZED = "float32 float16 bfloat16 float64 int8 uint8 int16 uint16 int32 uint32 int64 uint64 bool complex64"
_GROUPS = {"sized": _SIZED, "fixed": f"{_SIZED} complex128", "any": f"{_SIZED} complex128 string"}
"""sized: whatever has 8, 16, 32 or 64 bits; fixed: whatever has a size; any: strings as well.

A kernel's source promises more in two places: EMBEDDING_LOOKUP of strings ends the process, for it copies the bytes of
their table into an output without memory, and TILE knows complex128 when it is prepared, but not when it runs.
"""

_TABLE = """
ABS 1-3 float32 int8 int16 int32
ADD 1-5 float32 int8 uint8 int16 float16 int32 int64
ADD_N 1-1 float32 int32
ARG_MAX 1-2 float32 int8 uint8 int32 bool
ARG_MIN 1-2 float32 int8 uint8 int32 bool
ASSIGN_VARIABLE 1-1 graph
ATAN2 1-1 float32 float16 bfloat16 float64
AVERAGE_POOL_2D 1-3 float32 int8 uint8 int16
BATCH_MATMUL 1-4 float32 int8 int16 hybrid
BATCH_TO_SPACE_ND 1-4 sized
BIDIRECTIONAL_SEQUENCE_LSTM 1-3 float32 hybrid
BIDIRECTIONAL_SEQUENCE_RNN 1-3 float32 hybrid
BITCAST 1-1 fixed
BITWISE_XOR 1-1 int8 uint8 int16 uint16 int32 uint32
BROADCAST_ARGS 1-1 int32 int64
BROADCAST_TO 2-4 fixed
BUCKETIZE 1-1 float32 float64 int32 int64
CALL_ONCE 1-1 graph
CAST 1-9 float32 int8 uint8 int16 float16 bfloat16 float64 int2 int4 uint4 uint16 int32 uint32 int64 bool complex64
COMPLEX_ABS 1-1 complex64 complex128
CONCATENATION 1-7 float32 int8 uint8 int16 float16 bfloat16 int4 int32 uint32 int64 bool
CONV_2D 1-8 float32 int8 uint8 int16 hybrid int4-weights
CONV_3D 1-1 float32
CONV_3D_TRANSPOSE 1-1 float32
COS 1-1 float32 float16
CUMSUM 1-1 float32 int32 int64
DENSIFY 1-1 float32 int8 float16
DEPTHWISE_CONV_2D 1-6 float32 int8 uint8 int16 hybrid int4-weights
DEPTH_TO_SPACE 1-1 float32 int8 uint8 int32 int64
DEQUANTIZE 1-9 int8 uint8 int16 float16 int2 int4 uint4
DILATE 1-1 sized
DIV 1-2 float32 int8 uint8 int16 int32
DYNAMIC_UPDATE_SLICE 1-6 fixed int4
EMBEDDING_LOOKUP 1-5 fixed int4 int2
EMBEDDING_LOOKUP_SPARSE 1-1 float32
EQUAL 1-5 float32 int8 uint8 int16 float16 int32 int64 bool string
EXP 1-2 float32 int8 int16
EXPAND_DIMS 1-1 any int4 int2 uint4
FAKE_QUANT 1-2 float32
FILL 1-5 sized string
FLOOR 1-1 float32 float16 bfloat16
FLOOR_DIV 1-3 float32 int8 int16 int32
FLOOR_MOD 1-2 float32 int8 int16 int32 int64
FULLY_CONNECTED 1-14 float32 int8 uint8 int16 hybrid int4-weights int2-weights
GATHER 1-8 float32 int8 uint8 int16 float16 bfloat16 int4 int32 int64 bool string
GATHER_ND 1-6 float32 int8 uint8 int16 float16 bfloat16 int32 int64 bool string
GELU 1-2 float32 int8 uint8 int16 float16
GREATER 1-2 float32 int8 uint8 int16 float16 bfloat16 int32 int64
GREATER_EQUAL 1-3 float32 int8 uint8 int16 float16 int32 int64
HARD_SWISH 1-1 float32 int8 uint8
HASHTABLE_LOOKUP 1-1 any
IF 1-1 graph
IMAG 1-1 complex64 complex128
L2_NORMALIZATION 1-2 float32 int8 uint8
L2_POOL_2D 1-1 float32
LEAKY_RELU 1-2 float32 int8 uint8 int16
LESS 1-3 float32 int8 uint8 int16 float16 bfloat16 int32 int64
LESS_EQUAL 1-2 float32 int8 uint8 int16 float16 int32 int64
LOCAL_RESPONSE_NORMALIZATION 1-1 float32
LOG 1-2 float32 int8 int16
LOGICAL_AND 1-1 bool
LOGICAL_NOT 1-1 bool
LOGICAL_OR 1-1 bool
LOGISTIC 1-3 float32 int8 uint8 int16 float16 bfloat16
LOG_SOFTMAX 1-2 float32 int8 uint8
LSH_PROJECTION 1-1 any
LSTM 1-4 float32 int8 uint8 hybrid
MATRIX_DIAG 1-1 float32 int8 uint8 int16 int32 int64
MATRIX_SET_DIAG 1-1 float32 int8 uint8 int16 int32 int64
MAXIMUM 1-4 float32 int8 uint8 int16 float16 bfloat16 int32 int64
MAX_POOL_2D 1-3 float32 int8 uint8 int16
MEAN 1-3 float32 int8 uint8 int16 int32 int64
MINIMUM 1-4 float32 int8 uint8 int16 float16 bfloat16 int32 int64
MIRROR_PAD 1-3 sized
MUL 1-7 float32 int8 uint8 int16 float16 int32 uint32 int64 complex64
MULTINOMIAL 1-1 float32
NEG 1-1 float32 int8 int16 float16 bfloat16 int32 int64
NON_MAX_SUPPRESSION_V4 1-1 float32
NON_MAX_SUPPRESSION_V5 1-1 float32
NOT_EQUAL 1-4 float32 int8 uint8 int16 float16 int32 int64 bool string
ONE_HOT 1-1 float32 int8 uint8 int32 int64 bool
PACK 1-5 float32 int8 uint8 int16 int32 uint32 int64
PAD 1-6 float32 int8 uint8 int16 float16 bfloat16 int32 int64 bool
PADV2 1-6 float32 int8 uint8 int16 float16 bfloat16 int32 int64 bool
POW 1-1 float32 int32
PRELU 1-1 float32 int8 uint8 int16
QUANTIZE 1-6 float32 int8 uint8 int16 int32
RANDOM_STANDARD_NORMAL 1-1 float32
RANDOM_UNIFORM 1-1 float32
RANGE 1-1 float32 int32 int64
RANK 1-1 any int4 int2 uint4
READ_VARIABLE 1-1 graph
REAL 1-1 complex64 complex128
REDUCE_ALL 1-1 bool
REDUCE_ANY 1-1 bool
REDUCE_MAX 1-3 float32 int8 uint8 int16 int32 int64 bool
REDUCE_MIN 1-3 float32 int8 uint8 int16 int32 int64 bool
REDUCE_PROD 1-2 float32 int8 uint8 int16 int32 int64 bool
REDUCE_WINDOW 1-1 float32 int8 uint8 int16 float64 int32 int64 bool
RELU 1-3 float32 int8 uint8 int16
RELU6 1-3 float32 int8 uint8 int16
RELU_0_TO_1 1-1 float32 int8 uint8
RELU_N1_TO_1 1-1 float32 int8 uint8
RESHAPE 1-1 any int4 int2 uint4
RESIZE_BILINEAR 1-4 float32 int8 uint8 int16
RESIZE_NEAREST_NEIGHBOR 1-4 float32 int8 uint8 int16 float16 bfloat16 uint16 int32 uint32 bool
REVERSE_SEQUENCE 1-1 float32 uint8 int16 int32 int64
REVERSE_V2 1-4 float32 int8 uint8 int16 float16 bfloat16 int32 int64 bool
RFFT2D 1-1 float32
RIGHT_SHIFT 1-1 int8 uint8 int16 uint16 int32 uint32
RNN 1-3 float32 hybrid
RSQRT 1-3 float32 int8 int16
SCATTER_ND 1-1 float32 int8 uint8 int32 int64 bool
SELECT 1-4 sized
SELECT_V2 1-2 sized
SHAPE 1-1 any int4 int2 uint4
SIGN 1-2 float32 float64 int32
SIN 1-1 float32 float16
SKIP_GRAM 1-1 string
SLICE 1-8 sized int4 string
SOFTMAX 1-3 float32 int8 uint8 int16 float16
SPACE_TO_BATCH_ND 1-4 sized
SPACE_TO_DEPTH 1-2 float32 int8 uint8 int32 int64
SPARSE_TO_DENSE 1-3 float32 int8 uint8 int32 int64
SPLIT 1-5 float32 int8 uint8 int16 int32 int64
SPLIT_V 1-3 float32 int8 uint8 int16 int32 int64
SQRT 1-2 float32 int8 int16
SQUARE 1-1 float32
SQUARED_DIFFERENCE 1-2 float32 int8 int32
SQUEEZE 1-1 any int4 int2 uint4
STABLEHLO_ADD 1-1 float32 int8 uint8 int16 float16 float64 uint16 int32 uint32 int64 uint64 bool
STABLEHLO_COMPOSITE 1-1 graph
STABLEHLO_GATHER 1-1 sized
STABLEHLO_MAXIMUM 1-1 float32 int8 uint8 int16 float16 float64 uint16 int32 uint32 int64 uint64 bool
STABLEHLO_MINIMUM 1-1 float32 int8 uint8 int16 float16 float64 uint16 int32 uint32 int64 uint64 bool
STABLEHLO_MULTIPLY 1-1 float32 int8 uint8 int16 float16 float64 uint16 int32 uint32 int64 uint64 bool
STABLEHLO_PAD 1-1 fixed
STABLEHLO_REDUCE_WINDOW 1-1 float32 int8 uint8 int16 float64 int32 int64 bool
STABLEHLO_RNG_BIT_GENERATOR 1-1 int32 uint32 int64 uint64
STABLEHLO_SCATTER 1-1 float32 int8 uint8 int16 float16 float64 uint16 int32 uint32 int64 uint64 bool
STRIDED_SLICE 1-4 sized string
SUB 1-5 float32 int8 uint8 int16 int32 int64
SUM 1-2 float32 int8 uint8 int16 int32 int64
SVDF 1-4 float32 int8 hybrid
TANH 1-3 float32 int8 uint8 int16 float16 bfloat16
TILE 1-2 sized string
TOPK_V2 1-3 float32 int8 uint8 int16 int32 int64
TRANSPOSE 1-8 sized int4
TRANSPOSE_CONV 1-5 float32 int8 uint8 int16 hybrid
UNIDIRECTIONAL_SEQUENCE_LSTM 1-3 float32 int8 hybrid
UNIDIRECTIONAL_SEQUENCE_RNN 1-3 float32 hybrid
UNIQUE 1-1 float32 int8 uint8 int16 int32 int64
UNPACK 1-6 float32 int8 uint8 int16 float16 bfloat16 int32 bool
UNSORTED_SEGMENT_MAX 1-1 float32 int32
UNSORTED_SEGMENT_MIN 1-1 float32 int32
UNSORTED_SEGMENT_PROD 1-1 float32 int32
UNSORTED_SEGMENT_SUM 1-1 float32 int32
VAR_HANDLE 1-1 graph
WHERE 1-2 float32 int8 uint8 int32 uint32 int64 bool
WHILE 1-1 graph
ZEROS_LIKE 1-1 float32 int32 int64
"""


def accepted() -> dict[str, tuple[tuple[int, int], frozenset[str]]]:
    """Return, by operator, the lowest and highest version the reference accepts, and the columns."""
    result = {}
    for line in _TABLE.split("\n")[1:-1]:
        name, versions, *words = line.split()
        lowest, highest = (int(part) for part in versions.split("-"))
        columns = frozenset(column for word in words for column in _GROUPS.get(word, word).split())
        result[name] = ((lowest, highest), columns)
    return result
