"""Models of one convolution, depthwise convolution or fully-connected operator, of random weights and quantization."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from q31.schema import ActivationFunctionType, Graph, Padding, Quantization, TensorType
from q31.schema.builder import GraphBuilder
from q31.schema.options import (
    AddOptions,
    Conv2DOptions,
    DepthwiseConv2DOptions,
    FullyConnectedOptions,
    MulOptions,
    Pool2DOptions,
    ReducerOptions,
    SoftmaxOptions,
    SubOptions,
)

HERE = Path(__file__).resolve().parent
PRODUCTS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
MACROS = {"CONV_2D": "CONVOLUTION", "DEPTHWISE_CONV_2D": "DEPTHWISE", "FULLY_CONNECTED": "FULLY_CONNECTED"}
INT8, UINT8, INT16 = TensorType.INT8, TensorType.UINT8, TensorType.INT16


def product(name: str, source_type: TensorType = INT8, seed: int = 0, bias: bool = True) -> Graph:
    """Return a model of one operator: odd sizes, strides, dilation and channels, outputs that fill their range."""
    generator = np.random.default_rng(seed)
    channels, filters = 3 if name != "FULLY_CONNECTED" else 21, 6
    zero_point = 0 if source_type is INT16 else 12
    per_channel = source_type is not UINT8
    shape: tuple[int, ...] = (2, 7, 6, channels)
    output_shape: tuple[int, ...] = (2, 4, 3, filters)
    options: Any
    if name == "CONV_2D":
        size: tuple[int, ...] = (filters, 3, 2, channels)
        options = Conv2DOptions(Padding.SAME, stride_h=2, stride_w=2, dilation_h_factor=2)
        dimension, fan = 0, 18
    elif name == "DEPTHWISE_CONV_2D":
        size, dimension, fan = (1, 3, 3, filters), 3, 9
        options = DepthwiseConv2DOptions(Padding.SAME, stride_h=2, stride_w=2, depth_multiplier=2)
    else:
        shape, output_shape, size, dimension, fan = (4, channels), (4, filters), (filters, channels), 0, channels
        options = FullyConnectedOptions()
    activation = ActivationFunctionType.NONE if name == "FULLY_CONNECTED" else ActivationFunctionType.RELU_N1_TO_1
    options = type(options)(**{**vars(options), "fused_activation_function": activation})
    scales = tuple(generator.uniform(0.002, 0.02, filters if per_channel else 1))
    low, high = (0, 256) if source_type is UINT8 else (-127, 128)
    source = Quantization((0.017 if source_type is not INT16 else 1e-4,), (zero_point,))
    filter_zero_point = 131 if source_type is UINT8 else 0
    target = Quantization(
        (float(source.scale[0] * np.mean(scales) * np.sqrt(fan) * 70),), (0 if source_type is INT16 else 5,)
    )
    builder = GraphBuilder()
    x = builder.tensor("x", source_type, shape, source)
    weights_type = UINT8 if source_type is UINT8 else INT8
    weights = builder.tensor(
        "w",
        weights_type,
        size,
        Quantization(scales, (filter_zero_point,) * len(scales), dimension if per_channel else 0),
        generator.integers(low, high, size),
    )
    inputs = [x, weights]
    if bias:
        bias_type = TensorType.INT64 if source_type is INT16 else TensorType.INT32
        values = generator.integers(-9000, 9000, filters)
        products = tuple(source.scale[0] * scale for scale in scales)
        inputs.append(builder.tensor("b", bias_type, (filters,), Quantization(products, (0,) * len(scales)), values))
    y = builder.tensor("y", source_type, output_shape, target)
    builder.operator(name, inputs, [y], options, version=4 if name != "FULLY_CONNECTED" else 7)
    return builder.build([x], [y])


def elementwise(name: str, kind: TensorType = INT8) -> Graph:
    """Return a model of ADD, SUB or MUL of two inputs, or of MEAN, AVERAGE_POOL_2D, LOGISTIC or SOFTMAX."""
    builder = GraphBuilder()
    zero_points = (0, 0, 0) if kind is INT16 else (130, 120, 125) if kind is UINT8 else (2, -8, -3)
    scales = (0.01, 0.02, 0.03) if kind is not INT16 else (3e-4, 2e-4, 5e-4)
    first, second, target = (Quantization((s,), (z,)) for s, z in zip(scales, zero_points, strict=True))
    x = builder.tensor("x", kind, (2, 4, 6, 3), first)
    inputs, shape, options = [x], (2, 4, 6, 3), None
    if name in ("ADD", "SUB", "MUL"):
        inputs.append(builder.tensor("x2", kind, (1, 6, 3), second))
        options = {"ADD": AddOptions(), "SUB": SubOptions(), "MUL": MulOptions()}[name]
    elif name == "MEAN":
        inputs.append(builder.tensor("axes", TensorType.INT32, (2,), value=(1, 2)))
        shape, options = (2, 3), ReducerOptions()
    elif name == "AVERAGE_POOL_2D":
        options = Pool2DOptions(filter_height=2, filter_width=3, stride_h=1, stride_w=2)
        shape, target = (2, 4, 3, 3), first
    elif name in ("LOGISTIC", "SOFTMAX"):
        target = Quantization((1 / 32768 if kind is INT16 else 1 / 256,), (-128 if kind is INT8 else 0,))
        options = SoftmaxOptions(beta=1.0) if name == "SOFTMAX" else None
    y = builder.tensor("y", kind, shape, target)
    builder.operator(name, inputs, [y], options, version=2)
    free = [one for one in inputs if one != 1 or name != "MEAN"]
    return builder.build(free, [y])


def run_c(folder: Path, case: str, name: str, out: Path, sanitize: bool = True) -> str:
    """Compile a case's headers into the C reference, run it, and return what it printed; fails where bits differ."""
    compiler = shutil.which("gcc") or "gcc"
    defines = [f"-DCASE={case}", f"-DMACROS={case.upper()}", f"-D{MACROS[name]}"]
    flags = ["-std=gnu11", "-O0", "-Wall", "-Werror", "-ffp-contract=off"]
    flags += ["-fsanitize=undefined", "-fno-sanitize-recover"] if sanitize else []
    source = str(HERE / "reference.c")
    command = [compiler, *flags, *defines, "-I", str(folder / case), source, "-o", str(out), "-lm"]
    compiled = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert compiled.returncode == 0, compiled.stderr
    ran = subprocess.run([str(out)], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0 and " 0 differ" in ran.stdout, f"{case}: {ran.stdout}{ran.stderr}"
    return ran.stdout


def run_verilog(folder: Path, case: dict[str, Any], memory: dict[str, Any], out: Path) -> str:
    """Build the test bench for a case of the manifest, run it, and return what it printed; fails where bits differ."""
    macros, arrays = case["macros"], {one["name"]: one for one in case["arrays"]}
    fixed = {"KIND": PRODUCTS.index(case["operator_name"]), "N": macros["INPUT_BATCHES"]}
    fixed |= {"IC": macros["IN_CH"], "OC": macros["OUT_CH"], "HAS_BIAS": int("biases" in arrays)}
    fixed |= {"LOW": macros["OUT_ACTIVATION_MIN"], "HIGH": macros["OUT_ACTIVATION_MAX"], "ROUNDING": macros["ROUNDING"]}
    fixed |= {"INPUT_OFFSET": macros["INPUT_OFFSET"], "OUTPUT_OFFSET": macros["OUTPUT_OFFSET"]}
    if "OUTPUT_H" in macros:
        for short, long in (("H", "Y"), ("W", "X")):
            fixed |= {f"I{short}": macros[f"INPUT_{short}"], f"O{short}": macros[f"OUTPUT_{short}"]}
            fixed |= {f"F{long}": macros[f"FILTER_{long}"], f"S{long}": macros[f"STRIDE_{long}"]}
            fixed |= {f"P{long}": macros[f"PAD_{long}"], f"D{long}": macros[f"DILATION_{long}"]}
    fixed["CH_MULT"] = macros.get("CH_MULT", 1)
    fixed |= {"WORD_BITS": arrays["input"]["word_bits"], "LANES": arrays["input"]["lanes"]}
    fixed["BIG"] = int(memory["endianness"] == "big")
    parameters = [f"-Ptestbench.{name}={value}" for name, value in fixed.items()]
    sources = [str(HERE / "testbench.v"), str(HERE / "requantize.v")]
    command = [shutil.which("iverilog") or "iverilog", "-g2005", *parameters, "-o", str(out), *sources]
    compiled = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert compiled.returncode == 0, compiled.stderr
    simulate = [shutil.which("vvp") or "vvp", "-n", str(out), f"+DIR={folder / case['name']}"]
    ran = subprocess.run(simulate, capture_output=True, text=True, timeout=120)
    assert f"{macros['DST_SIZE']} values, 0 differ" in ran.stdout, f"{case['name']}: {ran.stdout}{ran.stderr}"
    return ran.stdout
