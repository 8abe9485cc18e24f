"""Child processes: started in order, watched, restarted with back-off, stopped one by one; none outlives its parent."""

import ctypes
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent
PARENT = "ZCF_PARENT"  # the pid a child must not outlive
PR_SET_PDEATHSIG = 1  # linux/prctl.h
READY_S = 120.0
STOP_S = 5.0
BACK_OFF_S = (0.5, 30.0)  # first, longest
MODESTY = {"serve": 5}  # a reading cannot be made up for, a settlement can: nice values
STEADY_S = 60.0  # up for so long, a child has earned a fresh back-off


class ChildError(Exception):
    """A child that cannot be run; the message ends with the last lines it wrote, `code` is its exit status."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def now_ms() -> int:
    """The wall clock [ms UTC]."""
    return time.time_ns() // 1_000_000


def die_with_parent() -> None:
    """In a child of a supervisor: get SIGTERM when the supervisor is gone, however it went (prctl(2))."""
    parent = os.environ.pop(PARENT, "")
    if not parent:
        return
    with suppress(AttributeError, OSError):  # only Linux has it
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM))
    if os.getppid() != int(parent):  # it went before we asked
        sys.exit(1)


@dataclass
class Child:
    """One supervised `zcf` command and what became of it."""

    name: str
    words: Sequence[str]
    log: Path | None  # None: its errors are ours
    process: "subprocess.Popen[bytes] | None" = None
    ready: dict[str, Any] | None = None
    started: float = 0.0
    due: float = 0.0  # when to start it again, monotonic
    failures: int = 0
    alive_ms: int = 0  # when it was last seen alive [ms UTC]
    retired: bool = False  # told to stop: not to be started again
    deaths: list[dict[str, Any]] = field(default_factory=list)
    ready_ms: list[int] = field(default_factory=list)  # each time it said so [ms UTC]
    _rest: bytes = b""

    def start(self) -> None:
        """Start the command; its errors go to the log, its first word of JSON says that it is ready."""
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, PARENT: str(os.getpid()), "PYTHONPATH": os.pathsep.join(paths)}
        self.ready, self._rest, self.started = None, b"", time.monotonic()
        with self._errors() as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "zcf", *self.words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=errors, env=environment, process_group=0,
            )  # fmt: skip
        os.set_blocking(self.stdout.fileno(), False)
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, self.pid, MODESTY.get(self.name, 0))

    def _errors(self) -> AbstractContextManager[IO[bytes]]:
        return nullcontext(sys.stderr.buffer) if self.log is None else self.log.open("ab")

    @property
    def stdout(self) -> IO[bytes]:
        """The pipe it speaks through."""
        if self.process is None or self.process.stdout is None:
            raise ValueError(f"{self.name} is not running")
        return self.process.stdout

    @property
    def pid(self) -> int:
        """Its process id; 0 while it is down."""
        return self.process.pid if self.process is not None else 0

    def listen(self) -> bool:
        """Take in what it said; False at the end of its output."""
        try:
            said = os.read(self.stdout.fileno(), 65536)
        except BlockingIOError:
            return True
        *lines, self._rest = (self._rest + said).split(b"\n")
        for line in lines:
            self._heard(line)
        return bool(said)

    def _heard(self, line: bytes) -> None:
        try:
            told = json.loads(line)
        except ValueError:
            told = None
        if isinstance(told, dict) and told.get("ready"):
            self.ready = told
            self.ready_ms.append(now_ms())
        else:
            with self._errors() as errors:
                errors.write(line + b"\n")

    def bury(self, code: int) -> None:
        """Note a death and when to try again."""
        now = time.monotonic()
        self.failures = 1 if now - self.started > STEADY_S else self.failures + 1
        self.due = now + min(BACK_OFF_S[0] * 2 ** (self.failures - 1), BACK_OFF_S[1])
        found = {"child": self.name, "pid": self.pid, "code": code, "at_ms": now_ms()}
        self.deaths.append(found | {"alive_ms": self.alive_ms or found["at_ms"]})  # it died somewhere between the two
        self.stdout.close()
        self.process = None

    def stop(self, within_s: float = STOP_S) -> int:
        """SIGTERM, then SIGKILL for one that does not obey; its exit status."""
        self.retired = True
        if self.process is None:
            return 0
        self.process.terminate()
        try:
            code = self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self.stdout.close()
        self.process = None
        return code

    def last_words(self, lines: int = 12) -> str:
        """The end of its log."""
        if self.log is None:
            return ""
        with suppress(OSError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        return ""


class Supervisor:
    """Runs `zcf` commands as children in a fixed order and keeps them running."""

    def __init__(self, commands: Sequence[Sequence[str]], logs: Path | None, say: Callable[[str], None]) -> None:
        if logs is not None:
            logs.mkdir(parents=True, exist_ok=True)
        self.children = [Child(words[0], words, logs and logs / f"{words[0]}.log") for words in commands]
        self.say = say
        self.stopping = False

    def child(self, name: str) -> Child:
        """The child that runs this command."""
        return next(child for child in self.children if child.name == name)

    @property
    def deaths(self) -> list[dict[str, Any]]:
        """Every child that ended by itself or was killed, in order."""
        return sorted((d for child in self.children for d in child.deaths), key=lambda death: int(death["at_ms"]))

    @contextmanager
    def running(self) -> Iterator["Supervisor"]:
        """All children up for the length of a block; SIGINT and SIGTERM end `watch`, the children end after it."""
        signals = (signal.SIGINT, signal.SIGTERM)
        before = {each: signal.signal(each, self._stop) for each in signals}
        try:
            for child in self.children:
                self._start_first(child)
            yield self
        finally:
            for child in reversed(self.children):
                child.stop()
            for each, handler in before.items():
                signal.signal(each, handler)

    def watch(self, seconds: float | None = None, until: Callable[[], bool] = lambda: False) -> None:
        """Restart whoever dies, for so long [s], until told to stop, or until a condition holds."""
        end = None if seconds is None else time.monotonic() + seconds
        while not self.stopping and not until() and (end is None or time.monotonic() < end):
            left = 0.25 if end is None else min(0.25, max(0.0, end - time.monotonic()))
            self._listen(left)
            for child in self.children:
                self._mend(child)

    def _start_first(self, child: Child) -> None:
        if self.stopping:
            return
        child.start()
        deadline = time.monotonic() + READY_S
        while child.ready is None and not self.stopping:
            self._listen(0.25)
            code = child.process.poll() if child.process else 1
            if code is not None and child.ready is None:
                self._start_again(child, code)
            if time.monotonic() > deadline:
                raise ChildError(f"zcf {child.name} is not ready after {READY_S:.0f} s:\n{child.last_words()}", 1)

    def _start_again(self, child: Child, code: int) -> None:
        """One that was killed before it was ready is started anew; one that ended by itself has said why."""
        if code != -signal.SIGKILL:
            raise ChildError(f"zcf {child.name} ended with status {code}:\n{child.last_words()}", code)
        child.bury(code)
        time.sleep(max(0.0, child.due - time.monotonic()))
        child.start()

    def _listen(self, timeout_s: float) -> None:
        with selectors.DefaultSelector() as selector:
            for child in self.children:
                if child.process is not None:
                    selector.register(child.stdout, selectors.EVENT_READ, child)
                    child.alive_ms = now_ms() if child.process.poll() is None else child.alive_ms
            heard = selector.select(timeout_s)
            silent = [key.data for key, _ in heard if not key.data.listen()]
        if silent and len(silent) == len(heard):
            time.sleep(min(timeout_s, 0.05))  # an output that has ended stays readable

    def _mend(self, child: Child) -> None:
        code = child.process.poll() if child.process is not None else None
        if code is not None:
            child.bury(code)
            if code == os.EX_CONFIG:
                raise ChildError(f"zcf {child.name} refuses its files:\n{child.last_words()}", code)
            self.say(f"zcf {child.name} ended with status {code}; it starts again")
        if child.process is None and not (self.stopping or child.retired) and time.monotonic() >= child.due:
            child.start()

    def _stop(self, *_: object) -> None:
        self.stopping = True
