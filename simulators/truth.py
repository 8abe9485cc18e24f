"""The log of what the simulated devices really gave: one line an answer, written before the answer leaves."""

import gzip
import json
import os
import shutil
import struct
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self

MAGIC = b"zcf truth 1\n"
PART_BYTES = 32 << 20
_NUMBER = "[0-9]" * 6
_GROUP = struct.Struct("<cHI")  # "G", number, bytes of JSON that follow
_POLL = struct.Struct("<cHqI")  # "P", group number, time [ms UTC], bytes of words or of payload that follow


class TruthLog:
    """An append-only file of JSON lines; each line is with the operating system before the call returns.

    A file that has grown to `part_bytes` [B] is set aside under the next number and packed by gzip beside the writing
    (about a fifteenth: a day of the example works is then some 80 MB instead of 1.2 GB).
    """

    def __init__(self, path: Path, part_bytes: int = PART_BYTES) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._part_bytes = path, part_bytes
        for left in path.parent.glob(f"{path.stem}.{_NUMBER}.jsonl"):  # a kill came before it was packed
            _pack(left)
        self._open()

    def _open(self) -> None:
        self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        self._size = os.fstat(self._fd).st_size

    def write(self, line: Mapping[str, Any]) -> None:
        """Append one line."""
        data = json.dumps(line, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
        self._size += os.write(self._fd, data)
        if self._size >= self._part_bytes:
            self._set_aside()

    def _set_aside(self) -> None:
        os.close(self._fd)
        parts = self._path.parent.glob(f"{self._path.stem}.{_NUMBER}.jsonl*")
        number = 1 + max((int(part.name.split(".")[1]) for part in parts), default=0)
        part = self._path.with_name(f"{self._path.stem}.{number:06}.jsonl")
        self._path.rename(part)
        threading.Thread(target=_pack, args=(part,), name=f"pack {part.name}").start()
        self._open()

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


def _pack(part: Path) -> None:
    """Put a part that is written no more under gzip; whenever a kill comes, one whole copy of it is there."""
    unfinished = part.with_name(part.name + ".unfinished")
    with part.open("rb") as plain, gzip.open(unfinished, "wb", compresslevel=6) as packed:
        shutil.copyfileobj(plain, packed)
    unfinished.rename(part.with_name(part.name + ".gz"))
    part.unlink()


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
    """The lines of a log, its parts set aside first; a last line cut short by a kill is left out."""
    for part in [*_parts(path), path]:
        with gzip.open(part) if part.suffix == ".gz" else part.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield json.loads(line)


def _parts(path: Path) -> list[Path]:
    """What was set aside of a log, oldest first, each part once: packed, or plain while it is not yet."""
    packed = {part.with_suffix(""): part for part in path.parent.glob(f"{path.stem}.{_NUMBER}.jsonl.gz")}
    plain = {part: part for part in path.parent.glob(f"{path.stem}.{_NUMBER}.jsonl")}
    return [part for _, part in sorted((plain | packed).items())]


def logs(folder: Path) -> list[Path]:
    """The logs of answers in a folder, by name; what was set aside of each is read with it."""
    return sorted(path for path in folder.glob("*.jsonl") if path.stem.count(".") == 0)
