"""The page's files: offline, nothing inline, the same words in both languages, colours that can be told apart."""

import itertools
import json
import math
import re
from pathlib import Path

import pytest

from analytics.api import WEB
from metering.alerting import CHANNELS
from metering.quantity import QUANTITIES
from metering.reading import GapReason, Quality
from metering.site import Role

OWN = [file for file in sorted(WEB.rglob("*")) if file.is_file() and "vendor" not in file.parts]
TEXTS = {file.relative_to(WEB).as_posix(): file.read_text(encoding="utf-8") for file in OWN}
SCRIPTS = {name: text for name, text in TEXTS.items() if name.endswith(".js")}
WORDS = {tongue: json.loads(TEXTS[f"i18n/{tongue}.json"]) for tongue in ("zh", "en")}
STATUSES = "found second_hand borrowed derived memory assumed declared none"


@pytest.mark.parametrize("name", TEXTS)
def test_nothing_is_loaded_from_elsewhere(name: str) -> None:
    text = re.sub(r'(xmlns=|const SVG = )"http://www\.w3\.org/2000/svg"', "", TEXTS[name])
    assert re.findall(r"(?:https?:)?//[\w.-]+\.\w+", re.sub(r"^\s*(//|/\*).*$", "", text, flags=re.MULTILINE)) == []


def test_the_page_holds_no_inline_script_and_no_inline_style() -> None:
    page = TEXTS["index.html"]
    assert re.findall(r"<script(?![^>]*\bsrc=)", page) == []
    assert re.findall(r"<style|\sstyle=|\son\w+=|javascript:", page) == []


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_script_writes_markup_or_code(name: str) -> None:
    dangerous = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setAttribute\(\"style\""
    assert re.findall(dangerous, SCRIPTS[name]) == []


@pytest.mark.parametrize("name", [n for n in TEXTS if n.endswith((".html", ".css", ".js"))])
def test_every_file_that_is_named_exists(name: str) -> None:
    folder = (WEB / name).parent
    named = re.findall(r'(?:from |import\(|url\()"(\.[^"]+)"', TEXTS[name])
    named += re.findall(r'<(?:link|script)[^>]*(?:href|src)="([^"#]+)"', TEXTS[name])
    assert [one for one in named if not (folder / one).is_file()] == []


def test_echarts_comes_with_its_licence() -> None:
    vendor = WEB / "vendor"
    assert 't.version="6.1.0"' in (vendor / "echarts.min.js").read_text(encoding="utf-8")
    assert "Apache License" in (vendor / "LICENSE").read_text(encoding="utf-8")
    assert "Apache ECharts" in (vendor / "NOTICE").read_text(encoding="utf-8")
    assert (vendor / "licenses/LICENSE-d3").is_file()  # named by LICENSE


def test_both_languages_have_the_same_words() -> None:
    assert WORDS["zh"].keys() == WORDS["en"].keys()
    assert [key for tongue in WORDS.values() for key, text in tongue.items() if not text.strip()] == []


@pytest.mark.parametrize("key", WORDS["en"])
def test_both_languages_fill_in_the_same_values(key: str) -> None:
    zh, en = (sorted(re.findall(r"\{\w+\}", WORDS[tongue][key])) for tongue in ("zh", "en"))
    assert zh == en


def test_no_english_is_left_in_the_chinese_and_no_chinese_in_the_english() -> None:
    chinese = re.compile(r"[\u4e00-\u9fff]")
    assert [k for k, text in WORDS["en"].items() if chinese.search(text)] == ["language.other", "language.switch"]
    wordless = {
        "language.other",
        "language.switch",
        "trend.range",
        "list.comma",
        "list.colon",
        "interval.95",
        "air.bar",
    }
    assert [k for k, text in WORDS["zh"].items() if not chinese.search(text) and k not in wordless] == []


def test_every_word_that_is_asked_for_exists() -> None:
    asked = {key for text in SCRIPTS.values() for key in re.findall(r'\bt\("([\w.]+)"', text)}
    asked |= set(re.findall(r'data-t(?:-label)?="([\w.]+)"', TEXTS["index.html"]))
    assert asked - WORDS["en"].keys() == set()


def families() -> list[str]:
    """Words chosen by data: each closed list needs all of them."""
    return [
        *(f"gap.{reason}" for reason in GapReason),
        *(f"status.{one}{tail}" for one in STATUSES.split() for tail in ("", ".long")),
        *(f"role.{role}" for role in Role if role not in {Role.PRODUCT, Role.AMBIENT}),
        *(f"outcome.{one}" for one in ("MET", "NOT_MET", "UNDETERMINED")),
        *(f"reading.{int(quality)}" for quality in Quality),
        *(f"method.{one}{tail}" for one in ("LB", "MB") for tail in ("", ".long")),
        *(f"gas.{one}" for one in ("co2_only", "co2e")),
        *(f"channel.{one}" for one in CHANNELS),
        *(f"open.{one}" for one in ("fall", "jump", "stuck", "clock")),
    ]


@pytest.mark.parametrize("key", families())
def test_every_word_of_a_closed_list_exists(key: str) -> None:
    assert key in WORDS["en"]


def test_every_quantity_has_a_name_and_a_phase_is_named_after_the_whole() -> None:
    named = {key.removeprefix("quantity.") for key in WORDS["en"] if key.startswith("quantity.")}
    assert named == {name if re.search(r"_l\d_l\d$", name) else re.sub(r"_l\d$", "", name) for name in QUANTITIES}


def tokens(theme: str) -> dict[str, str]:
    """The colours of a theme by name; the dark ones stand on the light ones."""
    light, dark = TEXTS["css/tokens.css"].split("@media screen")
    found = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", light))
    return found | (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", dark)) if theme == "dark" else {})


def linear(color: str) -> list[float]:
    """SRGB to linear light, IEC 61966-2-1."""
    channels = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]


def contrast(one: str, other: str) -> float:
    """Contrast ratio, WCAG 2.2 1.4.3."""
    dark, light = sorted(through((TO_XYZ[1],), linear(color))[0] for color in (one, other))
    return (light + 0.05) / (dark + 0.05)


INKS = ("ink", "ink-2", "ink-3", "verdict-met", "verdict-not-met", "verdict-undetermined")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("ground", ["card", "paper"])
@pytest.mark.parametrize("ink", INKS)
def test_text_stands_out(theme: str, ground: str, ink: str) -> None:
    colors = tokens(theme)
    assert contrast(colors[ink], colors[ground]) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_tags_and_chosen_buttons_stand_out(theme: str) -> None:
    colors = tokens(theme)
    assert contrast(colors["ink-2"], colors["raised"]) >= 4.5


# Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB.
SIGHTS = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
TO_XYZ = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))


