"""32 meters on one line of 9600 Bd: a sweep takes next to no longer than the line itself (PRODUCT.md 11)."""

import struct
from collections.abc import Sequence
from itertools import combinations, pairwise
from pathlib import Path

import pytest

from collector.profile import load_profile
from metering.sitefile import load_site
from tests.collector.test_agent import Wall, collecting, until
from tests.harness.ptyrelay import PtyLine, meters

UNITS = range(1, 33)
TURNAROUND_S, CHARACTER_S = 0.02, 10 / 9600
SWEEPS = 4
GROUPS = ("power", "energy", "status")


def shortest(spans: Sequence[tuple[int, int]], allowed: set[int], most: int) -> float:
    """The least bus time [s] of any way to cut these registers into requests: all of them are tried."""
    best = float("inf")
    for cuts in (cut for size in range(len(spans)) for cut in combinations(range(1, len(spans)), size)):
        bounds = [0, *cuts, len(spans)]
        blocks = [(spans[a][0], spans[b - 1][1]) for a, b in pairwise(bounds)]
        if all(end - start <= most and allowed.issuperset(range(start, end)) for start, end in blocks):
            best = min(best, sum((8 + 5 + 2 * (e - s) + 3.5) * CHARACTER_S + TURNAROUND_S for s, e in blocks))
    return best


def optimum_s() -> float:
    """What a sweep of all meters takes on the line, by brute force over the profile's file."""
    profile = load_profile("chint-dtsu666")
    allowed = {a for area in profile.areas for a in range(area.first, area.last + 1)}
    allowed |= {p.address + i for p in profile.registers for i in range(2)}
    return len(UNITS) * sum(
        shortest(sorted((p.address, p.address + 2) for p in profile.registers if p.cadence == group), allowed,
                 profile.max_registers)
        for group in GROUPS
    )  # fmt: skip


def answer(_function: int, address: int, count: int) -> bytes:
    return b"".join(struct.pack(">f", float(address + i)) for i in range(0, count, 2))[: 2 * count]


@pytest.mark.long
async def test_a_sweep_of_32_meters_takes_within_3_percent_of_the_least_possible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collector.clock.time", Wall.after_quarter(1_000))  # no reads of a quarter-hour among these
    with PtyLine(
        meters(dict.fromkeys(UNITS, answer)), baud=9600, turnaround_s=TURNAROUND_S, link=tmp_path / "bus"
    ) as line:
        devices = "".join(
            f"  - {{id: m{n}, profile: chint-dtsu666, link: bus, unit: {n}, every: {{power: 12s, energy: 12s, status: 12s}}}}\n"  # noqa: E501
            for n in UNITS
        )
        points = "".join(f"  - {{id: p{n}, role: load, parent: grid, device: m{n}}}\n" for n in UNITS[1:])
        (tmp_path / "site.yaml").write_text(
            "site: {id: works, timezone: Asia/Shanghai}\nstore: {path: store}\n"
            f"links: [{{id: bus, type: rtu, path: {line.path}}}]\ndevices:\n{devices}points:\n"
            f"  - {{id: grid, role: grid, device: m1}}\n{points}"
        )
        async with collecting(load_site(tmp_path / "site.yaml")) as collector:
            requests = [
                len(asked) for link in collector._links for unit in link.units for asked in unit.requests.values()
            ]
            per_sweep = sum(requests)
            await until(lambda: len(line.asked) >= SWEEPS * per_sweep, 180)
        least = optimum_s()
        assert line.clashes == 0
        sweeps = [line.asked[n * per_sweep : (n + 1) * per_sweep] for n in range(SWEEPS)]
        assert all([request for _, request in one] == [request for _, request in sweeps[0]] for one in sweeps)
        last = int.from_bytes(sweeps[0][-1][1][4:6], "big")
        tail_s = (8 + 5 + 2 * last) * CHARACTER_S + TURNAROUND_S
        whole = [one[-1][0] - one[0][0] + tail_s for one in sweeps]
        # Each request's best of the sweeps: what the collector does, without what else this machine did meanwhile.
        steps = zip(*[[b - a for (a, _), (b, _) in pairwise(one)] for one in sweeps], strict=True)
        best = sum(min(step) for step in steps) + tail_s
        print(
            f"sweeps {[round(one, 3) for one in whole]} s, {per_sweep} requests, best {best:.3f}, least {least:.3f} s"
        )
        assert best <= 1.03 * least
