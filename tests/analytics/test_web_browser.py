"""The page in a real browser: every view in both languages and themes, any width, live, stale, offline, by keyboard."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from analytics.api import WEB
from tests.analytics.browser import Browser, Page
from tests.analytics.stage import Stage

KEYS = json.loads((WEB / "i18n/en.json").read_text(encoding="utf-8")).keys()
CHECKS = (Path(__file__).parent / "page_checks.js").read_text(encoding="utf-8").partition("\n")[2].strip()
READY = "document.querySelector('main [data-phase=ready]') && !document.querySelector('main [data-phase=loading]')"


@pytest.fixture
def show(browser: Browser, stage: Stage) -> Iterator[Callable[..., Page]]:
    """Open a view and wait until it is there; closed at the end, because each open page holds a connection."""
    stage.works.reset()
    pages = []

    def opened(path: str, until: str = READY, **looks: Any) -> Page:
        page = browser.page(**looks)
        pages.append(page)
        page.go(f"{stage.url}/{path}")
        page.until(until)
        return page

    yield opened
    for page in pages:
        page.close()


VIEWS = {
    "now": ".node", "balance": "#card-sankey canvas", "criteria": ".verdict", "data": "#card-devices td",
    "alerts": ".alert",
}  # fmt: skip
PHONE = (360, 740)


def there(view: str) -> str:
    return f"{READY} && document.querySelector('{VIEWS[view]}')"


# Each view is seen twice every day: Chinese, light, at a desk; English, dark, on a phone; the rest with --long.
LOOKS = [
    ("zh", False, (1280, 720)),
    ("en", True, PHONE),
    pytest.param("zh", True, PHONE, marks=pytest.mark.long),
    pytest.param("en", False, (1280, 720), marks=pytest.mark.long),
    pytest.param("en", False, (1920, 1080), marks=pytest.mark.long),
]


@pytest.mark.parametrize(("tongue", "dark", "size"), LOOKS)
@pytest.mark.parametrize("view", VIEWS)
def test_a_view_is_whole(show, stage, view: str, tongue: str, dark: bool, size: tuple[int, int]) -> None:
    page = show(f"?lang={tongue}#{view}", there(view), dark=dark, size=size)
    page.until("!document.querySelector('main .skeleton')")
    speaks(page, tongue, dark)
    total, moved = page.shifted()
    assert total < 0.02, moved  # nothing moves under the reader's eyes
    assert page.barriers() == []
    assert page.run(f"{CHECKS}.nameless()") == []
    assert page.run(f"{CHECKS}.unasked()") == []
    assert page.run(f"{CHECKS}.doubled()") == []
    for width in (320, 360, 600, 768, 1024):
        page.resize(width, 720)
        assert page.run("document.documentElement.scrollWidth") <= width
    assert page.complaints() == []
    assert [url for url in page.requests() if not url.startswith((stage.url, "data:"))] == []


def speaks(page: Page, tongue: str, dark: bool) -> None:
    """In the language and theme that were asked for, with numbers, and no word missing."""
    text = page.run("document.body.innerText")
    assert page.run("document.documentElement.dataset.theme") == ("dark" if dark else "light")
    assert ("天津电子整机工厂" if tongue == "zh" else "Tianjin electronics works") in text
    assert sum(character.isdigit() for character in text) > 20
    assert [key for key in KEYS if "." in key and key in text] == []  # a key is a word that is missing
    assert [word for word in ("undefined", "NaN", "[object") if word in text] == []


@pytest.mark.parametrize("tongue", ["zh", "en"])
@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080)])
def test_the_first_screen_needs_no_scrolling(show, tongue: str, size: tuple[int, int]) -> None:
    page = show(f"?lang={tongue}#now", there("now"), size=size)
    bottoms = page.run(
        "[...document.querySelectorAll('.stage, .headlines .card')].map((c) => c.getBoundingClientRect().bottom)"
    )
    assert len(bottoms) == 6
    assert max(bottoms) <= size[1]


@pytest.mark.parametrize("tongue", ["zh", "en"])
def test_nothing_of_the_flow_overlaps_at_any_width(show, stage, tongue: str) -> None:
    stage.works.stale = {"chillers", "battery"}
    page = show(f"?lang={tongue}#now", "document.querySelectorAll('.node').length > 10")
    for width in (320, 360, 480, 641, 800, 1001, 1280, 1920):
        page.resize(width, 900)
        assert json.loads(page.run(f"{CHECKS}.overlaps()")) == [[], []], width


def test_rows_of_the_flow_never_share_pixels(show) -> None:
    assert json.loads(show("#data").run(f"{CHECKS}.layouts()")) == []


FIGURES = {
    "f.three(1284.4)": "1,280", "f.three(0.5306)": "0.531", "f.three(12)": "12", "f.three(-0.1234)": "−0.123",
    "f.three(0)": "0", "f.three(null)": "–", "f.three(999.96)": "1,000", "f.coverage(0.99996)": "99.99",
    "f.coverage(1)": "100", "f.scaled(128437.2, 'kWh').text": "128", "f.scaled(128437.2, 'kWh').unit": "MWh",
    "f.scaled(8642, 'kg').text": "8.64", "f.scaled(128437.25, 'kWh').full": "128,437.25 kWh",
    "f.pretty('kgCO2/kWh')": "kgCO₂/kWh", "f.pretty('count/13')": "/ 13", "f.span(1234)": "1.2 s",
    "f.span(90e3)": "2 min", "f.age(7200e3)": "2 h ago",
}  # fmt: skip


def test_people_read_three_digits_and_the_title_has_all(show) -> None:
    page = show("?lang=en#data")
    said = page.run(f"import('/js/figures.js').then((f) => [{', '.join(FIGURES)}])")
    assert dict(zip(FIGURES, said, strict=True)) == FIGURES


def test_a_sentence_is_set_with_care_and_a_device_has_its_name(show, stage) -> None:
    page = show("?lang=en#data")
    said = page.run(
        "import('/js/words.js').then((w) => {"
        " w.keepNames({ points: [], devices: [{ id: 'm9', name: { en: 'Press' } }] });"
        " return [w.named({ en: '2 tCO2e, 9 % of 3' }), w.nameOf('m9'), w.nameOf('grid'), w.nameOf('factor/x')]; })"
    )
    assert said == ["2\u00a0tCO₂e, 9\u00a0% of 3", "Press", "10 kV grid connection", "factor/x"]


@pytest.mark.parametrize("period", ["2026-11-21", "2026-11", pytest.param("2026", marks=pytest.mark.long)])
def test_bars_hold_all_the_energy_of_the_quarter_hours(show, stage, period: str) -> None:
    page = show("#data")
    bars = page.run(
        f"import('/js/curve.js').then((c) => fetch('/api/v1/' + c.energyPath('{period}')).then((a) => a.json())"
        f".then((d) => c.buckets(d, '{period}').map((b) => b.sums.consumption ?? 0)))"
    )
    curve = stage.works.energy(period)["series"]["consumption"]
    assert sum(bars) == pytest.approx(sum(kwh for kwh in curve if kwh is not None), rel=1e-12)
    assert len(bars) == {"2026-11-21": len(curve), "2026-11": 21, "2026": 11}[period]


def test_numbers_move_when_readings_come(show, stage) -> None:
    page = show("#now", "document.querySelector('[data-node=smt] .node-value')")
    value = "document.querySelector('[data-node=smt] .node-value').textContent"
    before = page.run(value)
    stage.works.at_ms += 9 * 3_600_000  # an evening's load differs in its first digit
    page.until(f"{value} !== {json.dumps(before)}")


def test_a_stale_number_is_grey_and_tells_its_age(show, stage) -> None:
    stage.works.stale = {"smt"}
    page = show("?lang=en#now", "document.querySelector('.node.old[data-node=smt]')")
    assert "2 min ago" in page.run("document.querySelector('[data-node=smt]').getAttribute('aria-label')")
    assert page.run("document.querySelectorAll('.node.old').length") == 1


def test_a_lost_service_is_told_and_found_again(show, stage) -> None:
    page = show("?lang=en#now", "document.querySelectorAll('.node').length > 10")
    stage.stop()
    page.until("document.querySelector('#connection').dataset.phase === 'offline'")
    page.until("document.querySelectorAll('.node.old').length > 10")
    assert "Connection lost" in page.run("document.querySelector('#connection').textContent")
    stage.start()
    page.until("document.querySelector('#connection').dataset.phase === 'ready'")
    page.until("document.querySelectorAll('.node.old').length === 0")


def test_a_busy_store_is_told_on_the_card_and_asked_again(show, stage) -> None:
    stage.works.mood = "busy"
    page = show("?lang=en#balance", "document.querySelector('#card-sums[data-phase=error] button')")
    assert "The store cannot be read just now" in page.run("document.querySelector('#card-sums').innerText")
    stage.works.mood = ""
    page.run("document.querySelector('#card-sums button').click()")
    page.until("document.querySelector('#card-sums[data-phase=ready]')")


def test_an_empty_site_says_what_to_do(show, stage) -> None:
    stage.works.mood = "empty"
    page = show("?lang=en#now", "document.querySelector('#card-flow .state')")
    assert "site.yaml" in page.run("document.querySelector('#card-flow').innerText")
    page.until("document.querySelector('#card-month[data-phase=empty]')")


def test_a_node_opens_and_closes_by_keyboard(show) -> None:
    page = show("?lang=en#now", "document.querySelector('[data-node=pv_2]')")
    page.run("document.querySelector('[data-node=pv_2]').focus()")
    page.press("Enter")
    page.until("document.querySelector('#explanation').open")
    assert page.run("document.querySelector('#explanation').contains(document.activeElement)")
    assert "Active power" in page.run("document.querySelector('#explanation').innerText")
    page.press("Escape")
    page.until("!document.querySelector('#explanation').open")
    assert page.run("document.activeElement.dataset.node") == "pv_2"


def test_a_line_of_the_balance_explains_itself_in_full(show, stage) -> None:
    page = show("?lang=en#balance/2026-11", "document.querySelector('.lines .name')")
    page.run("[...document.querySelectorAll('.lines .name')].at(-1).click()")
    text = page.run("document.querySelector('#explanation').innerText").replace(",", "")
    line = stage.works.balance("2026-11")["lines"][-1]
    for wanted in (
        line["factor"]["id"],
        line["factor"]["document"],
        line["match"]["en"],
        str(line["activity"]["micro"]),
    ):
        assert wanted.replace(",", "") in text
    assert f"× {line['factor']['value']} kgCO₂/kWh" in text


def test_choices_stay_in_the_address(show) -> None:
    page = show("?lang=en#criteria", "document.querySelector('.verdict')")
    page.run("document.querySelector('#language').click()")
    page.until("document.documentElement.lang === 'zh-CN' && document.querySelector('.verdict')")
    page.run("document.querySelector('#theme').click()")
    assert page.run("location.search") == "?lang=zh&theme=dark"
    assert page.run("document.documentElement.dataset.theme") == "dark"
    assert page.run("localStorage.getItem('lang')") == "zh"
    page.run("localStorage.clear()")


def test_verdicts_can_be_filtered_and_carry_three_shapes(show) -> None:
    page = show("?lang=en#criteria", "document.querySelector('.verdict')")
    shapes = page.run("[...document.querySelectorAll('.verdict-bar svg')].map((s) => s.innerHTML)")
    assert len(set(shapes)) == 3
    page.run("document.querySelector('[data-key=filter-NOT_MET]').click()")
    outcomes = page.run("[...document.querySelectorAll('.verdict .outcome strong')].map((e) => e.textContent)")
    assert set(outcomes) == {"not met"}


def test_motion_rests_when_asked(show) -> None:
    moving = "document.getAnimations().filter((a) => a.playState === 'running').length"
    drawn = "document.querySelector('.motion')"
    assert show("#now", drawn).run(moving) > 5
    assert show("#now", drawn, still=True).run(moving) == 0


def test_paper_is_light_and_has_no_buttons(show) -> None:
    page = show("?lang=en&theme=dark#balance", "document.querySelector('.lines .name')")
    page.paper()
    assert page.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.run("getComputedStyle(document.querySelector('.total .value')).color") == "rgb(20, 25, 31)"
    assert not page.run("document.querySelector('.switches').checkVisibility()")
    assert not page.run("[...document.querySelectorAll('.button')].some((one) => one.checkVisibility())")


# how many points of the first sheet are as dark as letters on white are
DARK_LETTERS = """
    const { data } = document.querySelector(".sheet").getContext("2d").getImageData(0, 0, 900, 300);
    let found = 0;
    for (let i = 0; i < data.length; i += 4)
        found += data[i + 3] > 250 && data[i] < 110 && data[i + 1] < 120 && data[i + 2] < 130;
    return found;
