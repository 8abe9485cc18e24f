"""The alert engine: hold, hysteresis, one incident an excursion, root cause, stepped clocks, what people said."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.alert_document import dump_state, load_state
from analytics.alert_words import clean, sentence
from analytics.alerts import NOBODY, Hush, Moment, People, Rule, Severity, Signal, State, advance
from analytics.signals import Figure, Judged, Trace, Value, budget_signal, met, traced, value_signals, verdict_signals
from analytics.silence import Heard, Wire, listened, silence_signals

T0 = 1_795_230_000_000
HIGH = Rule("high", "threshold", point="grid", quantity="active_power", above=100.0, clear=90.0, hold_ms=10_000,
            release_ms=5_000)  # fmt: skip
KEY = ("grid", "active_power")


class Bench:
    """One threshold rule, stepped by hand; wall clock and monotonic clock apart."""

    def __init__(self, rule: Rule = HIGH) -> None:
        self.rule, self.state, self.now_ms, self.told = rule, State(), T0, []

    def step(self, value: float, passed_ms: int = 1_000, jump_ms: int = 0, people: People = NOBODY) -> None:
        self.now_ms += passed_ms + jump_ms
        values = {KEY: Value(self.now_ms - 100, value, 1_000, "kW")}
        signals = list(value_signals(self.rule, values, {}, self.state, self.now_ms))
        at = Moment(self.now_ms, passed_ms)
        self.state, events = advance({"high": self.rule}, self.state, signals, frozenset({"high"}), at, people)
        self.told += [(event.kind, event.incident.key) for event in events]


def test_an_excursion_longer_than_its_hold_is_one_incident_with_one_key() -> None:
    bench = Bench()
    for value in [*[50] * 5, *[120] * 15, *[50] * 10]:
        bench.step(value)
    assert bench.told == [("firing", "high-1"), ("resolved", "high-1")]


def test_it_fires_when_the_hold_has_passed_and_not_before() -> None:
    bench = Bench()
    for _ in range(10):
        bench.step(120)
    assert bench.told == []
    bench.step(120)
    assert bench.told == [("firing", "high-1")]
    assert bench.state.firing()[0].since_ms == T0 + 1_000


def test_chatter_around_the_limit_tells_nothing_and_hysteresis_keeps_an_incident() -> None:
    bench = Bench()
    for value in [120, 80] * 30:
        bench.step(value)
    assert bench.told == []
    for value in [120] * 12 + [95, 105, 99] * 20:
        bench.step(value)
    assert bench.told == [("firing", "high-1")]


def test_a_stepped_wall_clock_fires_nothing_and_resolves_nothing() -> None:
    bench = Bench()
    for jump in (7_200_000, -3_600_000, 315_360_000_000, -315_360_000_000):
        bench.step(120, jump_ms=jump)
        bench.step(50)
    assert bench.told == []
    for _ in range(12):
        bench.step(120)
    bench.step(120, jump_ms=-7_200_000)
    assert bench.told == [("firing", "high-1")]


def test_old_data_that_crosses_the_limit_is_not_of_now() -> None:
    late = {KEY: Value(T0 - 3 * 86_400_000, 500.0, 1_000, "kW")}
    assert [one.bad for one in value_signals(HIGH, late, {}, State(), T0)] == [None]
    ahead = {KEY: Value(T0 + 86_400_000, 500.0, 1_000, "kW")}
    assert [one.bad for one in value_signals(HIGH, ahead, {}, State(), T0)] == [None]


def test_a_restart_neither_forgets_nor_fires_again() -> None:
    bench = Bench()
    for _ in range(12):
        bench.step(120)
    bench.state = load_state(dump_state(bench.state))
    for _ in range(12):
        bench.step(120)
    assert bench.told == [("firing", "high-1")]
    for _ in range(8):
        bench.step(50)
    assert bench.told[-1] == ("resolved", "high-1")
    for _ in range(12):
        bench.step(120)
    assert bench.told[-1] == ("firing", "high-2")


def test_it_is_told_again_until_somebody_acknowledges() -> None:
    bench = Bench(replace(HIGH, repeat_ms=60_000))
    for _ in range(80):
        bench.step(120)
    assert bench.told == [("firing", "high-1"), ("repeat", "high-1")]
    for _ in range(200):
        bench.step(120, people=People(frozenset({"high-1"})))
    assert len(bench.told) == 2


def test_a_silence_keeps_it_quiet_and_what_still_fires_afterwards_is_told() -> None:
    bench = Bench()
    hush = People(hushes=(Hush("high", "", T0, T0 + 60_000),))
    for _ in range(40):
        bench.step(120, people=hush)
    assert bench.told == []
    assert bench.state.firing()[0].key == "high-1"
    for _ in range(30):
        bench.step(120, people=hush)
    assert bench.told == [("firing", "high-1")]


def test_a_rule_taken_out_of_the_file_ends_its_incident() -> None:
    bench = Bench()
    for _ in range(12):
        bench.step(120)
    state, events = advance({}, bench.state, [], frozenset(), Moment(T0, 1_000))
    assert [event.kind for event in events] == ["resolved"]
    assert state.watches == {}


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([50.0, 95.0, 120.0, None]), st.integers(500, 20_000)), max_size=60))
def test_firing_and_resolved_alternate_and_every_excursion_beyond_its_hold_fires(
    steps: list[tuple[float | None, int]],
) -> None:
    bench, bad_ms, fired = Bench(replace(HIGH, clear=None, release_ms=0)), None, 0
    for value, passed in steps:
        if value is None:  # cannot be told: nothing changes
            at = Moment(bench.now_ms, passed)
            signal = Signal("high", "point:grid/active_power", None)
            bench.state, events = advance({"high": bench.rule}, bench.state, [signal], frozenset({"high"}), at)
            assert events == []
            continue
        before = bad_ms
        bad_ms = None if value <= 100 else 0 if bad_ms is None else bad_ms + passed
        fired += bad_ms is not None and bad_ms >= 10_000 and (before is None or before < 10_000)
        bench.step(value, passed)
    kinds = [kind for kind, _ in bench.told]
    assert kinds == [("firing", "resolved")[i % 2] for i in range(len(kinds))]
    assert kinds.count("firing") == fired
    assert [key for kind, key in bench.told if kind == "resolved"] == [
        key for kind, key in bench.told if kind == "firing"
    ][: kinds.count("resolved")]


SILENT = Rule("no_data", "absence", Severity.CRITICAL, after_ms=120_000)


class Yard:
    """Devices on links; some stop speaking."""

    def __init__(self, links: Mapping[str, int], host: str = "") -> None:
        self.wires = [
            Wire(f"{link}_{n}", link, host or f"10.0.0.{i}", 1_000)
            for i, (link, many) in enumerate(links.items())
            for n in range(many)
        ]
        self.heard: dict[str, Heard] = {}
        self.state, self.now_ms, self.told = State(), T0, []
        self.last = dict.fromkeys((wire.device for wire in self.wires), T0)

    def run(self, seconds: int, mute: set[str] = frozenset(), jump_ms: int = 0) -> None:
        self.now_ms += jump_ms
        for _ in range(0, seconds, 5):
            self.now_ms += 5_000
            for wire in self.wires:
                if wire.device not in mute and wire.link not in mute:
                    self.last[wire.device] = self.now_ms
            self.heard = listened(self.heard, self.last, self.last, 5_000)
            signals = list(silence_signals(SILENT, self.wires, self.heard, self.state))
            at = Moment(self.now_ms, 5_000)
            self.state, events = advance({"no_data": SILENT}, self.state, signals, frozenset({"no_data"}), at)
            self.told += [(event.kind, event.incident.subject, len(event.incident.members)) for event in events]


def test_a_hundred_devices_behind_one_dead_link_are_one_alert_with_its_members() -> None:
    yard = Yard({"hall": 100, "roof": 5})
    yard.run(60)
    yard.run(600, {"hall"})
    yard.run(300)
    assert yard.told == [("firing", "link:hall", 100), ("resolved", "link:hall", 100)]


def test_devices_that_come_back_one_by_one_are_no_storm() -> None:
    yard = Yard({"hall": 100, "roof": 5})
    yard.run(60)
    yard.run(300, {"hall"})
    for n in range(100):
        yard.run(5, {f"hall_{m}" for m in range(n, 100)} if n < 10 else set())
    yard.run(300)
    assert yard.told == [("firing", "link:hall", 100), ("resolved", "link:hall", 100)]


def test_a_device_that_stays_away_when_its_link_is_back_becomes_its_own_alert() -> None:
    yard = Yard({"hall": 10, "roof": 5})
    yard.run(60)
    yard.run(300, {"hall"})
    yard.run(600, {"hall_3"})
    kinds = [told[:2] for told in yard.told]
    assert kinds == [("firing", "link:hall"), ("resolved", "link:hall"), ("firing", "device:hall_3")]


def test_one_dead_device_among_others_is_itself_the_cause() -> None:
    yard = Yard({"hall": 10, "roof": 5})
    yard.run(60)
    yard.run(300, {"hall_3"})
    assert yard.told == [("firing", "device:hall_3", 0)]


def test_a_dead_switch_before_a_hundred_links_is_the_site() -> None:
    yard = Yard({f"l{n}": 1 for n in range(100)})
    yard.run(60)
    yard.run(300, {wire.link for wire in yard.wires})
    assert yard.told == [("firing", "site", 100)]


def test_a_gateway_with_several_lines_is_the_cause_above_them() -> None:
    yard = Yard({"line_1": 4, "line_2": 4}, host="10.0.0.9")
    yard.wires += Yard({"roof": 3}).wires
    yard.last |= dict.fromkeys((w.device for w in yard.wires), T0)
    yard.run(60)
    yard.run(300, {"line_1", "line_2"})
    assert yard.told == [("firing", "host:10.0.0.9", 8)]


def test_a_clock_that_jumps_ahead_finds_nobody_silent() -> None:
    yard = Yard({"hall": 10, "roof": 5})
    yard.run(60)
    yard.run(60, jump_ms=86_400_000)
    yard.run(60, jump_ms=-86_400_000)
    assert yard.told == []


def test_a_device_read_every_ten_minutes_has_time_for_it() -> None:
    yard = Yard({"hall": 1, "roof": 1})
    yard.wires = [replace(wire, cadence_ms=600_000) for wire in yard.wires[:1]] + yard.wires[1:]
    yard.run(60)
    yard.run(900, {"hall"})
    assert yard.told == []
    yard.run(1_200, {"hall"})
    assert yard.told == [("firing", "device:hall_0", 0)]


def test_a_frozen_gauge_is_found_and_a_machine_at_rest_is_not() -> None:
    rule = Rule("stuck", "frozen", after_ms=3_600_000)
    trace: Trace | None = None
    for n in range(70):
        value = Value(T0 + n * 60_000, 23.4, 60_000, "°C")
        trace = traced(trace, value, 60_000)
        last = value
    assert trace is not None
    [signal] = value_signals(
        rule, {("hall", "temperature"): last}, {("hall", "temperature"): trace}, State(), last.time_ms
    )
    assert (signal.bad, signal.value) == (True, 69 * 60.0)
    rest = replace(last, value=0.0)
    [signal] = value_signals(
        rule, {("hall", "temperature"): rest}, {("hall", "temperature"): trace}, State(), last.time_ms
    )
    assert signal.bad is False


def test_d15_a_counter_that_stands_still_under_power_is_frozen() -> None:
    rule, energy, power = (
        Rule("stuck", "frozen", after_ms=600_000),
        ("m", "active_energy_import"),
        ("m", "active_power"),
    )
    trace = Trace(T0, 5.0, 700_000, T0, 5.0)
    values = {energy: Value(T0, 5.0, 10_000, "kWh", counts=True), power: Value(T0, 40.0, 1_000, "kW")}
    assert [s.bad for s in value_signals(rule, values, {energy: trace}, State(), T0)] == [True]
    values[power] = Value(T0, 0.0, 1_000, "kW")
    assert [s.bad for s in value_signals(rule, values, {energy: trace}, State(), T0)] == [False]


def test_a_rate_is_of_readings_and_a_hole_in_time_makes_none() -> None:
    trace = traced(None, Value(T0, 100.0, 1_000), 60_000)
    trace = traced(trace, Value(T0 + 60_000, 160.0, 1_000), 60_000)
    assert trace.rate == pytest.approx(60.0)
    assert traced(trace, Value(T0 + 86_400_000, 900.0, 1_000), 60_000).rate is None


def test_a_budget_burns_when_going_on_like_this_would_pass_it() -> None:
    rule = Rule("co2", "budget", amount=100.0, measure="market")
    assert budget_signal(rule, Figure(30.0, 100.0, "tCO2"), 0.25).bad is True  # 120 by the end
    assert budget_signal(rule, Figure(20.0, 100.0, "tCO2"), 0.25).bad is False
    assert budget_signal(rule, Figure(9.0, 100.0, "tCO2"), 0.01).bad is False  # too early to say
    assert budget_signal(rule, Figure(101.0, 100.0, "tCO2"), 0.01).bad is True  # passed is passed
    assert budget_signal(rule, Figure(None, 100.0, "tCO2"), 0.5).bad is None


def test_a_verdict_is_at_risk_when_it_is_near_or_lost_and_never_when_it_never_was_met() -> None:
    rule = Rule("card", "verdict", margin=0.05, standard="s")
    safe, near = Judged("a", "MET", 90.0, 50.0, ">="), Judged("b", "MET", 51.0, 50.0, ">=")
    never, lost = Judged("c", "NOT_MET", 10.0, 50.0, ">="), Judged("d", "UNDETERMINED", None, 50.0, ">=")
    exact = Judged("e", "MET", 1.0, 1.0, "==", "bool")  # a yes is not nearly a no
    was = met({"d": True}, [safe, near, never])
    found = {s.subject[-1]: s.bad for s in verdict_signals(rule, [safe, near, never, lost, exact], was)}
    assert found == {"a": False, "b": True, "c": False, "d": True, "e": False}


EVIL = [
    "a\r\nBcc: x@example.org",
    "{{7*7}}",
    "${jndi:ldap://x}",
    "%s%n",
    "<script>",
    "\x1b[31mred",
    "\u202egnp",
    "{0.__class__}",
]


@pytest.mark.parametrize("text", EVIL)
def test_a_name_is_only_ever_text(text: str) -> None:
    said = clean(text)
    assert not any(ord(c) < 32 or c in "\u2028\u202e" for c in said)
    bench = Bench()
    for _ in range(12):
        bench.step(120)
    zh, en = sentence(bench.state.firing()[0], HIGH, lambda *_: (text, text))
    assert said[:20] in zh
    assert "\n" not in zh + en
    assert "49" not in zh
