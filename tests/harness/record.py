"""What happened in a run, line by line: the files the judge reads."""

import json
import threading
import time
from pathlib import Path
from typing import Any, TextIO

_MONO0, _WALL0 = time.monotonic_ns(), time.time_ns()


def now_ms() -> float:
    """The harness's own time [ms UTC]: the wall clock at its start, carried on by the monotonic clock."""
    return (_WALL0 + time.monotonic_ns() - _MONO0) / 1e6


def at_ms(monotonic_s: float) -> float:
    """An instant of the monotonic clock in the harness's own time [ms UTC]."""
    return (_WALL0 + 1e9 * monotonic_s - _MONO0) / 1e6


class Record:
    """Append-only JSON lines in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: dict[str, TextIO] = {}
        self._mutex = threading.Lock()

    def write(self, kind_of_line: str, /, **line: Any) -> None:
        text = json.dumps(line, separators=(",", ":")) + "\n"
        with self._mutex:
            if kind_of_line not in self._files:
                self._files[kind_of_line] = (self.folder / f"{kind_of_line}.jsonl").open("a", encoding="utf-8")
            self._files[kind_of_line].write(text)

    def flush(self) -> None:
        with self._mutex:
            for file in self._files.values():
                file.flush()

    def close(self) -> None:
        for file in self._files.values():
            file.close()
        self._files = {}