"""


def test_a_dark_page_is_printed_with_every_chart_whole_and_in_the_colours_of_paper(show) -> None:
    page = show("?lang=en&theme=dark#balance", "document.querySelectorAll('.chart canvas').length > 2")
    charts = page.run("document.querySelectorAll('.chart').length")
    page.run("dispatchEvent(new Event('beforeprint'))")
    sheets = page.run("[...document.querySelectorAll('.chart > .sheet')].map((one) => one.width)")
    assert sheets == [int(688 / 0.75 * 2)] * charts
    assert page.run(f"(() => {{ {DARK_LETTERS} }})()") > 20
    page.run("dispatchEvent(new Event('afterprint'))")
    assert page.run("document.querySelectorAll('.sheet').length") == 0
    assert page.run("document.documentElement.dataset.theme") == "dark"


ASKED = {
    "now": "kpi.consumption", "balance/2026-11": "total_lb-LB", "balance/2026-10": "energy-consumption",
    "balance/2026-11-20": "cost", "criteria": "value-ICT-Z1", "data": "data.gap",
}  # fmt: skip


@pytest.mark.parametrize("view", ASKED)
def test_a_number_opens_what_it_rests_on(show, view: str) -> None:
    number = f"document.querySelector('[data-key=\"asks-{ASKED[view]}\"]')"
    page = show(f"?lang=en#{view}", number)
    page.until(f"{number}.checkVisibility({{ visibilityProperty: true }})")
    shown = page.run(f"{number}.innerText").split()[0]
    page.run(f"{number}.focus()")
    page.press("Enter")
    page.until("document.querySelector('#explanation').open")
    text = page.run("document.querySelector('#explanation').innerText")
    assert shown.replace(",", "")[:2] in text.replace(",", "")


def test_totals_carry_their_interval(show) -> None:
    page = show("?lang=en#balance/2026-11", "document.querySelector('#card-sums .interval')")
    rows = page.run("[...document.querySelectorAll('#card-sums .interval')].map((e) => e.innerText)")
    assert len(rows) == 6
    assert all("–" in row and "95 %" in row for row in rows)


def test_a_chart_has_its_numbers_as_a_table(show) -> None:
    page = show("?lang=en#balance/2026-11", there("balance"))
    for name in ("curve", "match", "sankey"):
        page.until(f"document.querySelector('[data-key={name}-numbers] summary')")
        page.run(f"document.querySelector('[data-key={name}-numbers] summary').click()")
        page.until(f"document.querySelectorAll('[data-key={name}-numbers] tbody tr').length > 5")


def test_every_hour_of_the_match_is_a_cell_and_an_unknown_one_stays_unknown(show, stage) -> None:
    page = show("#data", there("data"))
    cells = page.run(
        "Promise.all([import('/js/match.js'), fetch('/api/v1/matching?period=2026-11').then((a) => a.json())])"
        ".then(([m, d]) => m.cellsOf(d.heat_map).map((c) => c.share))"
    )
    assert cells == [share for row in stage.works.matching("2026-11")["heat_map"]["match"] for share in row]
    assert None in cells


def test_alerts_tell_the_cause_and_who_has_seen_them(show) -> None:
    page = show("?lang=en#alerts", there("alerts"))
    text = page.run("document.querySelector('#alerts').innerText")
    assert "2 devices behind one cause" in text
    assert "seen by Li" in text
    page.run("document.querySelector('.alert .name').click()")
    told = page.run("document.querySelector('#explanation').innerText")
    assert "SMT workshop, Reflow oven 1" in told
    assert "m_reflow_1" not in told


def test_without_alerts_the_page_says_how_to_have_them(show) -> None:
    page = show("?lang=en#data", there("data"))
    page.tab.route("**/api/v1/alerts", lambda route: route.fulfill(status=404, json={"detail": "no such document"}))
    page.run("location.hash = 'alerts'")
    page.until("document.querySelector('#card-firing[data-phase=empty]')")
    assert "site.yaml" in page.run("document.querySelector('#card-firing').innerText")


def test_corrections_name_who_and_why(show) -> None:
    page = show("?lang=en#data", "document.querySelector('#card-corrections .items')")
    text = page.run("document.querySelector('#card-corrections').innerText")
    assert "Wang Fang" in text
    assert "display broken" in text
    assert "billed" in text
