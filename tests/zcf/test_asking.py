"""Commissioning by hand: what answers, what it says, and what is kept of it; nothing but reads, and slowly."""

import json
import struct
from pathlib import Path
from statistics import median

import pytest
from click.testing import Result
from typer.testing import CliRunner

from collector.datatypes import Number
from collector.fields import Field
from metering.config import ConfigError
from tests.harness.ptyrelay import PtyLine, meters
from zcf.__main__ import app
from zcf.commands.commissioning import _units
from zcf.decodings import decodings, remark


def zcf(*words: object) -> Result:
    """Run one command in this process."""
    return CliRunner(env={"NO_COLOR": "1", "COLUMNS": "200"}).invoke(app, [*map(str, words)])


REGISTERS = {0: 230.5, 6: 4.5, 12: 1000.0, 52: 3000.0, 70: 50.02, 72: 1234.5}


def sdm630(function: int, address: int, count: int) -> bytes | int:
    """A double of an SDM630 by its manual: input registers, float32, voltage at 0, current at 6, frequency at 70."""
    if function != 4:
        return 1
    floats = {
        a + i: struct.pack(">f", REGISTERS.get(a, 0.0))[2 * i : 2 * i + 2] for a in range(0, 400, 2) for i in (0, 1)
    }
    return b"".join(floats.get(address + n, b"\0\0") for n in range(count))


@pytest.fixture
def line(tmp_path: Path):
    with PtyLine(meters({3: sdm630}), baud=57_600, turnaround_s=0.002, link=tmp_path / "bus") as one:
        (tmp_path / "site.yaml").write_text(
            "site: {id: s, timezone: Asia/Shanghai}\n"
            f"links: [{{id: bus, type: rtu, path: {one.path}, baud: 57600}}]\n"
            "devices: [{id: main, profile: eastron-sdm630, link: bus, unit: 3}]\n"
            "points: [{id: grid, role: grid, device: main, rated_power: 1}]\n"
        )
        yield one


def test_d13_read_shows_raw_words_every_byte_order_and_what_cannot_be(line: PtyLine, tmp_path: Path) -> None:
    told = zcf("read", "main", "--site", tmp_path / "site.yaml", "--timeout", "2", "--json")
    assert told.exit_code == 0, told.output
    body = json.loads(told.stdout)
    rows = {row["quantity"]: row for row in body["quantities"]}
    assert rows["voltage_l1"]["value"] == 230.5
    assert rows["voltage_l1"]["words"] == struct.pack(">f", 230.5).hex(" ", 2)
    assert rows["voltage_l1"]["orders"]["ABCD"] == "230.5"
    assert len(rows["voltage_l1"]["orders"]) == 4
    assert rows["frequency"]["value"] == pytest.approx(50.02, rel=1e-6)
    assert rows["active_energy_import"]["value"] == 1_234_500_000
    assert "above the rated 1 kW" in rows["active_power"]["note"]
    assert body["failures"] == []
    functions = {request[1] for _, request in line.asked}
    assert functions == {4}
    apart = [b - a for (a, _), (b, _) in zip(line.asked, line.asked[1:], strict=False)]
    assert median(apart) > 0.09  # ten requests a second at most; the relay may note a single one late


def test_read_is_a_table_for_people(line: PtyLine, tmp_path: Path) -> None:
    told = zcf("read", "main", "--site", tmp_path / "site.yaml", "--timeout", "2")
    assert told.exit_code == 0, told.output
    assert "230.5 V" in told.stdout
    assert "counted from 0" in told.stdout


def test_capture_keeps_the_registers_as_they_came(line: PtyLine, tmp_path: Path) -> None:
    out = tmp_path / "main.json"
    told = zcf("capture", "main", "--site", tmp_path / "site.yaml", "--out", out)
    assert told.exit_code == 0, told.output
    images = json.loads(out.read_text())
    assert {image["kind"] for image in images} == {"IR"}
    assert all(image["unit"] == 3 for image in images)
    held = {image["base"] + i: value for image in images for i, value in enumerate(image["values"])}
    assert struct.pack(">HH", held[0], held[1]) == struct.pack(">f", 230.5)


def test_scan_finds_the_unit_and_what_reads_like_it(line: PtyLine, tmp_path: Path) -> None:
    told = zcf("scan", "bus", "--site", tmp_path / "site.yaml", "--units", "2-4", "--timeout", "0.4", "--json")
    assert told.exit_code == 0, told.output
    body = json.loads(told.stdout)
    [found] = body["found"]
    assert found["unit"] == 3
    assert "eastron-sdm630" in found["profiles"]
    assert {request[1] for _, request in line.asked} <= {3, 4, 43}


def test_what_is_not_there_is_told_with_the_mend(line: PtyLine, tmp_path: Path) -> None:
    told = zcf("read", "mine", "--site", tmp_path / "site.yaml")
    assert isinstance(told.exception, ConfigError)
    assert "no Modbus device 'mine' -> one of: main" in str(told.exception)
    assert zcf("scan", "nowhere", "--site", tmp_path / "site.yaml").exit_code == 2
    told = zcf("scan", tmp_path / "gone", "--site", tmp_path / "none.yaml")
    assert isinstance(told.exception, OSError)
    assert "No such file" in str(told.exception)


def test_unit_ids_as_people_write_them() -> None:
    assert _units("1-3, 7") == [1, 2, 3, 7]
    for wrong in ("", "a", "1-", "300"):
        with pytest.raises(ValueError, match="unit ids"):
            _units(wrong if wrong != "1-" else "1-x")


def test_the_byte_orders_of_one_number() -> None:
    from fractions import Fraction

    field = Field("voltage_l1", False, 4, Number(0, "float32"), Fraction(1))
    told = decodings(field, struct.pack(">f", 230.5))
    assert told["ABCD"] == "230.5"
    assert decodings(field, struct.pack(">f", 230.5)[2:] + struct.pack(">f", 230.5)[:2])["CDAB"] == "230.5"
    assert remark(field, 1e9, None)
    assert not remark(field, 230.5, None)
