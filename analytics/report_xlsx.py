"""A report as a workbook: figures with status and interval, every table, every verdict; numbers stay numbers."""

import io
import re
from collections.abc import Iterator
from typing import Any

import xlsxwriter

from analytics.report_parts import EXPLANATIONS, Cell, Figure, Report, Table, Tag, Verdicts
from analytics.report_words import OUTCOME, STATUS, printed_unit, said
from analytics.terms import Sentence

FORMULA = ("=", "+", "-", "@", "\t", "\r")
WIDE = {
    "zh": ("图", "数值", "单位", "± 95 %", "依据", "图号"),
    "en": ("Figure", "Value", "Unit", "± 95 %", "Basis", "Id"),
}
VERDICT_HEADS = {
    "zh": ("标准", "条目", "名称", "结论", "现值", "单位", "要求", "门槛依据", "差距", "单位", "说明"),
    "en": ("Standard", "Id", "Name", "Outcome", "Found", "Unit", "Asked", "Threshold is", "Gap", "Unit", "Why"),
}
SHEETS = {"zh": ("概要", "结论"), "en": ("Summary", "Verdicts")}
Row = list[str | float | None]
UNKNOWN = {"zh": "未知", "en": "not known"}
EXACTLY = {"zh": "恰为", "en": "exactly"}
FIGURE_IDS = "Figure id"
CARBON = frozenset({"kgCO2", "kgCO2e"})
UNNAMED = re.compile(r"[\[\]:*?/\\']")
NARROWEST, WIDEST = 11, 60  # of a column [characters]
LARGE = 10_000
NUMBERS = {1000.0: "#,##0.0", 1.0: "#,##0.000", 0.0: "0.0000##"}  # from a size on, how it is shown


def plain(text: str) -> str:
    """Text that no spreadsheet takes for a formula, in this file or saved from it as CSV."""
    return f"'{text}" if text.startswith(FORMULA) else text


def xlsx(report: Report, lang: str) -> bytes:
    """The workbook in one language."""
    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = xlsxwriter.Workbook(out, options)
    look = Look(book)
    _sheet(book, SHEETS[lang][0], list(_summary(report, lang)), look, len(report.about) + 4)
    for number, (_, table) in enumerate(report.tables(), 1):
        _sheet(book, _sheet_name(number, table.title.text(lang)), list(_table(table, lang)), look, 1)
    _sheet(book, SHEETS[lang][1], [list(VERDICT_HEADS[lang]), *_verdicts(report, lang)], look, 0)
    book.close()
    return out.getvalue()


def _sheet_name(number: int, title: str) -> str:
    """What a spreadsheet takes as the name of a sheet: no more than 31 signs, none that it reserves."""
    return f"{number:02} {re.sub(UNNAMED, ' ', title)}"[:31].strip()


class Look:
    """The formats of a workbook: heads, text that wraps, numbers by their size."""

    def __init__(self, book: Any) -> None:
        self.head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        self.text = book.add_format({"text_wrap": True, "valign": "top"})
        self.of = {name: book.add_format({"num_format": name, "valign": "top"}) for name in ("0", *NUMBERS.values())}

    def number(self, value: float) -> Any:
        """Whole numbers as they are, others with the digits that their size asks for."""
        if float(value).is_integer() and abs(value) < LARGE:
            return self.of["0"]
        return self.of[next(name for least, name in NUMBERS.items() if abs(value) >= least)]


def _sheet(book: Any, name: str, rows: list[Row], look: Look, head: int) -> None:
    sheet = book.add_worksheet(name)
    for x in range(max((len(row) for row in rows), default=0)):
        longest = max((_wide(row[x]) for row in rows[head:] if x < len(row)), default=0)
        sheet.set_column(x, x, min(WIDEST, max(NARROWEST, longest + 2)))
    sheet.freeze_panes(head + 1, 1)
    for y, row in enumerate(rows):
        for x, value in enumerate(row):
            if isinstance(value, int | float):
                sheet.write_number(y, x, value, look.number(value))
            elif value:
                sheet.write_string(y, x, plain(value), look.head if y == head else look.text if y > head else None)


def _wide(cell: float | str | None) -> int:
    """How many narrow signs a cell takes; a Chinese one takes two."""
    if not isinstance(cell, str):
        return NARROWEST
    return sum(2 if ord(sign) > 0x2E7F else 1 for sign in cell)


