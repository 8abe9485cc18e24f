import math
import re
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from influxdb_client import Point, WritePrecision

from collector.line_protocol import GroupLines, escape, measurement, plain, prefix, tags
from metering.quantity import QUANTITIES
from metering.reading import Lane, Quality, StoredPoll
from metering.site import MeteringPoint, Role
from tests.harness.lineparser import Point as Parsed
from tests.harness.lineparser import parse
from tests.harness.sample import GROUPS, SITE, group

POINTS = {p.id: p for p in SITE.points}
METER = group("meter", ("grid", "active_power"), ("grid", "active_energy_import"))
NOW_MS = 1_795_219_200_123
EXACT = 2**32 * 10**6  # [micro]


def poll(*values: float | None, quality: bytes | None = None) -> StoredPoll:
    return StoredPoll(1, 1, NOW_MS, 1, 1, Lane.CADENCE, values, b"", quality)


def printed(*values: float | None, quality: bytes | None = None) -> list[Parsed]:
    text = GroupLines(SITE.id, METER, POINTS).lines(poll(*values, quality=quality))
    assert text == "" or text.endswith("\n")
    return [parse(line) for line in text.splitlines()]


def test_a_poll_as_influxdb_client_would_write_it() -> None:
    theirs = Point("electricity").tag("area", POINTS["grid"].area).tag("point", "grid").tag("role", "grid")
    theirs = theirs.tag("site", "works").field("active_power", 12.300000190734863)
    theirs = theirs.field("active_energy_import", 45678.123456).time(NOW_MS, WritePrecision.MS)
    assert printed(12.300000190734863, 45_678_123_456) == [parse(theirs.to_line_protocol())]


def test_the_very_text() -> None:
    assert GroupLines("works", METER, {}).lines(poll(-0.5, -1)) == (
        "unlisted,point=grid,site=works active_power=-0.5,active_energy_import=-1e-6 1795219200123\n"
    )


def test_each_metering_point_has_its_own_line() -> None:
    text = GroupLines(SITE.id, GROUPS[1], POINTS).lines(poll(1.0, 2.0, 3_000_000))
    found = [(p.series[0], dict(p.series[1])["point"], p.fields) for p in map(parse, text.splitlines())]
    power = {"active_power": 1.0, "active_energy_export": 3.0}
    assert found == [("electricity", "pv.1", power), ("weather", "sky", {"irradiance_poa": 2.0})]


