"""zcf import: the steel year to the last digit, a file of the user's own, what cannot be true, what cannot be read."""

import csv
import hashlib
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from metering.config import ConfigError
from metering.period import from_ms, month
from metering.reading import Quality
from metering.sitefile import SiteConfig, load_site
from metering.store import StoreLockedError
from metering.store.entries import EntriesReader, EntriesWriter
from zcf.import_csv import import_file
from zcf.import_report import ImportReport, document, lines

ROOT = Path(__file__).resolve().parents[2]
STEEL = ROOT / "deploy/example/steel.yaml"
DATA = ROOT / "tests/data/Steel_industry_data.csv"
NOW = 1_795_219_200_000  # 2026-11-21 00:00 UTC


def bring(config: SiteConfig, path: Path, *, dry_run: bool = False, now_ms: int = NOW) -> ImportReport:
    return import_file(config, path, who="a tester", why="a test", dry_run=dry_run, now_ms=now_ms)


def bytes_of(folder: Path) -> dict[str, str]:
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob("*")) if p.is_file()}


# ---- the steel year, against sums made here from the file alone


@pytest.fixture(scope="module")
def steel(tmp_path_factory: pytest.TempPathFactory) -> tuple[SiteConfig, ImportReport]:
    folder = tmp_path_factory.mktemp("steel")
    text = STEEL.read_text(encoding="utf-8")
    (folder / "steel.yaml").write_text(text.replace("../../.zcf/steel", "store"), encoding="utf-8")
    config = load_site(folder / "steel.yaml")
    return config, bring(config, DATA)


@pytest.fixture(scope="module")
def published() -> list[dict[str, str]]:
    with DATA.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def sums(rows: list[dict[str, str]], column: str) -> dict[str, Decimal]:
    """By the date as written: the row stamped 00:00 closes that very date, so its month is the date's."""
    found: dict[str, Decimal] = {}
    for row in rows:
        _, month_, year = row["date"][:10].split("/")
        found[f"{year}-{month_}"] = found.get(f"{year}-{month_}", Decimal(0)) + Decimal(row[column])
    return found


def test_year_and_months_equal_the_files_own_sums_to_the_last_digit(steel, published):
    said = document(steel[1])
    own = sums(published, "Usage_kWh")
    assert {key: Decimal(repr(value)) for key, value in said["months"].items()} == own
    assert Decimal(repr(said["energy_kwh"])) == sum(own.values()) == Decimal("959636.71")
    assert said["years"] == {"2018": said["energy_kwh"]}


@pytest.mark.parametrize("place", range(4))
def test_every_column_adds_up(steel, published, place):
    one = steel[1].series[place]
    own = sum(sums(published, one.column).values())
    factor = 1000 if one.column_unit == "t" else 1
    assert one.column_sum == own
    assert one.micro == own * factor * 10**6
    assert one.readings == 35040


def test_the_store_holds_the_year_as_amounts_between_local_new_years(steel):
    config, _ = steel
    key = ("main", "active_energy")
    columns = EntriesReader(config.store_dir).ranges([key], 0, NOW)[key]
    assert columns.value.sum() == 959_636_710_000
    assert columns.end_ms is not None
    assert (columns.end_ms[:-1] == columns.time_ms[1:]).all()
    assert from_ms(int(columns.time_ms[0])).isoformat() == "2017-12-31T15:00:00+00:00"  # midnight in Seoul
    assert from_ms(int(columns.end_ms[-1])).isoformat() == "2018-12-31T15:00:00+00:00"
    for number in range(1, 13):
        span = month(2018, number, config.zone)
        inside = (columns.time_ms >= span.start_ms) & (columns.time_ms < span.end_ms)
        assert int(columns.value[inside].sum()) == steel[1].series[0].months[span.label]


