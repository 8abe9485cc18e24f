"""A store, InfluxDB's double, and a forwarder between them that a test steps by hand."""

from pathlib import Path

from collector.forward import Forwarder
from collector.influx_sink import InfluxSink
from metering.reading import MICRO, SeriesKey
from metering.sitefile import ForwardSection
from metering.store.readings_reader import ReadingsReader
from tests.harness.fakeflux import FakeFlux
from tests.harness.sample import SITE, Sample, sampled


class Rig:
    """A store, a double, and a forwarder between them that a test steps by hand."""

    def __init__(self, folder: Path, polls: int = 120) -> None:
        self.sample: Sample = sampled(folder / "store", seed=11, count=polls)
        self.reader = ReadingsReader(self.sample.store)
        self.flux = FakeFlux()
        self.token = FakeFlux.write_token
        self.timeout_ms = 30_000
        self.now_s = 1_795_262_400.0  # the forwarder's own clock: it moves by what a step says it waits
        self.forwarder = self.made()

    def made(self) -> Forwarder:
        """A forwarder that knows only what the store says."""
        section = ForwardSection(url=self.flux.url, org=self.flux.org)
        self.sink = InfluxSink(section, lambda: self.token, self.timeout_ms)
        writer = self.sample.writer
        clock = lambda: self.now_s  # noqa: E731 - one clock for both
        return Forwarder(SITE, self.reader, self.sink, writer.acknowledge, writer.quarantine, clock, clock)

    def step(self) -> float:
        """One step and the wait after it, which passes at once."""
        wait_s = self.forwarder.step()
        self.now_s += wait_s
        return wait_s

    def restart(self) -> None:
        self.sink.close()
        self.forwarder = self.made()

    def drain(self, most: int = 200) -> None:
        for _ in range(most):
            if not self.forwarder.pending():
                return
            self.step()
        raise AssertionError(f"{self.forwarder.pending()} polls were not delivered")

    def acknowledged(self) -> list[tuple[int, int]]:
        return self.reader.delivered(self.sink.name)

    def quarantine(self) -> list[tuple[int, str, str]]:
        return self.sample.writer._db.execute("SELECT seq, line, reason FROM quarantine ORDER BY id").fetchall()

    def values(self) -> dict[tuple[SeriesKey, int], float]:
        """What the double holds, as series and times in ms, without the qualities."""
        return {
            ((dict(series[1])["point"], field), time // 10**6): float(value)
            for (series, field, time), value in self.flux.rows().items()
            if not field.endswith("_quality") or field == "signal_quality"
        }

    def expected(self) -> dict[tuple[SeriesKey, int], float]:
        return {
            (key, time): float(value / MICRO if isinstance(value, int) else value)
            for key, rows in self.sample.rows().items()
            for time, value, _ in rows
        }

    def close(self) -> None:
        self.sink.close()
        self.flux.stop()
        self.sample.writer.close()
