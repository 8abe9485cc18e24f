"""Opening and closing the spans in which the schedule is fixed, so that due = read + gap over all of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from collector.phases import phases
from collector.schedule import Track, cadence, ending, quarters
from collector.wiring import WiredGroup, WiredLink
from metering.failpoint import failpoint
from metering.reading import GapReason, Lane, PollGroup
from metering.store.polls import newest_messages
from metering.store.readings import LedgerKey, ReadingsWriter


@dataclass(frozen=True, slots=True)
class Epoch:
    """A span that has been opened: its number, its start, its groups' numbers, and what they went on from."""

    id: int
    start_ms: int
    numbers: Mapping[PollGroup, int]
    sequences: Mapping[int, int]  # of groups fed by messages: the next sequence number expected; 0 = none yet
    newest_ms: Mapping[int, int]  # of groups that have one: the newest reading before it [ms UTC]
    # of groups fed by messages: what the newest ones before it said
    said: Mapping[int, Sequence[bytes]] = field(default_factory=dict)


def open_epoch(
    writer: ReadingsWriter, groups: Iterable[WiredGroup], start_ms: int, why_down: GapReason | None = None
) -> Epoch:
    """Close what ran before at this start, then begin a span with these groups."""
    groups = tuple(groups)
    sequences = close_previous(writer, start_ms, why_down)
    numbers = {wired.group: writer.group(wired.group) for wired in groups}
    writer.declare(info for wired in groups for info in wired.infos(start_ms))
    failpoint("declared")
    id_ = writer.open_epoch(start_ms)
    failpoint("epoch-opened")
    expected = {numbers[wired.group]: sequences.get(numbers[wired.group], 0) for wired in groups if wired.topic}
    polled = (track for wired in groups for track in tracks_of(wired, numbers[wired.group], start_ms))
    ledger: dict[LedgerKey, int] = {(id_, track.group, track.lane): track.first for track in polled}
    ledger |= {(id_, number, Lane.MESSAGE): tick for number, tick in expected.items()}
    writer.commit(ledger=ledger)
    failpoint("epoch-ledger")
    said = newest_messages(writer) if expected else {}
    return Epoch(id_, start_ms, numbers, expected, writer.newest_times(), said)


def tracks_of(wired: WiredGroup, number: int, start_ms: int) -> tuple[Track, ...]:
    """The tracks of a group in an epoch; messages are not due at any time."""
    if wired.topic:
        return ()
    every = cadence(number, start_ms, wired.group.cadence_ms)
    return (every, quarters(number, start_ms)) if wired.group.quarter else (every,)


def phases_of(links: Iterable[WiredLink]) -> Mapping[tuple[str, str], int]:
    """How long after its ticks each group is read [ms]; a serial line, here or behind a gateway, queues by itself."""
    asked = [wired for wired in links if wired.link.modbus and wired.link.character_ms is None]
    return phases([group.group for device in wired.devices for group in device.groups] for wired in asked)


def close_epoch(
    writer: ReadingsWriter,
    epoch: Epoch,
    next_ticks: Mapping[Track, int],
    stop_ms: int,
    reason: GapReason = GapReason.COLLECTOR_DOWN_CLEAN,
) -> None:
    """End a span that stops in good order; what was due and not read is a gap."""
    closed = ending(epoch.id, epoch.start_ms, next_ticks, stop_ms, reason)
    writer.commit(gaps=closed.gaps, ledger={(epoch.id, *key): tick for key, tick in closed.next_ticks.items()})
    failpoint("epoch-gaps")
    writer.close_epoch(epoch.id, closed.stop_ms, clean=True)
    failpoint("epoch-closed")


def close_previous(writer: ReadingsWriter, start_ms: int, why_down: GapReason | None = None) -> dict[int, int]:
    """Extend the last span to a new start: all it missed is a gap. Gives the next expected sequence number by group."""
    last = writer.last_epoch()
    if last is None:
        return {}
    epoch, began_ms, _, clean = last
    reason = why_down or (GapReason.COLLECTOR_DOWN_CLEAN if clean else GapReason.COLLECTOR_DOWN_UNCLEAN)
    ledger = writer.ledger(epoch)
    next_ticks = {
        _track(writer, number, lane, began_ms): tick for (number, lane), tick in ledger.items() if lane != Lane.MESSAGE
    }
    closed = ending(epoch, began_ms, next_ticks, start_ms, reason)
    writer.commit(gaps=closed.gaps, ledger={(epoch, *key): tick for key, tick in closed.next_ticks.items()})
    writer.close_epoch(epoch, closed.stop_ms, clean=clean)
    return {number: tick for (number, lane), tick in ledger.items() if lane is Lane.MESSAGE}


def _track(writer: ReadingsWriter, number: int, lane: Lane, start_ms: int) -> Track:
    if lane is Lane.QUARTER:
        return quarters(number, start_ms)
    return cadence(number, start_ms, writer.group_of(number).cadence_ms)
