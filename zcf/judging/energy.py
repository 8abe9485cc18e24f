"""Every reading against the log, every counter's energy against what the system says, in register steps."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from collector.profile import DeviceProfile
from metering.reading import Lane, PollGroup, SeriesKey, StoredPoll
from metering.sitefile import SiteConfig
from metering.store.entries import EntriesReader
from metering.store.readings_reader import ReadingsReader
from metering.store.results import IntervalRows, ResultsReader
from zcf.judging.messages import Printed, pointers_of, printed_counters
from zcf.judging.ticks import profiles_of
from zcf.judging.track import Event, Exchanged, Track, open_pairs
from zcf.judging.truth import Truth
from zcf.judging.words import Register, registers

AT_ONCE = 20_000  # polls read from the store in one go
SHOWN = 10  # examples of each kind of fault


@dataclass
class Collected:
    """All stored polls gone through once: the counters' tracks, and what does not agree with the logs."""

    tracks: dict[SeriesKey, Track] = field(default_factory=dict)
    polls: int = 0
    invented: list[str] = field(default_factory=list)  # no logged answer stands behind them
    altered: list[str] = field(default_factory=list)  # the value is not what the words say
    twice: int = 0


class Collector:
    """Goes through the polls of a store beside the logs."""

    def __init__(self, config: SiteConfig, reader: ReadingsReader, truth: Truth) -> None:
        self._config, self._reader, self._truth = config, reader, truth
        self._profiles = profiles_of(config)
        self._pointers: dict[int, tuple[str, ...]] = {}
        self._decoders: dict[int, list[tuple[int, SeriesKey, Register | Printed]]] = {}
        self.found = Collected()

    def run(self) -> Collected:
        """Every poll, in the order stored."""
        seq, seen = 0, set[tuple[int, int]]()
        groups = self._reader.groups()
        while polls := self._reader.polls_since(seq, AT_ONCE):
            seq = polls[-1].seq
            for poll in polls:
                self._take(groups[poll.group], poll)
            seen.update((poll.group, poll.time_ms) for poll in polls)
            self.found.polls += len(polls)
        self.found.twice = self.found.polls - len(seen)
        for track in self.found.tracks.values():
            track.sort()
        return self.found

    def _take(self, group: PollGroup, poll: StoredPoll) -> None:
        decoders = self._decoder(group, poll.group)
        if not self._truth.claim(group, poll, self._pointers.get(poll.group, ())):
            self.found.invented.append(f"{group.device}/{group.name} at {poll.time_ms}")
            return
        for index, key, decoder in decoders:
            micro = decoder.micro(poll.words)
            if micro != poll.values[index]:
                self.found.altered.append(f"{key[0]} {key[1]} at {poll.time_ms}: {poll.values[index]}, not {micro}")
            if micro is not None:
                self._track(key, group.device, decoder).add(poll.time_ms, micro, live=poll.lane is not Lane.HISTORY)

    def _track(self, key: SeriesKey, device: str, decoder: Register | Printed) -> Track:
        if key not in self.found.tracks:
            register = decoder if isinstance(decoder, Register) else None
            step = 0.0 if isinstance(decoder, Register) else float(decoder.step)
            self.found.tracks[key] = Track(key, device, register, step)
        return self.found.tracks[key]

    def _decoder(self, group: PollGroup, number: int) -> list[tuple[int, SeriesKey, Register | Printed]]:
        if number not in self._decoders:
            self._decoders[number] = list(self._compile(group, self._profiles[group.device]))
            if not group.blocks:
                self._pointers[number] = self._columns_of(group)
        return self._decoders[number]

    def _columns_of(self, group: PollGroup) -> tuple[str, ...]:
        """Where each column of a group of messages stands; such a group serves one metering point."""
        point = self._config.site.point(group.columns[0].point)
        names = [column.quantity for column in group.columns]
        return pointers_of(self._profiles[group.device], point, names)

    def _compile(self, group: PollGroup, profile: DeviceProfile) -> Iterable[tuple[int, SeriesKey, Register | Printed]]:
        for point in self._config.points_of(group.device):
            names = [column.quantity for column in group.columns if column.point == point.id]
            known: Mapping[str, Register | Printed]
            if group.blocks:
                known = registers(profile, point, names, group.blocks)
            else:
                known = printed_counters(profile, point, names)
            for index, column in enumerate(group.columns):
                if column.point == point.id and column.quantity in known:
                    yield index, column.key, known[column.quantity]


