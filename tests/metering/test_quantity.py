"""The table of quantities: what every consumer relies on, names as the standards print them, exact unit factors."""

import re
from fractions import Fraction
from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.quantity import _CROSS, _PRINTED, QUANTITIES, Kind, Quantity, printed_unit, quantity

ALL = list(QUANTITIES.values())


def unit_of(text: str) -> Quantity:
    return Quantity("x", text, Kind.GAUGE, adds_up=False)


def test_there_are_enough_of_them_and_each_is_under_its_own_name():
    assert len(ALL) >= 60
    assert all(name == one.name and re.fullmatch(r"[a-z0-9_]+", name) for name, one in QUANTITIES.items())
    assert {one.kind for one in ALL} == set(Kind)


def test_the_table_cannot_be_changed():
    with pytest.raises(TypeError):
        QUANTITIES["x"] = ALL[0]  # type: ignore[index]
    with pytest.raises(AttributeError):
        ALL[0].unit = "MW"  # type: ignore[misc]


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.name)
def test_every_quantity_has_a_unit_that_manuals_may_print(one):
    assert printed_unit(one.unit, one) == 1


@pytest.mark.parametrize(
    ("name", "unit", "kind", "adds_up"),
    [
        ("active_power", "kW", Kind.GAUGE, True),
        ("active_energy_import", "kWh", Kind.COUNTER, True),
        ("active_energy", "kWh", Kind.DELTA, True),
        ("apparent_power", "kVA", Kind.GAUGE, False),  # apparent powers add as vectors
        ("power_factor", "1", Kind.GAUGE, False),
        ("voltage_l1", "V", Kind.GAUGE, False),
        ("heat_energy", "GJ", Kind.COUNTER, True),
        ("gas_volume", "m³", Kind.COUNTER, True),
        ("state_of_charge", "%", Kind.GAUGE, False),
        ("tank_energy", "GJ", Kind.GAUGE, True),
    ],
)
def test_golden(name, unit, kind, adds_up):
    one = quantity(name)
    assert (one.unit, one.kind, one.adds_up) == (unit, kind, adds_up)


def test_only_energies_amounts_and_flows_add_up():
    intensive = {"V", "Hz", "%", "1", "°C", "bar", "hPa", "W/m²", "kWh/m²", "m/s", "°", "rpm", "kVA", "kVAh", "h"}
    assert {one.name for one in ALL if one.adds_up and one.unit in intensive} == set()


# Published codes: IEC 62056-6-1 annex of object codes, as printed on meters
@pytest.mark.parametrize(
    ("name", "obis"),
    [
        ("active_energy_import", "1-0:1.8.0"), ("active_energy_export", "1-0:2.8.0"), ("active_power", "1-0:16.7.0"),
        ("active_power_l1", "1-0:36.7.0"), ("active_power_l3", "1-0:76.7.0"), ("voltage_l2", "1-0:52.7.0"),
        ("current_l3", "1-0:71.7.0"), ("power_factor_l1", "1-0:33.7.0"), ("frequency", "1-0:14.7.0"),
        ("active_energy_import_l2", "1-0:41.8.0"), ("reactive_power_l1", "1-0:151.7.0"), ("voltage_l1_l2", ""),
    ],
)  # fmt: skip
def test_obis(name, obis):
    assert quantity(name).obis == obis


def test_every_obis_code_is_well_formed_and_names_one_quantity():
    codes = [one.obis for one in ALL if one.obis]
    assert len(codes) == len(set(codes))
    assert [code for code in codes if not re.fullmatch(r"[1-8]-0:\d+\.\d+\.\d+", code)] == []


