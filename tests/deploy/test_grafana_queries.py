"""Every query of the Grafana files, asked of an InfluxDB 1, and a 2 where one is named, filled by our line protocol."""

import gzip
import json
import random
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from analytics.result_lines import carbon_line, energy_lines, verdict_lines
from collector.line_protocol import GroupLines
from collector.wiring import wire_site
from metering.quantity import Kind, quantity
from metering.reading import Lane, PollGroup, StoredPoll
from metering.sitefile import load_site
from tests.conftest import require
from tests.deploy.test_grafana import BOARDS, ROOT, queries, rules
from tests.harness.grafana_rules import states
from tests.harness.influx1 import influx1
from tests.harness.influx2 import influx2, missing

SITE = load_site(ROOT / "deploy" / "example" / "site.yaml")
START_MS = 1_795_219_200_000  # 2026-11-21 00:00 UTC
HOURS, STEP_MS = 50, 300_000
END_MS = START_MS + HOURS * 3_600_000


def sample_lines() -> Iterator[str]:
    """Two days of every poll group of the example site, some values marked, as the forwarder prints them."""
    chance = random.Random(4)
    points = {point.id: point for point in SITE.site.points}
    for link in wire_site(SITE):
        for device in link.devices:
            for wired in device.groups:
                printed = GroupLines(SITE.site.id, wired.group, points)
                for number, time_ms in enumerate(range(START_MS, END_MS, STEP_MS)):
                    yield printed.lines(poll(wired.group, number, time_ms, chance))


def poll(group: PollGroup, number: int, time_ms: int, chance: random.Random) -> StoredPoll:
    values = tuple(
        chance.uniform(1, 100) if quantity(column.quantity).kind is Kind.GAUGE else 10**9 + number * 1_500_000
        for column in group.columns
    )
    quality = bytes(2 for _ in values) if number % 40 == 7 else None
    return StoredPoll(1, 1, time_ms, 1, number, Lane.CADENCE, values, b"", quality)


@dataclass(frozen=True, slots=True)
class Server:
    """A filled InfluxDB as Grafana asks it."""

    url: str
    token: str
    org: str
    buckets: Mapping[str, str]

    def write(self, bucket: str, lines: str) -> None:
        words = urllib.parse.urlencode({"bucket": self.buckets[bucket], "org": self.org, "precision": "ms"})
        self._post(f"/api/v2/write?{words}", gzip.compress(lines.encode()), {"Content-Encoding": "gzip"})

    def ask(self, query: str, bucket: str = "readings") -> dict[str, Any]:
        """As Grafana does: database and precision in the address, the query in the body."""
        words = urllib.parse.urlencode({"db": self.buckets[bucket], "epoch": "ms"})
        answer = self._post(f"/query?{words}", urllib.parse.urlencode({"q": query}).encode(), {})
        found: dict[str, Any] = json.loads(answer)["results"][0]
        return found

    def _post(self, path: str, body: bytes, headers: dict[str, str]) -> bytes:
        headers |= {"Authorization": f"Token {self.token}"} if self.token else {}
        with urllib.request.urlopen(urllib.request.Request(self.url + path, body, headers)) as answer:
            found: bytes = answer.read()
        return found


@contextmanager
def influxdb1(folder: Path) -> Iterator[Server]:
    with influx1(folder) as url:
        server = Server(url, "", "zcf", {"readings": "readings", "results": "results"})
        server.ask("CREATE DATABASE results")
        yield server


@contextmanager
def influxdb2(_: Path) -> Iterator[Server]:
    if missing():
        pytest.skip(missing())
    with influx2() as readings, influx2() as results:
        yield Server(readings.url, readings.token, readings.org, {"readings": readings.name, "results": results.name})


@pytest.fixture(scope="module", params=[pytest.param(influxdb1, marks=pytest.mark.needs_program("influxd")), influxdb2])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if request.param is influxdb1:
        require("influxd")
    with request.param(tmp_path_factory.mktemp("influx")) as found:
        found.write("readings", "".join(sample_lines()))
        found.write("results", "\n".join(result_lines()))
        yield found


