"""How long after its tick each group is read, where more reads fall due at one instant than can be made (pure).

The ticks themselves, and so the ledger, stay as they are: every group's ticks fall due together, and its reads are made
a fixed time after them, so that thousands of requests do not stand in one queue. Quarter-hour reads wait for nobody.
"""

from collections.abc import Iterable, Mapping
from itertools import zip_longest

from metering.reading import PollGroup

TOGETHER = 200  # requests that may leave at one instant: at about 0.5 ms each they are made within a tenth of a second
_SPAN_MS = 1_000  # no read is put off by more, nor by its cadence
_LEAST_MS = 10  # between two turns
_A_TURN = 20  # requests, where there is room for so many turns


def phases(links: Iterable[Iterable[PollGroup]]) -> Mapping[tuple[str, str], int]:
    """How long after its ticks each group of these links is read [ms], by device and name; empty: all at once.

    The links take turns, so that each is busy all the time and not for a moment.
    """
    groups = [group for turn in zip_longest(*links) for group in turn if group is not None]
    requests = sum(len(group.blocks) for group in groups)
    if requests <= TOGETHER:
        return {}
    turns = min(_SPAN_MS // _LEAST_MS, -(-requests // _A_TURN))
    found, before = dict[tuple[str, str], int](), 0
    for group in groups:
        turn = before * turns // requests
        found[group.device, group.name] = turn * min(_SPAN_MS, group.cadence_ms) // turns
        before += len(group.blocks)
    return found
