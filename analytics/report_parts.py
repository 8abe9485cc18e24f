"""What a report is made of: figures with status and uncertainty, tables, verdicts, charts, in chapters."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from analytics.terms import Sentence

Document = dict[str, Any]
# Resting on other months, on what is judged by the day or on every meter: explained at the site, not in a bundle.
EXPLANATIONS = "explanations"  # the table in which every figure has a row of its own
BEYOND = ("target/", "fiscal/", "position/", "score/", "node/", "measure/", "verdict/", "closing/")
NOTHING, NONE = Sentence("", ""), Sentence("无。", "None.")


def same(text: str) -> Sentence:
    """A name, a unit or an id: the same in both languages."""
    return Sentence(text, text)


def sentence(body: Mapping[str, str] | None) -> Sentence:
    """A bilingual part of a document."""
    return NOTHING if not body else Sentence(body.get("zh", ""), body.get("en", ""))


@dataclass(frozen=True, slots=True)
class Figure:
    """A number that says where it comes from; `value` is exact in its own unit, None where it is not known."""

    label: Sentence
    value: float | None
    unit: str
    ref: str = ""  # what `zcf explain` is asked for
    status: str = ""  # analytics.terms.Status
    half: float | None = None  # half the 95 % interval [unit]
    note: Sentence = NOTHING
    carrier: str = ""  # colour
    strong: bool = False
    digits: int = 4  # significant ones shown at least; a factor shows what its document prints


@dataclass(frozen=True, slots=True)
class Tag:
    """A word of one of the closed lists: a status or an outcome."""

    word: str


Cell = Figure | Tag | Sentence | None


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph; the tone is "plain", "notice" or "warning"."""

    words: Sentence
    tone: str = "plain"


@dataclass(frozen=True, slots=True)
class Figures:
    """Headline figures side by side."""

    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under named columns."""

    name: str  # of its sheet and member
    title: Sentence
    columns: tuple[Sentence, ...]
    rows: tuple[tuple[Cell, ...], ...]
    empty: Sentence = NONE


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing in SVG, in each language, with what it says in words."""

    svg: Mapping[str, str]
    caption: Sentence


@dataclass(frozen=True, slots=True)
class Judgement:
    """One verdict: outcome, what is asked, what is found, why; its figure is explained as `verdict/STANDARD/ID`."""

    id: str
    name: Sentence
    outcome: str
    reason: Sentence
    figure: Figure
    threshold: str
    threshold_status: str
    apart: bool = False
    gap: Figure | None = None


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The verdicts of one standard or one part of it; counts, and no overall score."""

    title: Sentence
    judgements: tuple[Judgement, ...]
    note: Sentence = NOTHING

    @property
    def counts(self) -> dict[str, int]:
        """How many of each outcome; those against an assumed threshold count apart."""
        counted = [j.outcome for j in self.judgements if not j.apart]
        return {name: counted.count(name) for name in ("MET", "NOT_MET", "UNDETERMINED")}

    @property
    def apart(self) -> int:
        """How many are counted apart."""
        return sum(j.apart for j in self.judgements)


Block = Text | Figures | Table | Chart | Verdicts


@dataclass(frozen=True, slots=True)
class Chapter:
    """A numbered part of a report."""

    number: str
    title: Sentence
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """A whole report of one site and period; text in both languages until it is rendered."""

    kind: str
    title: Sentence
    site: Sentence
    period: str
    about: tuple[tuple[Sentence, Sentence], ...]  # what stands on the cover
    headline: tuple[Figure, ...]
    chapters: tuple[Chapter, ...]
    notices: tuple[Text, ...] = field(default=())

    def figures(self) -> Iterator[Figure]:
        """Every figure with a reference, in order."""
        for block in (Figures(self.headline), *(b for c in self.chapters for b in c.blocks)):
            if isinstance(block, Figures):
                yield from (one for one in block.figures if one.ref)
            elif isinstance(block, Table):
                yield from (cell for row in block.rows for cell in row if isinstance(cell, Figure) and cell.ref)

    def tables(self) -> Iterator[tuple[Chapter, Table]]:
        """Every table with its chapter."""
        yield from ((c, b) for c in self.chapters for b in c.blocks if isinstance(b, Table))

    def verdicts(self) -> Iterator[tuple[Chapter, Verdicts]]:
        """Every list of verdicts with its chapter."""
        yield from ((c, b) for c in self.chapters for b in c.blocks if isinstance(b, Verdicts))


def report_document(report: Report) -> Document:
    """A report as JSON: every text in both languages, every figure with value, unit, status, interval, reference."""
    return {
        "kind": report.kind, "title": report.title.both(), "site": report.site.both(), "period": report.period,
        "about": [{"name": a.both(), "value": b.both()} for a, b in report.about],
        "headline": [figure_document(one) for one in report.headline],
        "notices": [{"tone": one.tone, **one.words.both()} for one in report.notices],
        "chapters": [
            {"number": c.number, "title": c.title.both(), "blocks": [_block(b) for b in c.blocks]}
            for c in report.chapters
        ],
        "figures": {one.ref: one.value for one in report.figures() if not one.ref.startswith(BEYOND)},
        "beyond": {one.ref: one.value for one in report.figures() if one.ref.startswith(BEYOND)},
    }  # fmt: skip


def figure_document(one: Figure) -> Document:
    """A figure as JSON."""
    return {
        "label": one.label.both(), "value": one.value, "unit": one.unit, "half": one.half, "status": one.status,
        "explain": one.ref, "note": one.note.both(),
    }  # fmt: skip


def _cell(cell: Cell) -> Any:
    if isinstance(cell, Figure):
        return figure_document(cell)
    if isinstance(cell, Tag):
        return {"tag": cell.word}
    return cell.both() if cell else None


def _block(block: Block) -> Document:
    if isinstance(block, Text):
        return {"type": "text", "tone": block.tone, **block.words.both()}
    if isinstance(block, Figures):
        return {"type": "figures", "figures": [figure_document(one) for one in block.figures]}
    if isinstance(block, Chart):
        return {"type": "chart", "caption": block.caption.both()}
    if isinstance(block, Table):
        head = {"type": "table", "name": block.name, "title": block.title.both()}
        rows = [[_cell(cell) for cell in row] for row in block.rows]
        return {**head, "columns": [c.both() for c in block.columns], "rows": rows}
    counts = {"counts": block.counts, "apart": block.apart}
    return {"type": "verdicts", "title": block.title.both(), "note": block.note.both(), **counts,
            "verdicts": [_judgement(j) for j in block.judgements]}  # fmt: skip


def _judgement(one: Judgement) -> Document:
    return {
        "id": one.id, "name": one.name.both(), "outcome": one.outcome, "reason": one.reason.both(), "apart": one.apart,
        "figure": figure_document(one.figure), "threshold": one.threshold, "threshold_status": one.threshold_status,
        "gap": None if one.gap is None else figure_document(one.gap),
    }  # fmt: skip
