"""Grafana files: strict shape, one colour a carrier, every query asked of an InfluxDB 1 filled by our line protocol."""

import gzip
import json
import random
import re
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft7Validator
from ruamel.yaml import YAML

from analytics.result_lines import carbon_line, energy_lines, verdict_lines
from collector.line_protocol import GroupLines
from collector.wiring import wire_site
from metering.quantity import QUANTITIES, Kind, quantity
from metering.reading import Lane, PollGroup, StoredPoll
from metering.sitefile import load_site
from tests.harness.influx1 import influx1

ROOT = Path(__file__).resolve().parents[2]
GRAFANA = ROOT / "deploy" / "grafana"
FILES = sorted((GRAFANA / "dashboards").glob("*.json"))
BOARDS = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in FILES}
NAMES = {"overview", "carbon", "pv", "compressors", "quality", "fleet"}
SITE = load_site(ROOT / "deploy" / "example" / "site.yaml")
START_MS = 1_795_219_200_000  # 2026-11-21 00:00 UTC
HOURS, STEP_MS = 50, 300_000
END_MS = START_MS + HOURS * 3_600_000
BOARD_KEYS = {
    "id", "uid", "title", "tags", "schemaVersion", "version", "description", "editable", "graphTooltip", "timezone",
    "time", "refresh", "links", "templating", "annotations", "panels",
}  # fmt: skip
UNITS = {
    "kwatt", "kwatth", "suffix: m³/h", "m3", "celsius", "pressurebar", "amp", "hertz", "h", "percent", "s", "none",
    "suffix: GJ", "suffix: tCO2", "suffix: W/m²", "suffix: kW/(m³/min)",
}  # fmt: skip
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, board in BOARDS.items():
        for panel in board["panels"]:
            yield name, panel


def queries(source: str = "zcf-readings") -> list[tuple[str, str, str]]:
    return [
        (name, f"{panel['title']} {target['refId']}", target["query"])
        for name, panel in panels()
        for target in panel.get("targets", [])
        if target["datasource"]["uid"] == source
    ]


def rules() -> list[dict[str, Any]]:
    text = (GRAFANA / "provisioning" / "alerting" / "zcf.yaml").read_text(encoding="utf-8")
    return [rule for group in YAML(typ="safe").load(text)["groups"] for rule in group["rules"]]


def test_the_files_are_what_the_generator_writes():
    words = [sys.executable, "-B", str(GRAFANA / "build.py"), "--check"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert BOARDS.keys() == NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_dashboard_has_the_strict_shape(name: str):
    board = BOARDS[name]
    assert board.keys() == BOARD_KEYS
    assert board["id"] is None
    assert board["uid"] == f"zcf-{name}"
    assert board["tags"] == ["zcf"]
    variables = {v["name"]: v for v in board["templating"]["list"]}
    assert variables.keys() == {"site", "tz"}
    assert variables["site"]["datasource"]["uid"] == "zcf-readings"
    assert variables["site"]["multi"] is (name == "fleet")
    numbers = [panel["id"] for panel in board["panels"]]
    assert numbers == list(range(1, len(numbers) + 1))


def schema() -> dict[str, Any]:
    """Grafana's own; what it takes as anything its generator writes down as an object, names and numbers too."""
    found: dict[str, Any] = json.loads((ROOT / "tests/data/grafana.schema.json").read_text(encoding="utf-8"))
    for owner, name in (("MatcherConfig", "options"), ("DynamicConfigValue", "value")):
        found["definitions"][owner]["properties"][name] = {}
    return found


def faults(kind: str, document: Any) -> list[str]:
    """What Grafana's schema of a kind says against it."""
    checked = Draft7Validator(schema() | {"$ref": f"#/definitions/{kind}"}).iter_errors(document)
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}" for error in checked]


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_dashboard_is_valid_against_grafanas_own_schema(name: str):
    assert faults("Dashboard", BOARDS[name]) == []


def test_the_options_and_units_of_every_panel_are_grafanas_own():
    for name, panel in panels():
        where, kind = f"{name} {panel['title']}", panel["type"]
        assert faults(f"{kind}.Options", panel["options"]) == [], where
        defaults = panel.get("fieldConfig", {}).get("defaults", {})
        assert not defaults.get("custom") or faults(f"{kind}.FieldConfig", defaults["custom"]) == [], where
        units = {defaults.get("unit", "none")} | {
            one["value"] for rule in panel.get("fieldConfig", {}).get("overrides", [])
            for one in rule["properties"] if one["id"] == "unit"
        }  # fmt: skip
        assert [unit for unit in units if not unit.startswith("suffix:") and faults("Unit", unit)] == [], where


