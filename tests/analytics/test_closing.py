"""A closed month stays as it was issued; what later changes made of it is a restatement that says why."""

from pathlib import Path

import pytest

from analytics.closing import NotReadyError, closings, known_document, state
from analytics.fingerprint import closure, code, of_json
from analytics.held import HeldSource, NoResults, Recorder
from analytics.restatement import restatement
from analytics.service import FactoryService
from metering.sitefile import load_site
from tests.analytics.month_works import DECLARED, END, GRID, MONTH, NOW, SITE, START, MonthWorks, entry, quarters

HOLE = (END - 6 * 3_600_000, END + 6 * 3_600_000)  # readings missing around the end of the month


@pytest.fixture
def works(tmp_path: Path) -> MonthWorks:
    return MonthWorks(tmp_path).full().settle()


def difference(works: MonthWorks):
    service = works.service()
    return restatement(closings(service.results, MONTH)[-1], known_document(service, MONTH, works.now))


def test_the_chain_over_held_readings_is_the_chain_over_the_store(works: MonthWorks):
    config = load_site(works.path)
    recorder = Recorder(works.service().source)
    fresh = FactoryService(config, lambda: NOW, source=recorder, results=NoResults()).balance(MONTH)
    held = HeldSource(recorder.columns, recorder.notes, recorder.entries.entries())
    again = FactoryService(config, lambda: NOW, source=held, results=NoResults()).balance(MONTH)
    assert works.service().balance(MONTH) == fresh == again
    assert fresh["totals"]["scope1"]["co2_only"] > 0


def test_g5_a_closing_freezes_figures_and_the_fingerprints_of_its_factors(works: MonthWorks):
    assert works.close_month() is not None
    [closing] = closings(works.service().results, MONTH)
    assert closing["number"] == 1
    assert closing["as_seen"]
    assert closing["entry"]["who"] == "eva"
    assert closing["incomplete"] == []
    assert closing["balance"]["totals"] == works.service().balance(MONTH)["totals"]
    assert {line["gas"] for line in closing["lines_co2e"]} == {"co2e"}
    hashes = closing["hashes"]
    assert hashes["readings"]["|".join(GRID)]["count"] == 31 * 96 + 2  # the bracketing ones with it
    assert set(hashes["factors"]) == {line["factor"]["id"] for line in closing["balance"]["lines"]} | {
        line["factor"]["id"] for line in closing["lines_co2e"]
    }
    assert hashes["code"] == code()


def test_closing_an_unchanged_month_again_closes_nothing(works: MonthWorks):
    works.close_month()
    assert works.close_month() is None
    works.feed(quarters(END + 2 * 86_400_000, END + 3 * 86_400_000)).settle()  # readings of after the month
    assert works.close_month() is None
    assert not difference(works)["changed"]


def test_late_readings_restate_the_month_and_say_which_series(tmp_path: Path):
    works = MonthWorks(tmp_path).full(without=HOLE).settle()
    works.close_month()
    issued = closings(works.service().results, MONTH)[0]
    works.feed(quarters(HOLE[0], HOLE[1] - 1)).settle()
    told = difference(works)
    assert told["restated"]
    assert {one["id"] for one in told["why"]["readings"]} == {"grid|active_energy_import", "gas|gas_volume"}
    assert told["why"]["factors"] == told["why"]["entries"] == []
    [grid] = [one for one in told["lines"] if "/location_based/co2_only" in one["id"]]
    assert grid["delta"] == grid["known"] - grid["issued"] != 0
    assert grid["why"] == ["readings grid|active_energy_import"]
    assert closings(works.service().results, MONTH) == [issued]  # what was issued does not move
    works.close_month()
    assert [one["number"] for one in closings(works.service().results, MONTH)] == [1, 2]
    assert not difference(works)["changed"]


def test_an_entry_restates_and_its_undoing_takes_it_back(works: MonthWorks):
    works.close_month()
    works.enter(entry("multiplier", 1, point="grid", start_ms=START, end_ms=END, factor="11/10")).settle()
    told = difference(works)
    assert told["restated"]
    assert [one["id"] for one in told["why"]["entries"]] == ["multiplier-1"]
    [energy] = [one for one in told["energy"] if one["name"] == "import_kwh"]
    assert energy["known"] == pytest.approx(1.1 * energy["issued"])
    works.enter(entry("undo", 2, entry="multiplier-1")).settle()
    assert not difference(works)["changed"]


def test_an_entry_of_another_month_changes_nothing(works: MonthWorks):
    works.close_month()
    later = END + 10 * 86_400_000
    works.enter(entry("bad_range", 1, point="grid", quantity=GRID[1], start_ms=later, end_ms=later + 1)).settle()
    assert not difference(works)["changed"]


def test_a_new_factor_restates_and_is_named(works: MonthWorks):
    works.close_month()
    works.path.write_text(SITE + DECLARED, encoding="utf-8")
    told = difference(works)
    assert told["restated"]
    assert ("own-grid", "added") in {(one["id"], one["change"]) for one in told["why"]["factors"]}
    assert told["why"]["readings"] == []


def test_a_month_that_is_not_over_or_not_whole_is_refused(tmp_path: Path):
    works = MonthWorks(tmp_path).feed(quarters(START - 86_400_000, END - 86_400_000)).settle()
    works.now = END - 1
    with pytest.raises(NotReadyError, match="not over"):
        works.close_month()
    works.now = NOW
    with pytest.raises(NotReadyError, match="a later reading is missing"):
        works.close_month()
    assert works.close_month(incomplete=True) is not None
    [closing] = closings(works.service().results, MONTH)
    assert any("a later reading is missing" in said for said in closing["incomplete"])


def test_results_lost_and_made_anew_say_whether_they_are_what_was_closed(works: MonthWorks):
    works.close_month()
    before = closings(works.service().results, MONTH)
    for file in (works.store / "results").glob("results.db*"):
        file.unlink()
    works.settle()
    assert closings(works.service().results, MONTH) == before
    for file in (works.store / "results").glob("results.db*"):
        file.unlink()
    works.enter(entry("multiplier", 1, point="grid", start_ms=START, end_ms=END, factor="11/10")).settle()
    [closing] = closings(works.service().results, MONTH)
    assert not closing["as_seen"]


def test_a_closing_of_no_month_does_not_stop_the_service(works: MonthWorks):
    works.enter(entry("closing", 1, period="tomorrow"), entry("closing", 2)).settle()
    assert closings(works.service().results, "tomorrow") == []


def test_the_state_of_a_month_moves_with_any_fingerprint(works: MonthWorks):
    known = known_document(works.service(), MONTH, NOW)
    for part in ("readings", "entries", "factors", "criteria", "site", "code"):
        other = {**known, "hashes": {**known["hashes"], part: of_json(part)}}
        assert state(other) != state(known)


def test_the_site_of_a_closing_is_what_its_file_says_of_figures(works: MonthWorks):
    def site() -> str:
        found: str = known_document(works.service(), MONTH, NOW)["hashes"]["site"]
        return found

    before, text = site(), works.path.read_text(encoding="utf-8")
    works.path.write_text(f"# a remark\n{text}", encoding="utf-8")
    assert site() == before
    works.path.write_text(f"{text}\ngwp: AR5\n", encoding="utf-8")
    assert site() != before


def test_the_code_of_a_figure_is_all_that_computes_it():
    files = closure(["analytics.service"])
    assert {"analytics/segments.py", "analytics/balance.py", "analytics/factors.py", "metering/period.py"} <= files
    assert not any("web" in file or "api" in file for file in files)
