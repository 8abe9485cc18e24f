"""The ledger as a state machine under a virtual clock: whatever happens, each due tick ends in one reading or gap."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from collector.epochs import Epoch, close_epoch, open_epoch
from collector.feed import Cause, Feed
from collector.pending import BORN_MS, Held, Span, cadence_only, commit_span, is_set
from collector.schedule import Timetable, tracks
from collector.wiring import WiredGroup
from metering.reading import Column, GapReason, Lane, Poll, PollGap, PollGroup
from metering.store.readings import LedgerKey, ReadingsWriter
from metering.store.readings_reader import ReadingsReader
from metering.store.thinning import thin

START_MS = 1_795_219_200_000 + 300_000
PERIODS = (60_000, 300_000)


def wired(period_ms: int) -> WiredGroup:
    columns = (Column("grid", "active_energy_import"),)
    return WiredGroup(PollGroup(f"m{period_ms}", "energy", columns, (), period_ms, True, "p", "h"), (), "")


class Queue:
    """What a committer is to a feed, committing when the machine says so."""

    def __init__(self) -> None:
        self.full = False
        self.polls: list[Poll] = []
        self.gaps: list[PollGap] = []
        self.ledger: dict[LedgerKey, int] = {}

    def add(self, *, polls=(), gaps=(), value_gaps=(), ledger=None, told=None) -> None:
        self.polls += polls
        self.gaps += gaps
        if ledger is not None:
            self.ledger[ledger[0]] = ledger[1]


class LedgerMachine(RuleBasedStateMachine):
    """A collector on two meters: it polls, fails, stops, is killed, reloaded, paused; its clock does what it likes."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.store = Path(self.folder.name)
        self.writer = ReadingsWriter(self.store, "test")
        self.true_ms = START_MS  # the monotonic clock, as if it began there
        self.wall_off_ms = 0  # wall clock = true + this
        self.groups = tuple(map(wired, PERIODS))
        self.epoch: Epoch | None = None
        self.queue: Queue | Held = Queue()
        self.begin(None)

    # The collector's own steps, without sockets

    def begin(self, why: GapReason | None) -> None:
        newest = max(self.writer.newest_times().values(), default=0)
        wall = self.true_ms + self.wall_off_ms
        self.pending = not is_set(wall, newest)
        self.off_ms = wall - self.true_ms  # the epoch's own clock
        if self.pending:
            numbers = {g.group: self.writer.group(g.group) for g in self.groups}
            self.epoch, self.queue = Epoch(0, wall, numbers, {}, {}), Held()
        else:
            self.epoch, self.queue = open_epoch(self.writer, self.groups, wall, why), Queue()
        self.feeds = []
        for group in self.groups:
            number = self.epoch.numbers[group.group]
            due = tracks(number, wall, group.group.cadence_ms, quarter=True)
            due = cadence_only(due) if self.pending else due
            feed = Feed.__new__(Feed)
            feed.__dict__.update(wired=group, number=number, next_ticks={t: t.first for t in due}, certain=True)
            feed.__dict__.update(_epoch=self.epoch.id, _committer=self.queue, _runs={})
            feed.__dict__.update(_last_ms=self.epoch.newest_ms.get(number, 0))
            self.feeds.append(feed)
        self.timetable = Timetable(track for feed in self.feeds for track in feed.next_ticks)

    def now_ms(self) -> int:
        return self.true_ms + self.off_ms

    def commit(self) -> None:
        if isinstance(self.queue, Queue):
            self.writer.commit(self.queue.polls, self.queue.gaps, (), self.queue.ledger)
            self.queue.polls, self.queue.gaps, self.queue.ledger = [], [], {}

    def end(self, why: GapReason, known_ms: int | None = None) -> None:
        for feed in self.feeds:
            feed.flush()
        ticks = {track: tick for feed in self.feeds for track, tick in feed.next_ticks.items()}
        assert self.epoch is not None
        if isinstance(self.queue, Held):
            newest = max(self.writer.newest_times().values(), default=0)
            shift = max(newest + 1, BORN_MS) - self.epoch.start_ms if known_ms is None else known_ms
            span = Span(self.queue, self.groups, ticks, self.epoch.start_ms, self.now_ms())
            commit_span(self.writer, span, shift, None, certain=known_ms is not None)
        else:
            self.commit()
            close_epoch(self.writer, self.epoch, ticks, self.now_ms(), why)
        self.epoch = None

    # What may happen

    @rule(minutes=st.integers(1, 40), answers=st.booleans())
    @precondition(lambda self: self.epoch is not None)
    def time_passes(self, minutes: int, answers: bool) -> None:
        until = self.true_ms + minutes * 60_000
        while self.true_ms < until:
            self.true_ms = min(until, max(self.true_ms, self.timetable.next_ms() - self.off_ms))
            while (due := self.timetable.pick(self.now_ms(), {})) is not None:
                feed = next(f for f in self.feeds if due.track in f.next_ticks)
                if due.missed:
                    feed.missed(due.track, due.tick - due.missed, due.missed, Cause(GapReason.SCHEDULER_LATE))
                if answers:
                    self.read(feed, due.track, due.tick)
                else:
                    feed.missed(due.track, due.tick, 1, Cause(GapReason.TIMEOUT))

    def read(self, feed: Feed, track, tick: int) -> None:
        feed._write_run(track)
        feed._last_ms = time_ms = max(self.now_ms(), feed._last_ms + 1)
        feed.next_ticks[track] = tick + 1
        poll = Poll(feed.number, time_ms, feed._epoch, tick, track.lane, (tick,), b"")
        self.queue.add(polls=(poll,), ledger=((feed._epoch, feed.number, track.lane), tick + 1))

    @rule()
    @precondition(lambda self: self.epoch is not None)
    def a_commit(self) -> None:
        self.commit()

    @rule(minutes=st.integers(1, 200))
    def paused(self, minutes: int) -> None:
        self.true_ms += minutes * 60_000

    @rule(hours=st.integers(-3, 3))
    def the_clock_steps(self, hours: int) -> None:
        self.wall_off_ms += hours * 3_600_000
        if self.epoch is None:
            return
        newest = max(self.writer.newest_times().values(), default=0)
        if self.pending and is_set(self.true_ms + self.wall_off_ms, newest):
            self.end(GapReason.TIME_UNCERTAIN, self.wall_off_ms - self.off_ms)
            self.begin(GapReason.TIME_UNCERTAIN)
        elif not self.pending and self.wall_off_ms - self.off_ms > 1000:
            self.end(GapReason.COLLECTOR_DOWN_CLEAN)
            self.begin(GapReason.TIME_UNCERTAIN)

    @rule()
    @precondition(lambda self: self.epoch is not None and not self.pending)
    def reloaded(self) -> None:
        self.end(GapReason.MAINTENANCE)
        self.begin(GapReason.MAINTENANCE)

    @rule()
    @precondition(lambda self: self.epoch is not None)
    def stopped(self) -> None:
        self.end(GapReason.COLLECTOR_DOWN_CLEAN)

    @rule(committed=st.booleans())
    @precondition(lambda self: self.epoch is not None)
    def killed(self, committed: bool) -> None:
        if committed:
            self.commit()
        self.epoch = None

    @rule(unset=st.booleans())
    @precondition(lambda self: self.epoch is None)
    def started(self, unset: bool) -> None:
        self.wall_off_ms = -50 * 365 * 86_400_000 if unset else max(self.wall_off_ms, -3_600_000)
        self.writer.close()
        self.writer = ReadingsWriter(self.store, "test")
        self.begin(None)

    @rule()
    def thinned(self) -> None:
        thin(self.writer, self.true_ms)

    # What must stay so

    @invariant()
    def every_due_tick_of_every_closed_epoch_ended_once(self) -> None:
        reader, closed = ReadingsReader(self.store), {}
        epochs = {e.id: e for e in reader.epochs()}
        groups = reader.groups()
        for epoch, group, lane, next_tick in reader.ledger():
            stop_ms = epochs[epoch].stop_ms
            if stop_ms is None:
                continue
            first, *others = [t for t in tracks(group, epochs[epoch].start_ms, groups[group].cadence_ms, quarter=True)
                              if t.lane is lane]  # fmt: skip
            assert not others
            assert next_tick == first.end(stop_ms)
            closed[epoch, group, lane] = (first.first, next_tick)
        runs: dict[tuple[int, int, Lane], list[tuple[int, int]]] = {key: [] for key in closed}
        for poll in reader.polls_since(0, 10**6):
            if (poll.epoch, poll.group, poll.lane) in runs:
                runs[poll.epoch, poll.group, poll.lane].append((poll.tick, 1))
        for gap in reader.gaps(0, 2**60)[0]:
            if (gap.epoch, gap.group, gap.lane) in runs:
                runs[gap.epoch, gap.group, gap.lane].append((gap.first_tick, gap.ticks))
        removed = self.writer._db.execute("SELECT coalesce(sum(polls), 0) FROM thinned").fetchone()[0]
        absent = 0
        for key, found in runs.items():
            at, end = closed[key]
            for first, ticks in sorted(found):
                assert first >= at, key  # never twice
                absent += first - at
                at = first + ticks
            assert at <= max(end, closed[key][0])
            absent += end - at
        assert absent <= removed  # and never not at all, but for what the ladder counts

    @invariant()
    def times_rise_within_a_group(self) -> None:
        times: dict[int, int] = {}
        for poll in ReadingsReader(self.store).polls_since(0, 10**6):
            assert poll.time_ms > times.get(poll.group, 0)
            times[poll.group] = poll.time_ms

    def teardown(self) -> None:
        self.writer.close()
        self.folder.cleanup()


def walk(examples: int, steps: int) -> None:
    quiet = list(HealthCheck)
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=quiet),
    )


def test_every_tick_ends_once() -> None:
    walk(5, 15)


@pytest.mark.long
def test_every_tick_ends_once_on_many_long_walks() -> None:
    walk(60, 40)
