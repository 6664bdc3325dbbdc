"""Two quantized models of one float model, tensor by tensor: which codes, scales and zero points differ, by how much.

    python -m q31.tools.quantization.peers.differences q31_int8.tflite converter_int8.tflite --ulp 1

Exit code: 0 where they are equal (scales within ``--ulp`` float32 steps), 1 where they differ, 2 for bad input.
"""

from __future__ import annotations

import argparse
import json
import sys

from ....schema import Error, read_file
from ...programs import run_program
from .comparison import ModelDifference, compare_models

_SHOWN_NAME = 60


def to_dict(result: ModelDifference, ulp: int) -> dict[str, object]:
    """Return what ``--json`` prints."""
    return {
        "equal": result.equal(ulp),
        "ulp": ulp,
        "operators": result.operators,
        "only_first": list(result.only_first),
        "only_second": list(result.only_second),
        "classes": {kind: {"equal": equal, "of": count} for kind, (equal, count) in result.counts(ulp).items()},
        "tensors": [{**one.to_dict(), "equal": one.equal(ulp)} for one in result.tensors],
    }


def to_text(result: ModelDifference, ulp: int, everything: bool) -> str:
    """Return what is printed for people: the classes, then each tensor that differs."""
    lines = [f"{result.operators} operators in both"]
    lines += [f"only in the first: {one}" for one in result.only_first]
    lines += [f"only in the second: {one}" for one in result.only_second]
    lines += [_summary(result, kind, ulp) for kind in result.counts(ulp)]
    for one in result.tensors:
        texts = one.describe(ulp)
        if texts or everything:
            name = one.name if len(one.name) <= _SHOWN_NAME else f"{one.name[: _SHOWN_NAME - 3]}..."
            place = " ".join(part for part in (one.pair.operator, one.pair.role) if part)
            lines.append(f"{one.kind} {name} ({place})")
            lines += [f"    {text}" for text in texts or ["equal"]]
    return "\n".join(lines)


def _summary(result: ModelDifference, kind: str, ulp: int) -> str:
    equal, count = result.counts(ulp)[kind]
    tensors = [one for one in result.tensors if one.kind == kind]
    farthest = max((one.scale_ulp or 0 for one in tensors), default=0)
    codes = sum(one.codes.count for one in tensors if one.codes)
    texts = [f"{kind}: {equal} of {count} equal"]
    if codes:
        texts.append(f"{codes:,} codes differ")
    if farthest:
        texts.append(f"scales at most {farthest:,} ulp apart")
    return "; ".join(texts)


def main() -> int:
    """Compare two models."""
    parser = argparse.ArgumentParser(
        prog="python -m q31.tools.quantization.peers.differences",
        description="Compare two quantized models of one float model, tensor by tensor.",
        epilog="example: python -m q31.tools.quantization.peers.differences a.tflite b.tflite --ulp 1."
        " Exit code: 0 equal, 1 different, 2 bad input.",
    )
    parser.add_argument("first", metavar="A", help="a quantized .tflite file")
    parser.add_argument("second", metavar="B", help="another, made from the same float file")
    parser.add_argument(
        "--ulp", type=int, default=0, metavar="N", help="scales may differ by N float32 steps (default 0)"
    )
    parser.add_argument("--all", action="store_true", help="list the tensors that are equal, too")
    parser.add_argument("--json", action="store_true", help="print every pair as JSON")
    arguments = parser.parse_args()
    if arguments.ulp < 0:
        parser.error("argument --ulp: expected 0 or more")
    try:
        result = compare_models(read_file(arguments.first), read_file(arguments.second))
    except (Error, OSError) as error:
        print(f"q31: {error}", file=sys.stderr)
        return 2
    if arguments.json:
        print(json.dumps(to_dict(result, arguments.ulp)))
    else:
        print(to_text(result, arguments.ulp, arguments.all))
    return 0 if result.equal(arguments.ulp) else 1


if __name__ == "__main__":
    run_program(main)
