"""A bundle: one plain zip with everything a period's figures rest on, made the same byte for byte from the same facts.

Members are stored, sorted and dated alike, so that the whole file can be made again from what it holds: a byte altered
anywhere, the archive's own bookkeeping included, is found.
"""

import gzip
import io
import json
import re
import zipfile
import zlib
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from analytics.fingerprint import canonical, digest, entry_body
from analytics.held import HeldSource
from metering.quantity import Kind, quantity
from metering.reading import MICRO, Columns, SeriesInfo, SeriesKey
from metering.store.entries import Entry
from metering.store.readings import dump_info, load_info

FORMAT = 1
MANIFEST, SEAL = "manifest.json", "manifest.sha256"
MAX_FILE, MAX_MEMBERS, MAX_TEXT = 2**30, 20_000, 2**29  # [bytes], [1], [bytes] of one member unpacked
DATED = (1980, 1, 1, 0, 0, 0)  # the zip format's first instant
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}(/[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}){0,3}")
HEADS = {False: "time_ms,value_micro,quality", True: "time_ms,value_micro,quality,end_ms"}
BROKEN = (
    zipfile.BadZipFile, zipfile.LargeZipFile, ValueError, OSError, EOFError, NotImplementedError, RuntimeError,
    KeyError, zlib.error, OverflowError,
)  # fmt: skip


class BundleError(Exception):
    """A bundle that is refused; `member` names what is altered, broken or missing in it."""

    def __init__(self, member: str, message: str) -> None:
        super().__init__(f"{member}: {message}")
        self.member, self.message = member, message


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose every byte was checked."""

    manifest: Mapping[str, Any]
    members: Mapping[str, bytes]

    def json(self, name: str) -> Any:
        """A JSON member."""
        try:
            return json.loads(self.members[name])
        except (KeyError, ValueError) as error:
            raise BundleError(name, f"cannot be read: {error}") from None

    def source(self) -> HeldSource:
        """Its readings, register notes and entries, as the chain asks for them."""
        infos: dict[SeriesKey, list[SeriesInfo]] = {}
        for one in self.json("registers.json"):
            key = (one["point"], one["quantity"])
            infos.setdefault(key, []).append(load_info(*key, one["valid_from_ms"], json.dumps(one["register"])))
        names = [name for name in self.members if name.startswith("readings/")]
        columns = {_key(name): _columns(name, self.members[name]) for name in names}
        return HeldSource(columns, infos, [Entry(**body) for body in self.json("entries.json")])


def pack(members: Mapping[str, bytes], about: Mapping[str, Any]) -> bytes:
    """A bundle of members, with a manifest of their fingerprints and its seal."""
    listed = {name: {"sha256": digest(data), "bytes": len(data)} for name, data in sorted(members.items())}
    manifest = json.dumps({**about, "format": FORMAT, "members": listed}, ensure_ascii=False, indent=1).encode() + b"\n"
    return _archive({**members, MANIFEST: manifest, SEAL: f"{digest(manifest)}\n".encode()})


def _archive(members: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, data in sorted(members.items()):
            head = zipfile.ZipInfo(name, DATED)
            head.create_system, head.external_attr = 3, 0o100644 << 16
            archive.writestr(head, data)
    return out.getvalue()


def readings_members(source: HeldSource) -> dict[str, bytes]:
    """Readings as gzipped CSV, one file a series; what is known of the registers; the entries."""
    made = {f"readings/{point}/{name}.csv.gz": _csv(source.columns[point, name]) for point, name in source.series()}
    notes = [
        {"point": info.point, "quantity": info.quantity, "valid_from_ms": info.valid_from_ms,
         "register": json.loads(dump_info(info))}
        for _, found in sorted(source.notes.items()) for info in found
    ]  # fmt: skip
    entries = [entry_body(entry) for entry in source.entries.entries()]
    return {**made, "registers.json": canonical(notes), "entries.json": canonical(entries)}


def _csv(columns: Columns) -> bytes:
    whole = columns.value if columns.value.dtype.kind == "i" else np.rint(columns.value * MICRO).astype(np.int64)
    parts = [columns.time_ms, whole, columns.quality]
    parts += [] if columns.end_ms is None else [columns.end_ms]
    rows = zip(*(part.tolist() for part in parts), strict=True)
    head = HEADS[columns.end_ms is not None]
    text = "\n".join([head, *(",".join(map(str, row)) for row in rows)]) + "\n"
    return gzip.compress(text.encode(), compresslevel=6, mtime=0)  # 9 takes four times as long for 2 % less


def _key(name: str) -> SeriesKey:
    parts = name.removesuffix(".csv.gz").split("/")
    if len(parts) != 3:
        raise BundleError(name, "is not readings/POINT/QUANTITY.csv.gz")
    return parts[1], parts[2]


def _columns(name: str, data: bytes) -> Columns:
    try:
        kind = quantity(_key(name)[1]).kind
        spread = kind is Kind.DELTA
        head, _, text = unzipped(data).decode("ascii").partition("\n")
        if head != HEADS[spread]:
            raise ValueError(f"columns {head!r}")
        rows = np.loadtxt(io.StringIO(text), np.int64, delimiter=",", ndmin=2) if text else np.empty((0, 4), np.int64)
        if np.any(np.diff(rows[:, 0]) <= 0):
            raise ValueError("its times do not rise")
        value = rows[:, 1] / MICRO if kind is Kind.GAUGE else rows[:, 1]
        return Columns(rows[:, 0], value, rows[:, 2].astype(np.uint8), rows[:, 3] if spread else None)
    except BROKEN as error:
        raise BundleError(name, f"cannot be read: {error}") from None


def unzipped(data: bytes) -> bytes:
    """A gzipped member's text, no longer than it may be; ValueError otherwise."""
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        text = file.read(MAX_TEXT + 1)
    if len(text) > MAX_TEXT:
        raise ValueError(f"is longer than {MAX_TEXT} bytes unpacked")
    return text


