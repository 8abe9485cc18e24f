"""A CSV file -> numbered rows of text, read as the site file declares; what cannot be read is a fault with its line."""

import csv
import difflib
import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from metering.config import ConfigError, Fault
from metering.imports import ImportSection

LISTED = 100  # faults of one kind that are listed; the rest is counted
BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True, slots=True)
class Table:
    """The text of a file: where each column stands, and the rows with their line numbers [1-based]."""

    file: str
    sha256: str
    column: Mapping[str, int]
    rows: Sequence[tuple[int, list[str]]]
    notes: tuple[str, ...] = ()


def listed(faults: Iterable[tuple[str, Fault]]) -> list[Fault]:
    """Faults by kind, in the file's order; of a kind beyond the first hundred only their number."""
    kinds: dict[str, list[Fault]] = {}
    for kind, fault in faults:
        kinds.setdefault(kind, []).append(fault)
    shown: list[Fault] = []
    for kind, found in kinds.items():
        shown += found[:LISTED]
        if more := found[LISTED:]:
            shown.append(Fault(more[0].file, more[0].line, f"and {len(more)} more like it ({kind})", more[0].mend))
    return sorted(shown, key=lambda fault: fault.line)


def read_table(path: Path, sections: Sequence[ImportSection]) -> tuple[ImportSection, Table]:
    """The section that fits a file, and the file as text; ConfigError with every fault otherwise."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError([Fault(str(path), 1, f"cannot read the file: {error.strerror}", "check it")]) from None
    tried = [(section, *_read(str(path), data, section)) for section in sections]
    section, table, faults = min(tried, key=lambda found: len(found[2]))
    if faults or table is None:
        raise ConfigError(listed(faults))
    return section, table


def _read(file: str, data: bytes, section: ImportSection) -> tuple[Table | None, list[tuple[str, Fault]]]:
    try:
        text = data.decode(section.encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"not {section.encoding} at byte {error.start}: {data[error.start : error.start + 4]!r}"
        mend = "declare the file's encoding: gb18030 for Chinese Excel, cp1252 for western Excel, utf-16"
        return None, [("encoding", Fault(file, line, message, mend))]
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        message = "the text holds NUL bytes"
        return None, [("encoding", Fault(file, line, message, "declare encoding: utf-16, or export the file as CSV"))]
    rows, faults = _rows(file, text, section)
    if faults or len(rows) <= 1:
        return None, faults or [("rows", Fault(file, section.header_line, "no rows below a header", "check the file"))]
    header = rows[0][1]
    faults = [*_header_faults(file, header, section), *_width_faults(file, rows)]
    table = Table(file, hashlib.sha256(data).hexdigest(), {n: i for i, n in enumerate(header)}, rows[1:], _notes(data))
    return table, faults


def _rows(file: str, text: str, section: ImportSection) -> tuple[list[tuple[int, list[str]]], list[tuple[str, Fault]]]:
    """The header and all rows below, each with its line; empty lines hold nothing and are passed over."""
    above = section.header_line - 1
    below = io.StringIO(text, newline="")
    for _ in range(above):
        below.readline()
    reader = csv.reader(below, delimiter=section.delimiter, strict=True)
    rows: list[tuple[int, list[str]]] = []
    try:
        rows.extend((reader.line_num + above, [cell.strip() for cell in cells]) for cells in reader if cells)
    except csv.Error as error:
        line = reader.line_num + above
        return rows, [("quotes", Fault(file, line, f"not CSV: {error}", "mend the quotes of this line"))]
    return rows, []


def _header_faults(file: str, header: list[str], section: ImportSection) -> Iterator[tuple[str, Fault]]:
    line = section.header_line
    if header[0].startswith(BYTE_ORDER_MARK):
        yield "header", Fault(file, line, "the file begins with a byte order mark", "declare encoding: utf-8-sig")
    other = next((mark for mark in ";\t|," if len(header) == 1 and mark in header[0]), None)
    if other:
        message = f"one column only: {header[0][:60]!r}"
        yield "header", Fault(file, line, message, f"declare delimiter: {other!r}, not {section.delimiter!r}")
        return
    for name in sorted({n for n in header if header.count(n) > 1}):
        yield "header", Fault(file, line, f"column {name!r} stands there twice", "give each column its own name")
    wanted = dict.fromkeys([*section.time_columns, *section.value_columns, *section.ignore])
    for name in wanted.keys() - set(header):
        near = difflib.get_close_matches(name, header, n=1)
        mend = f"is it {near[0]!r}?" if near else f"the header holds: {', '.join(header)}"
        yield "header", Fault(file, line, f"no column {name!r}", mend)
    for name in header:
        if name not in wanted and not name.startswith(BYTE_ORDER_MARK):
            mend = f"map it in imports ({section.id}), or list it under ignore:"
            yield "header", Fault(file, line, f"column {name!r} is neither mapped nor ignored", mend)


def _width_faults(file: str, rows: list[tuple[int, list[str]]]) -> Iterator[tuple[str, Fault]]:
    width = len(rows[0][1])
    for line, cells in rows[1:]:
        if len(cells) != width:
            mend = "complete the line, or quote what holds the delimiter"
            yield "width", Fault(file, line, f"{len(cells)} fields where the header has {width}", mend)


def _notes(data: bytes) -> tuple[str, ...]:
    found = []
    if data.startswith("\ufeff".encode()):
        found.append("the file begins with a UTF-8 byte order mark")
    if data.count(b"\r\n") == data.count(b"\n"):
        found.append("lines end with CR LF")
    if not data.endswith(b"\n"):
        found.append("the last line has no end")
    return tuple(found)
