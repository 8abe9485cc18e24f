"""Who did what and when: JSON lines, each bound to the one before by its hash; `verify` says where the chain breaks."""

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from analytics.alert_words import clean

LARGEST = 16_000_000  # a file that has grown beyond is closed and another begun [bytes]
START = "0" * 64
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class AuditError(OSError):
    """The log cannot be written: what was to be logged must not be done."""


def folder_of(store: Path) -> Path:
    """Where the log lies: beside the entries, whose folder people's commands may write."""
    return store / "entries"


class Audit:
    """The log of one store; any process that may write the folder appends to it, one at a time."""

    def __init__(self, store: Path) -> None:
        self._folder = folder_of(store)
        self.path, self._head = self._folder / "audit.jsonl", self._folder / "audit.head"

    def append(self, event: str, who: str, **body: Any) -> int:
        """One line on disk, fsynced, before what it tells of is done; its number. AuditError where it cannot be."""
        try:
            with self._open() as file:
                number, before = self._last()
                line = {
                    "seq": number + 1, "at_ms": time.time_ns() // 1_000_000, "monotonic_ns": time.monotonic_ns(),
                    "boot": _boot(), "event": event, "who": clean(who), "body": body, "before": before,
                }  # fmt: skip
                line["hash"] = _hash(line)
                file.write(json.dumps(line, ensure_ascii=False, sort_keys=True).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
                self._keep(number + 1, str(line["hash"]))
                return number + 1
        except OSError as error:
            raise AuditError(f"cannot write {self.path}: {error.strerror or error}") from None

    @contextmanager
    def _open(self) -> Iterator[BinaryIO]:
        self._folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._folder / "audit.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self.path.exists() and self.path.stat().st_size > LARGEST:
                self.path.rename(self._folder / f"audit-{self._last()[0]:010d}.jsonl")
            file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
            with os.fdopen(file, "ab") as opened:
                yield opened
        finally:
            os.close(lock)

    def _last(self) -> tuple[int, str]:
        """Number and hash of the newest line: of the file itself, for a killed writer may not have told the head."""
        lines = self.path.read_bytes().splitlines() if self.path.exists() else []
        if lines:
            with_hash = _parsed(lines[-1])
            if with_hash is None:
                raise AuditError("its last line is damaged: run `zcf audit verify`, set the file aside")
            return int(with_hash["seq"]), str(with_hash["hash"])
        return self._told()

    def _told(self) -> tuple[int, str]:
        if not self._head.exists():
            return 0, START
        head = json.loads(self._head.read_bytes())
        return int(head["seq"]), str(head["hash"])

    def _keep(self, number: int, found: str) -> None:
        new = self._head.with_suffix(".new")
        new.write_text(json.dumps({"seq": number, "hash": found}), encoding="ascii")
        new.replace(self._head)

    def files(self) -> list[Path]:
        """Every file of the log, oldest first."""
        return [*sorted(self._folder.glob("audit-*.jsonl")), *([self.path] if self.path.exists() else [])]

    def newest(self, count: int) -> list[dict[str, Any]]:
        """The newest lines, newest first."""
        lines = [line for file in self.files()[-2:] for line in file.read_bytes().splitlines()]
        return [found for line in reversed(lines[-count:]) if (found := _parsed(line)) is not None]

    def faults(self) -> Iterator[str]:
        """Where the chain breaks; nothing for a whole one."""
        number, before = 0, START
        for file in self.files():
            for place, line in enumerate(file.read_bytes().splitlines(), 1):
                found = _parsed(line)
                where = f"{file.name}:{place}"
                if found is None:
                    yield f"{where}: not a line of the log"
                    continue
                if found["hash"] != _hash(found):
                    yield f"{where}: line {found['seq']} was altered"
                elif (found["seq"], found["before"]) != (number + 1, before):
                    yield f"{where}: line {found['seq']} does not follow line {number}; lines are missing or moved"
                number, before = int(found["seq"]), str(found["hash"])
        told, head = self._told()
        if told > number or (told == number and head != before):
            yield f"{self.path.name}: ends with line {number}, but line {told} was written"


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
        return found if isinstance(found["seq"], int) and {"hash", "before", "event"} <= found.keys() else None
    except (ValueError, KeyError, TypeError):
        return None


def _hash(line: Mapping[str, Any]) -> str:
    bare = {key: value for key, value in line.items() if key != "hash"}
    return hashlib.sha256(json.dumps(bare, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def _boot() -> str:
    return _BOOT.read_text(encoding="ascii").strip() if _BOOT.exists() else ""
