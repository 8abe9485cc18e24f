"""How our SQLite files are opened: one locked writer a folder, and readers that never disturb it."""

import fcntl
import json
import os
import sqlite3
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from metering.store import DamagedError, StoreBrokenError, StoreError, StoreFullError, StoreLockedError
from metering.store.migrate import migrated

T = TypeVar("T")

_FLOCK = struct.Struct("hhqqi4x")  # struct flock of 64-bit Linux: type, whence, start, len, pid
_WRITER, _READERS = 0, 1  # bytes of the lock file: who writes the folder; who is looking at it just now
_CHANGE_COUNTER = slice(24, 28)  # SQLite file format 1.3.7
_TRIES = 80
_PAUSE_S = 0.025


class WriterLock:
    """The right to write one owner's folder: an open-file-description lock, with the holder's name in the file.

    An OFD lock, unlike a POSIX one, is not dropped when some other code of this process closes the same file.
    """

    def __init__(self, folder: Path, owner: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o750)
        self.path = folder / "writer.lock"
        self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        if not _lock(self._fd, _WRITER, fcntl.F_WRLCK):
            os.close(self._fd)
            raise StoreLockedError(f"{folder} is being written by {holder(self.path)}; stop it first")
        os.fchmod(self._fd, 0o640)
        # the time makes every holding of the lock a text of its own: readers see by it that a writer came and went
        name = {"owner": owner, "pid": os.getpid(), "since_ns": time.time_ns()}
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, json.dumps(name).encode(), 0)

    def exclude_readers(self) -> None:
        """Wait until nobody is looking, or for two seconds: a reader must not find the -wal gone while it opens it."""
        for _ in range(_TRIES):
            if _lock(self._fd, _READERS, fcntl.F_WRLCK):
                return
            time.sleep(_PAUSE_S)

    def release(self) -> None:
        """Give the folder free."""
        os.close(self._fd)


def _lock(fd: int, byte: int, kind: int) -> bool:
    try:
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _FLOCK.pack(kind, os.SEEK_SET, byte, 1, 0))
    except (BlockingIOError, PermissionError):  # EAGAIN or EACCES: another holds it
        return False
    return True


def holder(lock: Path) -> str:
    """Who holds a writer lock, in words."""
    try:
        found = json.loads(lock.read_text())
        return f"{found['owner']} (pid {found['pid']})"
    except (OSError, ValueError, KeyError):
        return "another process"


def is_locked(lock: Path) -> bool:
    """Does some process hold the writer lock? Asked with F_GETLK, never by taking it."""
    try:
        fd = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        answer = fcntl.fcntl(fd, fcntl.F_OFD_GETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, _WRITER, 1, 0))
        return bool(_FLOCK.unpack(answer)[0] != fcntl.F_UNLCK)
    finally:
        os.close(fd)


def open_writer(
    path: Path, schema: str, version: int, migrations: Mapping[int, str] | None = None
) -> sqlite3.Connection:
    """The one writing connection of a file: WAL, synchronous=FULL; makes the file where there is none.

    A file of an older format is brought up to date in a copy; the old one is kept beside until the next start.
    """
    before = os.umask(0o027)
    connection = None
    try:
        migrated(path, version, migrations or {})
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        connection.text_factory = _readable
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        _prepare(connection, path, schema, version)
    except (sqlite3.Error, StoreError) as error:
        if connection is not None:
            connection.close()
        if isinstance(error, StoreError):
            raise
        raise explained(error, f"cannot open {path}") from error
    finally:
        os.umask(before)
    return connection


def _readable(text: bytes) -> str:
    """A turned bit can make text of anything: the row is then refused by its seal, not by the decoder."""
    return text.decode(errors="replace")


def _prepare(connection: sqlite3.Connection, path: Path, schema: str, version: int) -> None:
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    _refuse_newer(path, found, version)
    if not found:
        connection.executescript(f"BEGIN;{schema};PRAGMA user_version={version};COMMIT")


def _refuse_newer(path: Path, found: int, version: int) -> None:
    if found > version:
        raise StoreError(f"{path} was written by a newer program (format {found}, this one knows {version})")


