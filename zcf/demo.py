"""`zcf demo`: the past first, then three children under one roof; at the end the judge, and one line of JSON."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from metering.sitefile import load_site
from metering.store.readings_reader import ReadingsReader
from metering.store.results import ResultsReader
from zcf.demo_books import enter_books
from zcf.home import DAY_MS, Home, utc_ms
from zcf.judge import Findings, judge
from zcf.supervisor import ROOT, ChildError, Supervisor, now_ms

SETTLE_S = 60.0
BACKLOG_S = 1800.0  # a year of history, on a small computer
SMALL_LOG = 64_000_000  # an interactive demo is judged at its end when its logs are no larger [bytes]
BALANCES = ("month", "today")


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for."""

    folder: Path
    days: int = 30
    port: int | None = None
    seconds: float | None = None
    faults: Path | None = None
    as_json: bool = False


class Demo:
    """One run of the demo."""

    def __init__(self, options: Options) -> None:
        os.environ.pop("ZCF_STORE", None)  # the folder keeps its whole state
        self.options, self.home = options, Home(options.folder)
        self.console = Console(stderr=True)
        self.started = time.monotonic()

    def run(self) -> int:
        """From the first reading of the past to the summary; the exit status."""
        with self.home.occupied():
            return self._run(self.options, self.home)

    def _run(self, options: Options, home: Home) -> int:
        home.prepare(options.days, options.faults, utc_ms())
        with self._bar() as progress:
            polls = home.write_past(options.days, utc_ms(), progress)
        if polls:
            enter_books(load_site(home.site), utc_ms() - options.days * DAY_MS, utc_ms())
            self.say(f"{options.days} days of simulated history: {polls:,} polls, {self.elapsed():.0f} s")
        home.begin(utc_ms())
        supervisor = Supervisor(self._commands(), home.logs, self.say)
        with supervisor.running():
            url = (supervisor.child("serve").ready or {}).get("url", "")
            if url:
                self.say(f"the page: [bold]{url}/[/]    every command works on {home.site}    stop with Ctrl-C")
            supervisor.watch(options.seconds)
            ended = self._wind_up(supervisor, url)
        return self._sum_up(supervisor, ended)

    def say(self, line: str) -> None:
        """One line for people."""
        self.console.print(line, highlight=False, soft_wrap=True)

    def elapsed(self) -> float:
        """Since the start [s]."""
        return time.monotonic() - self.started

    def _commands(self) -> tuple[tuple[str, ...], ...]:
        home = self.home
        faults = ("--faults", str(home.faults)) if home.faults.exists() else ()
        return (
            ("simulate", str(home.plant), "--truth", str(home.truth), *faults),
            ("collect", str(home.site)),
            ("serve", str(home.site), "--port", str(home.page_port(self.options.port))),
        )

    @contextmanager
    def _bar(self) -> Iterator[Callable[[int], None]]:
        """A progress bar for the history; nothing with --json."""
        total, first = self.options.days * DAY_MS, utc_ms() - self.options.days * DAY_MS
        columns = (TextColumn("simulated history"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
        with Progress(
            *columns, TimeRemainingColumn(), console=self.console, transient=True, disable=self.options.as_json
        ) as bar:
            task = bar.add_task("", total=total)
            yield lambda ms: bar.update(task, completed=ms - first)

    def _wind_up(self, supervisor: Supervisor, url: str) -> dict[str, Any]:
        """Stop collecting, let the rest be settled, ask the page and the command line for their figures."""
        ran_s = self.elapsed()
        supervisor.child("collect").stop()
        reader, results = ReadingsReader(self.home.folder / "store"), ResultsReader(self.home.folder / "store")
        last = reader.last_seq()
        supervisor.stopping = False  # a first Ctrl-C ends the run, a second one this
        supervisor.watch(SETTLE_S, lambda: int((results.mark("settled") or {}).get("readings", 0)) >= last)
        supervisor.watch(BACKLOG_S, lambda: is_whole(results))
        page = {"url": url, "status": page_status(url)}
        return {"ran_s": round(ran_s, 1), "page": page, "balances": [self._balance(period) for period in BALANCES]}

    def _balance(self, period: str) -> Mapping[str, Any]:
        words = [sys.executable, "-P", "-m", "zcf", "balance", str(self.home.site), "--period", period, "--json"]
        paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = {**os.environ, "PYTHONPATH": paths}
        told = subprocess.run(words, env=environment, capture_output=True, check=False, timeout=300)
        if told.returncode:
            raise ChildError(f"zcf balance failed:\n{told.stderr.decode()[-2000:]}", told.returncode)
        document: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
        return document

    def _sum_up(self, supervisor: Supervisor, ended: Mapping[str, Any]) -> int:
        """The judge's findings, for people and as JSON; 1 when a promise was not kept."""
        size = sum(path.stat().st_size for path in self.home.truth.glob("*"))
        body: dict[str, Any] = {"ran_s": ended["ran_s"], "page": ended["page"], "deaths": supervisor.deaths}
        if self.options.seconds is not None or size <= SMALL_LOG:
            findings = judge(self.home.folder, ended["balances"], outages(supervisor))
            body = {**findings.body(), **body}
            self._tell(findings)
        if self.options.as_json:
            print(json.dumps(body, ensure_ascii=False), flush=True)
        return 1 if body.get("faults") else 0

    def _tell(self, findings: Findings) -> None:
        ticks, energies, messages = findings.ticks, findings.energies, findings.messages
        self.say(f"polls: {ticks.due:,} due = {ticks.read:,} read + {ticks.gap:,} gap {dict(ticks.reasons) or ''}")
        self.say(f"messages: {messages.sent:,} sent, {messages.stored:,} stored, {messages.gap:,} gap")
        self.say(
            f"energy: {energies.live.counters} live counters off by {energies.live.max_error_steps:g} steps at most, "
            f"{energies.history.counters} of the history by {energies.history.max_error_steps:g}; "
            f"{energies.open_items} open items"
        )
        self.say(f"carbon: {findings.carbon.lines} lines off by {findings.carbon.relative_error:.1e} at most")
        for fault in findings.faults():
            self.say(f"[red]judge: {fault}[/]")


def is_whole(results: ResultsReader) -> bool:
    """Whether nothing of what was read is left to settle."""
    return not (results.mark("settled") or {}).get("backlog")


def page_status(url: str) -> int:
    """The HTTP status of the page [0 = it does not answer]."""
    try:
        with urllib.request.urlopen(f"{url}/", timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except (OSError, ValueError):
        return 0


def outages(supervisor: Supervisor) -> list[tuple[int, int]]:
    """When the simulated plant was down although it should not have been [ms UTC]."""
    plant = supervisor.child("simulate")
    spans = []
    for death in plant.deaths:
        back = [ms for ms in plant.ready_ms if ms > death["at_ms"]]
        spans.append((death["alive_ms"] - 2_000, min(back, default=now_ms())))
    return spans
