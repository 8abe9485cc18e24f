"""A report hands out what the balance holds: same figures in every format, nothing unknown as 0, nothing run."""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from openpyxl import load_workbook

from analytics.explain import explain
from analytics.issuing import issue
from analytics.matching_uncertainty import matching_of
from analytics.report import KINDS, report
from analytics.report_claims import claims_table
from analytics.report_facts import Facts
from analytics.report_html import html
from analytics.report_matching import matching_blocks
from analytics.report_measures import savings_tables
from analytics.report_parts import Chapter, Chart, Figure, Report, Table, report_document, same, sentence
from analytics.report_targets import track_table
from analytics.report_words import OUTCOME, STATUS, digits, interval, shown
from analytics.report_xlsx import plain, xlsx
from analytics.reporting import File, _look, figures_of, gather, pdf, written
from analytics.terms import Sentence, Status
from tests.analytics.carbon_works import works_balance, works_flows
from tests.analytics.month_works import DECLARED, MONTH, SITE, MonthWorks
from zcf.verifier import verify

NASTY = SITE.replace(
    "site: {id: works,", """site: {id: works, name: {zh: "=1+1|<b>厂", en: "=cmd|'<script>x</script>"},"""
)


TARGET = """targets:
  - {id: half, name: {zh: 减半, en: Halved}, base_year: 2024, base_t: 120, year: 2030, target_t: 60}
"""
MEASURES = """measures:
  - {id: shut_off, name: {zh: 停机, en: Switch off}, effect: electricity, saving: 900, cost: 100, years: 2,
     point: grid, option: C, drivers: [workdays], done: 2026-10-22, document: SIM acceptance}
  - {id: gec, name: {zh: 绿证, en: Certificates}, effect: green_power, price: 0.01, document: offer}
"""


@pytest.fixture(scope="module")
def works(tmp_path_factory: pytest.TempPathFactory) -> MonthWorks:
    folder = tmp_path_factory.mktemp("works")
    site = NASTY + DECLARED + TARGET + MEASURES + "standards: [ict_five_dimension]\n"
    return MonthWorks(folder, site=site).full().settle()


@pytest.fixture(scope="module")
def facts(works: MonthWorks) -> Facts:
    return gather(works.service(), MONTH)


@pytest.fixture(scope="module")
def files(works: MonthWorks) -> list[File]:
    return written(works.service(), MONTH, "disclosure", ["html", "xlsx", "json"], ["zh", "en"])


