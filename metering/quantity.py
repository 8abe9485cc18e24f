"""The table of quantities: name, unit, kind, additivity and the standards' names; and the units a manual may print."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType


class Kind(StrEnum):
    """How values of a quantity behave over time."""

    GAUGE = "gauge"  # instantaneous; averages over time
    COUNTER = "counter"  # a register that only rises; differences over time
    DELTA = "delta"  # an amount over [start, end)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A physical quantity in the one unit it is kept in, with its names in the field's standards."""

    name: str
    unit: str
    kind: Kind
    adds_up: bool  # may the values of sibling metering points be summed?
    iec61850: str = ""  # logical node and data object, IEC 61850-7-4
    obis: str = ""  # IEC 62056-6-1
    sunspec: str = ""  # SunSpec point of models 103/203/160/802


PHASES = ("l1", "l2", "l3")

# name, unit, adds up, IEC 61850, OBIS, SunSpec
_GAUGES: tuple[tuple[str, str, bool, str, str, str], ...] = (
    ("active_power", "kW", True, "MMXU.TotW", "1-0:16.7.0", "W"),
    ("reactive_power", "kvar", True, "MMXU.TotVAr", "1-0:131.7.0", "VAR"),
    ("apparent_power", "kVA", False, "MMXU.TotVA", "1-0:9.7.0", "VA"),
    ("power_factor", "1", False, "MMXU.TotPF", "1-0:13.7.0", "PF"),
    ("frequency", "Hz", False, "MMXU.Hz", "1-0:14.7.0", "Hz"),
    ("voltage_l1_l2", "V", False, "MMXU.PPV.phsAB", "", "PPVphAB"),
    ("voltage_l2_l3", "V", False, "MMXU.PPV.phsBC", "", "PPVphBC"),
    ("voltage_l3_l1", "V", False, "MMXU.PPV.phsCA", "", "PPVphCA"),
    ("current_n", "A", False, "MMXU.A.neut", "1-0:91.7.0", ""),
    ("active_power_demand", "kW", False, "MSTA.AvW", "1-0:1.4.0", ""),
    ("active_power_demand_max", "kW", False, "MSTA.MaxW", "1-0:1.6.0", ""),
    ("dc_power", "kW", True, "MMDC.Watt", "", "DCW"),
    ("dc_voltage", "V", False, "MMDC.Vol", "", "DCV"),
    ("dc_current", "A", True, "MMDC.Amp", "", "DCA"),
    ("state_of_charge", "%", False, "DBAT.SocPct", "", "SoC"),
    ("battery_temperature", "°C", False, "DBAT.InTmp", "", ""),
    ("irradiance_poa", "W/m²", False, "MMET.DctInsol", "", "302.POAI"),
    ("irradiance_ghi", "W/m²", False, "MMET.HorInsol", "", "302.GHI"),
    ("ambient_temperature", "°C", False, "MMET.EnvTmp", "", "307.TmpAmb"),
    ("module_temperature", "°C", False, "DPVC.MdulTmp", "", "303.TmpBOM"),
    ("wind_speed", "m/s", False, "MMET.HorWdSpd", "", "307.WndSpd"),
    ("wind_direction", "°", False, "MMET.HorWdDir", "", "307.WndDir"),
    ("relative_humidity", "%", False, "MMET.EnvHum", "", "307.RH"),
    ("air_pressure_ambient", "hPa", False, "MMET.EnvPres", "", "307.Pres"),
    ("gas_flow", "m³/h", True, "MFLW.FlwRte", "7-0:43.0.0", ""),
    ("gas_temperature", "°C", False, "MFLW.FlwTmp", "7-0:41.0.0", ""),
    ("gas_pressure", "bar", False, "MPRS.PresVal", "7-0:42.0.0", ""),
    ("heat_power", "kW", True, "MHET.HeatRte", "6-0:8.0.0", ""),
    ("cooling_power", "kW", True, "MHET.CoolRte", "5-0:8.0.0", ""),
    ("water_flow", "m³/h", True, "MFLW.FlwRte", "8-0:9.0.0", ""),
    ("supply_temperature", "°C", False, "MHET.SupTmp", "6-0:10.0.0", ""),
    ("return_temperature", "°C", False, "MHET.RetTmp", "6-0:11.0.0", ""),
    ("air_flow", "m³/h", True, "MFLW.FlwRte", "", ""),
    ("air_pressure", "bar", False, "MPRS.PresVal", "", ""),
    ("discharge_temperature", "°C", False, "STMP.Tmp", "", ""),
    ("motor_speed", "rpm", False, "MMDN.Spd", "", ""),
    ("motor_frequency", "Hz", False, "MMDN.Hz", "", ""),
    ("motor_current", "A", False, "MMDN.A", "", ""),
    ("tank_temperature", "°C", False, "STMP.Tmp", "", ""),
    ("tank_energy", "GJ", True, "", "", ""),
    ("status_code", "1", False, "", "", "St"),
    ("signal_quality", "%", False, "", "", ""),
)
# OBIS of phases (IEC 62056-6-1): {} is 2, 4, 6 for L1, L2, L3, {above} one more; E = 124 is total harmonic distortion.
# Signed active and reactive power stand apart from that pattern, at C = 36, 56, 76 and 151, 171, 191.
_PHASE_GAUGES: tuple[tuple[str, str, bool, str, str, str], ...] = (
    ("active_power", "kW", True, "MMXU.W", "1-0:{signed}.7.0", "WphX"),
    ("reactive_power", "kvar", True, "MMXU.VAr", "1-0:{reactive}.7.0", "VARphX"),
    ("apparent_power", "kVA", False, "MMXU.VA", "1-0:{}9.7.0", "VAphX"),
    ("power_factor", "1", False, "MMXU.PF", "1-0:{above}3.7.0", "PFphX"),
    ("voltage", "V", False, "MMXU.PhV", "1-0:{above}2.7.0", "PhVphX"),
    ("current", "A", False, "MMXU.A", "1-0:{above}1.7.0", "AphX"),
    ("thd_voltage", "%", False, "MHAI.ThdPhV", "1-0:{above}2.7.124", ""),
    ("thd_current", "%", False, "MHAI.ThdA", "1-0:{above}1.7.124", ""),
)
_COUNTERS: tuple[tuple[str, str, bool, str, str, str], ...] = (
    ("active_energy_import", "kWh", True, "MMTR.DmdWh", "1-0:1.8.0", "TotWhImp"),
    ("active_energy_export", "kWh", True, "MMTR.SupWh", "1-0:2.8.0", "TotWhExp"),
    ("reactive_energy_import", "kvarh", True, "MMTR.DmdVArh", "1-0:3.8.0", "TotVArhImpQ1"),
    ("reactive_energy_export", "kvarh", True, "MMTR.SupVArh", "1-0:4.8.0", "TotVArhExpQ4"),
    ("apparent_energy", "kVAh", False, "MMTR.TotVAh", "1-0:9.8.0", "TotVAhImp"),
    ("insolation_poa", "kWh/m²", False, "", "", ""),
    ("gas_volume", "m³", True, "MFLW.StdVol", "7-0:3.2.0", ""),
    ("gas_volume_working", "m³", True, "MFLW.ActVol", "7-0:3.0.0", ""),
    ("heat_energy", "GJ", True, "MHET.HeatCnt", "6-0:1.0.0", ""),
    ("cooling_energy", "GJ", True, "MHET.CoolCnt", "5-0:1.0.0", ""),
    ("water_volume", "m³", True, "MFLW.ActVol", "8-0:1.0.0", ""),
    ("air_volume", "m³", True, "MFLW.StdVol", "", ""),
    ("run_hours", "h", False, "ZMOT.OpTmh", "", ""),
    ("load_hours", "h", False, "", "", ""),
    ("product_count", "unit", True, "", "", ""),
)
_PHASE_COUNTERS: tuple[tuple[str, str, bool, str, str, str], ...] = (
    ("active_energy_import", "kWh", True, "MMTR.DmdWh", "1-0:{}1.8.0", "TotWhImpPhX"),
    ("active_energy_export", "kWh", True, "MMTR.SupWh", "1-0:{}2.8.0", "TotWhExpPhX"),
)
_DELTAS: tuple[tuple[str, str, bool, str, str, str], ...] = (
    ("active_energy", "kWh", True, "", "1-0:1.29.0", ""),
    ("reactive_energy", "kvarh", True, "", "1-0:3.29.0", ""),
    ("reactive_energy_capacitive", "kvarh", True, "", "1-0:4.29.0", ""),
    ("gas_amount", "m³", True, "", "7-0:3.29.0", ""),
    ("heat_amount", "GJ", True, "", "6-0:1.29.0", ""),
    ("water_amount", "m³", True, "", "8-0:1.29.0", ""),
    ("fuel_mass", "t", True, "", "", ""),
    ("fuel_volume", "L", True, "", "", ""),
    ("product_amount", "unit", True, "", "", ""),
    ("co2_reported", "kg", True, "", "", ""),
)


