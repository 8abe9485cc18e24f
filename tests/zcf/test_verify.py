"""A bundle is verified from itself alone; one altered byte is refused, one altered figure is found."""

import json
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.bundle import MANIFEST, SEAL, pack, unpack
from analytics.fingerprint import canonical
from analytics.issuing import issue
from tests.analytics.month_works import END, MONTH, START, MonthWorks, entry
from zcf.verifier import verify

LOCAL_HEADER = 30  # bytes of a zip member's header before its name (APPNOTE 4.3.7)


@pytest.fixture(scope="module")
def works(tmp_path_factory: pytest.TempPathFactory) -> MonthWorks:
    made = MonthWorks(tmp_path_factory.mktemp("works")).full().settle()
    made.enter(entry("multiplier", 1, point="grid", start_ms=START, end_ms=END, factor="11/10")).settle()
    made.close_month()
    return made


@pytest.fixture(scope="module")
def bundle(works: MonthWorks) -> Path:
    path = works.path.with_name("october.zip")
    path.write_bytes(issue(works.service(), MONTH))
    return path


def test_every_figure_is_found_again_bit_for_bit(bundle: Path, works: MonthWorks):
    found = verify(bundle)
    assert found.passed
    names = {check.name for check in found.checks}
    assert {
        f"balance.json: totals.{t}.{g}" for t in ("scope1", "scope2_lb", "total_mb") for g in ("co2_only", "co2e")
    } <= names
    assert "sha256 readings/grid/active_energy_import.csv.gz" in names
    assert found.document()["failed"] == 0
    assert issue(works.service(), MONTH)[:100] == bundle.read_bytes()[:100]


def test_nothing_but_the_bundle_and_the_program_is_read(bundle: Path, works: MonthWorks):
    moved = bundle.parent.parent / "elsewhere.zip"
    moved.write_bytes(bundle.read_bytes())
    opened: list[str] = []
    watching = [True]

    def hook(event: str, args: tuple[object, ...]) -> None:
        if watching[0] and event in {"open", "sqlite3.connect", "socket.connect"}:
            opened.append(f"{event} {args[0]}")

    sys.addaudithook(hook)
    assert verify(moved).passed
    watching[0] = False
    assert not [one for one in opened if str(works.path.parent) in one or not one.startswith("open ")]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_one_altered_byte_anywhere_is_refused_and_named(bundle: Path, data: st.DataObject):
    good = bundle.read_bytes()
    at = data.draw(st.integers(0, len(good) - 1))
    file = bundle.with_name("altered.zip")
    file.write_bytes(good[:at] + bytes([good[at] ^ data.draw(st.integers(1, 255))]) + good[at + 1 :])
    found = verify(file)
    assert not found.passed
    assert found.refused
    for member in ZipFile(bundle).infolist():
        begin = member.header_offset + LOCAL_HEADER + len(member.filename.encode()) + len(member.extra)
        if begin <= at < begin + member.compress_size:
            assert found.refused == member.filename


@pytest.mark.parametrize("name", ["readings", "figure"])
def test_a_bundle_sealed_anew_over_other_facts_does_not_give_its_figures(bundle: Path, name: str):
    good = unpack(bundle)
    members = {n: d for n, d in good.members.items() if n not in {MANIFEST, SEAL}}
    if name == "readings":
        members["readings/grid/active_energy_import.csv.gz"] = members["readings/gas/gas_volume.csv.gz"]
        members["entries.json"] = canonical([])
    else:
        issued = json.loads(members["issued/balance.json"])
        issued["totals"]["scope1"]["co2_only"] *= 1 + 2**-52
        members["issued/balance.json"] = canonical(issued)
    file = bundle.with_name("sealed.zip")
    about = {key: good.manifest[key] for key in ("site", "period", "as_of_ms", "code")}
    file.write_bytes(pack(members, about))
    found = verify(file)
    assert not found.refused
    assert not found.passed
    assert any("totals" in check.name for check in found.failed)
    assert (len(found.failed) == 1) == (name == "figure")


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"not a zip" * 100])
def test_what_is_no_bundle_is_refused(tmp_path: Path, data: bytes):
    (tmp_path / "x.zip").write_bytes(data)
    assert verify(tmp_path / "x.zip").refused == "the archive's directory"