def test_rows_that_cannot_be_true_are_listed_and_marked(steel):
    config, report = steel
    found = [(oddity.rule, oddity.treatment) for oddity in report.oddities]
    assert found.count(("all_zero", "questionable")) == 1
    assert found.count(("factor", "questionable")) == 47
    assert len(found) == 48
    assert [o.line for o in report.oddities if o.rule == "all_zero"] == [29857]  # 2018-11-07 24:00: everything is 0
    factor_lines = [o.line for o in report.oddities if o.rule == "factor"]
    assert (min(factor_lines), max(factor_lines)) == (130, 179)  # 2018-01-02, CO2 of 0 at up to 147 kWh
    reader = EntriesReader(config.store_dir)
    marks = reader.ranges(reader.series(), 0, NOW)
    counts = {key[1]: int((c.quality == Quality.QUESTIONABLE).sum()) for key, c in marks.items()}
    assert counts == {"active_energy": 1, "reactive_energy": 1, "reactive_energy_capacitive": 1, "co2_reported": 48}


def test_the_quirks_of_the_file_are_noted(steel):
    notes = " ".join(steel[1].notes)
    assert "byte order mark" in notes
    assert "365 stamps of 00:00 close the date they name" in notes


def test_the_publishers_factor_is_inferred_and_the_sites_own_declared(steel, published):
    said = document(steel[1])
    inferred, carbon = said["published_factor"], said["carbon"]
    assert (inferred["value"], inferred["status"], inferred["unit"]) == (0.4585, "derived", "kgCO2/kWh")
    half = Decimal("0.005")
    agreeing = [
        r for r in published
        if abs(Decimal(r["Usage_kWh"]) * Decimal("0.0004585") - Decimal(r["CO2(tCO2)"])) <= half
    ]  # fmt: skip
    assert len(published) - len(agreeing) == inferred["contradicting"] == 47
    told = [r for r in agreeing if Decimal(r["Usage_kWh"]) > 0]
    low = max((Decimal(r["CO2(tCO2)"]) - half) * 1000 / Decimal(r["Usage_kWh"]) for r in told)
    high = min((Decimal(r["CO2(tCO2)"]) + half) * 1000 / Decimal(r["Usage_kWh"]) for r in told)
    assert (inferred["low"], inferred["high"]) == (float(round(low, 12)), float(round(high, 12)))
    assert inferred["reported_kg"] == 403_810  # the column itself: rounding each quarter-hour loses 8 %
    assert (carbon["status"], carbon["kg"]) == ("declared", 439_993.431535)
    assert Decimal("959636.71") * Decimal("0.4585") == Decimal("439993.431535")


def test_series_info_tells_the_last_digit_and_where_it_came_from(steel):
    infos = EntriesReader(steel[0].store_dir).infos()
    [info] = infos["main", "active_energy"]
    assert (info.origin, info.profile, float(info.scale), info.cadence_ms) == ("import", "uci-851", 0.01, 900_000)
    assert float(infos["main", "co2_reported"][0].scale) == 10  # 0.01 t


def test_importing_twice_changes_nothing_and_says_so(steel):
    config, first = steel
    before = bytes_of(config.store_dir)
    again = bring(config, DATA)
    assert bytes_of(config.store_dir) == before
    assert (again.entry, again.readings, again.rows.unchanged) == (None, 0, 35040)
    assert document(again)["changed"] is False
    assert document(again)["energy_kwh"] == document(first)["energy_kwh"]
    assert "nothing changed" in list(lines(again))[-1]


def test_the_entry_says_who_why_when_and_which_bytes(steel):
    config, report = steel
    [entry] = EntriesReader(config.store_dir).entries("import")
    assert (entry.who, entry.why, entry.at_ms) == ("a tester", "a test", NOW)
    assert entry.body["sha256"] == hashlib.sha256(DATA.read_bytes()).hexdigest() == report.sha256
    assert len(entry.body["oddities"]) == 48


# ---- the user's own file: the page in the docs is the test


