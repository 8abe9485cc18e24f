"""The contestants of `zcf bench collect`, each run in a process of its own; the last line is what it used."""

import asyncio
import json
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BLOCK_REGISTERS = 120  # what one request of the block reader carries
SCALE = 0.5
WARM_UP_S = 5  # after the first reads, not counted
READY_S = 120  # what a start takes at the most


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


class _Window:
    """The seconds of a collector that count: they begin a while after its reads began, however long its start took."""

    def __init__(self, seconds: int) -> None:
        self._seconds, self._made = seconds, time.monotonic()
        self.start_s, self.from_ms, self.to_ms = 0.0, 0, 0
        self.used: dict[str, Any] = {}
        self._late = _after(READY_S, _stop)

    def ready(self) -> None:
        """The collector reads."""
        self._late.cancel()
        self.start_s = time.monotonic() - self._made
        _after(WARM_UP_S, self._open)

    def _open(self) -> None:
        used, self.from_ms = Used(), _now_ms()
        _after(self._seconds, lambda: self._close(used))

    def _close(self, used: Used) -> None:
        self.used, self.to_ms = used.since(0), _now_ms()
        _stop()


def _after(seconds: float, call: Callable[[], None]) -> threading.Timer:
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.start()
    return timer


def _stop() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def ours(spec: dict[str, Any]) -> dict[str, Any]:
    """`zcf collect` as it is: block reads, quality, gaps, ledger, durable store; forwarding where the site says so."""
    from collector import daemon
    from metering.store.readings_reader import ReadingsReader

    site, window = Path(spec["site"]), _Window(spec["seconds"])
    daemon.run(site, window.ready)
    if not window.used:
        raise RuntimeError(f"it read nothing within {READY_S} s of its start")
    reader = ReadingsReader(site.parent / "store")
    polls = [poll for poll in _polls(reader) if window.from_ms <= poll.time_ms < window.to_ms]
    values = sum(value is not None for poll in polls for value in poll.values)
    told = {"jitter_p99_ms": percentile(_late_ms(reader, polls, site)), "start_s": window.start_s}
    return {**window.used, "values": values, **told}


def _polls(reader: Any) -> Iterator[Any]:
    after = 0
    while polls := reader.polls_since(after, 10_000):
        yield from polls
        after = polls[-1].seq


def _late_ms(reader: Any, polls: Iterable[Any], site: Path) -> list[float]:
    """How long after the instant it was to be made each reading was there: its tick, and its group's turn [ms]."""
    from collector.epochs import phases_of
    from collector.wiring import wire_site
    from metering.sitefile import load_site

    turns = phases_of(wire_site(load_site(site)))
    starts = {epoch.id: epoch.start_ms for epoch in reader.epochs()}
    periods = {number: group.cadence_ms for number, group in reader.groups().items()}
    phases = {number: turns.get((group.device, group.name), 0) for number, group in reader.groups().items()}
    ticks = ((poll, starts[poll.epoch] + poll.tick * periods[poll.group]) for poll in polls)
    return [poll.time_ms - tick_ms - phases[poll.group] for poll, tick_ms in ticks]


def percentile(numbers: list[float], part: float = 0.99) -> float | None:
    """The number that so large a part of them does not exceed; None of nothing."""
    return sorted(numbers)[int(part * (len(numbers) - 1))] if numbers else None


def ours_forwarding(spec: dict[str, Any]) -> dict[str, Any]:
    """The same, and every reading sent on as well, as the other contestants do."""
    from collector.influx_sink import load_client

    load_client()  # the first send does it: on a busy machine that took longer than the warm-up
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
    used, first = Used(sum(counts)), len(late)
    await polling
    await asyncio.sleep(max(0.0, one.end - time.monotonic()))  # the second of the last tick counts too
    writer.close()
    found = {**used.since(sum(counts)), "jitter_p99_ms": percentile(late[first:])}
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