def _summary(report: Report, lang: str) -> Iterator[Row]:
    yield [report.title.text(lang), report.site.text(lang), report.period]
    for name, value in report.about:
        yield [name.text(lang), value.text(lang)]
    yield [f"▲ {' '.join(one.words.text(lang) for one in report.notices)}" if report.notices else ""]
    yield []
    yield []
    yield list(WIDE[lang])
    yield from (_figure(one, lang) for one in report.headline)


def _figure(one: Figure, lang: str) -> Row:
    status = STATUS[one.status].text(lang) if one.status in STATUS else ""
    return [one.label.text(lang), *_valued(one, lang), status, one.ref]


def _valued(one: Figure, lang: str) -> Row:
    """Value, unit and half interval in one unit a column: energy as it is counted, carbon in tonnes."""
    by, unit = (1, one.unit) if one.unit == "kWh" else (1000, one.unit.replace("kg", "t", 1)) if (
        one.unit in CARBON) else (1, one.unit)  # fmt: skip
    if one.value is None:
        return [UNKNOWN[lang], printed_unit(unit), None]
    return [one.value / by, printed_unit(unit), None if one.half is None else one.half / by]


def _table(table: Table, lang: str) -> Iterator[Row]:
    """A figure takes four columns: value, unit, interval, what `zcf explain` is asked for; empty ones are left out."""
    figures = [any(isinstance(row[i], Figure) for row in table.rows) for i in range(len(table.columns))]
    yield [table.title.text(lang)]
    made = [_heads(table, figures, lang)]
    for row in table.rows:
        cells = (_cells(cell, lang, wide=wide) for cell, wide in zip(row, figures, strict=True))
        made.append([one for cell in cells for one in cell])
    unsaid = {WIDE[lang][3], WIDE[lang][5]}
    kept = [x for x, name in enumerate(made[0]) if name not in unsaid or any(row[x] for row in made[1:])]
    kept = [x for x in kept if not _twice(made, x, table.name)]
    yield from ([row[x] for x in kept] for row in made)
    if not table.rows:
        yield [table.empty.text(lang)]


def _heads(table: Table, figures: list[bool], lang: str) -> Row:
    heads: Row = []
    for name, wide in zip(table.columns, figures, strict=True):
        heads += [name.text(lang), *((*WIDE[lang][2:4], WIDE[lang][5]) if wide else ())]
    return heads


def _twice(rows: list[Row], x: int, name: str) -> bool:
    """A column that repeats the id which stands beside its figure."""
    same = [y for y in range(x) if [row[y] for row in rows[1:]] == [row[x] for row in rows[1:]]]
    return bool(rows[1:] and same and all(row[x] for row in rows[1:])) and (name == EXPLANATIONS or _is_id(rows, x))


def _is_id(rows: list[Row], x: int) -> bool:
    return rows[0][x] in {word for of in WIDE.values() for word in (of[5], FIGURE_IDS)}


def _cells(cell: Cell, lang: str, *, wide: bool) -> Row:
    if isinstance(cell, Figure):
        return [*_valued(cell, lang), cell.ref]
    text = ""
    if isinstance(cell, Tag):
        text = said(cell.word, lang)
    elif isinstance(cell, Sentence):
        text = cell.text(lang)
    return [text, None, None, None] if wide else [text]


def _verdicts(report: Report, lang: str) -> Iterator[Row]:
    for _, block in report.verdicts():
        yield from _of_block(block, lang)


def _of_block(block: Verdicts, lang: str) -> Iterator[Row]:
    for one in block.judgements:
        found: Row = ["", ""] if one.figure.value is None else [float(one.figure.value), printed_unit(one.figure.unit)]
        gap: Row = ["", ""] if one.gap is None else [one.gap.value, printed_unit(one.gap.unit)]
        asked = one.threshold.replace("=", EXACTLY[lang], 1) if one.threshold.startswith("=") else one.threshold
        status = STATUS[one.threshold_status].text(lang) if one.threshold_status in STATUS else ""
        yield [block.title.text(lang), one.id, one.name.text(lang), OUTCOME[one.outcome].text(lang), *found,
               asked, status, *gap, one.reason.text(lang)]  # fmt: skip