def blocks(language: str) -> list[str]:
    text = (ROOT / "docs/how-to/import.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_example_of_the_how_to_page_does_what_it_says(tmp_path):
    (tmp_path / "site.yaml").write_text(blocks("yaml")[0], encoding="utf-8")
    (tmp_path / "load-profile.csv").write_text(blocks("csv")[0], encoding="utf-8")
    report = bring(load_site(tmp_path / "site.yaml"), tmp_path / "load-profile.csv")
    assert document(report)["energy_kwh"] == 37.75
    assert report.rows.stored == 3
    assert [(o.line, o.rule, o.treatment) for o in report.oddities] == [
        (4, "absent", "absent"), (6, "duplicate", "refused"),
    ]  # fmt: skip


def test_every_rule_of_the_how_to_page_exists():
    text = (ROOT / "docs/how-to/import.md").read_text(encoding="utf-8")
    table = text[text.index("| rule |") :]
    rules = set(re.findall(r"`(\w+)`", " ".join(line.split("|")[1] for line in table.splitlines() if line[:1] == "|")))
    source = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "zcf").glob("import_*.py"))
    assert {rule for rule in rules if f'"{rule}"' not in source} == set()


# ---- small files


SITE = """
site: {{id: s, timezone: {zone}}}
store: {{path: store}}
points: [{{id: {point}, role: grid, rated_power: 100}}]
imports:
  - {{id: one, time_column: t, time_format: "{format}", interval: {interval}, stamp: {stamp}, midnight: {midnight},
     absent: [""], columns: [{{column: E, point: {point}, quantity: {quantity}, unit: {unit}}}]}}
"""
PLAIN = {
    "zone": "Asia/Shanghai", "format": "%Y-%m-%d %H:%M", "interval": "15min", "stamp": "start",
    "midnight": "as_written", "point": "main", "quantity": "active_energy", "unit": "kWh",
}  # fmt: skip


def site_of(folder: Path, **words: Any) -> SiteConfig:
    (folder / "site.yaml").write_text(SITE.format(**{**PLAIN, **words}), encoding="utf-8")
    return load_site(folder / "site.yaml")


def file_of(folder: Path, *rows: str, header: str = "t,E") -> Path:
    path = folder / "file.csv"
    path.write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    return path


def stored(config: SiteConfig, key: tuple[str, str] = ("main", "active_energy")) -> list[tuple[str, int]]:
    columns = EntriesReader(config.store_dir).ranges([key], -(10**15), 10**15)[key]
    return [
        (f"{from_ms(t):%m-%d %H:%M}", v) for t, v in zip(columns.time_ms.tolist(), columns.value.tolist(), strict=True)
    ]


def odd(report: ImportReport) -> list[tuple[int, str, str]]:
    return [(o.line, o.rule, o.treatment) for o in report.oddities]


@pytest.mark.parametrize(
    ("rows", "oddities", "values"),
    [
        (["2026-03-01 00:00,-1"], [(2, "negative", "refused")], []),
        (["2026-03-01 00:00,"], [(2, "absent", "absent")], []),
        (["2026-03-01 00:00,99999999999999"], [(2, "too_large", "refused")], []),
        (["2026-03-01 00:00,30.01"], [(2, "rated_power", "questionable")], [30_010_000]),
        (["2026-03-01 00:00,30"], [], [30_000_000]),
        (["2027-03-01 00:00,1"], [(2, "future", "refused")], []),
        (["2026-03-01 00:00,1", "2026-03-01 00:00,1"], [(3, "duplicate", "refused")], [1_000_000]),
        (
            ["2026-03-01 00:00,1", "2026-03-01 00:00,2"],
            [(2, "duplicate", "questionable"), (3, "duplicate", "refused")],
            [1_000_000],
        ),
        (["2026-03-01 00:00,1", "2026-03-01 00:07,2"], [(3, "overlap", "refused")], [1_000_000]),
        (["2026-03-01 00:00,1", "2026-03-01 01:00,2"], [(3, "missing", "absent")], [1_000_000, 2_000_000]),
        (["2026-03-01 00:15,1", "2026-03-01 00:00,2"], [(3, "out_of_order", "stored")], [2_000_000, 1_000_000]),
        (["2026-03-01 00:00,0.0000005"], [], [0]),  # half to even
        (["2026-03-01 00:00,0.0000015"], [], [2]),
        (["2026-03-01 00:00,1e1"], [], [10_000_000]),
    ],
)
def test_what_cannot_be_true_is_listed_and_treated_as_documented(tmp_path, rows, oddities, values):
    config = site_of(tmp_path)
    report = bring(config, file_of(tmp_path, *rows))
    assert odd(report) == oddities
    assert [value for _, value in stored(config)] == values
    assert report.rows.read == len(rows)


