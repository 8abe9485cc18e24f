"""`zcf correct`: entries checked with every fault at once, written under the lock, and told before and after."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from metering.reading import MICRO
from metering.store.entries import EntriesReader, EntriesWriter
from metering.store.source import StoreSource
from tests.zcf.test_cli import zcf
from tests.zcf.works import QUARTER, Works

BY = ("--who", "a tester", "--why", "a test")
HOUR = 3_600_000


def correct(works: Works, *words: object) -> "subprocess.CompletedProcess[str]":
    return zcf("correct", works.folder / "site.yaml", *words)


def told(works: Works, *words: object) -> dict[str, Any]:
    found = correct(works, *words, *BY, "--json")
    assert (found.returncode, found.stderr) == (0, "")
    return json.loads(found.stdout)


def at(time_ms: int) -> str:
    """By the site's clock: Asia/Shanghai, eight hours ahead."""
    from metering.period import from_ms

    return from_ms(time_ms + 8 * HOUR).replace(tzinfo=None).isoformat()


PAST = ("--from", at(QUARTER - 2 * HOUR), "--to", at(QUARTER - HOUR))


def test_a_factor_says_what_it_changes_and_is_undone(works: Works):
    body = told(works, "multiplier", "--point", "line", *PAST, "--factor", "1.1")
    (change,) = body["changes"]
    assert change["after_micro"] - change["before_micro"] == 5 * MICRO  # a tenth of 50 kW over an hour
    assert body["entry"]["body"]["factor"] == "11/10"
    undone = told(works, "undo", "--entry", body["entry"]["id"])
    assert undone["changes"][0]["after_micro"] == change["before_micro"]
    listed = json.loads(correct(works, "list", "--json").stdout)["entries"]
    assert [one["in_force"] for one in listed] == [False, True]
    assert "undone" in correct(works, "list").stdout


def test_a_dry_run_enters_nothing(works: Works):
    body = told(works, "bad-range", "--point", "grid", *PAST, "--dry-run")
    assert body["written"] is False
    assert body["changes"] != []
    assert EntriesReader(works.config.store_dir).entries() == []


def test_people_are_told_in_words(works: Works):
    found = correct(works, "multiplier", "--point", "line", *PAST, "--factor", "2", *BY)
    assert found.returncode == 0
    assert "+50.000" in found.stdout
    assert "by a tester: a test" in found.stdout


def test_a_bill_stands_beside_what_was_metered_and_moves_nothing(works: Works):
    words = ("bill", "--point", "line", *PAST, "--value", "51")
    found = correct(works, *words, *BY)
    assert "billed 51.000, metered 50.000 kWh: +1.000 (+2.00 %); no figure moves" in found.stdout
    before = ("--from", at(QUARTER - 900 * HOUR), "--to", at(QUARTER - HOUR))
    assert (
        "not all of that time is metered"
        in correct(works, "bill", "--point", "line", *before, "--value", "9", *BY).stdout
    )
    listed = correct(works, "list").stdout
    assert f"value 51.000 kWh, point line, quantity active_energy_import, start {at(QUARTER - 2 * HOUR)[:10]}" in listed
    assert "_ms" not in listed


def test_every_fault_at_once_and_2(works: Works):
    found = correct(
        works, "multiplier", "--point", "lin", "--from", "yesterday", "--to", "2026-01-01", "--factor", "-1",
        "--who", "", "--why", "x",
    )  # fmt: skip
    assert (found.returncode, found.stdout) == (2, "")
    assert [line.split(":")[0] for line in found.stderr.splitlines()] == ["--who", "--point", "--from", "--factor"]


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("exchange", "--point", "grid", "--at", at(QUARTER - HOUR), "--final", "1", "--start", "0"), "already showed"),
        (("exchange", "--point", "grid", "--at", at(QUARTER - 9 * HOUR), "--final", "1", "--start", "0"), "no reading"),
        (("exchange", "--point", "grid", "--at", "2999-01-01", "--final", "1", "--start", "0"), "future"),
        (("manual", "--point", "grid", "--at", at(QUARTER - HOUR), "--value", "5"), "on either side"),
        (("manual", "--point", "grid", "--at", at(QUARTER - HOUR), "--value", "1.00000001"), "finer"),
        (("bad-range", "--point", "grid", "--from", "2026-01-02", "--to", "2026-01-01"), "is not after"),
        (("bad-range", "--point", "grid", *PAST, "--quantity", "gas_volume"), "has no 'gas_volume'"),
        (("bad-range", "--point", "grid", "--from", "2025-01-01", "--to", "2025-01-02"), "was first read at"),
        (("multiplier", "--point", "grid", "--from", "2025-01-01", "--to", "2025-01-02", "--factor", "2"), "first"),
        (("multiplier", "--point", "grid", *PAST, "--factor", "1.0"), "changes nothing"),
        (("direction", "--point", "grid", *PAST), "not read in both directions"),
        (("reset", "--point", "grid", "--at", at(QUARTER - HOUR)), "did not fall"),
        (("undo", "--entry", "nothing"), "no entry"),
    ],
)
def test_what_cannot_be_is_refused(works: Works, words: tuple[str, ...], fault: str):
    found = correct(works, *words, *BY)
    assert found.returncode == 2
    assert fault in found.stderr
    assert EntriesReader(works.config.store_dir).entries() == []


def test_a_bad_site_file_is_78(tmp_path: Path):
    (tmp_path / "site.yaml").write_text("site: {id: works}\n", encoding="utf-8")
    assert zcf("correct", tmp_path / "site.yaml", "undo", "--entry", "x", *BY).returncode == 78


def test_the_holder_of_the_lock_is_named(works: Works):
    writer = EntriesWriter(works.config.store_dir, "zcf import")
    try:
        found = correct(works, "bad-range", "--point", "grid", *PAST, *BY)
    finally:
        writer.close()
    assert found.returncode == 1
    assert "zcf import" in found.stderr


def swapped(point: str, time_ms: int) -> int:
    """100 and 50 kW; the line's meter is changed for one at 20 kWh an hour and a half before the end of the past."""
    power = {"grid": 100, "line": 50}[point]
    since = time_ms - (QUARTER - 90 * 60_000)
    base = 20 if point == "line" and since > 0 else 9_876
    return base * MICRO + power * since * MICRO // HOUR


def test_an_exchange_closes_the_open_item(tmp_path: Path):
    works = Works(tmp_path, swapped).run()
    when = QUARTER - 90 * 60_000 + 300_000
    body = told(works, "exchange", "--point", "line", "--at", at(when), "--final", "9879", "--start", "20.5")
    assert body["open_items"] == {"before": 1, "after": 0}
    (change,) = body["changes"]
    source, key = StoreSource(works.config.store_dir), ("line", "active_energy_import")
    before, after = source.ranges([key], when, when)[key].value.tolist()
    assert change["after_micro"] - change["before_micro"] == (9_879 * MICRO - before) + (after - 20_500_000)