@given(st.integers(-EXACT, EXACT), st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_come_back_to_the_last_bit(micro: int, gauge: float) -> None:
    [found] = printed(gauge, micro)
    assert found.fields["active_power"] == gauge
    assert round(float(found.fields["active_energy_import"]) * 1e6) == micro


@given(st.integers(-EXACT, EXACT), st.integers(-(2**40), 2**40))
def test_t11_no_field_is_ever_an_integer_whatever_the_register_is(micro: int, gauge: int) -> None:
    """So a point whose register became another type stays the same field, and no database refuses it for ever."""
    text = GroupLines("works", METER, {}).lines(poll(float(gauge), micro))
    assert all(not value.endswith(("i", "u")) for value in re.findall(r"=([^, ]+)[, ]", text.partition(" ")[2]))
    assert all(isinstance(value, float) for found in map(parse, text.splitlines()) for value in found.fields.values())


@given(st.integers(-EXACT, EXACT))
def test_a_counter_is_printed_as_the_decimal_it_is(micro: int) -> None:
    text = GroupLines("works", METER, {}).lines(poll(0.0, micro))
    assert Fraction(text.split("import=")[1].split(" ")[0]) == Fraction(micro, 10**6)


@pytest.mark.parametrize("gauge", [math.nan, math.inf, -math.inf, None])
def test_what_is_no_number_is_not_written(gauge: float | None) -> None:
    assert [point.fields for point in printed(gauge, 1_500_000)] == [{"active_energy_import": 1.5}]
    assert printed(gauge, None) == []


def test_the_largest_floats_are_written_though_their_sum_overflows() -> None:
    lines = GroupLines("works", group("d", ("a", "voltage_l1"), ("a", "voltage_l2")), {})
    assert parse(lines.lines(poll(1.7e308, 1.7e308)).strip()).fields == {"voltage_l1": 1.7e308, "voltage_l2": 1.7e308}


def test_a_quality_is_written_beside_the_value_it_grades() -> None:
    graded = bytes([Quality.GOOD, Quality.QUESTIONABLE])
    [found] = printed(1.0, 2_000_000, quality=graded)
    assert found.fields == {"active_power": 1.0, "active_energy_import": 2.0, "active_energy_import_quality": 2}
    assert type(found.fields["active_energy_import_quality"]) is int
    assert [p.fields for p in printed(1.0, None, quality=graded)] == [{"active_power": 1.0}]


def test_no_quantity_is_named_like_the_quality_of_another() -> None:
    assert {name for name in QUANTITIES if name.removesuffix("_quality") in QUANTITIES.keys() - {name}} == set()


@given(st.text(min_size=1))
def test_escaping_comes_back(text: str) -> None:
    kept = plain(text)
    assert plain(kept) == kept
    line = f"{escape('m' + text, measurement=True)},{escape('k' + text)}={escape(text)} {escape('f' + text)}=1 1"
    assert parse(line) == Parsed(("m" + kept, (("k" + kept, kept),)), {"f" + kept: 1.0}, 1)


@given(st.text(), st.text(), st.text())
def test_whatever_a_site_file_says_makes_one_line(carrier: str, area: str, equipment: str) -> None:
    point = MeteringPoint("p", Role.LOAD, carrier, area=area, equipment=equipment)
    text = GroupLines("s", group("d", ("p", "active_power")), {"p": point}).lines(poll(1.0))
    assert text.count("\n") == 1
    [found] = map(parse, text.splitlines())
    assert dict(found.series[1]) == tags("s", "p", point)


@pytest.mark.parametrize(
    ("point", "name"),
    [
        (MeteringPoint("a", Role.GRID), "electricity"),
        (MeteringPoint("a", Role.FUEL, "gas"), "gas"),
        (MeteringPoint("a", Role.AMBIENT), "weather"),
        (MeteringPoint("a", Role.AMBIENT, "ambient"), "weather"),
        (MeteringPoint("a", Role.COOLING), "cold"),
        (MeteringPoint("a", Role.PRODUCT), "product"),
        (MeteringPoint("a", Role.AIR), "compressed_air"),
        (MeteringPoint("a", Role.AIR, "air"), "air"),
        (MeteringPoint("a", Role.LOAD, "# _heat"), "heat"),
        (MeteringPoint("a", Role.LOAD, "_"), "unlisted"),
        (None, "unlisted"),
    ],
)
def test_the_measurement_is_the_carrier_or_the_domain(point: MeteringPoint | None, name: str) -> None:
    assert measurement(point) == name


def test_a_percent_sign_and_empty_tags() -> None:
    point = MeteringPoint("a", Role.LOAD, area="100 % north", equipment=" \n ")
    assert prefix("s", "a", point) == r"electricity,area=100\ %\ north,point=a,role=load,site=s"
    lines = GroupLines("s", group("d", ("a", "active_power")), {"a": point})
    assert (
        lines.lines(poll(2.5))
        == rf"electricity,area=100\ %\ north,point=a,role=load,site=s active_power=2.5 {NOW_MS}" + "\n"
    )


def test_the_line_shown_in_the_documentation_is_the_line_written() -> None:
    shown = (Path(__file__).parents[2] / "docs/influxdb-schema.md").read_text(encoding="utf-8")
    point = MeteringPoint("grid", Role.GRID, area="SMT north")
    line = GroupLines("works", METER, {"grid": point}).lines(poll(412.5, 1_834_207_125_000))
    assert f"```\n{line}```" in shown