@pytest.mark.parametrize(
    ("words", "row", "start", "micro"),
    [
        ({"stamp": "end"}, "2026-03-01 08:15,1", "03-01 00:00", 1_000_000),
        ({"stamp": "end"}, "2026-03-01 24:00,1", "03-01 15:45", 1_000_000),
        ({"stamp": "end", "midnight": "end_of_day"}, "2026-03-01 00:00,1", "03-01 15:45", 1_000_000),
        ({"stamp": "end"}, "2026-03-01 00:00,1", "02-28 15:45", 1_000_000),
        ({"format": "%Y-%m-%d %H:%M%z"}, "2026-03-01 00:00+00:00,1", "03-01 00:00", 1_000_000),
        ({"unit": "MWh", "interval": "1d"}, "2026-03-01 00:00,0.1234567", "02-28 16:00", 123_456_700),
        ({"unit": "Wh"}, "2026-03-01 00:00,1.5", "02-28 16:00", 1_500),
    ],
)
def test_stamps_and_units(tmp_path, words, row, start, micro):
    config = site_of(tmp_path, **words)
    bring(config, file_of(tmp_path, row))
    assert stored(config) == [(start, micro)]


def test_clocks_set_back_give_two_hours_and_clocks_set_forward_give_none(tmp_path):
    config = site_of(tmp_path, zone="Europe/Berlin", interval="1h")
    back = [f"2025-10-26 {hour:02}:00,{n}" for n, hour in enumerate((0, 1, 2, 2, 3))]
    report = bring(config, file_of(tmp_path, *back))
    assert odd(report) == []
    assert [time for time, _ in stored(config)] == [
        "10-25 22:00",
        "10-25 23:00",
        "10-26 00:00",
        "10-26 01:00",
        "10-26 02:00",
    ]
    forward = [f"2026-03-29 {hour:02}:00,1" for hour in (1, 2, 3)]
    assert odd(bring(config, file_of(tmp_path, *forward))) == [(3, "no_such_time", "refused")]


def test_a_stamp_at_the_end_of_the_hour_before_the_change_is_that_instant(tmp_path):
    config = site_of(tmp_path, zone="Europe/Berlin", interval="1h", stamp="end")
    forward = [f"2026-03-29 {hour:02}:00,1" for hour in (1, 2, 4)]
    assert odd(bring(config, file_of(tmp_path, *forward))) == []
    assert [time for time, _ in stored(config)] == ["03-28 23:00", "03-29 00:00", "03-29 01:00"]


def test_a_file_with_its_newest_row_first_is_read_from_its_end(tmp_path):
    config = site_of(tmp_path, zone="Europe/Berlin", interval="1h")
    back = [f"2025-10-26 {hour:02}:00,{n}" for n, hour in enumerate((3, 2, 2, 1, 0))]
    report = bring(config, file_of(tmp_path, *back))
    assert odd(report) == []
    assert "the newest row stands first" in report.notes
    assert [value for _, value in stored(config)] == [4_000_000, 3_000_000, 2_000_000, 1_000_000, 0]


