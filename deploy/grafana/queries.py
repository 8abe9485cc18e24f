"""InfluxQL of the dashboards: every query is of one site, or of the sites chosen, and of the time shown."""
# ruff: noqa: S608 - text for dashboard files, put together from the words in build.py and nothing that comes from outside

from metering.quantity import QUANTITIES

SITE = "\"site\" = '${site}'"
FLEET = '"site" =~ /^${site:regex}$/'


def gauge(field: str, where: str = "", *, sign: str = "", scope: str = SITE) -> str:
    """The mean of a gauge a metering point and interval."""
    return f'SELECT mean("{field}"){sign} FROM /.+/ {_where(where, scope)} {_by("$__interval")} fill(none)'


def risen(field: str, every: str, where: str = "", *, scope: str = SITE, group: str = '"point"') -> str:
    """What a counter rose in each interval; days begin where the dashboard's time zone says."""
    zone = " tz('${tz}')" if every == "1d" else ""
    value = f'non_negative_difference(last("{field}"))'
    return f"SELECT {value} FROM /.+/ {_where(where, scope)} {_by(every, group)} fill(none){zone}"


def latest(field: str, where: str = "", *, sign: str = "", scope: str = SITE, group: str = '"point"') -> str:
    """The last value of a gauge at each metering point."""
    return f'SELECT last("{field}"){sign} FROM /.+/ {_where(where, scope)} GROUP BY {group}'


def number(field: str, every: str, *, scope: str = SITE, group: str = '"point"') -> str:
    """How many readings of a quantity came in each interval; 0 where none came."""
    return f'SELECT count("{field}") FROM /.+/ {_where("", scope)} {_by(every, group)} fill(0)'


def silence(field: str) -> str:
    """The longest time between two readings at each metering point [s]."""
    inner = f'SELECT elapsed("{field}", 1s) AS "gap" FROM /.+/ {_where("", SITE)} GROUP BY "point"'
    return f'SELECT max("gap") FROM ({inner}) WHERE $timeFilter GROUP BY "point"'


def total(field: str, where: str, name: str) -> str:
    """The sum over metering points of their means in an interval."""
    inner = f'SELECT mean("{field}") AS "{name}" FROM /.+/ {_where(where, SITE)} {_by("5m")} fill(none)'
    return f'SELECT sum("{name}") FROM ({inner}) WHERE $timeFilter GROUP BY time(5m) fill(none)'


def marks(scope: str = SITE, group: str = '"point"') -> str:
    """How many values of each metering point are not good: one number, for Grafana's rules take no second column."""
    every = " + ".join(f'count("{name}_quality")' for name in QUANTITIES)
    return f'SELECT {every} AS "not good" FROM /.+/ {_where("", scope)} GROUP BY {group} fill(0)'


def points_seen() -> str:
    """How many electrical metering points of each site have a reading."""
    inner = f'SELECT last("active_power") AS "seen" FROM "electricity" {_where("", FLEET)} GROUP BY "site", "point"'
    return f'SELECT count("seen") FROM ({inner}) WHERE $timeFilter GROUP BY "site"'


def emitted(field: str) -> str:
    """What was emitted each day [tCO2], out of the results; a day is one point, written anew as it goes on."""
    gas = "\"gas\" = 'co2_only'"
    where = f"{_where(gas, SITE)} GROUP BY time(1d) fill(none) tz('${{tz}}')"
    return f'SELECT sum("{field}") / 1000 FROM "carbon" {where}'


def settled(field: str, where: str) -> str:
    """Settled energy an hour at each metering point."""
    return f'SELECT sum("{field}") FROM "energy" {_where(where, SITE)} {_by("1h")} fill(none)'


def judged() -> str:
    """The last verdict of each criterion, with its value and threshold."""
    last = ", ".join(f'last("{field}") AS "{field}"' for field in ("outcome", "value", "threshold"))
    return f'SELECT {last} FROM "verdict" {_where("", SITE)} GROUP BY "standard", "criterion"'


def _where(where: str, scope: str) -> str:
    return "WHERE " + " AND ".join(part for part in (scope, where, "$timeFilter") if part)


def _by(every: str, group: str = '"point"') -> str:
    return f"GROUP BY time({every}), {group}"


def role(name: str) -> str:
    """The condition that a metering point has a role."""
    return f"\"role\" = '{name}'"
