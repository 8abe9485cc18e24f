"""Results on their way to InfluxDB: only 204 delivers, a restart resumes, what is settled again is sent again."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from analytics.publishing import Publisher, sender
from metering.site import MeteringPoint, Role, Site
from metering.sitefile import ForwardSection
from metering.store.publication import PublicationWriter
from metering.store.results import DAY_MS, IntervalRows, ResultsReader, ResultsWriter
from tests.harness.fakeflux import FakeFlux, Fault

DAY0 = 1_795_219_200_000 // DAY_MS * DAY_MS
Q = 900_000
KEY = ("grid", "active_energy_import")
GRID = MeteringPoint("grid", Role.GRID, area="main hall, west")
TOTALS = SimpleNamespace(scope1=1.5, scope2_location=20.25, scope2_market=18.0, gross_location=21.75, gross_market=19.5)


@pytest.fixture
def flux():
    flux = FakeFlux()
    yield flux
    flux.stop()


class Rig:
    """A results.db with a publisher to a double of InfluxDB."""

    def __init__(self, store: Path, flux: FakeFlux) -> None:
        self.store, self.flux = store, flux
        self.now = DAY0 + 3 * DAY_MS
        self.open()

    def open(self) -> None:
        self.writer = ResultsWriter(self.store, "test")
        site = Site("works", "", "", "Asia/Shanghai", "CN", "", "", 1, (GRID,))
        account = SimpleNamespace(
            period=SimpleNamespace(start_ms=DAY0 - 8 * 3_600_000), balance=SimpleNamespace(totals=lambda _: TOTALS)
        )
        self.service = SimpleNamespace(
            results=ResultsReader(self.store), clock=lambda: self.now, account=lambda _: account, standards={},
            config=SimpleNamespace(site=site, zone=site.zone, file=SimpleNamespace(standards=())),
            period=lambda _: account.period,
        )  # fmt: skip
        section = ForwardSection(url=self.flux.url, org="zcf")
        send = sender(section, lambda: self.flux.write_token)
        self.publisher = Publisher(self.service, PublicationWriter(self.writer), send, f"{self.flux.url} zcf/results")

    def settle(self, day: int, quarters: int, energy: int) -> None:
        starts = DAY0 + day * DAY_MS + Q * np.arange(quarters, dtype=np.int64)
        rows = IntervalRows(
            starts, np.full(quarters, energy, np.int64), np.zeros(quarters, np.int64), np.zeros(quarters, np.uint8)
        )
        self.writer.write({KEY: rows}, DAY0, {}, {})

    def run(self, steps: int = 20) -> None:
        for _ in range(steps):
            self.publisher.step()

    def stored(self) -> dict[int, float]:
        """Quarter [ms] -> energy, as the database holds it."""
        found: dict[int, float] = {}
        for series, fields in self.flux.buckets["results"].items():
            if "energy" in str(series) and KEY[1] in fields:
                found |= {ns // 10**6: value for ns, value in fields[KEY[1]].items()}
        return found


@pytest.fixture
def rig(tmp_path: Path, flux: FakeFlux):
    rig = Rig(tmp_path, flux)
    yield rig
    rig.writer.close()


def test_what_was_settled_arrives_to_the_last_millionth(rig: Rig) -> None:
    rig.settle(0, 96, 1_234_567)
    rig.settle(1, 40, 7)
    rig.run()
    assert len(rig.stored()) == 136
    assert set(rig.stored().values()) == {1.234567, 0.000007}
    assert "carbon" in str(rig.flux.buckets["results"])
    writes = len(rig.flux.writes)
    rig.run()
    assert len(rig.flux.writes) == writes  # nothing is left to send


def test_a_day_settled_again_overwrites_itself(rig: Rig) -> None:
    rig.settle(0, 96, 1_000_000)
    rig.run()
    rig.settle(0, 96, 2_000_000)
    rig.run()
    assert set(rig.stored().values()) == {2.0}
    assert len(rig.stored()) == 96


@pytest.mark.parametrize("status", [200, 301, 401, 404, 429, 500, 503])
def test_anything_but_204_leaves_the_list_as_it_is(rig: Rig, status: int) -> None:
    rig.settle(0, 96, 1_000_000)
    rig.flux.always = Fault(status)
    rig.run(3)
    assert str(status) in rig.publisher.why
    assert rig.flux.write_token not in rig.publisher.why
    rig.flux.always = None
    rig.run()
    assert len(rig.stored()) == 96
    assert rig.publisher.why == ""


def test_an_answer_that_is_lost_is_sent_again_and_changes_nothing(rig: Rig) -> None:
    rig.settle(0, 96, 1_000_000)
    rig.flux.faults.append(Fault(apply=True, drop=True))
    rig.run()
    assert len(rig.stored()) == 96
    assert set(rig.stored().values()) == {1.0}


def test_a_restart_goes_on_where_it_was(rig: Rig) -> None:
    rig.settle(0, 96, 1_000_000)
    rig.run()
    rig.settle(1, 96, 2_000_000)
    rig.writer.close()
    before = len(rig.flux.applied)
    rig.open()
    rig.run()
    assert len(rig.stored()) == 192
    again = [one for one in rig.flux.applied[before:] if one.field == KEY[1]]
    assert {one.time_ns // 10**6 // DAY_MS * DAY_MS for one in again} == {DAY0 + DAY_MS}


def test_another_bucket_gets_everything_from_the_beginning(rig: Rig) -> None:
    rig.settle(0, 96, 1_000_000)
    rig.run()
    rig.flux.buckets["results"].clear()
    rig.publisher._sink = "elsewhere"
    rig.run()
    assert len(rig.stored()) == 96
