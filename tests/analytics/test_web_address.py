"""What the address of the page asks for, what it cannot mean, and how often the service is asked again."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.analytics.browser import Browser, Page
from tests.analytics.stage import Stage

MISREAD = "document.querySelector('#misread:not([hidden])')"
DAY_MS = 86_400_000


@pytest.fixture
def tab(browser: Browser, stage: Stage) -> Iterator[Page]:
    stage.works.reset()
    page = browser.page()
    yield page
    page.close()


def asked(page: Page, name: str) -> list[str]:
    return [url for url in page.requests() if f"/api/v1/{name}" in url]


VIEWS = ["nowhere", "toString", "balances/2026"]
PERIODS = ["nonsense", "2026-13", "%E0%A4%A"]


def test_what_nobody_can_read_is_told_and_something_is_shown(tab: Page, stage: Stage) -> None:
    tab.go(f"{stage.url}/?lang=en#data")
    tab.until("document.querySelector('#card-devices td')")
    for said in [*VIEWS, *(f"balance/{period}" for period in PERIODS)]:
        tab.run(f"location.hash = {json.dumps(said)}")
        word = said.removeprefix("balance/") if said not in VIEWS else said.partition("/")[0]
        tab.until(f"{MISREAD}?.textContent.includes({json.dumps(f'“{word}”')})")
    assert tab.run("document.querySelector('.steps output').textContent") == "2026-11"
    assert {url.partition("?")[2] for url in asked(tab, "tree")} <= {"period=2026-11"}
    tab.run("location.hash = 'balance/2026-11-20'")
    tab.until("document.querySelector('#misread').hidden")
    assert tab.complaints() == []


READ = {
    "": "2026-11", "day": "2026-11-21", "month": "2026-11", "year": "2026", "FY2026": "FY2026", "2026-1": None,
    "2026-11-01..2026-11-20": "2026-11-01..2026-11-20", "2026-11-20..2026-11-10": None, "2026-11-31": None,
    "2024-02-29": "2024-02-29", "2026-02-29": None, "2026-00": None, "2026-11-01..": None,
}  # fmt: skip
AGAIN = {"404, 1": None, "400, 9": None, "429, 1": 5, "408, 1": 5, "503, 1": 5, "500, 3": 20, "0, 9": 300}


def test_periods_and_pauses(tab: Page, stage: Stage) -> None:
    tab.go(f"{stage.url}/login.html")
    read = ", ".join(f"p.periodOf({json.dumps(word)}, '2026-11-21')" for word in READ)
    assert tab.run(f"import('/js/period.js').then((p) => [{read}])") == [*READ.values()]
    pauses = ", ".join(f"d.againAfter({arguments})" for arguments in AGAIN)
    assert tab.run(f"import('/js/documents.js').then((d) => [{pauses}])") == [*AGAIN.values()]


def test_a_standard_that_is_not_there_is_told_and_the_first_one_is_shown(tab: Page, stage: Stage) -> None:
    tab.tab.route("**/api/v1/score?standard=*", lambda route: route.fulfill(status=404, json={"detail": "no standard"}))
    tab.go(f"{stage.url}/?lang=en#criteria/no-such")
    tab.until(f"document.querySelector('.verdict') && {MISREAD}")
    assert "no-such" in tab.run(f"{MISREAD}.textContent")


def test_the_way_past_the_head_leaves_the_view_as_it_is(tab: Page, stage: Stage) -> None:
    tab.go(f"{stage.url}/#data")
    tab.until("document.querySelector('#card-devices td')")
    tab.run("document.querySelector('.skip').click()")
    assert tab.run("[document.activeElement.id, location.hash, document.querySelector('#data').hidden]") == [
        "main", "#data", False,
    ]  # fmt: skip


def test_what_is_refused_is_not_asked_again_and_what_failed_is(tab: Page, stage: Stage) -> None:
    tab.tab.clock.install()
    answers: dict[str, Callable[[Any], None]] = {
        "energy": lambda route: route.fulfill(status=400, json={"detail": "cannot read period", "mend": "write one"}),
        "matching": lambda route: route.fulfill(status=503, json={"detail": "busy", "mend": "later"}),
    }
    for name, answer in answers.items():
        tab.tab.route(f"**/api/v1/{name}?*", answer)
    tab.go(f"{stage.url}/?lang=en#balance/2026-11")
    tab.tab.clock.run_for(2000)
    for card in ("curve", "match"):
        tab.until(f"document.querySelector('#card-{card}[data-phase=error]')")
    with tab.tab.expect_request("**/api/v1/matching?*"):
        tab.tab.clock.run_for(6000)
    assert len(asked(tab, "energy")) == 1


def test_a_page_on_a_wall_goes_on_to_the_next_day(tab: Page, stage: Stage) -> None:
    tab.go(f"{stage.url}/#now")
    tab.until("document.querySelector('#card-today .hours svg')")
    assert {url.partition("?")[2] for url in asked(tab, "energy")} == {"period=2026-11-21&resolution=15min"}
    stage.works.at_ms += DAY_MS
    tab.until("document.querySelector('#card-today a').getAttribute('href').endsWith('2026-11-22')")
