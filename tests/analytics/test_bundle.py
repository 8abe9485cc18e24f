"""A bundle is the same bytes from the same facts, and no byte of it can be altered unnoticed."""

import gzip
import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics import bundle
from analytics.bundle import BundleError, pack, unpack, unzipped

MEMBERS = {"site.yaml": b"site: works\n", "readings/grid/active_energy_import.csv.gz": bytes(range(256)), "b.txt": b""}
DATA = pack(MEMBERS, {"site": "works"})


def test_the_same_facts_give_the_same_bytes(tmp_path: Path):
    assert pack(dict(reversed(MEMBERS.items())), {"site": "works"}) == DATA
    (tmp_path / "b.zip").write_bytes(DATA)
    found = unpack(tmp_path / "b.zip")
    assert {name: found.members[name] for name in MEMBERS} == MEMBERS
    assert found.manifest["site"] == "works"


@given(st.integers(0, len(DATA) - 1), st.integers(1, 255))
def test_one_altered_byte_anywhere_is_refused_and_named(tmp_path_factory: pytest.TempPathFactory, at: int, by: int):
    file = tmp_path_factory.mktemp("bundle") / "b.zip"
    file.write_bytes(DATA[:at] + bytes([DATA[at] ^ by]) + DATA[at + 1 :])
    with pytest.raises(BundleError) as refused:
        unpack(file)
    assert refused.value.member
    for name, data in {**MEMBERS}.items():
        begin = DATA.index(data)
        if data and begin <= at < begin + len(data):
            assert refused.value.member == name


@given(st.integers(0, len(DATA) - 1))
def test_a_shortened_or_lengthened_file_is_refused(tmp_path_factory: pytest.TempPathFactory, at: int):
    file = tmp_path_factory.mktemp("bundle") / "b.zip"
    for data in (DATA[:at], DATA + bytes(at + 1), DATA[:at] + b"x" + DATA[at:]):
        file.write_bytes(data)
        with pytest.raises(BundleError):
            unpack(file)


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "a/../b", "a//b", "a\\b"])
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str):
    (tmp_path / "b.zip").write_bytes(pack({**MEMBERS, name: b"x"}, {}))
    with pytest.raises(BundleError, match="not a member"):
        unpack(tmp_path / "b.zip")


def test_a_deflated_bomb_is_not_unpacked(tmp_path: Path):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", bytes(10_000_000))
    (tmp_path / "b.zip").write_bytes(out.getvalue())
    with pytest.raises(BundleError, match=r"manifest\.json: is not stored plainly"):
        unpack(tmp_path / "b.zip")


def test_a_member_longer_unpacked_than_it_may_be_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bundle, "MAX_TEXT", 1000)
    assert len(unzipped(gzip.compress(bytes(1000)))) == 1000
    with pytest.raises(ValueError, match="longer than 1000"):
        unzipped(gzip.compress(bytes(1001)))