@dataclass
class Part:
    """The counters of one origin, and the worst of them."""

    counters: int = 0
    max_error_steps: float = 0.0
    worst: str = ""

    def count(self, key: SeriesKey, error_steps: float) -> None:
        """One series."""
        self.counters += 1
        if error_steps > self.max_error_steps or not self.worst:
            self.max_error_steps, self.worst = max(error_steps, self.max_error_steps), "|".join(key)

    def body(self) -> dict[str, Any]:
        """As JSON."""
        return {"counters": self.counters, "max_error_steps": _plain(self.max_error_steps), "worst": self.worst}


def _plain(number: float) -> int | float:
    return int(number) if number == int(number) else number


@dataclass
class Energies:
    """What the system says of each counter beside what the devices said."""

    history: Part = field(default_factory=Part)
    live: Part = field(default_factory=Part)
    open_items: int = 0
    unexplained: list[str] = field(default_factory=list)  # open items with no cause
    unlisted: list[str] = field(default_factory=list)  # jumps without an open item

    def body(self, collected: Collected) -> dict[str, Any]:
        """As JSON."""
        return {
            "max_error_steps": _plain(max(self.history.max_error_steps, self.live.max_error_steps)),
            "live": self.live.body(), "history": self.history.body(), "open_items": self.open_items,
            "unexplained_items": self.unexplained[:SHOWN], "unlisted_jumps": self.unlisted[:SHOWN],
            "readings": {
                "polls": collected.polls, "invented": len(collected.invented), "altered": len(collected.altered),
                "twice": collected.twice, "examples": [*collected.invented, *collected.altered][:SHOWN],
            },
        }  # fmt: skip


def judge_energy(
    tracks: Mapping[SeriesKey, Track], results: ResultsReader, entries: EntriesReader, events: Sequence[Event]
) -> Energies:
    """Per counter: sum of settled intervals and open tail against last minus first."""
    found = Energies()
    listed = open_pairs(results.open_items())
    found.open_items = sum(len(pairs) for pairs in listed.values())
    exchanges = _exchanges(entries)
    settled = results.intervals(tracks, 0, 2**62)
    tails = (results.mark("settled") or {}).get("tails", {})
    for key, track in tracks.items():
        track.forget(events)
        track.cumulate(events, listed.get(key, ()), exchanges.get(key, ()))
        if track.times:
            _judge_track(found, track, settled.get(key), tails.get("|".join(key)))
        found.unlisted += [f"{'|'.join(key)}: {pair}" for pair in track.unlisted]
    found.unexplained = [
        f"{'|'.join(key)}: {pair}"
        for key, pairs in listed.items() if key in tracks
        for pair in sorted(pairs - set(tracks[key].cuts)) if not tracks[key].owned(pair, events)
    ]  # fmt: skip
    return found


def _judge_track(found: Energies, track: Track, rows: IntervalRows | None, tail: Sequence[int] | None) -> None:
    border = track.border()
    cut_ms = track.times[border] if border >= 0 else track.times[0]
    early, late = _sums(rows, tail, cut_ms)
    at_cut = track.cumulated[border] if border >= 0 else 0
    steps = track.step_micro() or 1.0
    if border > 0:
        found.history.count(track.key, abs(early - at_cut) / steps)
    if len(track.times) > track.first_live and (border >= 0 or len(track.times) > 1):
        early = 0 if border >= 0 else early
        found.live.count(track.key, abs(early + late - (track.cumulated[-1] - at_cut)) / steps)


def _sums(rows: IntervalRows | None, tail: Sequence[int] | None, cut_ms: int) -> tuple[int, int]:
    """The system's energy in quarter-hours that start before an instant, and after it [micro]."""
    if rows is None:
        return 0, int(tail[1]) if tail else 0
    before = rows.start_ms < cut_ms
    early, late = int(np.sum(rows.energy[before])), int(np.sum(rows.energy[~before]))
    held = len(rows.start_ms) and tail and int(rows.start_ms[-1]) >= tail[0]
    return early, late + (int(tail[1]) if tail and not held else 0)


def _exchanges(entries: EntriesReader) -> dict[SeriesKey, list[Exchanged]]:
    found: dict[SeriesKey, list[Exchanged]] = {}
    for entry in entries.entries("exchange"):
        body = entry.body
        one = Exchanged(body["time_ms"], body["final_micro"], body["start_micro"])
        found.setdefault((body["point"], body["quantity"]), []).append(one)
    return found
