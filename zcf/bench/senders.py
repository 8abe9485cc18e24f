"""The contestants of `zcf bench deliver` and `zcf bench decode`, each in a process of its own."""

import json
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from metering.quantity import QUANTITIES, Kind
from metering.reading import Column, Lane, Poll, PollGroup
from metering.site import MeteringPoint, Role, Site
from zcf.bench.contestants import Used

WIDTH = 60
NAMES = tuple(q.name for q in QUANTITIES.values() if q.kind is Kind.GAUGE)[:WIDTH]
SITE = Site("bench", "", "", "UTC", "CN", "", "", 1, (MeteringPoint("p0", Role.GRID),))
GROUP = PollGroup("d0", "power", tuple(Column("p0", name) for name in NAMES), (), 1000, False, "bench", "")
NEWEST_MS = 1_790_812_800_000
Found = dict[str, Any]


def value(poll: int, column: int) -> float:
    """A made-up float32 that differs by poll and column."""
    return float(struct.unpack(">f", struct.pack(">f", 100 + (poll * 7919 + column * 104_729) % 100_003 / 997))[0])


def readings(polls: int) -> Iterator[Poll]:
    """So many polls, one a second."""
    for number in range(polls):
        values = tuple(value(number, column) for column in range(WIDTH))
        yield Poll(1, NEWEST_MS + 1000 * number, 1, number, Lane.CADENCE, values, b"")


def fill(spec: Found) -> Found:
    """A store that holds them."""
    from metering.store.readings import writing

    with writing(Path(spec["folder"]) / "store", "bench") as writer:
        writer.group(GROUP)
        writer.commit(polls=readings(spec["polls"]))
    return {}


def ours(spec: Found) -> Found:
    """The forwarder as it is: read, print, compress, send, acknowledge durably."""
    from collector.forward import Forwarder
    from collector.influx_sink import InfluxSink
    from metering.sitefile import ForwardSection
    from metering.store.readings import writing
    from metering.store.readings_reader import ReadingsReader

    store = Path(spec["folder"]) / "store"
    sink = InfluxSink(ForwardSection(url=spec["url"], bucket=f"ours{spec['round']}"), lambda: "t")
    with writing(store, "bench") as writer:
        forwarder = Forwarder(SITE, ReadingsReader(store), sink, writer.acknowledge, writer.quarantine)
        forwarder.step()  # connects, and takes the newest batch
        used = Used(WIDTH * (spec["polls"] - forwarder.pending()))
        while forwarder.pending():
            if forwarder.step() and forwarder.pending():
                raise RuntimeError("the database does not take it")
        return used.since(WIDTH * spec["polls"])


def batching(spec: Found) -> Found:
    """influxdb-client as its documents show it: a Point a value, written in batches by a thread of its own."""
    from influxdb_client.client import influxdb_client, write_api
    from influxdb_client.client.write import point

    database: Any = influxdb_client.InfluxDBClient(url=spec["url"], token="t", org="o")  # noqa: S106 - asked of none
    writer: Any = database.write_api(write_api.WriteOptions(batch_size=5000, flush_interval=1000))
    make: Any = point.Point
    polls = list(readings(max(spec["polls"] // 20, 1)))
    used = Used()
    for poll in polls:
        at_ns = poll.time_ms * 1_000_000
        points = [
            make("electricity").tag("site", "bench").tag("point", "p0").field(name, number).time(at_ns)
            for name, number in zip(NAMES, poll.values, strict=True)
        ]
        writer.write(f"theirs{spec['round']}", record=points)
    writer.close()
    return used.since(WIDTH * len(polls))


def printing(spec: Found) -> Found:
    """Our templates: polls as the store gives them -> bytes, read and printed by the batch as the forwarder does."""
    from collector.courier import BATCH_POLLS
    from collector.line_protocol import GroupLines, body
    from metering.store.readings_reader import ReadingsReader

    reader = ReadingsReader(Path(spec["folder"]) / "store")
    lines = GroupLines(SITE.id, GROUP, {"p0": SITE.points[0]})
    spent, size = list[Found](), 0
    for at in range(0, spec["polls"], BATCH_POLLS):
        polls = reader.polls_since(at, min(BATCH_POLLS, spec["polls"] - at))
        used = Used()  # of the printing alone
        size += len(body([(lines, poll) for poll in polls]))
        spent.append(used.since(0))
    whole = {key: sum(one[key] for one in spent) for key in ("cpu_s", "wall_s")}
    return {**spent[-1], **whole, "values": WIDTH * spec["polls"], "bytes": size}


def points(spec: Found) -> Found:
    """A Point a value, printed by influxdb-client."""
    from influxdb_client.client.write import point

    make: Any = point.Point
    polls = list(readings(max(spec["polls"] // 20, 1)))
    used = Used()
    size = 0
    for poll in polls:
        at_ns = poll.time_ms * 1_000_000
        for name, number in zip(NAMES, poll.values, strict=True):
            made = make("electricity").tag("site", "bench").tag("point", "p0").field(name, number).time(at_ns)
            size += len(made.to_line_protocol().encode())
    return {**used.since(WIDTH * len(polls)), "bytes": size}


def decoding(spec: Found) -> Found:
    """Our decoder: one struct a block, scale and unit for all at once, sentinels and infinities looked for."""
    from fractions import Fraction

    from collector.fields import Field
    from collector.registers import Decoder, Number
    from metering.reading import Block

    fields = [Field(f"q{i}", False, 3, Number(2 * i, "float32"), Fraction(1, 2)) for i in range(WIDTH)]
    decoder = Decoder(fields, [Block(3, 0, 2 * WIDTH)])
    words = [struct.pack(f">{WIDTH}f", *(value(n, c) for c in range(WIDTH))) for n in range(20)]
    used = Used()
    for number in range(spec["polls"]):
        decoder.decode([words[number % 20]])
    return used.since(WIDTH * spec["polls"])


def converting(spec: Found) -> Found:
    """What pymodbus offers, convert_from_registers value by value, then the scale."""
    from pymodbus.client import AsyncModbusTcpClient

    kind = AsyncModbusTcpClient.DATATYPE.FLOAT32
    packed = [struct.pack(f">{WIDTH}f", *(value(n, c) for c in range(WIDTH))) for n in range(20)]
    registers = [list(struct.unpack(f">{2 * WIDTH}H", one)) for one in packed]
    polls, convert = max(spec["polls"] // 20, 1), AsyncModbusTcpClient.convert_from_registers
    used = Used()
    for number in range(polls):
        some: Any = registers[number % 20]
        for column in range(WIDTH):
            found: Any = convert(some[2 * column : 2 * column + 2], kind)
            found *= 0.5
    return used.since(WIDTH * polls)


SENDERS: dict[str, Callable[[Found], Found]] = {
    "zcf, from the store": ours,
    "WriteApi batching": batching,
    "zcf, printing": printing,
    "Point.to_line_protocol": points,
}
DECODERS: dict[str, Callable[[Found], Found]] = {"zcf": decoding, "convert_from_registers": converting}

if __name__ == "__main__":
    print(json.dumps({**SENDERS, **DECODERS, "fill": fill}[sys.argv[1]](json.loads(sys.argv[2]))), flush=True)
