"""One look at the site for its alerts: the newest readings each time, figures that cost more once a quarter-hour."""

from collections.abc import Iterable, Iterator, Mapping

from analytics.alert_rules import wires_of
from analytics.alerts import Incident, Rule, Signal, State
from analytics.factors import Gas
from analytics.hindsight import events
from analytics.quality import open_item_words
from analytics.service import FactoryService
from analytics.signals import (
    Figure,
    Judged,
    Trace,
    Value,
    budget_signal,
    figure_signal,
    met,
    open_item_signals,
    traced,
    value_signals,
    verdict_signals,
)
from analytics.silence import Heard, listened, silence_signals
from metering.period import QUARTER_MS
from metering.quantity import Kind, quantity
from metering.reading import MICRO, Lane, SeriesKey

HOUR_MS = 3_600_000
LATE_MS = 600_000  # older on arrival is not of now, whatever its cadence
LATE_POLLS = 20_000  # a look


class Look:
    """What the alerts see; it remembers what the last look saw."""

    def __init__(self, service: FactoryService, rules: Mapping[str, Rule]) -> None:
        self.service, self.rules = service, rules
        self.heard: dict[str, Heard] = {}
        self.traces: dict[SeriesKey, Trace] = {}
        self.was_met: dict[str, bool] = {}
        self.seen = 0  # the newest poll that was looked at; 0 before the first look
        self._costly: dict[str, tuple[int, list[Signal]]] = {}

    def signals(self, state: State, now_ms: int, passed_ms: int) -> list[Signal]:
        """The signals of every rule."""
        values = self._values()
        self._listen(passed_ms)
        found: list[Signal] = []
        for rule in self.rules.values():
            found += self._of(rule, state, values, now_ms)
        return found

    def late(self, now_ms: int) -> Iterator[Incident]:
        """Excursions among the readings that came since the last look and were old already: events, never alerts."""
        reader, before = self.service.source.readings, self.seen
        rules = {(rule.point, rule.quantity): rule for rule in self.rules.values() if rule.kind == "threshold"}
        self.seen = self.seen or reader.last_seq()
        if not rules or not before:
            return
        spans = reader.changed_since(before)
        self.seen = spans.seq
        old = {key: rules[key] for key, (low, _) in spans.touched.items() if key in rules and low < now_ms - LATE_MS}
        for key, rule in old.items():
            readings = [*self._late_readings(key, before, now_ms - LATE_MS)]
            yield from events(rule, readings, quantity(key[1]).unit, now_ms)

    def _late_readings(self, key: SeriesKey, since: int, until_ms: int) -> Iterator[tuple[int, float]]:
        reader = self.service.source.readings
        columns = {
            number: [index for index, column in enumerate(group.columns) if column.key == key]
            for number, group in reader.groups().items()
        }
        for poll in reader.polls_since(since, LATE_POLLS):
            for index in columns[poll.group] if poll.time_ms < until_ms else ():
                value = poll.values[index]
                if value is not None:
                    yield poll.time_ms, value / MICRO if quantity(key[1]).kind is not Kind.GAUGE else float(value)

    def _of(self, rule: Rule, state: State, values: Mapping[SeriesKey, Value], now_ms: int) -> Iterable[Signal]:
        match rule.kind:
            case "threshold" | "rate" | "frozen":
                return value_signals(rule, values, self.traces, state, now_ms)
            case "absence":
                wires = wires_of(self.service.config, self.service.source.readings.groups())
                return silence_signals(rule, wires, self.heard, state)
            case "open_item":
                return open_item_signals(rule, self._open_items())
            case "demand":
                return [figure_signal(rule, f"point:{rule.point}", self._demand(rule, values, now_ms), state)]
            case "data_quality":
                return [figure_signal(rule, "site", self._coverage(rule, now_ms), state)]
        return self._once_a_quarter(rule, now_ms)

    def _values(self) -> dict[SeriesKey, Value]:
        infos, found = self.service.infos(), dict[SeriesKey, Value]()
        for key, reading in self.service.source.latest().items():
            kept = quantity(key[1])
            counts = kept.kind is not Kind.GAUGE
            cadence = infos[key][-1].cadence_ms if infos.get(key) else 0
            value = reading.value / MICRO if counts else float(reading.value)
            found[key] = Value(reading.time_ms, value, cadence, kept.unit, counts)
        per = {(rule.point, rule.quantity): rule.per_ms for rule in self.rules.values() if rule.kind == "rate"}
        if per or any(rule.kind == "frozen" for rule in self.rules.values()):
            self.traces = {
                key: traced(self.traces.get(key), value, per.get(key, 60_000)) for key, value in found.items()
            }
        return found

    def _listen(self, passed_ms: int) -> None:
        groups, last = self.service.source.readings.groups(), dict[str, int]()
        for number, time_ms in self.service.source.readings.last_times().items():
            device = groups[number].device
            last[device] = max(time_ms, last.get(device, 0))
        devices = {device.id for device in self.service.config.file.devices}
        self.heard = listened(self.heard, last, devices, passed_ms)

    def _open_items(self) -> Iterator[tuple[SeriesKey, int, tuple[str, str]]]:
        for key, body in self.service.results.open_items():
            if not body["provisional"]:
                yield key, body["before"]["time_ms"], open_item_words(body["kind"])

    def _demand(self, rule: Rule, values: Mapping[SeriesKey, Value], now_ms: int) -> Figure:
        """What this quarter-hour's mean power comes to if the power stays as it is [kW]."""
        power = values.get((rule.point, "active_power"))
        if power is None or not power.fresh(now_ms):
            return Figure(None, rule.above, "kW")
        key, start = (rule.point, "active_energy_import"), now_ms // QUARTER_MS * QUARTER_MS
        columns = self.service.source.ranges([key], start, now_ms + 1, bracket=False).get(key)
        rest_h, kwh = (start + QUARTER_MS - now_ms) / HOUR_MS, max(power.value, 0.0) * (now_ms - start) / HOUR_MS
        if columns is not None and len(columns) > 1:
            counted_h = (int(columns.time_ms[-1]) - int(columns.time_ms[0])) / HOUR_MS
            energy = (int(columns.value[-1]) - int(columns.value[0])) / MICRO
            kwh = energy + max(power.value, 0.0) * ((now_ms - start) / HOUR_MS - counted_h)
        return Figure((kwh + max(power.value, 0.0) * rest_h) * 4, rule.above, "kW")

    def _coverage(self, rule: Rule, now_ms: int) -> Figure:
        """The share of the last hour's due polls that were read."""
        reader, start = self.service.source.readings, now_ms - HOUR_MS
        epochs = [epoch.start_ms for epoch in reader.epochs()]
        since = max(start, epochs[0]) if epochs else now_ms
        due = sum((now_ms - since) // group.cadence_ms for group in reader.groups().values() if group.cadence_ms)
        gaps, _ = reader.gaps(since, now_ms)
        missed = sum(gap.ticks for gap in gaps if gap.lane is Lane.CADENCE)
        return Figure(1 - min(missed, due) / due if due else None, rule.below, "")

    def _once_a_quarter(self, rule: Rule, now_ms: int) -> list[Signal]:
        made, signals = self._costly.get(rule.id, (-1, []))
        if made != now_ms // QUARTER_MS:
            signals = [self._budget(rule, now_ms)] if rule.kind == "budget" else list(self._verdicts(rule))
            self._costly[rule.id] = (now_ms // QUARTER_MS, signals)
        return signals

    def _budget(self, rule: Rule, now_ms: int) -> Signal:
        found = self.service.account(rule.window)
        period, totals = found.period, found.balance.totals(Gas.CO2_ONLY)
        elapsed = (min(now_ms, period.end_ms) - period.start_ms) / (period.end_ms - period.start_ms)
        used: Mapping[str, tuple[float | None, str]] = {
            "energy": (found.flows.consumption.total().value, "kWh"),
            "location": (_tonnes(totals.gross_location), "tCO2"),
            "market": (_tonnes(totals.gross_market), "tCO2"),
        }
        value, unit = used[rule.measure]
        return budget_signal(rule, Figure(value, rule.amount, unit), elapsed)

    def _verdicts(self, rule: Rule) -> Iterable[Signal]:
        if rule.standard not in self.service.standards:
            return []
        rows = self.service.score(rule.standard)["verdicts"]
        judged = [
            Judged(row["id"], row["outcome"], row["value"], row["threshold"], row["op"], row["unit"] or "",
                   (row["name"]["zh"], row["name"]["en"]))
            for row in rows
        ]  # fmt: skip
        self.was_met = met(self.was_met, judged)
        return list(verdict_signals(rule, judged, self.was_met))


def _tonnes(kg: float | None) -> float | None:
    return None if kg is None else kg / 1000
