"""A store that is nearly full of old readings, made by the product's own writer before a run: so that it must thin.

`python -m tests.harness.prefill STORE BYTES`
"""

import struct
import sys
import time
from pathlib import Path

from metering.reading import Block, Column, PollGroup
from metering.store.readings import writing

OLD = PollGroup("old", "power", (Column("p_old", "active_power"),), (Block(3, 0, 120),), 1000, False, "old", "")
DAYS, ROWS = 4, 200


def fill(store: Path, size: int) -> int:
    """Gauges of days ago, one a second, until the readings take so many bytes; how many polls."""
    first_ms, made = (int(time.time()) - DAYS * 86_400) * 1000, 0
    with writing(store, "harness") as writer:
        group = writer.group(OLD)
        while writer.used_bytes() < size:
            rows = [
                (first_ms + 1000 * n, group, struct.pack("<d", float(n)), n.to_bytes(4) * 60)
                for n in range(made, made + ROWS)
            ]
            writer.append_history(rows)
            writer.fold()
            made += ROWS
    return made


if __name__ == "__main__":
    print(fill(Path(sys.argv[1]), int(sys.argv[2])))