def unpack(path: Path) -> Bundle:
    """A bundle from a file, every byte of it checked; BundleError names what is wrong."""
    if path.stat().st_size > MAX_FILE:
        raise BundleError("the archive", f"is larger than {MAX_FILE} bytes")
    data = path.read_bytes()
    members, places = _members(data)
    manifest = _manifest(members)
    _check(members, manifest["members"])
    again = _archive(members)
    if again != data:
        at = next((i for i, (a, b) in enumerate(zip(data, again, strict=False)) if a != b), min(len(data), len(again)))
        raise BundleError(_place(places, at), f"byte {at} of the archive is not what its members give")
    return Bundle(manifest, members)


def _place(places: Mapping[str, tuple[int, int]], at: int) -> str:
    return next((name for name, (low, high) in places.items() if low <= at < high), "the archive's directory")


def _members(data: bytes) -> tuple[dict[str, bytes], dict[str, tuple[int, int]]]:
    """Members by name, and where in the file each one lies."""
    name = "the archive's directory"
    members: dict[str, bytes] = {}
    places: dict[str, tuple[int, int]] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            heads = archive.infolist()
            ends = sorted([*(head.header_offset for head in heads[:MAX_MEMBERS]), archive.start_dir])
            for head in heads[:MAX_MEMBERS]:
                after = bisect_right(ends, head.header_offset)
                places[head.filename] = (head.header_offset, ends[after] if after < len(ends) else len(data))
            for head in heads:
                name = head.filename
                _admit(head, members)
                members[name] = archive.read(head)
    except BundleError:
        raise
    except BROKEN as error:
        raise BundleError(name, f"cannot be read: {error}") from None
    return members, places


def _admit(head: zipfile.ZipInfo, members: Mapping[str, bytes]) -> None:
    """Stored members alone are taken: what lies in the file is as long as it says, and no bomb."""
    if not NAME.fullmatch(head.filename) or head.filename in members or len(members) >= MAX_MEMBERS:
        raise BundleError(head.filename, "is not a member that a bundle has")
    if head.compress_type != zipfile.ZIP_STORED or head.flag_bits & 1 or head.file_size != head.compress_size:
        raise BundleError(head.filename, "is not stored plainly")


def _manifest(members: Mapping[str, bytes]) -> dict[str, Any]:
    for name in (MANIFEST, SEAL):
        if name not in members:
            raise BundleError(name, "is missing")
    if members[SEAL] != f"{digest(members[MANIFEST])}\n".encode():
        raise BundleError(MANIFEST, f"does not have the fingerprint that {SEAL} gives")
    found: dict[str, Any] = json.loads(members[MANIFEST])
    if found.get("format") != FORMAT:
        raise BundleError(MANIFEST, f"format {found.get('format')!r}; this program knows {FORMAT}")
    return found


def _check(members: Mapping[str, bytes], listed: Mapping[str, Any]) -> None:
    for name in sorted({*listed, *members} - {MANIFEST, SEAL}):
        if name not in members:
            raise BundleError(name, "is missing")
        if name not in listed:
            raise BundleError(name, "is not in the manifest")
        if digest(members[name]) != listed[name]["sha256"]:
            raise BundleError(name, "is altered: its fingerprint is not that of the manifest")