def test_every_query_of_the_results_returns_what_was_published(server: Server):
    found = {title: server.ask(filled_in(query), "results") for _, title, query in queries("zcf-results")}
    values = {title: [row[1:] for s in answer["series"] for row in s["values"]] for title, answer in found.items()}
    assert values["Emissions a day, LB A"] == [[0.5]]
    assert values["Emissions a day, LB B"] == [[2.0]]
    assert values["Emissions a day, MB B"] == [[1.5]]
    assert set(map(tuple, values["Settled grid import an hour A"])) == {(100.0,)}
    assert sorted(values["Verdicts A"]) == [[0, 3.0, 4.0], [1, 92.5, 90.0], [2, None, 50.0]]
    assert all(values.values())
    assert len(values) == 6


def result_lines() -> list[str]:
    """Two days of results, as analytics publishes them."""
    starts = np.arange(START_MS, END_MS, 900_000)
    rows = SimpleNamespace(
        start_ms=starts, energy=np.full(len(starts), 25_000_000), placed=starts * 0, flags=(starts * 0).astype(np.uint8)
    )
    sums = SimpleNamespace(scope1=500.0, scope2_location=2_000.0, scope2_market=1_500.0, gross_location=2_500.0,
                           gross_market=2_000.0)  # fmt: skip
    verdicts = [{"id": "a", "outcome": "MET", "value": 92.5, "threshold": 90.0},
                {"id": "b", "outcome": "UNDETERMINED", "value": None, "threshold": 50.0}]  # fmt: skip
    site, midnight = SITE.site, START_MS + 16 * 3_600_000  # in Shanghai
    lost = [{"id": "c", "outcome": "MET", "value": 5.0, "threshold": 4.0}]
    before = list(verdict_lines(site.id, "works_standard", lost, midnight - 86_400_000))
    now_lost = [*verdicts, {"id": "c", "outcome": "NOT_MET", "value": 3.0, "threshold": 4.0}]
    carbon = [carbon_line(site.id, gas, sums, midnight) for gas in ("co2_only", "co2e")]
    energy = energy_lines(site, ("grid", "active_energy_import"), rows)
    return [*energy, *carbon, *before, *verdict_lines(site.id, "works_standard", now_lost, midnight)]


def filled_in(query: str, start_ms: int = START_MS, end_ms: int = END_MS) -> str:
    """The query as Grafana sends it."""
    words = {
        "$timeFilter": f"time >= {start_ms}ms and time <= {end_ms}ms", "$__interval": "10m", "${site:regex}": ".*",
        "${site}": SITE.site.id, "${tz}": "Asia/Shanghai",
    }  # fmt: skip
    for word, text in words.items():
        query = query.replace(word, text)
    assert "$" not in query.replace(".*$/", ""), query
    return query


def test_every_query_of_every_panel_returns_series(server: Server):
    empty = []
    for name, title, query in queries():
        answer = server.ask(filled_in(query))
        values = [v for s in answer.get("series", []) for row in s["values"] for v in row[1:] if v is not None]
        if "error" in answer or not values:
            empty.append((name, title, answer.get("error", "no series")))
    assert empty == []
    assert len(queries()) > 50


def test_the_site_variable_finds_the_site(server: Server):
    series = server.ask(BOARDS["overview"]["templating"]["list"][0]["query"])["series"]
    assert {row[1] for s in series for row in s["values"]} == {SITE.site.id}


def test_a_day_of_energy_begins_at_the_sites_midnight_and_is_what_the_counter_rose(server: Server):
    query = next(q for name, title, q in queries() if (name, title) == ("carbon", "Grid import a day A"))
    (series,) = server.ask(filled_in(query))["series"]
    assert series["tags"] == {"point": "grid"}
    whole_day = series["values"][0]
    assert whole_day[0] == START_MS + 16 * 3_600_000  # 00:00 in Shanghai
    assert whole_day[1] == pytest.approx(1.5 * 24 * 3_600_000 / STEP_MS)


