"""The oracle's side of the pipe: a script of its own, because LiteRT can abort the process it runs in.

Reads length-prefixed pickles from standard input and answers each with one. Started by :mod:`conformance.oracle`;
imports nothing of q31.
"""

from __future__ import annotations

import os
import pickle
import struct
import sys
from typing import Any

import ml_dtypes  # noqa: F401, without it LiteRT has no bfloat16
import numpy as np


def read_exactly(stream: Any, count: int) -> bytes:
    data = stream.read(count)
    if len(data) != count:
        sys.exit(0)
    return data


def open_interpreter(model: bytes, preserve_all_tensors: bool, resolver: str) -> Any:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    return Interpreter(
        model_content=model,
        num_threads=1,
        experimental_op_resolver_type=OpResolverType[resolver],
        experimental_preserve_all_tensors=preserve_all_tensors,
    )


def resize_and_allocate(interpreter: Any, arrays: list[np.ndarray]) -> None:
    for detail, array in zip(interpreter.get_input_details(), arrays, strict=True):
        if tuple(detail["shape"]) != array.shape:
            interpreter.resize_tensor_input(detail["index"], list(array.shape))
    interpreter.allocate_tensors()


def read_all(interpreter: Any) -> dict[int, np.ndarray]:
    """Return every tensor that has a value, by index."""
    tensors = {}
    for detail in interpreter.get_tensor_details():
        try:
            tensors[detail["index"]] = np.array(interpreter.get_tensor(detail["index"]))
        except ValueError:
            continue
    return tensors


def run(request: dict[str, Any]) -> list[Any]:
    """Invoke the model once for each list of inputs; the answer is a list of outputs (or of all tensors) for each."""
    interpreter = open_interpreter(request["model"], request["all_tensors"], request["resolver"])
    if "calls" in request:
        return [interpreter.get_signature_runner(key)(**arrays) for key, arrays in request["calls"]]
    answers: list[Any] = []
    for number, arrays in enumerate(request["inputs"]):
        if number == 0:
            resize_and_allocate(interpreter, arrays)
        elif request["resets"]:
            interpreter.reset_all_variables()
        for detail, array in zip(interpreter.get_input_details(), arrays, strict=True):
            interpreter.set_tensor(detail["index"], array)
        interpreter.invoke()
        if request["all_tensors"]:
            answers.append(read_all(interpreter))
        else:
            answers.append([np.array(interpreter.get_tensor(d["index"])) for d in interpreter.get_output_details()])
    return answers


def main() -> None:
    # Whatever LiteRT prints must not land in the pipe.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    questions = os.fdopen(os.dup(0), "rb")
    while True:
        (length,) = struct.unpack("<Q", read_exactly(questions, 8))
        request = pickle.loads(read_exactly(questions, length))
        try:
            answer: tuple[Any, ...] = ("answer", run(request))
        except Exception as error:
            answer = ("refused", type(error).__name__, str(error))
        payload = pickle.dumps(answer, protocol=5)
        answers.write(struct.pack("<Q", len(payload)) + payload)
        answers.flush()


if __name__ == "__main__":
    main()
