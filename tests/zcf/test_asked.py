"""What a person asks in a terminal is answered in words, in both languages: real documents of a store of one month."""

import math
from collections.abc import Callable, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from analytics.measured import measured
from analytics.service import FactoryService
from tests.analytics.month_works import DECLARED, MONTH, SITE, MonthWorks
from tests.zcf.typed import run
from zcf.commands.answers import _known
from zcf.progress_card import show_measures, show_progress
from zcf.scorecard import show, show_claims, show_functions

MORE = """standards: [cn_jiangsu_2026]
targets:
  - {id: half, name: {zh: 减半, en: Halved}, base_year: 2024, base_t: 120, year: 2030, target_t: 60}
measures:
  - {id: shut_off, name: {zh: 停机, en: Switch off}, effect: electricity, saving: 900, cost: 100, years: 2,
     point: grid, drivers: [workdays], done: 2026-10-22, document: SIM acceptance}
  - {id: other, name: {zh: 另一项, en: Another}, effect: electricity, saving: 90, point: grid, done: 2026-10-05}
  - {id: gec, name: {zh: 绿证, en: Certificates}, effect: green_power, price: 0.01, document: offer}
"""
Shown = Callable[[dict[str, Any], str, Console], None]
ANSWERS: Mapping[str, tuple[Callable[[FactoryService], dict[str, Any]], Shown, tuple[str, str]]] = {
    "score": (lambda service: service.score(None, MONTH), show, ("自评估", "self-assessment")),
    "claim": (lambda service: service.claims("2026"), show_claims, ("核算完成", "Inventory complete")),
    "target": (lambda service: service.targets(2026), show_progress, ("减半: 基准年", "Halved: base year")),
    "measures": (measured, show_measures, ("计同一用能", "counts the same energy as: other")),
    "selftest": (FactoryService.selftest, show_functions, ("/13", "/13")),
}
TYPED: Mapping[tuple[str, ...], str] = {
    ("balance", "--period", MONTH): "gross, location-based", ("match", "--period", MONTH): "hourly_match",
    ("factors",): "mee-2025-47", ("explain", "scope2_lb", "--period", MONTH): "factor",
    ("explain", "measure/gec/price", "--period", MONTH): "as declared",
    ("explain", "measure/shut_off/saved", "--period", MONTH): "predicted - observed",
    ("explain", "factor/own-grid", "--period", MONTH): "letter",
    ("explain", "activity/grid/2026/purchased_electricity/location_based/co2_only", "--period", MONTH): "register",
    ("target",): "Halved", ("measures",): "Switch off",
}  # fmt: skip


@pytest.fixture(scope="module")
def works(tmp_path_factory: pytest.TempPathFactory) -> MonthWorks:
    return MonthWorks(tmp_path_factory.mktemp("asked"), site=SITE + DECLARED + MORE).full().settle()


@pytest.mark.parametrize("asked", ANSWERS)
def test_a_question_is_answered_in_both_languages(works: MonthWorks, asked: str) -> None:
    answer, shown, words = ANSWERS[asked]
    document = answer(works.service())
    for lang, said in zip(("zh", "en"), words, strict=True):
        out = StringIO()
        shown(document, lang, Console(width=100, file=out, highlight=False))
        assert said in out.getvalue()
        assert "None" not in out.getvalue()


def test_marks_and_ids_stay_whole_in_a_narrow_terminal(works: MonthWorks) -> None:
    out = StringIO()
    show(works.service().score(None, MONTH), "en", Console(width=60, file=out, highlight=False))
    assert "? JS-1 " in out.getvalue()


def test_a_balance_lists_the_lines_of_both_gas_bases_each_with_all_that_an_auditor_asks(works: MonthWorks) -> None:
    told = _known(works.path, MONTH, None)
    for name, basis in (("lines", "co2_only"), ("lines_co2e", "co2e")):
        for line in told[name]:
            assert line["gas"] == basis
            assert line["activity"]["unit"]
            assert line["factor"]["id"]
            assert line["match"]["en"]
            assert line["status"]
            assert line["uncertainty"]["half_kg"] > 0
        by_place = math.fsum(line["kg"] for line in told[name] if line["method"] in {"LB", "-"})
        assert by_place == told["totals"]["total_lb"][basis]


@pytest.mark.long
@pytest.mark.parametrize("words", TYPED, ids=lambda words: " ".join(words[:2]))
def test_a_typed_question_is_answered(works: MonthWorks, words: tuple[str, ...]) -> None:
    answer = run(words[0], Path(works.path), *words[1:])
    assert TYPED[words] in answer
    assert "None" not in answer