def through(matrix: tuple, vector: list[float]) -> list[float]:
    return [math.fsum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix]


def lab(color: str, sight: str) -> tuple[float, float, float]:
    """CIELAB under D65 as that sight sees it."""
    seen = [min(1.0, max(0.0, c)) for c in through(SIGHTS[sight], linear(color))]
    x, y, z = (v / white for v, white in zip(through(TO_XYZ, seen), (0.95047, 1.0, 1.08883), strict=True))
    fx, fy, fz = (v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("sight", SIGHTS)
def test_carriers_are_told_apart_by_every_sight(theme: str, sight: str) -> None:
    carriers = {name: color for name, color in tokens(theme).items() if name.startswith("carrier-")}
    assert len(carriers) == 7
    seen = {name: lab(color, sight) for name, color in carriers.items()}
    near = [(a, b) for a, b in itertools.combinations(seen, 2) if math.dist(seen[a], seen[b]) < 17]
    assert near == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_carriers_stand_out_from_the_card(theme: str) -> None:
    colors = tokens(theme)
    faint = [n for n, c in colors.items() if n.startswith("carrier-") and contrast(c, colors["card"]) < 3]
    assert faint == []


@pytest.mark.parametrize("name", SCRIPTS)
def test_modules_stay_readable(name: str) -> None:
    assert len(SCRIPTS[name].splitlines()) <= 300


def test_the_pages_folder_holds_what_the_wheel_needs() -> None:
    assert {Path(name).suffix for name in TEXTS} <= {".html", ".css", ".js", ".json", ".svg", ".j2"}


def test_the_two_methods_have_one_pair_of_names() -> None:
    shown = [*(WEB.parent).glob("*.py"), *(WEB.parent / "data").rglob("*.yaml"), WEB / "i18n/zh.json"]
    other = re.compile("市场法|位置法")
    assert [file.name for file in shown if other.search(file.read_text(encoding="utf-8"))] == []
