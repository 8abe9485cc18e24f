"""The plant's past, as if the collector had been there: encoded to words, decoded again, ready for the store."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from collector.conversion import converter
from collector.exact import Value
from collector.wiring import Wire, WiredDevice, WiredGroup, WiredLink, wire_site
from metering.quantity import Kind, quantity
from metering.sitefile import SiteConfig
from metering.store.packing import Packing
from metering.store.readings import ReadingsWriter
from simulators.columns import encode
from simulators.config import DeviceSection, PlantFile
from simulators.device import moduli
from simulators.faults import Connection, Fault, connection, rolled
from simulators.messages import Message
from simulators.mqtt import sequence
from simulators.plant import Plant
from simulators.sample import Sample
from simulators.shapes import DAY_S, Floats, Ints
from simulators.truth import HistoryTruth

QUARTER_MS, MINUTE_MS, FINE_MS = 900_000, 60_000, DAY_S * 1000
Column: TypeAlias = Ints | Floats


class Row(NamedTuple):
    """One poll of the past."""

    time_ms: int
    group: int  # index among the groups
    values: bytes  # packed as the store packs them
    words: bytes


class Track(NamedTuple):
    """A poll group and the simulated device behind it."""

    group: WiredGroup
    device: WiredDevice
    section: DeviceSection


def tracks(plant: PlantFile, links: Sequence[WiredLink]) -> tuple[Track, ...]:
    """Every poll group of a site whose device the plant has."""
    sections = {d.id: d for d in plant.devices}
    return tuple(
        Track(group, device, sections[device.device.id])
        for link in links
        for device in link.devices
        if device.device.id in sections
        for group in device.groups
    )


def times(start_ms: int, end_ms: int, fine_ms: int = FINE_MS) -> Ints:
    """When the past was read: at UTC quarters, and each minute of the last day [ms UTC]."""
    turn = max(start_ms, end_ms - fine_ms)
    first, change = -(-start_ms // QUARTER_MS) * QUARTER_MS, -(-turn // MINUTE_MS) * MINUTE_MS
    coarse = np.arange(first, change, QUARTER_MS, dtype=np.int64)
    return np.concatenate([coarse, np.arange(change, end_ms, MINUTE_MS, dtype=np.int64)])


def history(
    plant: PlantFile,
    groups: Sequence[Track],
    start_ms: int,
    end_ms: int,
    faults: Sequence[Fault] = (),
    fine_ms: int = FINE_MS,
) -> Iterator[list[Row]]:
    """The polls of [start, end), oldest first, one batch a local day."""
    works = Plant(plant.freeze())
    turned = _rollovers(plant, groups, works, faults)
    workers = [_worker(index, track, turned, _connected(track, faults)) for index, track in enumerate(groups)]
    for sample in works.samples(times(start_ms, end_ms, fine_ms)):
        rows = [row for worker in workers for row in worker(sample)]
        yield sorted(rows, key=lambda row: row[:2])


def write_history(
    writer: ReadingsWriter,
    plant: PlantFile,
    site: SiteConfig,
    start_ms: int,
    end_ms: int,
    truth: Path,
    faults: Sequence[Fault] = (),
    progress: Callable[[int], None] = lambda _ms: None,
) -> int:
    """Write the past of [start, end) into a store, and its truth beside it; the number of polls."""
    groups = tracks(plant, wire_site(site))
    numbers = [writer.group(track.group.group) for track in groups]
    for track in groups:
        writer.declare(track.group.infos(start_ms, "history"))
    count = 0
    with HistoryTruth(truth) as log:
        for index, track in enumerate(groups):
            log.group(index, description(track))
        for rows in history(plant, groups, start_ms, end_ms, faults):
            for row in rows:
                log.poll(row.group, row.time_ms, row.words)
            writer.append_history((row.time_ms, numbers[row.group], row.values, row.words) for row in rows)
            count += len(rows)
            progress(rows[-1].time_ms)
    return count


def description(track: Track) -> Mapping[str, object]:
    """What the judge must know of a group to decode its words by itself."""
    group = track.group.group
    return {
        "device": group.device, "group": group.name, "profile": group.profile, "unit": track.section.unit,
        "topic": track.group.topic, "blocks": [[b.function, b.address, b.count] for b in group.blocks],
        "columns": [[c.point, c.quantity] for c in group.columns],
    }  # fmt: skip


Turned: TypeAlias = Mapping[tuple[str, str], tuple[int, int]]  # (device, quantity) -> counter at the turn, modulus


def _rollovers(plant: PlantFile, groups: Sequence[Track], works: Plant, faults: Sequence[Fault]) -> Turned:
    """Wheels that turn in the live run were near their end in the past."""
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for track in groups:
        for fault in faults:
            if fault.kind == "rollover" and fault.target == track.section.id:
                then = works.at((plant.start_ms or 0) + fault.start_ms)
                for name, modulus in moduli(w.field for w in track.group.wires).items():
                    if fault.touches(name):
                        shown = _counted(then, track, name, _connected(track, faults))
                        found[track.section.id, name] = int(shown[0]), modulus
    return found


def _connected(track: Track, faults: Sequence[Fault]) -> Connection:
    return connection(fault for fault in faults if fault.target == track.section.id)


def _worker(index: int, track: Track, turned: Turned, connected: Connection) -> Callable[[Sample], Iterator[Row]]:
    pack = Packing(track.group.group).pack
    polled = _heard(track) if track.group.topic else _read(track)

    def rows(sample: Sample) -> Iterator[Row]:
        columns = [_column(sample, track, wire.field.quantity, turned, connected) for wire in track.group.wires]
        stamps = (sample.time_s * 1000).tolist()
        for stamp, (values, words) in zip(stamps, polled(stamps, columns), strict=True):
            yield Row(stamp, index, pack(values), words)

    return rows


Polled: TypeAlias = Callable[[list[int], list[Column]], Iterator[tuple[Sequence[Value], bytes]]]


def _read(track: Track) -> Polled:
    decoder = track.group.decoder

    def polled(_stamps: list[int], columns: list[Column]) -> Iterator[tuple[Sequence[Value], bytes]]:
        for words in encode(decoder, columns):
            yield decoder.decode(words).values, b"".join(words)

    return polled


def _heard(track: Track) -> Polled:
    points = [wire.message for wire in track.group.wires if wire.message is not None]
    message = Message(track.group.topic, points)
    names = [wire.field.quantity for wire in track.group.wires]

    def polled(stamps: list[int], columns: list[Column]) -> Iterator[tuple[Sequence[Value], bytes]]:
        for stamp, *row in zip(stamps, *(column.tolist() for column in columns), strict=True):
            payload = message.payload(dict(zip(names, row, strict=True)), stamp, sequence(track.section, stamp))
            yield told(track.group.wires, payload), payload

    return polled


def told(wires: Sequence[Wire], payload: bytes) -> tuple[Value, ...]:
    """The values of a message, as the collector reads them: numbers exact to their last printed digit."""
    document = json.loads(payload, parse_float=Decimal)
    return tuple(_one(wire, document) for wire in wires)


def _one(wire: Wire, document: Any) -> Value:
    if wire.message is None:
        return None
    for part in wire.message.pointer[1:].split("/"):
        document = document.get(part) if isinstance(document, dict) else None
    raw: Any = wire.message.codes.get(document, document) if isinstance(document, str) else document
    value = None if raw is None else converter(wire.field, (0,))([raw])
    return value if value is None or wire.field.counter else float(value)


def _column(sample: Sample, track: Track, name: str, turned: Turned, connected: Connection) -> Column:
    if quantity(name).kind is not Kind.COUNTER:
        asked, factor = connected.asked(name)
        return sample.gauge(track.section.node, asked) * float(factor)
    counted = _counted(sample, track, name, connected)
    at_turn, modulus = turned.get((track.section.id, name), (0, 0))
    return np.array([rolled(v, at_turn, modulus) for v in counted.tolist()]) if modulus else counted


def _counted(sample: Sample, track: Track, name: str, connected: Connection) -> Ints:
    asked, factor = connected.asked(name)
    return sample.counter(track.section.node, asked) * factor.numerator // factor.denominator
