"""What happened in a run, line by line: the files the judge reads."""

import json
import time
from pathlib import Path
from typing import Any, TextIO

_MONO0, _WALL0 = time.monotonic_ns(), time.time_ns()


def now_ms() -> float:
    """The harness's own time [ms UTC]: the wall clock at its start, carried on by the monotonic clock."""
    return (_WALL0 + time.monotonic_ns() - _MONO0) / 1e6


class Record:
    """Append-only JSON lines in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: dict[str, TextIO] = {}

    def write(self, name: str, **line: Any) -> None:
        if name not in self._files:
            self._files[name] = (self.folder / f"{name}.jsonl").open("a", encoding="utf-8")
        self._files[name].write(json.dumps(line, separators=(",", ":")) + "\n")

    def flush(self) -> None:
        for file in list(self._files.values()):
            file.flush()

    def close(self) -> None:
        for file in self._files.values():
            file.close()
        self._files = {}