MARKED_MS = START_MS + 47 * STEP_MS  # poll 47: every value of it is marked
NORMAL, ALERTING = {"Normal"}, {"Alerting"}
# When asked -> what each rule says of its points, or of the site: once in the midst of the data, once some time after.
RULES = {
    "zcf-no-readings": ((MARKED_MS + 1, NORMAL), (END_MS + 3_600_000, {"NoData"})),
    "zcf-point-silent": ((MARKED_MS + 600_001, NORMAL), (END_MS + 3_600_000, ALERTING)),
    "zcf-values-not-good": ((MARKED_MS + 1, {"Normal", "Alerting"}), (MARKED_MS + 3_000_000, {"NoData"})),
    "zcf-discharge-hot": ((MARKED_MS + 1, NORMAL), (END_MS + 3_600_000, {"NoData"})),
    "zcf-nothing-settled": ((END_MS, NORMAL), (END_MS + 14_400_000, ALERTING)),
    "zcf-energy-estimated": ((END_MS, NORMAL), (END_MS + 172_800_000, {"NoData"})),
    "zcf-carbon-budget": ((END_MS, NORMAL), (END_MS + 31 * 86_400_000, {"NoData"})),
    "zcf-verdict-lost": ((END_MS, {"Normal", "Alerting"}), (END_MS + 31 * 86_400_000, {"NoData"})),
}


def judged(server: Server, rule: dict[str, Any], now_ms: int) -> Mapping[tuple[tuple[str, str], ...], str]:
    part = rule["data"][0]
    since, until = (part["relativeTimeRange"][end] * 1000 for end in ("from", "to"))
    query = filled_in(part["model"]["query"], now_ms - since, now_ms - until)
    return states(rule, server.ask(query, part["datasourceUid"].removeprefix("zcf-")))


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["uid"])
def test_grafana_can_tell_the_series_of_an_alert_rule_apart_and_judges_them(server: Server, rule: dict[str, Any]):
    for now_ms, expected in RULES[rule["uid"]]:
        found = judged(server, rule, now_ms)
        assert set(found.values()) == expected, found
        named = {tag for labels in found for tag, _ in labels}
        assert named <= {"site", "point", "standard", "criterion"}
        assert named or expected == {"NoData"}


def test_a_column_too_many_is_an_error_to_grafana(server: Server):
    """As the rule was that counted the marks of every quantity in a column of its own."""
    rule = next(rule for rule in rules() if rule["uid"] == "zcf-values-not-good")
    query = 'SELECT count(/_quality/) FROM /.+/ WHERE $timeFilter GROUP BY "site", "point"'
    answer = server.ask(filled_in(query, MARKED_MS - 1_800_000, MARKED_MS))
    assert set(states(rule, answer).values()) == {"Error"}


def test_a_point_with_more_than_ten_values_not_good_is_named(server: Server):
    rule = next(rule for rule in rules() if rule["uid"] == "zcf-values-not-good")
    groups = [wired.group for link in wire_site(SITE) for device in link.devices for wired in device.groups]
    sums = Counter(column.point for group in groups for column in group.columns)
    found = {
        dict(labels)["point"] for labels, state in judged(server, rule, MARKED_MS + 1).items() if state == "Alerting"
    }
    assert found == {point for point, number in sums.items() if number > 10}
    assert 0 < len(found) < len(sums)


def test_a_lost_criterion_is_named(server: Server):
    rule = next(rule for rule in rules() if rule["uid"] == "zcf-verdict-lost")
    alerting = {
        dict(labels)["criterion"] for labels, state in judged(server, rule, END_MS).items() if state == "Alerting"
    }
    assert alerting == {"c"}


TOLD = {"zcf-nothing-settled": 4, "zcf-energy-estimated": 0, "zcf-carbon-budget": 2, "zcf-verdict-lost": 1}


@pytest.mark.parametrize("uid", TOLD)
def test_an_alert_rule_on_the_results_finds_what_was_published(server: Server, uid: str):
    part = next(rule for rule in rules() if rule["uid"] == uid)["data"][0]
    since, until = (part["relativeTimeRange"][end] * 1000 for end in ("from", "to"))
    found = server.ask(filled_in(part["model"]["query"], END_MS - since, END_MS - until), "results")["series"]
    assert {series["tags"]["site"] for series in found} == {SITE.site.id}
    assert max(row[1] for series in found for row in series["values"]) == TOLD[uid]