def test_every_iec_61850_name_is_well_formed_and_one_electrical_quantity_has_one():
    names = [one.iec61850 for one in ALL if one.iec61850]
    assert [n for n in names if not re.fullmatch(r"[A-Z]{4}\.[A-Z][A-Za-z]*(\.(phs(A|B|C|AB|BC|CA)|neut))?", n)] == []
    electrical = [n for n in names if n[:4] in {"MMXU", "MMTR", "MMDC", "MHAI", "MSTA", "MMET"}]
    assert len(electrical) == len(set(electrical))  # MFLW, MPRS, STMP: one logical node a medium


def test_every_sunspec_point_exists_in_the_published_models():
    from sunspec2.mdef import from_json_file  # the alliance's own model files
    from sunspec2.models import __path__ as models

    def points(group):
        yield from (point["name"] for point in group.get("points", ()))
        for inner in group.get("groups", ()):
            yield from points(inner)

    known = {n: set(points(from_json_file(f"{models[0]}/json/model_{n}.json")["group"]))
             for n in (103, 160, 203, 302, 303, 307, 802)}  # fmt: skip
    for one in ALL:
        model, _, point = one.sunspec.rpartition(".")
        if one.sunspec:
            assert any(point in known[n] for n in ([int(model)] if model else known)), one
    names = [one.sunspec for one in ALL if one.sunspec]
    assert len(names) == len(set(names))


def test_an_unknown_quantity_names_its_neighbours():
    with pytest.raises(ValueError, match=r"unknown quantity 'active_powr'; did you mean active_power"):
        quantity("active_powr")
    with pytest.raises(ValueError, match=r"^unknown quantity '§'$"):
        quantity("§")


@pytest.mark.parametrize(
    ("text", "name", "factor"),
    [
        ("Wh", "active_energy_import", Fraction(1, 1000)),
        ("MWh", "active_energy_import", Fraction(1000)),
        ("10 Wh", "active_energy_import", Fraction(1, 100)),
        ("kWh", "heat_energy", Fraction(36, 10_000)),  # 1 kWh = 3.6 MJ
        ("GJ", "active_energy", Fraction(2500, 9)),
        ("MJ/h", "heat_power", Fraction(5, 18)),
        ("L", "water_volume", Fraction(1, 1000)),
        ("L/s", "water_flow", Fraction(18, 5)),
        ("m3/min", "air_flow", Fraction(60)),
        ("t", "co2_reported", Fraction(1000)),
        ("kg", "fuel_mass", Fraction(1, 1000)),
        ("s", "run_hours", Fraction(1, 3600)),
        ("kPa", "air_pressure", Fraction(1, 100)),
        ("bar", "air_pressure_ambient", Fraction(1000)),
        ("degF", "ambient_temperature", Fraction(5, 9)),
        ("km/h", "wind_speed", Fraction(5, 18)),
        ("mA", "current_l1", Fraction(1, 1000)),
    ],
)
def test_printed_units_are_exact(text, name, factor):
    assert printed_unit(text, quantity(name)) == factor


def test_psi_is_that_of_nist():
    assert isclose(printed_unit("psi", quantity("air_pressure")), 0.06894757293168, rel_tol=1e-15)


@given(st.sampled_from(sorted(_CROSS)))
def test_a_unit_there_and_back_is_the_same(pair):
    there, back = _CROSS[pair], _CROSS.get((pair[1], pair[0]))
    if back is not None:
        assert there * back == 1


@given(st.sampled_from(sorted(_PRINTED)), st.sampled_from(ALL))
def test_a_unit_fits_with_a_positive_factor_or_is_refused_with_the_fitting_ones(text, one):
    try:
        factor = printed_unit(text, one)
    except ValueError as error:
        factor, message = None, str(error)
    assert factor > 0 if factor is not None else f"[{one.unit}]; use one of " in message


@pytest.mark.parametrize(
    ("text", "name"), [("kW", "active_energy"), ("", "active_power"), ("kwh", "active_energy"), ("%", "power_factor")]
)
def test_a_unit_that_does_not_fit_is_refused(text, name):
    with pytest.raises(ValueError, match="does not fit"):
        printed_unit(text, quantity(name))
