"""A month's books as typed, on a demo's own store: closed, restated by what came late, handed out, checked, refused."""

import json
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile
from zoneinfo import ZoneInfo

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from analytics.settlement import bring_up_to_date
from analytics.site_times import calendar_of
from metering.period import month as month_of
from metering.period import to_ms
from metering.reading import MICRO
from metering.sitefile import load_site
from metering.store.readings import writing
from metering.store.results import ResultsReader, ResultsWriter
from metering.store.source import StoreSource
from tests.zcf.small import make_small
from zcf.__main__ import app
from zcf.home import Home, utc_ms

pytestmark = pytest.mark.long

ZONE = ZoneInfo("Asia/Shanghai")
DAYS = 65  # the whole of the last month, whatever today is
BEFORE = datetime.now(UTC).astimezone(ZONE).replace(day=1) - timedelta(days=1)
MONTH = f"{BEFORE:%Y-%m}"
SPAN = month_of(BEFORE.year, BEFORE.month, ZONE)
SIX_HOURS = 6 * 3_600_000
CANTEEN = """
- {id: canteen_gas, role: fuel, carrier: natural_gas, activity: natural_gas.at_20c}
"""
IMPORTS = """
- id: canteen
  time_column: day
  time_format: "%Y-%m-%d"
  interval: day
  stamp: start
  columns:
  - {column: m3, point: canteen_gas, quantity: gas_amount, unit: m³}
"""
BY = ("--who", "Li Hua", "--why", "a walk")
Row = tuple[int, int, bytes, bytes]


class Walk:
    """The folder of a small demo with its past, less what two meters measured around the end of the month."""

    def __init__(self, folder: Path) -> None:
        home = Home(make_small(folder, days=DAYS))
        home.prepare(DAYS, None, utc_ms())
        home.write_past(DAYS, utc_ms(), lambda _: None)
        self.site = home.site
        self._with_canteen()
        self.config = load_site(self.site)
        self.late = self._held_back()
        self.settle()

    def _with_canteen(self) -> None:
        """A boiler that no meter of ours reads; its bills come as files."""
        yaml = YAML(typ="rt")
        document: Any = yaml.load(self.site.read_text(encoding="utf-8"))
        document["points"] += yaml.load(CANTEEN)
        document["imports"] = yaml.load(IMPORTS)
        out = StringIO()
        yaml.dump(document, out)
        self.site.write_text(out.getvalue(), encoding="utf-8")
        days = (SPAN.end - SPAN.start).days
        rows = [f"{MONTH}-{day:02},{20 + day % 7}.5\n" for day in range(1, days + 1)]
        self.bill, self.billed = self.site.with_name("canteen.csv"), sum(20.5 + day % 7 for day in range(1, days + 1))
        self.bill.write_text("day,m3\n" + "".join(rows), encoding="utf-8")

    def _held_back(self) -> list[Row]:
        db = sqlite3.connect(self.config.store_dir / "readings" / "readings.db")
        span = (SPAN.end_ms - SIX_HOURS, SPAN.end_ms + SIX_HOURS)
        found: list[Row] = []
        for number, text in db.execute("SELECT id, definition FROM poll_group").fetchall():
            if json.loads(text)["device"] in {"m_grid", "gas"}:
                where = f"FROM poll WHERE grp={number} AND time_ms>? AND time_ms<?"
                found += db.execute(f"SELECT time_ms, grp, vals, words {where}", span).fetchall()
                db.execute(f"DELETE {where}", span)
        db.commit()
        db.close()
        return found

    def backlog(self) -> None:
        """The gateway delivers what it had kept."""
        with writing(self.config.store_dir, "test") as writer:
            writer.append_history(self.late)

    def settle(self) -> None:
        writer = ResultsWriter(self.config.store_dir, "test")
        source, results = StoreSource(self.config.store_dir), ResultsReader(self.config.store_dir)
        bring_up_to_date(source, results, writer, utc_ms(), calendar_of(self.config))
        writer.close()

    def imported(self) -> float:
        """The month's import by the register alone [kWh]."""
        key = ("grid", "active_energy_import")
        columns = StoreSource(self.config.store_dir).ranges([key], SPAN.start_ms, SPAN.end_ms + 1)[key]
        at = dict(zip(columns.time_ms.tolist(), columns.value.tolist(), strict=True))
        return (at[SPAN.end_ms] - at[SPAN.start_ms]) / MICRO

    def said(self, *words: object, code: int = 0) -> str:
        result = CliRunner().invoke(app, [words[0], str(self.site), *(str(word) for word in words[1:])])
        assert result.exit_code == code, result.output
        return result.output

    def told(self, *words: object, code: int = 0) -> dict[str, Any]:
        [line] = [one for one in self.said(*words, "--json", code=code).splitlines() if one.startswith("{")]
        found: dict[str, Any] = json.loads(line)
        return found

    def difference(self) -> dict[str, Any]:
        return self.told("close", MONTH, "--diff")


