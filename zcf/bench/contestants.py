"""The contestants of `zcf bench collect`, each run in a process of its own; the last line is what it used."""

import asyncio
import json
import resource
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BLOCK_REGISTERS = 120  # what one request of the block reader carries
SCALE = 0.5
WARM_UP_S = 5


class Used:
    """What a process uses from an instant on; what it does to get started is not counted."""

    def __init__(self, values: int = 0) -> None:
        self._cpu_s, self._wall_s, self._values = _cpu_s(), time.monotonic(), values

    def since(self, values: int) -> dict[str, Any]:
        """Up to now [values, CPU s, s, MB]."""
        cpu_s, wall_s = _cpu_s() - self._cpu_s, time.monotonic() - self._wall_s
        rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return {"values": values - self._values, "cpu_s": cpu_s, "wall_s": wall_s, "rss_mb": rss_mb}


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def ours(spec: dict[str, Any]) -> dict[str, Any]:
    """`zcf collect` as it is: block reads, quality, gaps, ledger, durable store; forwarding where the site says so."""
    from collector import daemon
    from metering.store.readings_reader import ReadingsReader
    from zcf.bench.collect import units_of

    site, begun = Path(spec["site"]), list[Used]()
    reader = ReadingsReader(site.parent / "store")

    wide = spec["values"] // units_of(spec["values"])  # values a poll

    def steady() -> None:
        begun.append(Used(reader.last_seq() * wide))

    daemon.run(site, lambda: threading.Timer(WARM_UP_S, steady).start(), WARM_UP_S + spec["seconds"])
    return {**begun[0].since(reader.last_seq() * wide), "jitter_p99_ms": percentile(_late_ms(reader))}


def _late_ms(reader: Any) -> list[float]:
    """How long after each tick of the second half of a run its reading was there [ms]."""
    starts = {epoch.id: epoch.start_ms for epoch in reader.epochs()}
    periods = {number: group.cadence_ms for number, group in reader.groups().items()}
    polls = reader.polls_since(reader.last_seq() // 2, 1_000_000)
    return [poll.time_ms - starts[poll.epoch] - poll.tick * periods[poll.group] for poll in polls]


def percentile(numbers: list[float], part: float = 0.99) -> float | None:
    """The number that so large a part of them does not exceed; None of nothing."""
    return sorted(numbers)[int(part * (len(numbers) - 1))] if numbers else None


def ours_forwarding(spec: dict[str, Any]) -> dict[str, Any]:
    """The same, and every reading sent on as well, as the other contestants do."""
    return ours({**spec, "site": spec["forwarding_site"]})


def by_point(spec: dict[str, Any]) -> dict[str, Any]:
    """pymodbus, one request a value."""
    return asyncio.run(_pymodbus(spec, _read_points))


def by_block(spec: dict[str, Any]) -> dict[str, Any]:
    """pymodbus, requests of up to 120 registers."""
    return asyncio.run(_pymodbus(spec, _read_blocks))


async def _read_points(client: Any, values: int) -> list[float]:
    kind, found = client.DATATYPE.FLOAT32, []
    for index in range(values):
        answer = await client.read_holding_registers(2 * index, count=2)
        found.append(client.convert_from_registers(answer.registers, kind) * SCALE)
    return found


async def _read_blocks(client: Any, values: int) -> list[float]:
    kind, found = client.DATATYPE.FLOAT32, []
    for start in range(0, 2 * values, BLOCK_REGISTERS):
        answer = await client.read_holding_registers(start, count=min(BLOCK_REGISTERS, 2 * values - start))
        found += [value * SCALE for value in client.convert_from_registers(answer.registers, kind)]
    return found


async def _pymodbus(spec: dict[str, Any], read: Callable[[Any, int], Any]) -> dict[str, Any]:
    from influxdb_client.client import influxdb_client, write_api
    from pymodbus.client import AsyncModbusTcpClient

    database: Any = influxdb_client.InfluxDBClient(url=spec["sink"], token="t", org="o")  # noqa: S106 - asked of none
    writer: Any = database.write_api(write_api.WriteOptions(batch_size=5000, flush_interval=1000))
    clients = [AsyncModbusTcpClient("127.0.0.1", port=port) for port in spec["ports"]]
    await asyncio.gather(*(client.connect() for client in clients))
    counts, late = [0] * len(clients), list[float]()
    steady, end = time.monotonic() + WARM_UP_S, time.monotonic() + WARM_UP_S + spec["seconds"]
    one = _Reading(read, writer, end, spec["values"], counts, late)
    polls = [_poll(client, number, one) for number, client in enumerate(clients)]
    polling = asyncio.gather(*polls)
    await asyncio.sleep(steady - time.monotonic())
    used = Used(sum(counts))
    await polling
    writer.close()
    found = {**used.since(sum(counts)), "jitter_p99_ms": percentile(late[len(late) // 2 :])}
    for client in clients:
        client.close()
    database.close()
    return found


@dataclass(slots=True)
class _Reading:
    """What the readers of one run share."""

    read: Callable[[Any, int], Any]
    writer: Any
    end: float
    values: int
    counts: list[int]
    late: list[float]  # how long after each tick its reading was there [ms]


async def _poll(client: Any, number: int, one: _Reading) -> None:
    """Once a second: read, convert, hand over as points."""
    from influxdb_client.client.write import point

    make: Any = point.Point
    due = time.monotonic()
    while due < one.end:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        found = await one.read(client, one.values)
        one.late.append(1000 * (time.monotonic() - due))
        now = time.time_ns()
        points = [
            make("electricity").tag("device", f"d{number}").field(f"v{index}", value).time(now)
            for index, value in enumerate(found)
        ]
        one.writer.write("b", record=points)
        one.counts[number] += len(found)
        due = max(due + 1, time.monotonic() - 1)


CONTESTANTS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "zcf collect": ours,
    "zcf collect, forwarding": ours_forwarding,
    "pymodbus by point": by_point,
    "pymodbus by block": by_block,
}

if __name__ == "__main__":
    print(json.dumps(CONTESTANTS[sys.argv[1]](json.loads(sys.argv[2]))), flush=True)
