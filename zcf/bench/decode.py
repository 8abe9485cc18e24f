"""`zcf bench decode`: registers to scaled values, beside pymodbus's convert_from_registers."""

import json
import subprocess
import sys
from typing import Any

from zcf.bench.bars import DECODE, at_least
from zcf.bench.collect import environment
from zcf.bench.senders import DECODERS
from zcf.bench.turns import in_turn, median


def compare(polls: int, rounds: int) -> dict[str, Any]:
    """CPU per value of each [ns]; medians of rounds, in turn."""
    found = in_turn(DECODERS, rounds, lambda name, _: _run(name, {"polls": polls}))
    each = {name: [one["cpu_s"] / one["values"] * 1e9 for one in runs] for name, runs in found.items()}
    rows = {name: round(median(some), 1) for name, some in each.items()}
    ours, theirs = (rows[name] for name in DECODERS)
    return {"polls": polls, "rounds": rounds, "cpu_ns_per_value": rows, "ratio": round(theirs / ours, 1)}


def _run(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    words = [sys.executable, "-P", "-m", "zcf.bench.senders", name, json.dumps(spec)]
    told = subprocess.run(words, env=environment(), stdout=subprocess.PIPE, check=True)
    answer: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
    return answer


def show(found: dict[str, Any], *, as_json: bool) -> None:
    """The comparison as one JSON object, or as lines."""
    if as_json:
        print(json.dumps(found))
        return
    for name, spent in found["cpu_ns_per_value"].items():
        print(f"{name}: {spent} ns of CPU per float32 value, decoded and scaled")
    print(at_least("decoding, CPU per value", found["ratio"], DECODE))