def test_panels_do_not_overlap_and_fit_the_grid():
    for board in BOARDS.values():
        taken = set()
        for panel in board["panels"]:
            place = panel["gridPos"]
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert not taken & cells
            assert place["x"] + place["w"] <= 24
            taken |= cells


def test_every_panel_says_what_it_shows_in_both_languages_with_a_unit_and_our_data_source():
    for name, panel in panels():
        where = f"{name}: {panel['title']}"
        assert not CHINESE.search(panel["title"]), where
        assert CHINESE.search(panel["description"]), where
        if panel["type"] == "text":
            assert "targets" not in panel
            continue
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, where
        assert panel["datasource"]["type"] == "influxdb"
        source = panel["datasource"]["uid"]
        assert source in {"zcf-readings", "zcf-results"}
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references) > 0
        for target in panel["targets"]:
            assert target["datasource"]["uid"] in {source, "__expr__"}, where


def test_titles_are_unique_on_a_dashboard():
    for board in BOARDS.values():
        titles = [panel["title"] for panel in board["panels"]]
        assert len(set(titles)) == len(titles)


def test_colours_are_the_pages_own():
    css = (ROOT / "analytics" / "web" / "css" / "tokens.css").read_text(encoding="utf-8").split("[data-theme")[0]
    ours = set(re.findall(r"--carrier-[a-z]+: (#[0-9a-f]{6})", css))
    used = set(re.findall(r'"fixedColor": "([^"]+)"', "".join(file.read_text(encoding="utf-8") for file in FILES)))
    assert used <= ours
    assert len(used) >= 6


def test_no_file_holds_a_secret():
    for file in [*FILES, *(GRAFANA / "provisioning").rglob("*.yaml")]:
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"(?i)password|bearer|apikey", text), file
        for value in re.findall(r"Token ([^\"}\n]+)", text):
            assert value.startswith("$__file{"), file


def test_data_sources_are_provisioned_by_the_uid_that_the_dashboards_name():
    text = (GRAFANA / "provisioning" / "datasources" / "zcf.yaml").read_text(encoding="utf-8")
    sources = {source["uid"]: source for source in YAML(typ="safe").load(text)["datasources"]}
    assert sources.keys() == {"zcf-readings", "zcf-results"}
    for source in sources.values():
        assert source["jsonData"]["version"] == "InfluxQL"
        assert source["jsonData"]["httpHeaderName1"] == "Authorization"
        assert source["access"] == "proxy"
        assert source["editable"] is False


def test_no_notification_policy_is_provisioned():
    for file in (GRAFANA / "provisioning" / "alerting").glob("*"):
        assert YAML(typ="safe").load(file.read_text(encoding="utf-8")).keys() == {"apiVersion", "groups"}


def test_marks_of_quality_are_told_from_the_quantity_of_that_name():
    (query,) = (query for name, title, query in queries() if title.startswith("Values that are not good"))
    pattern = re.search(r"count\(/(.+)/\) FROM", query)[1]
    assert all(re.search(pattern, f"{name}_quality") for name in QUANTITIES)
    assert not any(re.search(pattern, name) for name in QUANTITIES)
    assert any(pattern in rule["data"][0]["model"]["query"] for rule in rules())


def test_alert_rules_are_whole():
    uids = [rule["uid"] for rule in rules()]
    assert len(set(uids)) == len(uids) == 8
    for rule in rules():
        assert rule["condition"] in {part["refId"] for part in rule["data"]}
        source, *others = (part["datasourceUid"] for part in rule["data"])
        assert source in {"zcf-readings", "zcf-results"}
        assert set(others) == {"__expr__"}
        assert rule["noDataState"] in {"OK", "Alerting"}
        # Grafana expands $ in these texts when it reads the file.
        assert "$" not in json.dumps(rule["annotations"])
        assert CHINESE.search(rule["annotations"]["description"])


# The queries, against a real server


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


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    from tests.conftest import require

    require("influxd")
    with influx1(tmp_path_factory.mktemp("influx")) as url:
        body = gzip.compress("".join(sample_lines()).encode())
        address = f"{url}/api/v2/write?bucket=readings&org=zcf&precision=ms"
        with urllib.request.urlopen(urllib.request.Request(address, body, {"Content-Encoding": "gzip"})) as answer:
            assert answer.status == 204
        body = gzip.compress("\n".join(result_lines()).encode())
        address = address.replace("bucket=readings", "bucket=results")
        made = urllib.parse.urlencode({"q": "CREATE DATABASE results"}).encode()
        urllib.request.urlopen(url + "/query", made).close()
        with urllib.request.urlopen(urllib.request.Request(address, body, {"Content-Encoding": "gzip"})) as answer:
            assert answer.status == 204
        yield url


