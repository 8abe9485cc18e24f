"""Every line of the printed balance again: the register differences x the rows of the factor files, in decimals."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from metering.reading import SeriesKey
from zcf.judging.track import Track

DATA = Path(__file__).resolve().parents[2] / "analytics" / "data"  # read as plain files, not through analytics
DIGITS = 50
MASS = {"kg": Decimal(1), "t": Decimal(1000), "g": Decimal("0.001")}
PER = {
    "kWh": {"kWh": Decimal(1), "MWh": Decimal(1000), "GJ": Decimal(10000) / Decimal(36)},
    "m³": {"m3": Decimal(1), "m³": Decimal(1), "Nm3": Decimal(1), "1e4Nm3": Decimal(10000)},
    "GJ": {"GJ": Decimal(1), "TJ": Decimal(1000)},
    "t": {"t": Decimal(1), "kg": Decimal("0.001")},
    "L": {"L": Decimal(1)},
}
COUNTER_OF = {
    "purchased_electricity": ("active_energy_import",),
    "purchased_heat": ("heat_energy",),
    "stationary_combustion": ("gas_volume",),
}


@dataclass
class Carbon:
    """The largest relative difference between a printed line and its recomputation."""

    relative_error: float = 0.0
    lines: int = 0
    worst: str = ""
    skipped: list[str] = field(default_factory=list)  # lines that do not rest on counters

    def note(self, line: str, printed: Decimal, computed: Decimal) -> None:
        """One line."""
        self.lines += 1
        error = float(abs(printed - computed) / abs(computed)) if computed else float(abs(printed))
        if error > self.relative_error or not self.worst:
            self.relative_error, self.worst = max(error, self.relative_error), line

    def join(self, other: "Carbon") -> None:
        """Take in what was found of another document."""
        if other.relative_error > self.relative_error or not self.worst:
            self.relative_error, self.worst = other.relative_error, other.worst
        self.lines += other.lines
        self.skipped += other.skipped

    def body(self) -> dict[str, Any]:
        """As JSON."""
        return {"relative_error": self.relative_error, "lines": self.lines, "worst": self.worst,
                "skipped": self.skipped}  # fmt: skip


Rows = Mapping[str, Mapping[str, Any]]


def factor_rows(folder: Path = DATA) -> dict[str, Mapping[str, Any]]:
    """Every row of the factor files by id, and the warming potentials as `gwp-REPORT-GAS`."""
    return own_rows([*sorted((folder / "factors").glob("*.yaml")), folder / "gwp.yaml"])


def own_rows(files: Iterable[Path]) -> dict[str, Mapping[str, Any]]:
    """The rows of some factor files by id, with their defaults."""
    found: dict[str, Mapping[str, Any]] = {}
    for path in files:
        document = YAML(typ="safe", pure=True).load(path)
        for row in document["rows"]:
            whole = {**document.get("defaults", {}), **row}
            found[str(whole.get("id") or f"gwp-{whole['report']}-{whole['gas']}")] = whole
    return found


def judge_carbon(document: Mapping[str, Any], tracks: Mapping[SeriesKey, Track], rows: Rows, declared: Rows) -> Carbon:
    """All lines of one balance document."""
    found = Carbon()
    known = {**rows, **declared}
    period = document["period"]
    with localcontext() as context:
        context.prec = DIGITS
        for line in document["lines"]:
            track = _track(line, tracks)
            if track is None:
                found.skipped.append(line["id"])
                continue
            start, end = max(period["start_ms"], track.times[0]), min(period["end_ms"], track.times[-1])
            whole = sum(one["activity"]["micro"] for one in document["lines"] if _alike(one, line))
            energy = _energy(track, start, end, whole) if end > start else 0
            micro = Decimal(energy) * (Decimal(line["activity"]["micro"]) / Decimal(whole) if whole else 1)
            told = line["recompute"]["factor"]
            factor = _factor(told, known) * _kg_per(told["unit"], line["activity"]["unit"])
            found.note(line["id"], Decimal(repr(line["kg"])), micro / Decimal(10**6) * factor)
    return found


def _track(line: Mapping[str, Any], tracks: Mapping[SeriesKey, Track]) -> Track | None:
    for name in COUNTER_OF.get(line["category"], ()):
        track = tracks.get((line["point"], name))
        if track is not None and track.times:
            return track
    return None


def _alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether contracts divide one register's difference between two lines."""
    return all(one[name] == other[name] for name in ("point", "category", "gas", "method", "year"))


def _energy(track: Track, start: int, end: int, printed: int) -> int:
    """The register's difference over a span; where an edge lies in a gap, what is printed as far as the gap allows."""
    (low, high), (later_low, later_high) = track.bounds(start), track.bounds(end)
    least, most = later_low - high, later_high - low
    return min(max(printed, least), most) if least < most else track.at(end) - track.at(start)


def _factor(told: Mapping[str, Any], rows: Rows) -> Decimal:
    """The factor from the rows of its document: as printed, or put together from a fuel's parameters."""
    parts = {part["param"]: _value(rows[part["id"]]) for part in told["components"] if not _is_potential(part)}
    potentials = {rows[p["id"]]["gas"]: _value(rows[p["id"]]) for p in told["components"] if _is_potential(p)}
    if "ncv" not in parts:
        return _value(rows[told["id"]])
    if "carbon_content" in parts:
        carbon = parts["ncv"] * parts["carbon_content"] * parts["oxidation"] * Decimal(44) / Decimal(12)
    else:
        carbon = parts["ncv"] * parts["co2_per_energy"] / Decimal(10**6)
    others = Decimal(0)
    if potentials:
        methane, nitrous = potentials["CH4_fossil"], potentials["N2O"]
        others = parts["ncv"] * (parts["ch4_per_energy"] * methane + parts["n2o_per_energy"] * nitrous) / Decimal(10**6)
    return carbon + others


def _is_potential(part: Mapping[str, Any]) -> bool:
    return str(part["id"]).startswith("gwp-")


def _value(row: Mapping[str, Any]) -> Decimal:
    return Decimal(str(row["value"]))


def _kg_per(unit: str, activity_unit: str) -> Decimal:
    """Kilograms per unit of activity in one of the printed unit: tCO2/MWh on kWh is 1."""
    mass, _, per = unit.partition("/")
    name = next(name for name in ("kg", "t", "g") if mass.startswith(name))
    return MASS[name] / PER[activity_unit][per]