def close_writer(connection: sqlite3.Connection, lock: WriterLock) -> None:
    """Fold the WAL in, remove it, and give the folder free."""
    lock.exclude_readers()
    connection.close()
    lock.release()


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All or nothing; an error, also of the commit itself, rolls back and becomes a StoreError."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # a full disk has rolled back already
                connection.execute("ROLLBACK")
            raise
    except sqlite3.Error as error:
        raise explained(error, "cannot write the store") from error


def explained(error: sqlite3.Error, what: str) -> StoreError:
    """An error of SQLite as one of ours: the disk is full, the disk or the file is broken, or anything else."""
    name = getattr(error, "sqlite_errorname", "") or ""
    if name == "SQLITE_FULL":
        return StoreFullError(f"{what}: {error}")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return DamagedError(f"{what}: {error} ({name})")
    if name.startswith("SQLITE_IOERR"):
        return StoreBrokenError(f"{what}: {error} ({name})")
    return StoreError(f"{what}: {error}")


def snapshot(path: Path, work: Callable[[sqlite3.Connection], T], version: int) -> T | None:
    """Run `work` on one consistent read-only view of a file; None where there is no such file, or nothing in it yet.

    With a writer at work (or a -wal left by a killed one) the file is read through the WAL. Without either it is
    opened immutable, and what came of it, even an error, counts only if meanwhile nobody began to write.
    """
    reason: Exception | str = "a writer is starting or stopping"
    for _ in range(_TRIES):
        if not path.exists():
            return None
        with _looking(path) as alone:
            mark = _quiet_mark(path)
            try:
                if alone and mark is not None:
                    return _steady(path, mark, work, version)
                if alone and _wal(path).exists():
                    return _run(path, "mode=ro", work, version)
            except (sqlite3.OperationalError, _UnsteadyError) as error:
                reason = error.__cause__ if isinstance(error.__cause__, Exception) else error
        time.sleep(_PAUSE_S)
    raise StoreError(f"cannot get a stable view of {path}: {reason}")


class _UnsteadyError(Exception):
    """A writer came while the file was read as if it rested."""


def _steady(path: Path, mark: bytes, work: Callable[[sqlite3.Connection], T], version: int) -> T | None:
    try:
        result = _run(path, "mode=ro&immutable=1", work, version)
    except Exception as error:
        if _quiet_mark(path) != mark:  # torn pages can make anything of it
            raise _UnsteadyError from error
        if isinstance(error, sqlite3.Error):
            raise StoreError(f"cannot read {path}: {error}") from error
        raise
    if _quiet_mark(path) != mark:
        raise _UnsteadyError("a writer came meanwhile")
    return result


def _run(path: Path, options: str, work: Callable[[sqlite3.Connection], T], version: int) -> T | None:
    connection = sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?{options}", uri=True, isolation_level=None, timeout=5
    )
    connection.text_factory = _readable
    try:
        connection.execute("BEGIN")
        found = int(connection.execute("PRAGMA user_version").fetchone()[0])
        _refuse_newer(path, found, version)
        return work(connection) if found else None
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        raise StoreError(f"cannot read {path}: {error}") from error
    finally:
        connection.close()


@contextmanager
def _looking(path: Path) -> Iterator[bool]:
    """Hold the readers' byte of the lock file, so that a writer does not remove the -wal now; False: it is doing so."""
    try:
        fd = os.open(path.parent / "writer.lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:  # a copy of a store
        yield True
        return
    try:
        yield _lock(fd, _READERS, fcntl.F_RDLCK)
    finally:
        os.close(fd)


def _quiet_mark(path: Path) -> bytes | None:
    """None with a writer at work or a -wal left behind; else what changes whenever somebody has written.

    The name of the last writer is read first, so that one who comes and goes later leaves another name. The file
    itself is opened only when it rests: closing it would drop the POSIX locks of a writer in this process.
    """
    lock = path.parent / "writer.lock"
    name = lock.read_bytes() if lock.exists() else b""
    if _wal(path).exists() or is_locked(lock):
        return None
    with path.open("rb") as file:
        return name + file.read(100)[_CHANGE_COUNTER]


def _wal(path: Path) -> Path:
    return path.with_name(path.name + "-wal")
