"""Settled energy, carbon and verdicts -> the InfluxDB bucket `results`, for Grafana; only 204 is delivery.

What is to be sent is a list of series-days in results.db, filled in the transaction that settles them: a day settled
again is sent again, over the same points. docs/influxdb-schema.md has the lines.
"""

import gzip
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPRedirectHandler, Request, build_opener

import structlog

from analytics.factors import Gas
from analytics.result_lines import carbon_line, energy_lines, verdict_lines
from analytics.service import FactoryService
from metering.period import QUARTER_MS, from_ms
from metering.sitefile import ForwardSection
from metering.store import StoreError
from metering.store.publication import Day, PublicationWriter

BATCH_DAYS: Final = 50
IDLE_S: Final = 5.0
BACK_OFF_S: Final = (1.0, 300.0)
TIMEOUT_S: Final = 30.0

log = structlog.get_logger("publish")
Send = Callable[[bytes], str]  # empty = delivered


class _NoRedirect(HTTPRedirectHandler):
    """The token would go along."""

    def redirect_request(self, *_: Any) -> None:
        """Follow nobody."""


def read_token(environ: Mapping[str, str]) -> str:
    """Analytics' own token: ZCF_INFLUX_RESULTS_TOKEN, or the file that ZCF_INFLUX_RESULTS_TOKEN_FILE names."""
    named = environ.get("ZCF_INFLUX_RESULTS_TOKEN_FILE")
    found = Path(named).read_text(encoding="ascii") if named else environ.get("ZCF_INFLUX_RESULTS_TOKEN", "")
    return found.strip()


def sender(section: ForwardSection, token: Callable[[], str]) -> Send:
    """Writes line protocol to the bucket of results; tells why where it was not taken, and never the token."""
    query = urlencode({"org": section.org, "bucket": section.results_bucket, "precision": "ms"})
    opener = build_opener(_NoRedirect)

    def send(body: bytes) -> str:
        headers = {"Content-Encoding": "gzip", "Content-Type": "text/plain; charset=utf-8"}
        try:
            headers["Authorization"] = f"Token {token()}"
            request = Request(f"{section.url.rstrip('/')}/api/v2/write?{query}", gzip.compress(body, 1), headers)
            with opener.open(request, timeout=TIMEOUT_S) as answer:
                return "" if answer.status == 204 else f"answered {answer.status}, which is no delivery"
        except HTTPError as error:
            return f"answered {error.code}"
        except (OSError, HTTPException, ValueError) as error:
            return type(error).__name__

    return send


class Publisher:
    """Sends what was settled; what is not acknowledged stays on the list."""

    def __init__(self, service: FactoryService, writer: PublicationWriter, send: Send, sink: str) -> None:
        self._service, self._writer, self._send, self._sink = service, writer, send, sink
        self._quarter = 0
        self.why = ""

    def step(self) -> bool:
        """One batch; whether there may be more. The figures of the site go once a quarter-hour, after the energy."""
        self._writer.begin(self._sink)
        days = self._writer.next_days(BATCH_DAYS)
        if days:
            lines = [line for day in days for line in self._energy(day)]
            for name in sorted({self._site_day(day.day_ms) for day in days}):
                lines += self._carbon(name)
            if not self._sent(lines):
                return False
            self._writer.done(days)
            return True
        quarter = self._service.clock() // QUARTER_MS
        if quarter != self._quarter and self._sent(list(self._verdicts())):
            self._quarter = quarter
        return False

    def _sent(self, lines: list[str]) -> bool:
        why = self._send("\n".join(lines).encode()) if lines else ""
        if why != self.why:
            log.warning("publish", sink=self._sink, reason=why or "delivering again")
        self.why = why
        return not why

    def _energy(self, day: Day) -> Iterable[str]:
        rows = self._service.results.intervals([day.key], day.day_ms, day.day_ms + 86_400_000)
        found = rows.get(day.key)
        return energy_lines(self._service.config.site, day.key, found) if found is not None else []

    def _site_day(self, ms: int) -> str:
        return from_ms(ms + 43_200_000).astimezone(self._service.config.zone).date().isoformat()

    def _carbon(self, day: str) -> Iterator[str]:
        found = self._service.account(day)
        site, at = self._service.config.site.id, found.period.start_ms
        for gas in (Gas.CO2_ONLY, Gas.CO2E):
            if line := carbon_line(site, gas.value, found.balance.totals(gas), at):
                yield line

    def _verdicts(self) -> Iterable[str]:
        at = self._service.period("today").start_ms
        for standard in self._service.config.file.standards:
            if standard in self._service.standards:
                rows = self._service.score(standard)["verdicts"]
                yield from verdict_lines(self._service.config.site.id, standard, rows, at)


class PublishThread(threading.Thread):
    """A publisher at work until told to stop."""

    def __init__(self, publisher: Publisher) -> None:
        super().__init__(name="publish", daemon=True)
        self._publisher, self._end = publisher, threading.Event()

    def run(self) -> None:
        """Step by step; a store or a server that is busy is waited for."""
        wait = BACK_OFF_S[0]
        while not self._end.is_set():
            try:
                more = self._publisher.step()
            except StoreError as error:
                log.warning("store", error=str(error))
                more = False
            wait = min(2 * wait, BACK_OFF_S[1]) if self._publisher.why else BACK_OFF_S[0]
            self._end.wait(0 if more else wait if self._publisher.why else IDLE_S)

    def stop(self) -> None:
        """End after the batch under way."""
        self._end.set()
        if self.is_alive():
            self.join(TIMEOUT_S + 5)


def publishing(service: FactoryService, writer: PublicationWriter) -> PublishThread | None:
    """A thread that publishes where the site file forwards and analytics has a token of its own."""
    section = service.config.file.forward
    if section is None or not (os.environ.get("ZCF_INFLUX_RESULTS_TOKEN") or
                               os.environ.get("ZCF_INFLUX_RESULTS_TOKEN_FILE")):  # fmt: skip
        return None
    sink = f"{section.url.rstrip('/')} {section.org}/{section.results_bucket}"
    send = sender(section, lambda: read_token(os.environ))
    return PublishThread(Publisher(service, writer, send, sink))