@pytest.mark.needs_program("influxd")
def test_every_query_of_the_results_returns_what_was_published(server: str):
    found = {title: asked(server, filled_in(query), "results") for _, title, query in queries("zcf-results")}
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


def asked(url: str, query: str, bucket: str = "readings") -> dict[str, Any]:
    words = {"q": query, "db": bucket, "epoch": "ms"}
    with urllib.request.urlopen(url + "/query", urllib.parse.urlencode(words).encode()) as answer:
        return json.load(answer)["results"][0]


def filled_in(query: str, start_ms: int = START_MS, end_ms: int = END_MS) -> str:
    """The query as Grafana sends it."""
    words = {
        "$timeFilter": f"time >= {start_ms}ms and time <= {end_ms}ms", "$__interval": "10m", "${site:regex}": ".*",
        "${site}": SITE.site.id, "${tz}": "Asia/Shanghai",
    }  # fmt: skip
    for word, text in words.items():
        query = query.replace(word, text)
    assert "$" not in query.replace("_quality$/", "").replace(".*$/", ""), query
    return query


@pytest.mark.needs_program("influxd")
def test_every_query_of_every_panel_returns_series(server: str):
    empty = []
    for name, title, query in queries():
        answer = asked(server, filled_in(query))
        values = [v for s in answer.get("series", []) for row in s["values"] for v in row[1:] if v is not None]
        if "error" in answer or not values:
            empty.append((name, title, answer.get("error", "no series")))
    assert empty == []
    assert len(queries()) > 50


@pytest.mark.needs_program("influxd")
def test_the_site_variable_finds_the_site(server: str):
    series = asked(server, BOARDS["overview"]["templating"]["list"][0]["query"])["series"]
    assert {row[1] for s in series for row in s["values"]} == {SITE.site.id}


@pytest.mark.needs_program("influxd")
def test_a_day_of_energy_begins_at_the_sites_midnight_and_is_what_the_counter_rose(server: str):
    query = next(q for name, title, q in queries() if (name, title) == ("carbon", "Grid import a day A"))
    (series,) = asked(server, filled_in(query))["series"]
    assert series["tags"] == {"point": "grid"}
    whole_day = series["values"][0]
    assert whole_day[0] == START_MS + 16 * 3_600_000  # 00:00 in Shanghai
    assert whole_day[1] == pytest.approx(1.5 * 24 * 3_600_000 / STEP_MS)


def rules_on(source: str) -> list[dict[str, Any]]:
    return [rule for rule in rules() if rule["data"][0]["datasourceUid"] == source]


@pytest.mark.needs_program("influxd")
@pytest.mark.parametrize("rule", rules_on("zcf-readings"), ids=lambda rule: rule["uid"])
def test_the_query_of_every_alert_rule_returns_series(server: str, rule: dict[str, Any]):
    part = rule["data"][0]
    since, until = part["relativeTimeRange"]["from"] * 1000, part["relativeTimeRange"]["to"] * 1000
    now_ms = START_MS + 30 * STEP_MS * 40 // 30 + 8 * STEP_MS  # a marked poll lies in the half-hour before
    answer = asked(server, filled_in(part["model"]["query"], now_ms - since, now_ms - until))
    assert answer.get("series"), answer
    # One alert a metering point, or one a site.
    assert set(answer["series"][0]["tags"]) <= {"site", "point"}


TOLD = {"zcf-nothing-settled": 4, "zcf-energy-estimated": 0, "zcf-carbon-budget": 2, "zcf-verdict-lost": 1}


@pytest.mark.needs_program("influxd")
@pytest.mark.parametrize("rule", rules_on("zcf-results"), ids=lambda rule: rule["uid"])
def test_an_alert_rule_on_the_results_finds_what_was_published(server: str, rule: dict[str, Any]):
    part = rule["data"][0]
    since, until = (part["relativeTimeRange"][end] * 1000 for end in ("from", "to"))
    query = filled_in(part["model"]["query"], END_MS - since, END_MS - until)
    found = asked(server, query, "results")["series"]
    assert {series["tags"]["site"] for series in found} == {SITE.site.id}
    assert max(row[1] for series in found for row in series["values"]) == TOLD[rule["uid"]]