def _rows() -> Iterator[Quantity]:
    for kind, rows in ((Kind.GAUGE, _GAUGES), (Kind.COUNTER, _COUNTERS), (Kind.DELTA, _DELTAS)):
        for name, unit, adds_up, iec, obis, sunspec in rows:
            yield Quantity(name, unit, kind, adds_up, iec, obis, sunspec)
    for kind, rows in ((Kind.GAUGE, _PHASE_GAUGES), (Kind.COUNTER, _PHASE_COUNTERS)):
        for name, unit, adds_up, iec, obis, sunspec in rows:
            for number, (letter, phase) in enumerate(zip("ABC", PHASES, strict=True), 1):
                code = obis.format(
                    2 * number, above=2 * number + 1, signed=16 + 20 * number, reactive=131 + 20 * number
                )
                yield Quantity(
                    f"{name}_{phase}", unit, kind, adds_up, f"{iec}.phs{letter}", code, sunspec.replace("X", letter)
                )


QUANTITIES: Mapping[str, Quantity] = MappingProxyType({q.name: q for q in _rows()})


def quantity(name: str) -> Quantity:
    """The quantity of that name; ValueError names the nearest ones."""
    found = QUANTITIES.get(name)
    if found is None:
        near = difflib.get_close_matches(name, QUANTITIES, n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise ValueError(f"unknown quantity {name!r}{hint}")
    return found


# Unit kept <- units as manuals print them, with the exact factor. 1 kWh = 3.6 MJ by definition;
# 1 psi = 6894.757293168 Pa (NIST SP 811). Normal cubic metres are m³: their reference state is the profile's business.
_UNITS: Mapping[str, str] = MappingProxyType(
    {
        "kW": "W=1/1000, kW=1, MW=1000, 10 W=1/100, GJ/h=2500/9, MJ/h=5/18",
        "kvar": "var=1/1000, kvar=1, Mvar=1000",
        "kVA": "VA=1/1000, kVA=1, MVA=1000",
        "kWh": "Wh=1/1000, kWh=1, MWh=1000, 10 Wh=1/100",
        "kvarh": "varh=1/1000, kvarh=1, Mvarh=1000",
        "kVAh": "VAh=1/1000, kVAh=1",
        "V": "V=1, mV=1/1000, kV=1000",
        "A": "A=1, mA=1/1000",
        "Hz": "Hz=1",
        "%": "%=1",
        "1": "1=1",
        "°C": "°C=1, degC=1, K=1, degF=5/9",
        "bar": "bar=1, mbar=1/1000, MPa=10, kPa=1/100, psi=6894757293168/100000000000000",
        "hPa": "hPa=1",
        "m³": "m³=1, m3=1, Nm3=1, Nm³=1",
        "m³/h": "m³/h=1, m3/h=1, Nm3/h=1, m3/min=60, L/s=18/5",
        "L": "L=1",
        "kg": "kg=1",
        "t": "t=1",
        "GJ": "GJ=1, MJ=1/1000",
        "h": "h=1, min=1/60, s=1/3600",
        "W/m²": "W/m²=1, W/m2=1",
        "kWh/m²": "kWh/m²=1, Wh/m2=1/1000",
        "m/s": "m/s=1, km/h=5/18",
        "°": "°=1, deg=1",
        "rpm": "rpm=1",
        "unit": "unit=1",
    }
)
_PRINTED: Mapping[str, tuple[str, Fraction]] = MappingProxyType(
    {
        text: (kept, Fraction(factor))
        for kept, row in _UNITS.items()
        for text, _, factor in (entry.strip().partition("=") for entry in row.split(","))
    }
)

# Heat registers that print kWh, and litres that count as volume, cross between kept units.
_CROSS: Mapping[tuple[str, str], Fraction] = MappingProxyType(
    {
        ("kWh", "GJ"): Fraction(36, 10**4),
        ("L", "m³"): Fraction(1, 1000),
        ("kg", "t"): Fraction(1, 1000),
        ("t", "kg"): Fraction(1000),
        ("m³", "L"): Fraction(1000),
        ("GJ", "kWh"): Fraction(10**4, 36),
        ("bar", "hPa"): Fraction(1000),
    }
)


def printed_unit(text: str, kept: Quantity) -> Fraction:
    """The exact factor from a unit as a manual prints it to the quantity's unit; ValueError when they do not fit."""
    unit, factor = _PRINTED.get(text or "1", ("", Fraction(0)))
    if unit == kept.unit:
        return factor
    cross = _CROSS.get((unit, kept.unit))
    if cross is None:
        fitting = sorted({name for name, (to, _) in _PRINTED.items() if to == kept.unit})
        raise ValueError(f"unit {text!r} does not fit {kept.name} [{kept.unit}]; use one of {', '.join(fitting)}")
    return factor * cross
