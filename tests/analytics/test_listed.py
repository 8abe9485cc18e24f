"""The lists that validation is held against, complete: printed examples, traps of public code, what must be an error.

The ids are those of the references this product was specified by: ten worked examples that others published, twelve
traps found in public code, and the validations that GB/T 32151.34 (clause 12, as transcribed publicly) wants as errors.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from analytics.activity_files import Beside, read_file
from analytics.recorder import Recorder
from analytics.site_inputs import instruments
from metering.config import ConfigError, read
from tests.analytics.carbon_works import SITE, TABLE, TIANJIN

EXAMPLES = {"01", "02", "06", "08", "09", "10", "13", "16", "19", "21"}
TRAPS = {f"{number:02}" for number in range(1, 13)}
MUST_RAISE = {
    "negative mass", "negative energy", "negative flow", "carbon content over 100 %", "oxidation over 100 %",
    "conversion over 100 %", "carbonate components over 100 %", "negative mass balance",
    "zero green factor without evidence", "steam state outside the tables", "same fuel on two paths", "unknown basis",
}  # fmt: skip
HEAD = "from: 2026-10-01, to: 2026-10-31, tier: invoice, document: d"
BOOKS = "type: refrigerant, gas: HFC-32, method: material_balance"
BASIS = "basis: dry, analysis_basis: dry"
# the record, where the fault is told, and the mend that is told with it
RECORDS: Mapping[str, tuple[tuple[str, ...], str, str]] = {
    "negative mass": (("type: combustion, fuel: diesel, amount: -1, unit: t",), "0.amount", "check the sign"),
    "negative energy": (("type: combustion, fuel: natural_gas, amount: -1, unit: GJ",), "0.amount", "check the sign"),
    "negative flow": (("type: combustion, fuel: natural_gas, amount: -1, unit: Nm3",), "0.amount", "check the sign"),
    "carbon content over 100 %": (
        (f"type: combustion, fuel: x, amount: 1, unit: t, carbon: 1.01, oxidation: 1, {BASIS}",), "0",
        "is it tCO2, or a factor of 1000?"),
    "oxidation over 100 %": (
        ("type: combustion, fuel: x, amount: 1, unit: GJ, carbon: 0.02, oxidation: 98",), "0.oxidation",
        "write 0.98 for 98 %"),
    "conversion over 100 %": (
        ("type: carbonate, mass: 1, components: {CaCO3: 0.9}, conversion: 1.01",), "0.conversion",
        "write 0.98 for 98 %"),
    "carbonate components over 100 %": (
        ("type: carbonate, mass: 1, components: {CaCO3: 0.6, MgCO3: 0.41}",), "0", "more than 100 %"),
    "negative mass balance": (
        (f"{BOOKS}, begin: 1, end_stock: 9, purchases: 1, returned: 0, charge_increase: 0",), "0", "check the stocks"),
    "steam state outside the tables": (("type: steam, mass: 1, state: saturated, mpa: 19",), "0", "outside the table"),
    "same fuel on two paths": (
        ("type: combustion, fuel: natural_gas, amount: 5000, unit: Nm3",
         "type: combustion, fuel: natural_gas, amount: 190, unit: GJ"), "1", "exclude each other"),
    "unknown basis": (
        ("type: combustion, fuel: x, amount: 1, unit: t, carbon: 0.7, oxidation: 1",), "0", "as_received or dry"),
}  # fmt: skip


def by_record(name: str, folder: Path) -> tuple[str, str, str]:
    rows, where, mend = RECORDS[name]
    file = folder / "activities.yaml"
    lines = [f"  - {{id: r{number}, {HEAD}, {row}}}" for number, row in enumerate(rows)]
    file.write_text("\n".join(["activities:", *lines, ""]), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_file(file, Recorder(TABLE, SITE.zone), Beside(TIANJIN))
    return "\n".join(map(str, caught.value.faults)), f"activities.yaml:{1 + len(rows)}: activities.{where}", mend


def by_instrument(_: str, folder: Path) -> tuple[str, str, str]:
    file = folder / "site.yaml"
    file.write_text("instruments:\n  - {id: g, kind: contract, kwh: 1, year: 2026, document: ' '}\n", encoding="utf-8")
    document = read(file)
    with pytest.raises(ConfigError) as caught:
        instruments(document.data["instruments"], document)
    return str(caught.value), "site.yaml:2: instruments.0", "a zero factor without evidence"


HOW: Mapping[str, Callable[[str, Path], tuple[str, str, str]]] = {
    **dict.fromkeys(RECORDS, by_record), "zero green factor without evidence": by_instrument,
}  # fmt: skip


def named(pattern: str) -> set[str]:
    texts = (file.read_text(encoding="utf-8") for file in Path(__file__).parent.glob("test_*.py"))
    return {found for text in texts for found in re.findall(rf"^def test_{pattern}_(\d\d)_", text, re.MULTILINE)}


def test_every_printed_example_and_every_trap_is_a_test_by_its_id() -> None:
    assert named("ex") == EXAMPLES
    assert named("trap") == TRAPS


def test_every_error_of_the_list_is_tried() -> None:
    assert set(HOW) == MUST_RAISE


@pytest.mark.parametrize("name", sorted(MUST_RAISE))
def test_an_error_of_the_list_is_told_with_its_place_and_its_mend(name: str, tmp_path: Path) -> None:
    said, where, mend = HOW[name](name, tmp_path)
    assert where in said
    assert mend in said
