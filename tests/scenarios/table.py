"""`python -m tests.scenarios.table` writes docs/torture.md: every scenario and how far it comes out from the truth."""

from collections.abc import Iterable
from pathlib import Path

from tests.scenarios.factory import STEP, Scenario, outcome
from tests.scenarios.torture import PEERS, TORTURE
from tests.scenarios.zoo import ZOO

FILE = Path(__file__).resolve().parents[2] / "docs" / "torture.md"
HEAD = """# Torture table

Written by `python -m tests.scenarios.table`, checked by `pytest tests/scenarios`. One main meter with a known load, a
register of 0.01 kWh, one reading a minute. *Error* is the sum of all intervals less the true energy between the
readings of the same segments, in register steps. *Open* is true energy between the two readings of an open item:
shown with both readings, in no total, never guessed.

## The week, beside the peers

The peers' columns are models of their published rules on a week of the same kind (true total 45 927 kWh), not their
code.

"""
ZOO_HEAD = """
## Patterns from the field

"""

TAIL = """
## Beside the table

| what | where |
| --- | --- |
| a half-hour feed that always has 48 columns, on days of 46 and of 50 half-hours: two columns are refused, or an hour \
is missing; nothing is shifted | `tests/scenarios/test_feeds.py` |
| one CT a tenth wrong and one meter the wrong way round in the simulated plant: both named, both mended by an entry | \
`tests/scenarios/test_wrong_meters.py` |
"""


def row(scenario: Scenario) -> list[str]:
    """What one scenario gave."""
    found = scenario.settled()
    far = outcome(scenario, found)
    flagged = int((found.intervals.flags != 0).sum())
    told: dict[str, int] = {}
    for one in found.judged:
        told[one.verdict.value] = told.get(one.verdict.value, 0) + 1
    words = ", ".join(name if count == 1 else f"{name} × {count}" for name, count in told.items())
    opened = f"{far.open_energy / 1e6:g} kWh" if found.open_items else ""
    return [scenario.id, scenario.story, f"{far.error / STEP:g}", str(flagged), words, opened]


def table(scenarios: Iterable[Scenario], peers: tuple[str, ...] = ()) -> str:
    """Markdown."""
    head = ["scenario", "what happened", "error [steps]", "flagged quarters", "verdict", "open", *peers]
    rows = [head, ["---"] * len(head)]
    for one in scenarios:
        beside = [*one.peers, *[""] * (len(peers) - len(one.peers))]
        rows.append([*row(one), *beside])
    return "".join(f"| {' | '.join(cells)} |\n" for cells in rows)


def page() -> str:
    """The whole file."""
    return HEAD + table(TORTURE, PEERS) + ZOO_HEAD + table(ZOO) + TAIL


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")
