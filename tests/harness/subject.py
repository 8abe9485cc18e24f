"""The product under test, started as users start it: `zcf collect` as a process, killed and stopped on purpose."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.harness.guard import Disk
from tests.harness.record import Record, now_ms

ROOT = Path(__file__).resolve().parent.parent.parent
READY_S, STOP_S = 60, 15


class Subject:
    """One collector over one site; a mutant, or a moved clock, is brought in from outside."""

    def __init__(self, site: Path, token: str, record: Record, *, guarded: bool, mutant: str = "") -> None:
        self.site, self.mutant, self.guarded = site, mutant, guarded
        self._token, self._record = token, record
        self.disk = Disk(site.parent / "store")
        self.clock = site.parent / "clock-offset-ms"
        self.process: subprocess.Popen[bytes] | None = None
        self._began_ms = 0.0

    def start(self, *, moved_clock: bool = False) -> None:
        """Start it and wait until it reads."""
        words = [sys.executable, "-P", "-m", "zcf", "collect", str(self.site)]
        if self.mutant or moved_clock:
            given = [self.mutant or "none", str(self.clock) if moved_clock else ""]
            words = [sys.executable, "-P", "-m", "tests.harness.mutants", *given, "collect", str(self.site)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "ZCF_INFLUX_TOKEN": self._token}
        for name in ("ZCF_STORE", "PYTHONDONTWRITEBYTECODE"):  # users have compiled files
            environment.pop(name, None)
        self._began_ms = now_ms()
        with (self.site.parent / "collector.log").open("ab") as log:
            begin = self._guarded if self.guarded else self._popen
            self.process = begin(words, environment, log)
        self._wait_ready()
        self._record.write("life", t=now_ms(), began=self._began_ms, pid=self.process.pid, moved=moved_clock)

    def _popen(self, words: list[str], environment: dict[str, str], log: Any, **more: Any) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=log, cwd=ROOT, **more)

    def _guarded(self, words: list[str], environment: dict[str, str], log: Any) -> "subprocess.Popen[bytes]":
        ours, theirs = socket.socketpair()
        with ours, theirs:
            guard = [sys.executable, "-P", "-m", "tests.harness.guard", str(theirs.fileno()), *words]
            process = self._popen(guard, environment, log, pass_fds=[theirs.fileno()])
            ours.settimeout(READY_S)
            _, fds, _, _ = socket.recv_fds(ours, 16, 1)
        self.disk.watch(fds[0])
        return process

    def _wait_ready(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line.startswith(b"{"):
            said = (self.site.parent / "collector.log").read_text()[-2000:]
            raise RuntimeError(f"the collector did not start: {said}")

    @property
    def pid(self) -> int:
        return self.process.pid if self.process is not None else 0

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def end(self, how: str, number: int = signal.SIGTERM) -> float:
        """End it by a signal; how long that took [s]."""
        assert self.process is not None
        begun = time.monotonic()
        asked_ms = now_ms()
        self.process.send_signal(number)
        try:
            code = self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        took_s = time.monotonic() - begun
        self._record.write("death", t=now_ms(), asked=asked_ms, how=how, code=code, took_s=took_s)
        return took_s

    def buried(self) -> None:
        """It died by itself, or by the guard's hand."""
        assert self.process is not None
        code = self.process.wait(READY_S)
        self._record.write("death", t=now_ms(), asked=now_ms(), how="found dead", code=code, took_s=0)

    def power_cut(self) -> None:
        """The machine goes dark: the process dies, and what was not synced is gone."""
        self.end("power cut", signal.SIGKILL)
        lost = self.disk.power_cut()
        self._record.write("power", t=now_ms(), lost_bytes=lost)

    def sizes(self) -> dict[str, int]:
        """Memory [bytes], open files, threads, and how long its first thread has waited for a processor [ms]."""
        assert self.process is not None
        folder = Path(f"/proc/{self.process.pid}")
        pages = int((folder / "statm").read_text().split()[1])
        return {
            "rss": pages * os.sysconf("SC_PAGE_SIZE"), "fds": len(list((folder / "fd").iterdir())),
            "threads": len(list((folder / "task").iterdir())),
            "starved_ms": int((folder / "schedstat").read_text().split()[1]) // 1_000_000,  # waited for a processor
        }  # fmt: skip


def figures(text: str) -> dict[str, float]:
    """/metrics as name{labels} -> value."""
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def log_lines(folder: Path) -> list[dict[str, Any]]:
    """What the collector logged; a line that is no JSON is itself a finding."""
    found = []
    for line in (folder / "collector.log").read_text(errors="replace").splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            found.append({"event": "NOT JSON", "text": line})
    return found
