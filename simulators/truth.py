"""The log of what the simulated devices really gave: one line an answer, written before the answer leaves."""

import json
import os
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self

MAGIC = b"zcf truth 1\n"
_GROUP = struct.Struct("<cHI")  # "G", number, bytes of JSON that follow
_POLL = struct.Struct("<cHqI")  # "P", group number, time [ms UTC], bytes of words or of payload that follow


class TruthLog:
    """An append-only file of JSON lines; each line is with the operating system before the call returns."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)

    def write(self, line: Mapping[str, Any]) -> None:
        """Append one line."""
        os.write(self._fd, json.dumps(line, separators=(",", ":"), ensure_ascii=False).encode() + b"\n")

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


class HistoryTruth:
    """The same for history, packed: groups as JSON, then polls of 15 bytes and their words."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: BinaryIO = path.open("wb")
        self._file.write(MAGIC)

    def group(self, number: int, description: Mapping[str, Any]) -> None:
        """Describe a group before its first poll: device, unit, profile, blocks or topic."""
        text = json.dumps(description, separators=(",", ":"), ensure_ascii=False).encode()
        self._file.write(_GROUP.pack(b"G", number, len(text)) + text)

    def poll(self, number: int, time_ms: int, words: bytes) -> None:
        """One answer."""
        self._file.write(_POLL.pack(b"P", number, time_ms, len(words)) + words)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()


class HistoryPoll(NamedTuple):
    """One packed answer, with the description of its group."""

    group: Mapping[str, Any]
    time_ms: int
    words: bytes


def read_history(path: Path) -> Iterator[HistoryPoll]:
    """The answers of a packed file, in the order written."""
    groups: dict[int, Mapping[str, Any]] = {}
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise ValueError(f"{path} is no packed truth log")
        while kind := file.read(1):
            if kind == b"G":
                _, number, size = _GROUP.unpack(kind + file.read(_GROUP.size - 1))
                groups[number] = json.loads(file.read(size))
            else:
                _, number, time_ms, size = _POLL.unpack(kind + file.read(_POLL.size - 1))
                yield HistoryPoll(groups[number], time_ms, file.read(size))


def read_lines(path: Path) -> Iterator[Mapping[str, Any]]:
    """The lines of a log; a last line cut short by a kill is left out."""
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield json.loads(line)