def test_calendar_months_of_a_gas_bill(tmp_path):
    words = {"interval": "month", "format": "%Y-%m", "point": "gas", "quantity": "gas_amount", "unit": "m³"}
    config = site_of(tmp_path, **words)
    report = bring(config, file_of(tmp_path, "2026-01,310.5", "2026-02,280", "2026-03,1"))
    assert report.series[0].months == {"2026-01": 310_500_000, "2026-02": 280_000_000, "2026-03": 1_000_000}
    columns = EntriesReader(config.store_dir).ranges([("gas", "gas_amount")], 0, NOW)["gas", "gas_amount"]
    assert columns.end_ms is not None
    assert np.diff(np.append(columns.time_ms, columns.end_ms[-1])).tolist() == [d * 86_400_000 for d in (31, 28, 31)]


def test_register_readings_stand_at_their_stamp_and_give_their_difference(tmp_path):
    config = site_of(tmp_path, quantity="active_energy_import", interval="1h")
    report = bring(
        config, file_of(tmp_path, "2026-03-01 00:00,100.25", "2026-03-01 01:00,99", "2026-03-01 02:00,130.5")
    )
    assert odd(report) == [(3, "falls", "stored")]
    assert document(report)["energy_kwh"] == 30.25
    assert stored(config, ("main", "active_energy_import")) == [
        ("02-28 16:00", 100_250_000), ("02-28 17:00", 99_000_000), ("02-28 18:00", 130_500_000),
    ]  # fmt: skip


def test_gauges_are_kept_as_numbers(tmp_path):
    config = site_of(tmp_path, quantity="active_power", unit="W")
    bring(config, file_of(tmp_path, "2026-03-01 00:00,-1500"))
    assert stored(config, ("main", "active_power")) == [("02-28 16:00", -1.5)]


def test_a_longer_file_adds_only_what_is_new_and_a_contradiction_stays_out(tmp_path):
    config = site_of(tmp_path)
    bring(config, file_of(tmp_path, "2026-03-01 00:00,1", "2026-03-01 00:15,2"))
    report = bring(config, file_of(tmp_path, "2026-03-01 00:00,1", "2026-03-01 00:15,9", "2026-03-01 00:30,3"))
    assert odd(report) == [(3, "conflict", "refused")]
    assert (report.rows.stored, report.rows.unchanged, report.rows.refused) == (1, 1, 1)
    assert [value for _, value in stored(config)] == [1_000_000, 2_000_000, 3_000_000]
    assert len(EntriesReader(config.store_dir).entries("import")) == 2


@pytest.mark.parametrize("first", ["15min", "1h"])
def test_another_grid_over_the_same_time_is_never_counted_twice(tmp_path, first):
    quarters = [f"2026-03-01 00:{minute:02},1" for minute in (0, 15, 30, 45)]
    files = {"15min": quarters, "1h": ["2026-03-01 00:00,4"]}
    bring(site_of(tmp_path, interval=first), file_of(tmp_path, *files[first]))
    second = "1h" if first == "15min" else "15min"
    config = site_of(tmp_path, interval=second)
    report = bring(config, file_of(tmp_path, *files[second]))
    assert {rule for _, rule, _ in odd(report)} == {"conflict"}
    assert sum(value for _, value in stored(config)) == 4_000_000


def test_a_dry_run_writes_nothing(tmp_path):
    config = site_of(tmp_path)
    report = bring(config, file_of(tmp_path, "2026-03-01 00:00,1"), dry_run=True)
    assert (report.readings, report.entry) == (1, None)
    assert not config.store_dir.exists()


def test_the_environment_overrides_the_store(tmp_path, monkeypatch):
    config = site_of(tmp_path)
    monkeypatch.setenv("ZCF_STORE", str(tmp_path / "elsewhere"))
    bring(config, file_of(tmp_path, "2026-03-01 00:00,1"))
    assert (tmp_path / "elsewhere/entries/entries.db").exists()
    assert not (tmp_path / "store").exists()


def test_a_second_writer_is_refused_naming_the_first(tmp_path):
    config = site_of(tmp_path)
    first = EntriesWriter(config.store_dir, "zcf close")
    try:
        with pytest.raises(StoreLockedError, match="zcf close"):
            bring(config, file_of(tmp_path, "2026-03-01 00:00,1"))
    finally:
        first.close()


