"""Grafana files: strict shape, one colour a carrier, valid against Grafana's own schema."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from ruamel.yaml import YAML

from metering.quantity import QUANTITIES
from zcf.grafana_push import FOLDER, FOLDER_TITLE

ROOT = Path(__file__).resolve().parents[2]
GRAFANA = ROOT / "deploy" / "grafana"
FILES = sorted((GRAFANA / "dashboards").glob("*.json"))
BOARDS = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in FILES}
NAMES = {"overview", "carbon", "pv", "compressors", "quality", "fleet"}
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


def test_a_mark_of_every_quantity_counts_as_a_value_that_is_not_good():
    panel_s = next(query for _, title, query in queries() if title.startswith("Values that are not good"))
    rule_s = next(rule for rule in rules() if rule["uid"] == "zcf-values-not-good")["data"][0]["model"]["query"]
    for query in (panel_s, rule_s):
        assert re.findall(r'count\("(\w+)_quality"\)', query) == list(QUANTITIES)
    assert panel_s.split(" FROM ")[0] == rule_s.split(" FROM ")[0]


def test_every_folder_that_grafana_reads_at_its_start_is_there():
    """Compose binds ours over the image's: where one is missing Grafana logs an error at every start."""
    folders = {folder.name for folder in (GRAFANA / "provisioning").iterdir()}
    assert folders == {"alerting", "dashboards", "datasources", "plugins"}
    assert not list((GRAFANA / "provisioning" / "plugins").glob("*.y*ml"))


def test_the_rules_have_a_folder_of_their_own():
    """Grafana provisions rules first: it would make the dashboards' folder by its title, without its uid."""
    alerting = (GRAFANA / "provisioning" / "alerting" / "zcf.yaml").read_text(encoding="utf-8")
    boards = (GRAFANA / "provisioning" / "dashboards" / "zcf.yaml").read_text(encoding="utf-8")
    folders = {group["folder"] for group in YAML(typ="safe").load(alerting)["groups"]}
    (provider,) = YAML(typ="safe").load(boards)["providers"]
    assert folders == {"Zero-carbon factory alerts"}
    assert provider["folder"] not in folders
    assert (provider["folder"], provider["folderUid"]) == (FOLDER_TITLE, FOLDER)  # as `zcf grafana push` makes it


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
