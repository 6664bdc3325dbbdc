"""What ``q31 bench --start`` starts: ``python -m q31.tools.first_result ENGINE MODEL`` runs a model once, on zeros.

It imports what an engine needs and nothing else, and prints the clock's time at the first result and the peak of the
process's memory.
"""

from __future__ import annotations

import sys
import time
from typing import Any


def run(engine: str, model: str) -> None:
    """Load a model, run it once on zeros, and read its outputs."""
    if engine == "openvino":
        _run_openvino(model)
        return
    interpreter = _interpreter(engine, model)
    interpreter.allocate_tensors()
    import numpy as np

    for one in interpreter.get_input_details():
        interpreter.set_tensor(one["index"], np.zeros(one["shape"], one["dtype"]))
    interpreter.invoke()
    for one in interpreter.get_output_details():
        interpreter.get_tensor(one["index"])


def _interpreter(engine: str, model: str) -> Any:
    if engine == "q31":
        from .. import Interpreter

        return Interpreter(model_path=model)
    from ai_edge_litert.interpreter import Interpreter as LiteRT
    from ai_edge_litert.interpreter import OpResolverType

    resolver = OpResolverType.BUILTIN_REF if engine == "litert-ref" else OpResolverType.AUTO
    return LiteRT(model_path=model, experimental_op_resolver_type=resolver, num_threads=1)


def _run_openvino(model: str) -> None:
    import numpy as np
    import openvino

    core = openvino.Core()
    network = core.read_model(model)
    free = [one for one in network.inputs if one.partial_shape.is_dynamic]
    network.reshape({one: [1 if n.is_dynamic else n.get_length() for n in one.partial_shape] for one in free})
    settings = {"INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY"}
    compiled = core.compile_model(network, "CPU", settings)
    request = compiled.create_infer_request()
    request.infer([np.zeros(list(one.shape), one.element_type.to_dtype()) for one in compiled.inputs])
    for index in range(len(compiled.outputs)):
        np.array(request.get_output_tensor(index).data)


def peak_megabytes() -> float:
    """Return the most memory that this process has had, in 2**20 bytes."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:  # ru_maxrss counts what was before exec, too
            return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        pass
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 1024


if __name__ == "__main__":
    run(*sys.argv[1:])
    print([time.monotonic(), peak_megabytes()])