def test_checks_of_the_files_own(tmp_path):
    text = """
site: {id: s, timezone: UTC}
points: [{id: main, role: grid}]
imports:
  - id: one
    time_column: t
    time_format: "%Y-%m-%d %H:%M"
    interval: 1h
    stamp: start
    columns: [{column: P, point: main, quantity: active_energy, unit: kWh}]
    checks:
      - {rule: range, columns: [P], max: 50, treatment: refuse}
      - {rule: all_zero, columns: [P, Q]}
      - {rule: power_factor, column: PF, active: P, reactive: Q, tolerance: 0.5}
      - {rule: seconds_of_day, column: S, treatment: refuse}
      - {rule: weekday, column: D}
"""
    (tmp_path / "site.yaml").write_text(text, encoding="utf-8")
    rows = [
        "2026-03-02 00:00,3,4,60,0,Monday", "2026-03-02 01:00,0,0,0,3600,Monday", "2026-03-02 02:00,3,4,61,7200,Monday",
        "2026-03-02 03:00,51,0,100,10800,Monday", "2026-03-02 04:00,3,4,60,1,Monday",
        "2026-03-02 05:00,3,4,60,18000,Friday", "2026-03-02 06:00,3,4,59.5,21600,Monday",
    ]  # fmt: skip
    report = bring(load_site(tmp_path / "site.yaml"), file_of(tmp_path, *rows, header="t,P,Q,PF,S,D"))
    assert odd(report) == [
        (3, "all_zero", "questionable"), (4, "power_factor", "questionable"), (5, "range", "refused"),
        (6, "seconds_of_day", "refused"), (7, "weekday", "questionable"),
    ]  # fmt: skip
    assert (report.rows.stored, report.rows.questionable, report.rows.refused) == (5, 3, 2)


# ---- what cannot be read: all faults at once, the store untouched


BAD = [
    pytest.param("t,X\n2026-03-01 00:00,1\n", {1: "no column 'E'"}, id="missing column"),
    pytest.param("t,E,F\n2026-03-01 00:00,1,2\n", {1: "'F' is neither mapped nor ignored"}, id="extra column"),
    pytest.param("t,E,E\n2026-03-01 00:00,1,2\n", {1: "stands there twice"}, id="column twice"),
    pytest.param("t;E\n2026-03-01 00:00;1\n", {1: "delimiter: ';'"}, id="delimiter"),
    pytest.param("\ufefft,E\n2026-03-01 00:00,1\n", {}, id="bom is read"),
    pytest.param(
        "t,E\n01/03/2026 00:00,1\n2026-03-01 00:15,1\n31/03/2026 00:00,1\n", {2: "is not '%Y", 4: "is not"}, id="time"
    ),
    pytest.param(
        "t,E\n2026-03-01 00:00,1 kWh\n2026-03-01 00:15,NaN\n", {2: "not a number", 3: "not a number"}, id="numbers"
    ),
    pytest.param('t,E\n2026-03-01 00:00,"1,5"\n', {2: "not a number"}, id="decimal comma"),
    pytest.param("t,E\n2026-03-01 00:00,1,\n2026-03-01 00:15\n", {2: "3 fields", 3: "1 fields"}, id="width"),
    pytest.param('t,E\n2026-03-01 00:00,"1\n', {2: "not CSV"}, id="open quote"),
    pytest.param("t,E\n", {1: "no rows"}, id="no rows"),
    pytest.param("", {1: "no rows"}, id="empty"),
    pytest.param("t,E\n2026-03-01 00:00,1\n2026-03-01 00:15,\xff\n".encode("latin-1"), {3: "not utf-8"}, id="encoding"),
    pytest.param("t,E\n2026-03-01 00:00,1\n".encode("utf-16"), {1: "not utf-8"}, id="utf-16"),
    pytest.param(b"t,E\n\0\0,1\n", {2: "NUL"}, id="nul"),
]


