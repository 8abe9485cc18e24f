"""Drawings of a report as SVG: bars over time, scopes by method with their intervals. Colour means carrier, no more."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from analytics.report_parts import Chart
from analytics.report_words import digits, printed_unit, scaled
from analytics.terms import Sentence

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 680, 210, 56, 34, 22
LANGS = ("zh", "en")
WIDEST = 56.0  # of a bar
UNKNOWN = Sentence("未知", "not known")


@dataclass(frozen=True, slots=True)
class Layer:
    """One part of stacked bars; None where nothing is known."""

    name: Sentence
    carrier: str
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Mark:
    """A limit drawn across each bar."""

    name: Sentence
    style: str  # "own" is a whole line, anything else a broken one
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Row:
    """One horizontal bar made of parts, with half the 95 % interval of its end."""

    name: Sentence
    parts: tuple[tuple[Sentence, str, float], ...]
    half: float | None = None

    @property
    def total(self) -> float:
        """Where the bar ends."""
        return sum(value for *_, value in self.parts)


def columns(
    labels: Sequence[str], layers: Sequence[Layer], unit: str, caption: Sentence, marks: Sequence[Mark] = ()
) -> Chart:
    """Stacked bars over days or months; a slot of which something is not known is hatched."""
    known = [sum(one.values[i] or 0.0 for one in layers) for i in range(len(labels))]
    known += [value or 0.0 for one in marks for value in one.values]
    top = _round_up(max(known, default=0.0) or 1.0, unit)
    drawn = {lang: _columns(labels, layers, unit, top, lang) + _marks(len(labels), marks, top, lang) for lang in LANGS}
    return Chart({lang: _svg(HEIGHT, parts) for lang, parts in drawn.items()}, caption)


def _round_up(top: float, unit: str) -> float:
    """The next value whose quarters are round numbers in the unit it is read in."""
    number, by = scaled(top, unit)[0], scaled(top, unit)[0] / top
    size = 10.0 ** math.floor(math.log10(number))
    steps = (1.0, 1.2, 1.6, 2.0, 2.4, 3.2, 4.0, 6.0, 8.0)
    return next((m for m in steps if m * size >= number), 10.0) * size / by


def _columns(labels: Sequence[str], layers: Sequence[Layer], unit: str, top: float, lang: str) -> list[str]:
    wide = (WIDTH - LEFT) / max(len(labels), 1)
    scale, bar = (HEIGHT - BOTTOM - TOP) / top, min(WIDEST, wide * 0.72)
    drawn = [*_grid(top, scale, unit), *_legend(layers, lang)]
    for index, label in enumerate(labels):
        x, y = LEFT + (index + 0.5) * wide - bar / 2, float(HEIGHT - BOTTOM)
        if any(one.values[index] is None for one in layers):
            drawn.append(_rect(x, TOP, bar, HEIGHT - BOTTOM - TOP, "unknown"))
        for one in layers:
            tall = (one.values[index] or 0.0) * scale
            y -= tall
            drawn.append(_rect(x, y, bar, tall, f"c-{one.carrier}"))
        if len(labels) <= 16 or index % 5 == 0:
            drawn.append(_text(x + bar / 2, HEIGHT - BOTTOM + 16, label, "axis middle"))
    return drawn


def _marks(count: int, marks: Sequence[Mark], top: float, lang: str) -> list[str]:
    wide, scale = (WIDTH - LEFT) / max(count, 1), (HEIGHT - BOTTOM - TOP) / top
    drawn, x = [], WIDTH - 20.0
    for one in marks:
        for at, value in enumerate(one.values):
            if value is not None:
                x0, long = LEFT + (at + 0.5) * wide, min(WIDEST * 1.2, wide * 0.88)
                drawn.append(_mark(x0 - long / 2, HEIGHT - BOTTOM - value * scale, long, one))
        name = one.name.text(lang)
        x -= 34 + _breadth(name)
        drawn += [_mark(x, 7, 16, one), _text(x + 21, 11, name, "axis")]
    return drawn


def _mark(x: float, y: float, wide: float, one: Mark) -> str:
    return f'<path class="mark {"whole" if one.style == "own" else "broken"}" d="M{x:.1f} {y:.1f}h{wide:.1f}"/>'


def _breadth(words: str) -> float:
    """How wide words are about, in the size of an axis."""
    return sum(12 if ord(c) > 0x2E80 else 6.4 for c in words)


def _grid(top: float, scale: float, unit: str) -> list[str]:
    drawn = []
    for part in range(5):
        value, y = top * part / 4, HEIGHT - BOTTOM - top * part / 4 * scale
        number = f"{value * scaled(top, unit)[0] / top:,.4g}"
        drawn.append(f'<line class="rule" x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH}" y2="{y:.1f}"/>')
        drawn.append(_text(LEFT - 6, y + 4, number, "axis end"))
    return [*drawn, _text(LEFT - 6, 10, printed_unit(scaled(top, unit)[1]), "axis end")]


def _legend(layers: Sequence[Layer], lang: str) -> list[str]:
    drawn, x = [], float(LEFT)
    for one in layers:
        name = one.name.text(lang)
        drawn += [_rect(x, 2, 10, 10, f"c-{one.carrier}"), _text(x + 15, 11, name, "axis")]
        x += 34 + _breadth(name)
    return drawn


def rows(bars: Sequence[Row], unit: str, caption: Sentence) -> Chart:
    """Horizontal bars of parts, one below the other, with the interval as a whisker."""
    top = max((one.total + (one.half or 0.0) for one in bars), default=0.0) or 1.0
    return Chart({lang: _rows(bars, unit, top, lang) for lang in LANGS}, caption)


def _rows(bars: Sequence[Row], unit: str, top: float, lang: str) -> str:
    drawn, scale = [], (WIDTH - 150 - 130) / top
    for index, one in enumerate(bars):
        x, y = 150.0, 8 + index * 46
        drawn.append(_text(140, y + 19, one.name.text(lang), "label end"))
        for name, carrier, value in one.parts:
            drawn.append(_rect(x, y, value * scale, 28, f"c-{carrier}", f"{name.text(lang)}: {_said(value, unit)}"))
            if value * scale > 60:
                drawn.append(_text(x + 8, y + 19, name.text(lang), "in"))
            x += value * scale
        if one.half:
            low, high = x - one.half * scale, x + one.half * scale
            drawn.append(f'<path class="whisker" d="M{low:.1f} {y + 14}H{high:.1f}M{low:.1f} {y + 8}v12'
                         f'M{high:.1f} {y + 8}v12"/>')  # fmt: skip
            x = high
        drawn.append(_text(x + 8, y + 19, _said(one.total, unit), "label"))
    return _svg(len(bars) * 46 + 8, drawn)


def _said(value: float, unit: str) -> str:
    number, name = scaled(value, unit)
    return f"{digits(number)} {printed_unit(name)}"


def heat_map(labels: Sequence[str], cells: Sequence[Sequence[float | None]], caption: Sentence) -> Chart:
    """Shares by hour of the day, one column a day or month; what is not known is hatched."""
    return Chart({lang: _heat(labels, cells, lang) for lang in LANGS}, caption)


def _heat(labels: Sequence[str], cells: Sequence[Sequence[float | None]], lang: str) -> str:
    wide, tall, top = (WIDTH - LEFT) / max(len(labels), 1), 8.0, 24.0
    hours_told = (_text(LEFT - 6, top + hour * tall + 8, f"{hour:02}:00", "axis end") for hour in range(0, 24, 6))
    drawn = [*_steps(lang), *hours_told]
    for at, (label, hours) in enumerate(zip(labels, cells, strict=True)):
        x = LEFT + at * wide
        for hour, share in enumerate(hours):
            style = "unknown" if share is None else f"m{min(4, int(share * 5))}"
            drawn.append(_rect(x, top + hour * tall, wide - 1, tall - 0.5, style))
        if len(labels) <= 16 or at % 5 == 0:
            drawn.append(_text(x + wide / 2, top + 24 * tall + 14, label, "axis middle"))
    return _svg(top + 24 * tall + 20, drawn)


def _steps(lang: str) -> Iterator[str]:
    """The legend: five steps of the scale, and what is not known."""
    names = [*(f"{20 * n}–{20 * n + 20} %" for n in range(5)), UNKNOWN.text(lang)]
    for at, name in enumerate(names):
        x = LEFT + at * 92.0
        yield _rect(x, 2, 10, 10, f"m{at}" if at < 5 else "unknown")
        yield _text(x + 15, 11, name, "axis")


def share_bar(counts: Mapping[str, int]) -> str:
    """Verdicts as one bar: filled, crossed, hatched; the numbers stand beside it in words."""
    whole = sum(counts.values())
    drawn, x = [], 0.0
    for name, count in counts.items():
        wide = WIDTH * count / whole if whole else 0.0
        if count:
            drawn.append(_rect(x, 0, wide, 12, f"v-{name.lower()}"))
        x += wide
    head = f'<svg class="share" viewBox="0 0 {WIDTH} 12" preserveAspectRatio="none" aria-hidden="true">'
    return f"{head}{''.join(drawn)}</svg>"


def _rect(x: float, y: float, wide: float, tall: float, style: str, title: str = "") -> str:
    inner = f"<title>{escape(title)}</title>" if title else ""
    size = f'x="{x:.1f}" y="{y:.1f}" width="{max(wide, 0):.1f}" height="{max(tall, 0):.1f}"'
    return f'<rect class="{style}" {size}>{inner}</rect>'


def _text(x: float, y: float, words: str, style: str) -> str:
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'


def _svg(tall: float, drawn: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {tall:.0f}" role="img">{"".join(drawn)}</svg>'
