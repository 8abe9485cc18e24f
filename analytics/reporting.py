"""A report of a running site: its facts asked of the service, rendered, printed through Chromium where there is one."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from os import geteuid
from pathlib import Path
from typing import Any

import numpy as np

from analytics import fingerprint
from analytics.calendar import local_time
from analytics.closing import closings, effective, items_within
from analytics.flows import Flow, Flows
from analytics.issuing import issued_documents
from analytics.measured import measured
from analytics.progress import progress_of
from analytics.report import KINDS, report
from analytics.report_facts import SIX_PATHS, Facts
from analytics.report_html import html
from analytics.report_parts import Report, report_document
from analytics.report_xlsx import xlsx
from analytics.service import DAY_MS, FactoryService
from analytics.tree_document import uncertainty_document
from analytics.uncertainty import point_totals
from metering.period import QUARTER_MS, Period, from_ms
from metering.sitefile import SiteConfig

Document = dict[str, Any]
FORMATS = ("html", "xlsx", "pdf", "json")
LANGS = ("zh", "en")
MANY_DAYS = 62  # a longer period is drawn by month
WEB = Path(__file__).parent / "web"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE_S = 120.0


class NoBrowserError(RuntimeError):
    """No Chromium to print with, or it failed; everything else can be written all the same."""


@dataclass(frozen=True, slots=True)
class File:
    """One file of a report."""

    name: str
    data: bytes


def gather(service: FactoryService, period: str) -> Facts:
    """The facts of a period as known now; ValueError for a period that is none."""
    found, at_ms, config = service.account(period), service.clock(), service.config
    issued = issued_documents(service, period)
    names = [n for n in (*config.file.standards, SIX_PATHS) if n in service.standards]
    site = {**service.site(), "currency": config.file.site.currency}
    return Facts(
        config.zone, found.period, at_ms, site, issued["balance.json"], with_intervals(issued),
        service.tree(period), uncertainty_document(point_totals(found.flows).values()),
        {name: service.score(name, period) for name in dict.fromkeys(names)}, steps(found.flows, config),
        closings(service.results, found.period.label),
        [fingerprint.entry_body(one) for one in effective(service.source, found.period)],
        items_within(service, found.period), measured(service, found.period)["measures"], service.claims(period),
        progress_of(service, found.period), service.matching(period), fingerprint.code(),
        positions(service, found.period), config.file.gwp,
    )  # fmt: skip


def with_intervals(issued: Document) -> list[Document]:
    """The lines on the CO2e basis with the intervals that the balance tells of them."""
    told = issued["balance.json"]["other_intervals"]
    return [{**line, "uncertainty": told.get(line["id"])} for line in issued["co2e.json"]["lines"]]


def positions(service: FactoryService, period: Period) -> Document | None:
    """The position book of the period's year; None of a site that holds no allowance and was never verified."""
    ledger = service.ledger()
    if not ledger.verified and not any(lot.asset.family == "allowance" for lot in ledger.lots.values()):
        return None
    return service.position(from_ms(period.end_ms - 1).astimezone(service.config.zone).year)


def steps(flows: Flows, config: SiteConfig) -> Document:
    """Energy by local day or, of a long period, by month [kWh]; null where not all of it is known."""
    local = local_time(flows.start_ms, config.zone)
    daily = len(flows.start_ms) * QUARTER_MS <= MANY_DAYS * DAY_MS
    slots, first, index = np.unique(local.day if daily else local.month, return_index=True, return_inverse=True)
    begins = [from_ms(int(flows.start_ms[at])).astimezone(config.zone) for at in first]
    labels = [str(one.day) if daily else f"{one.year}-{one.month:02d}" for one in begins]
    named = {"import": flows.grid_import, "export": flows.grid_export, "generation": flows.generation,
             "self_use": flows.self_use, "consumption": flows.consumption}  # fmt: skip
    return {"by": "day" if daily else "month", "labels": labels,
            "series": {name: _sums(flow, index, len(slots)) for name, flow in named.items()}}  # fmt: skip


def _sums(flow: Flow, index: Any, count: int) -> list[float | None]:
    whole, lacking = np.zeros(count, np.int64), np.zeros(count, np.int64)
    np.add.at(whole, index, flow.energy)
    np.add.at(lacking, index, (~flow.known).astype(np.int64))
    return [None if gone else micro / 10**6 for micro, gone in zip(whole.tolist(), lacking.tolist(), strict=True)]


def written(
    service: FactoryService, period: str, kind: str, formats: Iterable[str], langs: Iterable[str]
) -> list[File]:
    """The files of one report; KeyError for an unknown kind, NoBrowserError where PDF was asked for and cannot be."""
    if kind not in KINDS:
        raise KeyError(kind)
    made = report(kind, gather(service, period))
    stem = f"{service.config.site.id}-{made.period or 'recent'}-{kind}".replace("/", "-")
    return list(_files(made, stem, list(formats), list(langs)))


def _files(made: Report, stem: str, formats: list[str], langs: list[str]) -> Iterator[File]:
    if "json" in formats:
        yield File(f"{stem}.json", fingerprint.canonical(report_document(made)))
    for lang in langs:
        page = html(made, lang, *_look()) if {"html", "pdf"} & set(formats) else ""
        if "html" in formats:
            yield File(f"{stem}-{lang}.html", page.encode())
        if "xlsx" in formats:
            yield File(f"{stem}-{lang}.xlsx", xlsx(made, lang))
        if "pdf" in formats:
            yield File(f"{stem}-{lang}.pdf", pdf(page))


def _look() -> tuple[str, str]:
    """The template and the style sheet: the page's own colours, then the report's."""
    template = (WEB / "report" / "report.html.j2").read_text(encoding="utf-8")
    sheets = (WEB / "css" / "tokens.css", WEB / "report" / "report.css")
    return template, "\n".join(sheet.read_text(encoding="utf-8") for sheet in sheets)


def pdf(page: str) -> bytes:
    """The page printed to A4 by a Chromium of this machine that may reach no network; NoBrowserError without one."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        raise NoBrowserError(f"PDF needs Chromium, and none of {', '.join(BROWSERS)} is on PATH")
    with tempfile.TemporaryDirectory(prefix="zcf-pdf-") as folder:
        source, target = Path(folder) / "report.html", Path(folder) / "report.pdf"
        source.write_text(page, encoding="utf-8")
        words = [
            browser, "--headless", "--disable-gpu", "--no-first-run", "--disable-extensions", "--no-pdf-header-footer",
            "--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={folder}/home",
            *(["--no-sandbox"] if geteuid() == 0 else []), f"--print-to-pdf={target}", source.as_uri(),
        ]  # fmt: skip
        try:
            subprocess.run(words, check=True, timeout=PATIENCE_S, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 - our own words
            return target.read_bytes()
        except (subprocess.SubprocessError, OSError) as error:
            raise NoBrowserError(f"{browser} could not print the report: {error}") from None


def figures_of(files: Iterable[File]) -> Document:
    """Figure id -> value, of the JSON file of a report."""
    return next((json.loads(f.data)["figures"] for f in files if f.name.endswith(".json")), {})