@pytest.mark.parametrize(("text", "faults"), BAD)
def test_a_file_that_cannot_be_read_leaves_the_store_as_it_was(tmp_path, text, faults):
    config = site_of(tmp_path)
    bring(config, file_of(tmp_path, "2025-03-01 00:00,1"))
    before = bytes_of(config.store_dir)
    path = tmp_path / "bad.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    if not faults:
        bring(config, path)
        return
    with pytest.raises(ConfigError) as caught:
        bring(config, path)
    assert bytes_of(config.store_dir) == before
    for line, words in faults.items():
        assert any(f.line == line and words in str(f) and f.mend for f in caught.value.faults), str(caught.value)
    assert {fault.line for fault in caught.value.faults} == set(faults)


@pytest.mark.parametrize("rows", [["23:45", "00:00"], ["23:30", "23:45", "00:00"], ["00:15", "23:45", "00:00"]])
def test_a_day_that_closes_with_its_own_midnight_must_be_declared(tmp_path, rows):
    config = site_of(tmp_path, stamp="end")
    with pytest.raises(ConfigError, match=r"00:00 of 2026-03-01 follows 23:45 .* midnight: end_of_day"):
        bring(config, file_of(tmp_path, *(f"2026-03-01 {time},1" for time in rows)))


def test_days_declared_to_close_with_midnight_must_not_open_with_it(tmp_path):
    config = site_of(tmp_path, stamp="end", midnight="end_of_day")
    with pytest.raises(ConfigError, match="midnight: as_written"):
        bring(config, file_of(tmp_path, "2026-03-01 00:00,1", "2026-03-01 00:15,1"))


def test_a_unit_that_the_header_contradicts_is_a_fault(tmp_path):
    text = SITE.format(**{**PLAIN, "unit": "MWh"}).replace("column: E", "column: Usage_kWh")
    (tmp_path / "site.yaml").write_text(text, encoding="utf-8")
    path = file_of(tmp_path, "2026-03-01 00:00,1", header="t,Usage_kWh")
    with pytest.raises(ConfigError, match=r"file\.csv:1: .*Usage_kWh.*declare unit: kWh"):
        bring(load_site(tmp_path / "site.yaml"), path)


def test_a_unit_that_does_not_fit_is_a_fault_of_the_site_file(tmp_path):
    with pytest.raises(ConfigError, match=r"site\.yaml:7: .*unit 'kvarh' does not fit active_energy"):
        site_of(tmp_path, unit="kvarh")


def test_every_fault_of_a_file_at_once_and_many_of_a_kind_are_counted(tmp_path):
    rows = [f"2026-13-01 00:00,{n}" for n in range(150)] + ["2026-03-01 00:00,x"]
    with pytest.raises(ConfigError) as caught:
        bring(site_of(tmp_path), file_of(tmp_path, *rows))
    messages = [str(fault) for fault in caught.value.faults]
    assert len(messages) == 102
    assert any("and 50 more like it (time)" in message for message in messages)
    assert any(":152: E: 'x' is not a number" in message for message in messages)


def test_a_site_without_imports_and_a_file_that_is_not_there(tmp_path):
    config = site_of(tmp_path)
    with pytest.raises(ConfigError, match="cannot read the file"):
        bring(config, tmp_path / "none.csv")
    (tmp_path / "site.yaml").write_text("site: {id: s, timezone: UTC}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="describes no import"):
        bring(load_site(tmp_path / "site.yaml"), tmp_path / "none.csv")


def test_the_section_whose_columns_the_file_has_is_taken(tmp_path):
    text = SITE.format(**PLAIN)
    other = text[text.index("  - {") :].replace("id: one", "id: two").replace("column: E", "column: F")
    (tmp_path / "site.yaml").write_text(text + other, encoding="utf-8")
    report = bring(load_site(tmp_path / "site.yaml"), file_of(tmp_path, "2026-03-01 00:00,1", header="t,F"))
    assert report.section == "two"


def test_import_loads_neither_pandas_nor_the_web_server():
    code = (
        "import sys; import zcf.import_csv; print({'pandas', 'fastapi', 'collector', 'analytics'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "set()"
