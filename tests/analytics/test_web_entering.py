"""Entering on the page, in a real browser over a real store: log in, acknowledge, silence, correct, undo, log out."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from analytics.access import Role
from analytics.alarms import Alarms
from analytics.api import make_app, serve
from analytics.entering import said
from analytics.service import FactoryService
from analytics.tokens import MADE, make
from metering.store.alertbook import OutboxWriter
from metering.store.entries import EntriesReader
from metering.store.results import ResultsWriter
from tests.analytics.browser import Browser, Page
from tests.zcf.works import SECONDS, START, Works

pytestmark = pytest.mark.long  # a browser over a settled store takes a while to be ready
DIALOG = "document.querySelector('#explanation')"


@dataclass
class Site:
    """A site whose devices have fallen silent, served to anybody with a token."""

    url: str
    folder: Path
    tokens: dict[Role, str]

    def kinds(self) -> list[tuple[str, str, str]]:
        """What was entered on the page: kind, who, why."""
        found = EntriesReader(self.folder / "store").entries()
        return [(one.kind, one.who, one.why) for one in found if one.kind != MADE]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    config = Works(folder).run().config
    passed = [0.0]
    service = FactoryService(config, lambda: START + SECONDS * 1000 + round(passed[0] * 1000))
    _fall_silent(service, passed)
    tokens = {role: _token(service, role) for role in Role}
    told, held = threading.Event(), []

    def ready(url: str, stop) -> None:
        held.extend((url, stop))
        told.set()

    thread = threading.Thread(target=serve, args=(make_app(service), "127.0.0.1", 0, ready))
    thread.start()
    assert told.wait(30)
    yield Site(held[0], folder, tokens)
    held[1]()
    thread.join(30)


def _fall_silent(service: FactoryService, passed: list[float]) -> None:
    writer = ResultsWriter(service.config.store_dir, "test")
    alarms = Alarms(service, OutboxWriter(writer), lambda: passed[0])
    for _ in range(60):
        passed[0] += 10
        alarms.once()
    writer.close()


def _token(service: FactoryService, role: Role) -> str:
    shown, body = make(f"Li ({role})", role, service.clock() + 10**9, ())
    said(service.config, service.clock(), MADE, body, ("Li", "test"), "test")
    return shown


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    page = browser.page()
    page.go(f"{site.url}/?lang=en#alerts")
    page.until("document.querySelector('.alert')")
    yield page
    page.close()


def press(page: Page, selector: str) -> None:
    page.until(f"document.querySelector({selector!r})")
    page.run(f"document.querySelector({selector!r}).click()")


def log_in(page: Page, token: str, view: str = "alerts") -> None:
    page.until("location.pathname.endsWith('login.html') && document.querySelector('#login h1')?.textContent.trim()")
    page.tab.fill("#token", token)
    page.tab.press("#token", "Enter")
    page.until(f"!location.pathname.endsWith('login.html') && location.hash.startsWith('#{view}')")


def submit(page: Page, **words: str) -> None:
    page.until(f"{DIALOG}.open && {DIALOG}.querySelector('form')")
    for name, text in words.items():
        box = f"#explanation [name={name}]"
        if page.run(f"document.querySelector({box!r}).tagName") == "SELECT":
            page.tab.select_option(box, text)
        else:
            page.tab.fill(box, text)
    page.run(f"{DIALOG}.querySelector('form button').click()")


def text(page: Page, selector: str) -> str:
    return page.run(f"document.querySelector({selector!r})?.innerText ?? ''")


def test_an_alert_is_acknowledged_and_silenced_after_a_log_in(page: Page, site: Site) -> None:
    press(page, "[data-key^=acknowledge]")
    log_in(page, site.tokens[Role.OPERATOR])
    press(page, "[data-key^=acknowledge]")
    page.until(f"{DIALOG}.open")
    assert page.barriers() == []
    submit(page, why="the switch is being changed")
    page.until("document.querySelector('.alert-tags')?.innerText.includes('seen by Li (operator)')")
    press(page, "[data-key^=silence-]")
    submit(page, why="until the shift ends", minutes="480", scope="rule")
    page.until("document.querySelector('#card-silences .items')")
    assert "until the shift ends" in text(page, "#card-silences")
    assert site.kinds()[-2:] == [
        ("acknowledgement", "Li (operator)", "the switch is being changed"),
        ("silence", "Li (operator)", "until the shift ends"),
    ]
    press(page, "#session")
    page.until(f"{DIALOG}.open")
    assert "Li (operator)" in text(page, "#explanation")
    page.run(f"{DIALOG}.querySelector('button.button').click()")
    page.until("location.pathname.endsWith('login.html')")
    assert page.tab.context.cookies() == []


def test_a_wrong_token_is_told_and_one_that_may_only_read_enters_nothing(page: Page, site: Site) -> None:
    press(page, "#session")
    page.until("document.querySelector('#login h1')?.textContent.trim()")
    page.tab.fill("#token", "zcf_0000000000000000_wrong")
    page.tab.press("#token", "Enter")
    page.until("document.querySelector('#said').textContent.includes('unknown')")
    assert page.barriers() == []
    log_in(page, site.tokens[Role.VIEWER])
    page.run("location.hash = 'data'")
    press(page, "#card-corrections [data-key=enter--]")
    page.until(f"{DIALOG}.open")
    assert "only read" in text(page, "#explanation")
    assert page.run(f"{DIALOG}.querySelector('form')") is None


def test_a_correction_is_refused_with_its_faults_then_entered_then_undone(page: Page, site: Site) -> None:
    press(page, "#session")
    log_in(page, site.tokens[Role.OPERATOR])
    page.run("location.hash = 'data'")
    press(page, "#card-corrections [data-key=enter--]")
    page.until(f"{DIALOG}.open")
    page.tab.select_option("#explanation [name=kind]", "bad_range")
    submit(
        page,
        point="grid",
        quantity="active_energy_import",
        why="meter open",
        **{"from": "2031-01-01T00:00", "to": "2031-01-01T01:00"},
    )
    page.until(f"{DIALOG}.querySelector('.form-said').innerText.includes('future')")
    assert page.barriers() == []
    submit(page, **{"from": "2026-09-21T20:00", "to": "2026-09-21T20:10"})
    page.until("document.querySelector('#card-corrections .items')?.innerText.includes('meter open')")
    press(page, "#card-corrections .items .name")
    page.until(f"{DIALOG}.open")
    page.run(f"{DIALOG}.querySelector('button.button').click()")
    submit(page, why="it was the other meter")
    page.until("!document.querySelector('#card-corrections')?.innerText.includes('meter open')")
    assert [kind for kind, *_ in site.kinds()[-2:]] == ["bad_range", "undo"]


def test_without_a_token_from_elsewhere_every_view_leads_to_the_log_in(browser: Browser, site: Site) -> None:
    page = browser.page()
    page.tab.set_extra_http_headers({"X-Forwarded-For": "203.0.113.7"})  # through a proxy: not the machine itself
    page.go(f"{site.url}/?lang=en#balance")
    log_in(page, site.tokens[Role.VIEWER], "balance")
    page.until("document.querySelector('#card-sums[data-phase=ready], #card-sums[data-phase=empty]')")
    page.close()
