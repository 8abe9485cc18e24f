"""Reads that would fall due together are made in turns; the ticks themselves stay where they are."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector import phases as turns
from collector.epochs import phases_of
from collector.phases import TOGETHER, phases
from collector.schedule import Timetable, Track, cadence, quarters
from collector.wiring import wire_site
from metering.reading import Block, Column, Lane, PollGroup
from metering.store.readings_reader import ReadingsReader
from tests.collector.doubles import device
from tests.collector.sites import accounted, due_by_contract, make_site
from tests.collector.test_agent import collecting, reads, until

START = 1_700_000_000_123


def group(device: str, cadence_ms: int = 1000, blocks: int = 1) -> PollGroup:
    found = tuple(Block(3, 200 * index, 100) for index in range(blocks))
    return PollGroup(device, "power", (Column("p", "voltage"),), found, cadence_ms, False, "x", "y")


def site(links: int, devices: int, cadence_ms: int = 1000, blocks: int = 1) -> list[list[PollGroup]]:
    return [[group(f"{link}-{one}", cadence_ms, blocks) for one in range(devices)] for link in range(links)]


def test_a_factory_of_the_usual_size_reads_everything_at_its_tick() -> None:
    assert phases(site(50, 4)) == {}
    assert phases(site(TOGETHER, 1)) == {}
    assert phases([]) == {}


def test_two_thousand_requests_are_spread_over_the_second() -> None:
    links = site(100, 20)
    found = phases(links)
    turns = Counter(found.values())
    assert len(found) == 2000
    assert min(turns) == 0
    assert max(turns) < 1000
    assert set(turns.values()) == {20}
    of_a_link = sorted(found[g.device, g.name] for g in links[0])
    assert {after - before for before, after in pairwise(of_a_link)} == {50}


@given(st.integers(1, 60), st.integers(1, 30), st.sampled_from([100, 500, 1000, 5000]), st.integers(1, 3))
def test_nobody_waits_longer_than_a_second_or_its_cadence_and_no_turn_is_crowded(
    links: int, devices: int, cadence_ms: int, blocks: int
) -> None:
    groups = site(links, devices, cadence_ms, blocks)
    found = phases(groups)
    assert found == phases(groups)
    assert bool(found) == (links * devices * blocks > TOGETHER)
    assert all(0 <= phase < min(1000, cadence_ms) for phase in found.values())
    requests = links * devices * blocks
    assert max((n * blocks for n in Counter(found.values()).values()), default=0) <= max(20, requests / 100) + blocks


@given(st.lists(st.integers(0, 2500), min_size=1, max_size=12), st.integers(0, 999))
def test_a_phase_moves_no_tick_and_loses_none(pauses: list[int], phase_ms: int) -> None:
    """Due = read + missed with a phase as without one: the newest tick whose turn has come is read, once."""
    track = cadence(7, START, 1000)
    timetable = Timetable([track], {7: phase_ms})
    now, ended = START, 0
    for pause in pauses:
        now += pause
        while (due := timetable.pick(now, {})) is not None:
            assert due.tick - due.missed == ended
            assert due.track.due_ms(due.tick) + phase_ms <= now < due.track.due_ms(due.tick + 1) + phase_ms
            ended = due.tick + 1
        assert timetable.next_ticks == {track: ended}
        assert timetable.next_ms() == track.due_ms(ended) + phase_ms


def test_a_quarter_hour_waits_for_no_turn() -> None:
    tracks = [cadence(7, START, 60_000), quarters(7, START)]
    timetable = Timetable(tracks, {7: 700})
    first = tracks[1].due_ms(tracks[1].first)
    lanes = []
    while timetable.next_ms() <= first:
        due = timetable.pick(timetable.next_ms(), {})
        assert due is not None
        lanes.append((due.track.lane, timetable.next_ms()))
    assert lanes[-1][0] is Lane.QUARTER


@pytest.mark.parametrize("after_ms", [0, 1, 400, 999])
def test_at_the_end_what_is_due_is_read_though_its_turn_has_not_come(after_ms: int) -> None:
    track: Track = cadence(7, START, 1000)
    timetable = Timetable([track], {7: 950})
    halt = START + 5000 + after_ms + 1
    assert timetable.pick(START + 4950, {}) is not None
    timetable.hasten()
    due = timetable.pick(halt - 1, {})
    assert due is not None
    assert (due.tick, due.missed) == (5, 0)
    assert timetable.pick(halt - 1, {}) is None
    assert track.end(halt) == timetable.next_ticks[track] == 6


async def test_a_collector_that_reads_in_turns_owes_no_tick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "TOGETHER", 0)
    monkeypatch.setattr(turns, "_A_TURN", 1)
    async with device() as one, device() as other:
        links = {"a": (1, 2), "b": (1, 2)}
        config = make_site(
            tmp_path, links, port_of={"a": one.port, "b": other.port}, every="{power: 300ms, energy: 1s}"
        )
        phase_of = phases_of(wire_site(config))
        reader = ReadingsReader(config.store_dir)
        async with collecting(config):
            await until(lambda: min(reads(reader, name) for name in ("a-1", "a-2", "b-1", "b-2")) >= 8)
    assert len(set(phase_of.values())) > 4
    assert accounted(reader) == due_by_contract(reader)
    [epoch] = reader.epochs()
    groups = reader.groups()
    early = 0
    for poll in reader.polls_since(0, 1000):
        group = groups[poll.group]
        tick_ms = epoch.start_ms + poll.tick * group.cadence_ms
        assert poll.time_ms >= tick_ms or poll.lane is Lane.QUARTER
        early += poll.time_ms < tick_ms + phase_of[group.device, group.name] and poll.lane is Lane.CADENCE
    assert early <= len(groups)  # at the end, and only there, nobody waits for his turn


def test_a_serial_line_queues_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "TOGETHER", 0)
    links = {"line": (1, 2), "tcp": (1,)}
    config = make_site(tmp_path, links, port_of={"tcp": 20_001}, path_of={"line": "/dev/ttyUSB0"})
    assert {name for name, _ in phases_of(wire_site(config))} == {"tcp-1"}
