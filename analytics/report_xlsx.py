"""A report as a workbook: figures with status and interval, every table, every verdict; numbers stay numbers."""

import io
from collections.abc import Iterator
from typing import Any

import xlsxwriter

from analytics.report_parts import Cell, Figure, Report, Table, Tag, Verdicts
from analytics.report_words import OUTCOME, STATUS, printed_unit, said, scaled
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


def plain(text: str) -> str:
    """Text that no spreadsheet takes for a formula, in this file or saved from it as CSV."""
    return f"'{text}" if text.startswith(FORMULA) else text


def xlsx(report: Report, lang: str) -> bytes:
    """The workbook in one language."""
    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = xlsxwriter.Workbook(out, options)
    bold = book.add_format({"bold": True, "bottom": 1})
    _sheet(book, SHEETS[lang][0], list(_summary(report, lang)), bold, len(report.about) + 4)
    for number, (_, table) in enumerate(report.tables(), 1):
        _sheet(book, f"{number:02} {table.name}"[:31], list(_table(table, lang)), bold, 1)
    _sheet(book, SHEETS[lang][1], [list(VERDICT_HEADS[lang]), *_verdicts(report, lang)], bold, 0)
    book.close()
    return out.getvalue()


def _sheet(book: Any, name: str, rows: list[Row], bold: Any, head: int) -> None:
    sheet = book.add_worksheet(name)
    sheet.set_column(0, 0, 34)
    sheet.set_column(1, 20, 18)
    for y, row in enumerate(rows):
        style = bold if y == head else None
        for x, value in enumerate(row):
            if isinstance(value, int | float):
                sheet.write_number(y, x, value, style)
            elif value:
                sheet.write_string(y, x, plain(value), style)


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
    return [one.label.text(lang), *_valued(one), status, one.ref]


def _valued(one: Figure) -> Row:
    if one.value is None:
        return ["—", printed_unit(one.unit), None]
    value, unit = scaled(one.value, one.unit)
    half = None if one.half is None else one.half * (value / one.value if one.value else 1.0)
    return [value, printed_unit(unit), half]


def _table(table: Table, lang: str) -> Iterator[Row]:
    """A figure takes four columns: value, unit, interval, what `zcf explain` is asked for."""
    figures = [any(isinstance(row[i], Figure) for row in table.rows) for i in range(len(table.columns))]
    yield [table.title.text(lang)]
    heads: Row = []
    for name, wide in zip(table.columns, figures, strict=True):
        heads += [name.text(lang), *((*WIDE[lang][2:4], WIDE[lang][5]) if wide else ())]
    yield heads
    for row in table.rows:
        made: Row = []
        for cell, wide in zip(row, figures, strict=True):
            made += _cells(cell, lang, wide=wide)
        yield made


def _cells(cell: Cell, lang: str, *, wide: bool) -> Row:
    if isinstance(cell, Figure):
        return [*_valued(cell), cell.ref]
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
        status = STATUS[one.threshold_status].text(lang) if one.threshold_status in STATUS else ""
        yield [block.title.text(lang), one.id, one.name.text(lang), OUTCOME[one.outcome].text(lang), *found,
               one.threshold, status, *gap, one.reason.text(lang)]  # fmt: skip