class _Page(HTMLParser):
    """Tags and words of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def page(files: list[File], lang: str) -> _Page:
    return _Page(next(f.data for f in files if f.name.endswith(f"{lang}.html")).decode())


def cells(data: bytes) -> Iterator[object]:
    for sheet in load_workbook(io.BytesIO(data)):
        yield from (cell for row in sheet.iter_rows() for cell in row if cell.value is not None)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_states_the_same_totals_as_the_balance(facts: Facts, kind: str):
    figures = report_document(report(kind, facts))["figures"]
    for name, of in facts.balance["totals"].items():
        for gas, value in of.items():
            assert figures[f"{name}.{gas}"] == value
    assert {line["id"]: line["kg"] for line in facts.lines}.items() <= figures.items()


def test_every_figure_can_be_explained_and_comes_out_the_same(works: MonthWorks, files: list[File]):
    document = next(json.loads(f.data) for f in files if f.name.endswith(".json"))
    service, beyond = works.service(), document["beyond"]
    assert document["figures"] == figures_of(files)
    assert {
        "target/half/base_t", "target/half/own/over_t", "score/ict_five_dimension/met", "measure/shut_off/saved",
        "measure/gec/price",
    } <= beyond.keys()  # fmt: skip
    heads = [name.partition("/")[0] for name in document["figures"]]
    assert heads.count("activity") == heads.count("grid") + heads.count("gas") - len(
        [n for n in document["figures"] if n.startswith("gas/") and n.count("/") == 2])  # fmt: skip
    assert heads.count("factor") >= 2
    for name, value in {**document["figures"], **beyond}.items():
        told = explain(service, name, MONTH)
        assert told["value"] == value, name
        assert told["formula"], name


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_holds_claims_targets_and_the_match_in_time(facts: Facts, kind: str):
    made = report(kind, facts)
    tables = {table.name: table for _, table in made.tables()}
    assert {"claims", "claim_conditions", "targets", "track", "fiscal"} <= tables.keys()
    assert [row[0] for row in tables["claims"].rows] == [sentence(c["name"]) for c in facts.claims["claims"]]
    assert any(block == part for c in made.chapters for block in c.blocks for part in matching_blocks(facts))


def test_no_label_is_granted_for_a_part_of_a_year_and_each_says_what_it_lacks(facts: Facts):
    for row in claims_table(facts).rows:
        assert isinstance(row[1], Sentence)
        assert row[1].en == "refused"
        assert isinstance(row[3], Sentence)
        assert "whole year" in row[3].en


def test_the_track_is_what_was_emitted_less_the_days_share_of_the_year(facts: Facts):
    emitted = facts.balance["totals"]["total_mb"]["co2e"] / 1000
    for row, yearly in zip(track_table(facts).rows, (100, 120 * (1 - 0.042 * 2)), strict=True):
        allowed, known, actual, over = (cell.value for cell in row[1:5] if isinstance(cell, Figure))
        assert allowed == pytest.approx(yearly)
        assert known == pytest.approx(yearly * 31 / 365)
        assert actual == pytest.approx(emitted)
        assert over == pytest.approx(emitted - yearly * 31 / 365)
    assert [m["label"] for m in facts.progress["targets"][0]["paths"]["own"]["months"]][-1] == MONTH  # none later


def test_a_report_shows_the_match_with_its_interval_and_every_hour(facts: Facts):
    flow = works_flows(cells=96 * 3)
    told = matching_of(flow, works_balance(flow), {})
    blocks = matching_blocks(replace(facts, matching=told))
    [scores] = [b for b in blocks if isinstance(b, Table) and b.name == "matching"]
    figures = {cell.ref: cell for row in scores.rows for cell in row if isinstance(cell, Figure)}
    assert figures["match.hourly_match"].value == 100 * told["hourly_match"]
    assert all(one.half for one in figures.values())
    [chart] = [b for b in blocks if isinstance(b, Chart)]
    assert len(re.findall(r'<rect class="(?:m\d|unknown)"', chart.svg["en"])) == 6 + sum(
        1 for day in told["heat_map"]["days"] for _ in range(24)
    )


def test_no_word_of_a_closed_list_is_left_untranslated(facts: Facts):
    made = report("disclosure", facts)
    for lang in ("zh", "en"):
        text = " ".join(_Page(html(made, lang, *_look())).words)
        assert not re.search(r"UNDETERMINED|NOT_MET|excluding_market|second_hand", text)


def test_every_line_of_both_bases_says_how_sure_it_is(facts: Facts):
    assert facts.co2e
    assert all(line["uncertainty"]["half_kg"] is not None for line in facts.lines)


def test_every_number_of_a_page_leads_to_its_own_row(files: list[File]):
    found = page(files, "en")
    rows = {attrs["id"] for tag, attrs in found.tags if tag == "tr" and "id" in attrs}
    links = {str(attrs["href"])[1:] for tag, attrs in found.tags if tag == "a" and str(attrs["href"]).startswith("#f")}
    assert links
    assert links == rows


@pytest.mark.parametrize("kind", ["disclosure", "cdp", "six_paths"])
def test_a_measure_that_was_done_shows_baseline_reporting_days_and_interval(facts: Facts, kind: str):
    [table] = [table for _, table in report(kind, facts).tables() if table.name == "saving_shut_off"]
    by_name = {cells[0].en: cells for cells in table.rows if isinstance(cells[0], Sentence)}
    saved, remark = by_name["Saved"][1:]
    one = next(m for m in facts.measures if m["id"] == "shut_off")
    assert isinstance(saved, Figure)
    assert (saved.value, saved.half) == (one["verified"]["saved"], one["verified"]["half"])
    assert "interval" in str(remark)
    assert "22 days" in str(by_name["Adjusted baseline"][2])
    assert "9 whole days" in str(by_name["Metered"][2])


def test_a_measure_done_after_the_period_has_saved_nothing_in_it(facts: Facts):
    later = [{**m, "done": m["done"] and "2026-11-03"} for m in facts.measures]
    assert savings_tables(replace(facts, measures=later)) == ()
    why = [{**m, "verified": None, "why": {"zh": "基线太短", "en": "too short"}} for m in facts.measures]
    [table] = savings_tables(replace(facts, measures=why))
    assert (table.rows, table.empty) == ((), Sentence("基线太短", "too short"))


def test_a_workbook_keeps_one_unit_a_column_and_numbers_are_numbers(files: list[File]):
    for lang, unit, unknown in (("zh", "单位", "未知"), ("en", "Unit", "not known")):
        book = load_workbook(io.BytesIO(next(f.data for f in files if f.name.endswith(f"{lang}.xlsx"))))
        for sheet in book.worksheets[1:-1]:
            _, heads, *rows = sheet.iter_rows(values_only=True)
            assert sheet.freeze_panes == "B3"
            for x in (x for x, name in enumerate(heads) if name == unit):
                assert all(isinstance(row[x - 1], int | float) or row[x - 1] in {unknown, None} for row in rows)
                assert "MWh" not in {row[x] for row in rows}


def test_gross_is_never_netted_and_what_stands_beside_is_apart(facts: Facts):
    balance = {**facts.balance, "beside": {**facts.balance["beside"], "offsets_kg": 1e9, "certificates_kwh": 1e9}}
    without, with_offsets = (report("disclosure", one) for one in (facts, replace(facts, balance=balance)))
    assert without.headline == with_offsets.headline
    one, other = (report_document(made)["figures"] for made in (without, with_offsets))
    changed = {name for name in {*one, *other} if one.get(name) != other.get(name)}
    assert changed == {"beside/offsets_kg", "beside/certificates_kwh"}


def test_four_chapters_in_both_languages(files: list[File]):
    for lang, names in (("zh", ("治理", "战略", "风险", "指标与目标")),
                        ("en", ("Governance", "Strategy", "Risk", "Metrics and targets"))):  # fmt: skip
        words = page(files, lang).words
        assert all(name in words for name in names)


def test_the_page_needs_nothing_from_outside_and_runs_nothing(files: list[File]):
    found = page(files, "en")
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in found.tags}
    assert all(not str(value).startswith(("http", "//")) for _, attrs in found.tags for value in attrs.values())
    assert not any(name.startswith("on") for _, attrs in found.tags for name in attrs)
    assert "=cmd|'<script>x</script>" in found.words


def test_totals_say_status_interval_and_what_the_interval_covers(files: list[File]):
    text = " ".join(page(files, "en").words)
    assert STATUS["declared"].en in text
    assert re.search(r"± [\d.]+ tCO₂ \([\d.]+ %\)", text)
    assert "the factors' own uncertainty is not in it" in text or "of metering and factors" in text


def test_undetermined_is_said_with_its_reason(files: list[File]):
    text = " ".join(page(files, "zh").words)
    assert f"{OUTCOME['UNDETERMINED'].zh}" in text
    assert "尚未提供" in text or "没有" in text


def test_what_is_not_known_is_no_zero(facts: Facts):
    energy = dict.fromkeys(facts.balance["energy"])
    made = report("disclosure", replace(facts, balance={**facts.balance, "energy": energy, "complete": False}))
    figure = next(one for one in made.headline if one.ref == "consumption_kwh")
    assert figure.value is None
    assert shown(figure.value, figure.unit)[0] == "—"
    assert made.notices[0].tone == "warning"


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_workbook_holds_numbers_as_numbers_and_no_formula(facts: Facts, lang: str):
    made = list(cells(xlsx(report("disclosure", facts), lang)))
    assert all(cell.data_type != "f" for cell in made)
    assert not any(isinstance(cell.value, str) and cell.value.startswith(("=", "+", "-", "@")) for cell in made)
    kg = facts.balance["totals"]["total_lb"]["co2_only"]
    assert any(isinstance(cell.value, float) and cell.value == pytest.approx(kg / 1000, rel=1e-15) for cell in made)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-3.2", "@SUM(A1)", "\tx", "\rx"])
def test_text_that_a_sheet_would_run_is_marked_as_text(text: str):
    assert plain(text) == f"'{text}"
    assert plain("3.2 t") == "3.2 t"


def test_a_negative_number_in_a_workbook_stays_a_number():
    table = Table("t", same("t"), (same("a"), same("b")), ((same("-x"), Figure(same(""), -3.2, "GJ")),))
    made = Report("k", same("t"), same("s"), "p", (), (), (Chapter("1", same("c"), (table,)),))
    book = load_workbook(io.BytesIO(xlsx(made, "en")))
    assert [c.value for c in book["01 t"][3]][:3] == ["'-x", -3.2, "GJ"]


def test_the_bundle_of_a_report_verifies_and_an_altered_figure_is_named(
    works: MonthWorks, files: list[File], tmp_path: Path
):
    held = {one.name: one.data for one in files}
    path = tmp_path / "b.zip"
    path.write_bytes(issue(works.service(), MONTH, held))
    found = verify(path)
    assert found.passed
    assert any(check.name.endswith("total_mb.co2_only") and check.name.startswith("report/") for check in found.checks)
    name = next(n for n in held if n.endswith(".json"))
    body = json.loads(held[name])
    body["figures"]["total_mb.co2_only"] *= 1.0000001
    path.write_bytes(issue(works.service(), MONTH, {**held, name: json.dumps(body).encode()}))
    assert [check.name for check in verify(path).failed] == [f"report/{name}: total_mb.co2_only"]
    with zipfile.ZipFile(path) as archive:
        assert f"report/{name}" in archive.namelist()


@pytest.mark.needs_program("chromium")
def test_a_pdf_is_a4_and_holds_the_totals(files: list[File]):
    made = pdf(next(f.data for f in files if f.name.endswith("en.html")).decode())
    assert made.startswith(b"%PDF-")
    assert re.search(rb"/MediaBox\s*\[\s*0 0 59[45]\.?\d* 84[12]\.?\d*", made)


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (0.0065, "0.0065"),
                                             (263.49, "263.5"), (-12.345, "−12.35"), (1234.5, "1,234"),
                                             (0.000123456, "0.000123"), (9999.6, "10,000")])  # fmt: skip
def test_digits_for_people(value: float, text: str):
    assert digits(value) == text


def test_an_interval_stands_in_the_unit_of_its_value():
    assert interval(263_490.0, 1_230.0, "kgCO2") == "± 1.2 tCO₂ (0.47 %)"
    assert interval(None, 1.0, "kgCO2") == interval(1.0, None, "kgCO2") == ""


def test_every_status_and_outcome_has_its_word():
    assert set(STATUS) == {one.value for one in Status}
    assert set(OUTCOME) == {"MET", "NOT_MET", "UNDETERMINED"}


def test_a_month_before_the_first_reading_states_no_energy(works: MonthWorks):
    energy = works.service().balance("2026-08")["energy"]
    assert energy["import_kwh"] is None
    assert energy["consumption_kwh"] is None
    assert energy["generation_kwh"] == 0.0  # it has no generator
    made = report("disclosure", gather(works.service(), "2026-08"))
    assert next(one for one in made.headline if one.ref == "consumption_kwh").value is None
