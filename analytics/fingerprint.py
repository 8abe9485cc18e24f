"""Fingerprints (SHA-256) of what a figure rests on: readings, register notes, entries, factor rows, files, the code."""

import ast
import hashlib
import json
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from metering.reading import Columns, SeriesInfo
from metering.store.entries import Entry
from metering.store.readings import dump_info

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("analytics", "metering")
CHAIN = ("analytics.service",)  # what is run; everything it loads counts as the code of a figure


def digest(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def canonical(body: Any) -> bytes:
    """A JSON value as the same bytes everywhere: sorted keys, no spaces, UTF-8."""
    return json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def of_json(body: Any) -> str:
    """The fingerprint of a JSON value."""
    return digest(canonical(body))


def of_readings(columns: Columns, infos: Iterable[SeriesInfo] = ()) -> str:
    """Times, values, qualities and ends as little-endian integers, then the notes on the register."""
    parts = [columns.time_ms.astype("<i8"), columns.value.astype("<i8"), columns.quality.astype("u1")]
    if columns.end_ms is not None:
        parts.append(columns.end_ms.astype("<i8"))
    notes = [[info.valid_from_ms, json.loads(dump_info(info))] for info in infos]
    return digest(b"".join([len(columns).to_bytes(8, "little"), *(part.tobytes() for part in parts), canonical(notes)]))


def entry_body(entry: Entry) -> dict[str, Any]:
    """An entry as JSON."""
    return {
        "seq": entry.seq, "id": entry.id, "kind": entry.kind, "who": entry.who, "why": entry.why,
        "at_ms": entry.at_ms, "body": dict(entry.body),
    }  # fmt: skip


def of_files(folder: Path, pattern: str) -> dict[str, str]:
    """The fingerprint of every file of a folder, by name."""
    return {path.name: digest(path.read_bytes()) for path in sorted(folder.glob(pattern))}


def code() -> dict[str, str]:
    """The version of the package and the fingerprint of the sources that compute a figure."""
    try:
        number = version("zcf")
    except PackageNotFoundError:
        number = "from a checkout"
    return {"version": number, "sources": _sources()}


@cache
def _sources() -> str:
    files = sorted(closure(CHAIN))
    return digest(b"".join(f"{name}\0{digest((ROOT / name).read_bytes())}\n".encode() for name in files))


def closure(modules: Iterable[str]) -> set[str]:
    """The source files of modules and of all of ours that they import, as paths below the packages."""
    found: set[str] = set()
    todo = list(modules)
    while todo:
        path = _file(todo.pop())
        if path is not None and path not in found:
            found.add(path)
            todo += _imports(ast.parse((ROOT / path).read_bytes()))
    return found


def _file(module: str) -> str | None:
    parts = module.split(".")
    if parts[0] not in ROOMS:
        return None
    for candidate in ("/".join(parts) + ".py", "/".join([*parts, "__init__.py"])):
        if (ROOT / candidate).is_file():
            return candidate
    return None


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
