"""The judge of a demo: what the simulated devices logged, against what the store and the results say.

It decodes the logged words by its own code, reads the factor files itself and uses nothing of analytics.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metering.reading import GapReason, PollGap
from metering.sitefile import SiteConfig, load_site
from metering.store.entries import EntriesReader
from metering.store.readings_reader import ReadingsReader
from metering.store.results import ResultsReader
from simulators.config import load_plant
from simulators.faultfile import load_faults
from simulators.faults import CONNECTED
from zcf.judging.carbon import Carbon, factor_rows, judge_carbon, own_rows
from zcf.judging.energy import Collected, Collector, Energies, judge_energy
from zcf.judging.messages import Messages, Span, count_messages
from zcf.judging.ticks import POLLED, Ticks, count_ticks
from zcf.judging.track import Event
from zcf.judging.truth import Truth

CARBON_TOLERANCE = 1e-12
RECOVERY_MS = 40_000  # a link's back-off may outlast its fault by so much
SHARED = frozenset({GapReason.OVERRUN, GapReason.LINE_DOWN})  # one connection: a neighbour's fault may cost a turn
OUR_OWN = frozenset({GapReason.COLLECTOR_DOWN_CLEAN, GapReason.COLLECTOR_DOWN_UNCLEAN})  # nobody was there to ask


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything the judge found out about one demo."""

    collected: Collected
    energies: Energies
    carbon: Carbon
    ticks: Ticks
    messages: Messages
    uncaused: Mapping[str, int]  # gap ticks that nothing was done to cause, by reason

    def body(self) -> dict[str, Any]:
        """As JSON; `faults` names every promise that was not kept."""
        return {
            "counters": max(self.energies.live.counters, self.energies.history.counters),
            "energy": self.energies.body(self.collected), "carbon": self.carbon.body(),
            "ticks": {**self.ticks.body(), "uncaused": dict(self.uncaused)}, "messages": self.messages.body(),
            "faults": list(self.faults()),
        }  # fmt: skip

    def faults(self) -> Iterable[str]:
        """The promises that were not kept, in words; none is what we want."""
        energies, collected = self.energies, self.collected
        checks = (
            (not energies.live.counters, "no live counter was judged"),
            (energies.live.max_error_steps, f"live energy of {energies.live.worst} is wrong"),
            (energies.history.max_error_steps, f"energy of the history of {energies.history.worst} is wrong"),
            (collected.invented, "readings were stored that no device gave"),
            (collected.altered, "stored values are not what the stored words say"),
            (collected.twice, "readings were stored twice"),
            (energies.unexplained, "open items without a cause"),
            (energies.unlisted, "registers that jumped without an open item"),
            (self.carbon.relative_error > CARBON_TOLERANCE, f"line {self.carbon.worst} is wrong"),
            (not self.ticks.right, "due polls are not accounted for"),
            (not self.messages.right, "messages are not accounted for"),
            (self.uncaused, "gaps without a cause"),
        )
        return [said for broken, said in checks if broken]


def judge(home: Path, balances: Sequence[Mapping[str, Any]] = (), outages: Sequence[Span] = ()) -> Findings:
    """Judge a demo's folder: its logs, its store, and the balances it printed; outages are spans of a dead plant."""
    config = load_site(home / "site.yaml")
    reader = ReadingsReader(config.store_dir)
    truth = Truth(home / "truth")
    events = events_of(home)
    collected = Collector(config, reader, truth).run()
    entries, results = EntriesReader(config.store_dir), ResultsReader(config.store_dir)
    energies = judge_energy(collected.tracks, results, entries, events)
    carbon, rows = Carbon(), factor_rows() if balances else {}
    declared: dict[str, Mapping[str, Any]] = {f.id: {"value": f.value} for f in config.file.factors}
    declared |= {**instruments(entries), **own_rows(config.factor_files)}
    for document in balances:
        carbon.join(judge_carbon(document, collected.tracks, rows, declared))
    return Findings(
        collected, energies, carbon, count_ticks(config, reader),
        count_messages(reader, truth.unclaimed, outages), uncaused(config, reader, events, outages),
    )  # fmt: skip


def instruments(entries: EntriesReader) -> dict[str, Mapping[str, Any]]:
    """The factor of each lot's certificates, by the entry that retired them."""
    lots = {entry.id: str(entry.body.get("factor", "0")) for entry in entries.entries("acquisition")}
    moved = entries.entries("retirement")
    return {entry.id: {"value": lots[entry.body["lot"]]} for entry in moved if entry.body.get("lot") in lots}


def events_of(home: Path) -> tuple[Event, ...]:
    """What was done to the devices and links of a demo on purpose [ms UTC]; a wrong connection loses no reading."""
    path = home / "faults.yaml"
    if not path.exists():
        return ()
    plant = load_plant(home / "plant.yaml")
    zero = plant.start_ms or 0
    return tuple(
        Event(f.target, f.kind, zero if f.kind == "rollover" else zero + f.start_ms,
              zero + f.start_ms + (0 if f.kind in {"rollover", "reset", "swap"} else f.length_ms), f.quantities)
        for f in load_faults(path, plant) if f.kind not in CONNECTED
    )  # fmt: skip


def uncaused(
    config: SiteConfig, reader: ReadingsReader, events: Iterable[Event], outages: Iterable[Span]
) -> Counter[str]:
    """Gap ticks that neither a fault of the device or its link, nor an outage of the plant, explains."""
    groups = reader.groups()
    link_of = {device.id: device.link for device in config.file.devices}
    found: Counter[str] = Counter()
    dead = list(outages)
    for gap in reader.gaps(0, 2**62)[0]:
        if gap.lane in POLLED and gap.reason not in OUR_OWN:
            device = groups[gap.group].device
            mates = {other for other, link in link_of.items() if link == link_of[device]}
            targets = {device, link_of[device], *(mates if gap.reason in SHARED else ())}
            spans = [(e.start_ms, e.end_ms) for e in events if e.target in targets]
            if not any(_explains(gap, span) for span in [*spans, *dead]):
                found[gap.reason.value] += gap.ticks
    return found


def _explains(gap: PollGap, span: Span) -> bool:
    return span[0] <= gap.end_ms and gap.start_ms <= span[1] + RECOVERY_MS