def by_name(rows: Sequence[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(row for row in rows if row.get("name") == name)


def verified(file: Path, code: int = 0) -> dict[str, Any]:
    result = CliRunner().invoke(app, ["verify", str(file), "--json"])
    assert result.exit_code == code, result.output
    found: dict[str, Any] = json.loads(result.output.splitlines()[-1])
    return found


def test_close_late_data_restatement_bundle_verify_and_one_flipped_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ZCF_STORE", raising=False)
    walk = Walk(tmp_path / "demo")
    closed_with_a_bill_to_come(walk)
    full = restated_by_late_readings_and_an_import(walk)
    an_entry_and_its_undoing(walk, full)
    walk.settle()
    second = walk.told("close", MONTH, *BY)
    assert (second["number"], second["incomplete"]) == (2, [])
    assert not walk.difference()["changed"]
    assert walk.told("balance", "--period", MONTH, "--as", "issued")["totals"] == second["totals"]
    bundle = tmp_path / "month.zip"
    walk.said("report", "--period", MONTH, "--format", "json", "--out", tmp_path / "report", "--bundle", bundle)
    found = verified(bundle)
    assert (found["failed"], found["restated_closings"]) == (0, [1])
    assert found["passed"] > 100
    assert flipped(bundle, "readings/grid/active_energy_import.csv.gz") == "readings/grid/active_energy_import.csv.gz"


def closed_with_a_bill_to_come(walk: Walk) -> None:
    assert "canteen_gas" in CliRunner().invoke(app, ["close", str(walk.site), MONTH, *BY]).output
    first = walk.told("close", MONTH, "--incomplete", *BY)
    assert (first["closed"], first["number"]) == (True, 1)
    assert any("canteen_gas" in lack for lack in first["incomplete"])
    assert not walk.difference()["changed"]


def restated_by_late_readings_and_an_import(walk: Walk) -> dict[str, Any]:
    walk.backlog()
    late = walk.difference()
    assert {row["id"] for row in late["why"]["readings"]} >= {"grid|active_energy_import", "gas|gas_volume"}
    assert by_name(late["energy"], "import_kwh")["known"] == pytest.approx(walk.imported(), abs=1e-6)
    assert by_name(late["energy"], "import_kwh")["delta"] != 0
    walk.said("import", walk.bill, *BY)
    full = walk.difference()
    assert by_id(full, "canteen_gas|gas_amount")["change"] == "added"
    more = by_name(full["totals"], "scope1")["known"] - by_name(late["totals"], "scope1")["known"]
    per_m3 = next(line for line in walk.told("balance", "--period", MONTH)["lines"] if line["point"] == "gas")
    assert more == pytest.approx(walk.billed * per_m3["factor"]["value"], rel=1e-9)
    assert full["incomplete"]["known"] == []
    return full


def an_entry_and_its_undoing(walk: Walk, full: dict[str, Any]) -> None:
    span = ("--from", f"{MONTH}-10T00:00", "--to", f"{MONTH}-12T00:00")
    entry = walk.told("correct", "multiplier", "--point", "grid", "--factor", "11/10", *span, *BY)["entry"]["id"]
    assert [row["id"] for row in walk.difference()["why"]["entries"]] == [entry]
    walk.said("correct", "undo", "--entry", entry, *BY)
    assert walk.difference() == full


def by_id(difference: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(row for row in difference["why"]["readings"] if row["id"] == name)
    return found


def flipped(bundle: Path, member: str) -> str:
    """What `zcf verify` names when one byte in the middle of a member is another."""
    data, info = bytearray(bundle.read_bytes()), ZipFile(bundle).getinfo(member)
    data[info.header_offset + 30 + len(member) + info.compress_size // 2] ^= 1
    altered = bundle.with_name("altered.zip")
    altered.write_bytes(data)
    found: dict[str, Any] = verified(altered, code=1)
    return str(found["refused"]["member"])


def test_the_month_walked_over_is_the_last_one() -> None:
    assert SPAN.end_ms <= to_ms(datetime.now(UTC)) < SPAN.end_ms + DAYS * 86_400_000
