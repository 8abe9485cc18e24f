"""The product's own energies over a store, as JSON, for the judge: part of what is judged, not of the judge.

`python -m tests.harness.settle STORE`
"""

import json
import sys
from pathlib import Path
from typing import Any

from analytics.intervals import settle
from metering.quantity import Kind, quantity
from metering.store.readings_reader import ReadingsReader


def energies(store: Path) -> dict[str, Any]:
    """Each counter's segments [time, time, micro], the sum of its intervals [micro], and what stays open."""
    reader = ReadingsReader(store)
    infos = reader.infos()
    keys = [key for key in reader.series() if quantity(key[1]).kind is Kind.COUNTER]
    found = {}
    for key, columns in reader.ranges(keys, 0, 2**62, bracket=False).items():
        settled = settle(columns, infos[key])
        found[" ".join(key)] = {
            "segments": [[int(s.time_ms[0]), int(s.time_ms[-1]), s.energy_micro] for s in settled.segments],
            "intervals": int(settled.intervals.energy.sum()) + int(settled.tail.energy.sum()),
            "open": [[item.before_ms, item.after_ms] for item in settled.open_items],
        }
    return found


if __name__ == "__main__":
    print(json.dumps(energies(Path(sys.argv[1]))))
