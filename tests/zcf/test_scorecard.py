"""The scorecard in a terminal of 100 columns, in both languages, for every shipped standard."""

from dataclasses import replace
from io import StringIO

import pytest
from rich.cells import cell_len
from rich.console import Console

from analytics.criteria import judge
from analytics.criteria_files import load_standards
from analytics.documents import score_document
from analytics.measures import Effect, Measure
from analytics.terms import Sentence
from tests.analytics.carbon_works import inputs
from zcf.scorecard import show

STANDARDS = load_standards()
MEASURES = (
    Measure("gec", Sentence("购买绿证", "Green certificates"), Effect.GREEN_POWER, "kWh", price=0.0065),
    Measure("leaks", Sentence("查漏堵漏", "Mend air leaks"), Effect.ELECTRICITY, "kWh", 96_000, 38_000, 3),
    Measure("audit", Sentence("核查", "Assurance"), Effect.EVIDENCE, "document", 1, 9, provides="verification_level"),
)


def told(name: str, lang: str) -> list[str]:
    card = judge(STANDARDS[name], replace(inputs(), measures=MEASURES))
    document = {"period": {"label": "2026-10-01"}, "currency": "CNY", **score_document(card)}
    out = StringIO()
    show(document, lang, Console(width=100, file=out, highlight=False))
    return out.getvalue().splitlines()


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("name", sorted(STANDARDS))
def test_every_standard_fits_and_names_every_criterion(name: str, lang: str) -> None:
    lines = told(name, lang)
    assert max(map(cell_len, lines)) <= 100
    text = "\n".join(lines)
    for criterion in STANDARDS[name].criteria:
        assert criterion.id in text
    assert "None" not in text
    assert ("self-assessment" if lang == "en" else "自评估") in text


def test_a_failed_criterion_shows_its_gap_and_its_cheapest_steps() -> None:
    text = "\n".join(told("cn_hunan_458", "en"))
    assert "gap" in text
    assert "certificates" in text
    assert "1. Green certificates" in text
    assert "→ the measures close only " in text
