"""The contestants of `zcf bench analytics`, each in a process of its own; its last line is what it used and found."""

import json
import math
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

MICRO = 10**6
Found = dict[str, Any]


class Used:
    """Processor time, wall time and memory since an instant of this process."""

    def __init__(self) -> None:
        self._cpu_s, self._wall_s, self._rss_mb = _cpu_s(), time.monotonic(), _status("VmRSS")
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak is counted from here on

    def since(self) -> Found:
        """[CPU s, s, MB above what it had before]."""
        cpu_s, wall_s = _cpu_s() - self._cpu_s, time.monotonic() - self._wall_s
        return {"cpu_s": cpu_s, "wall_s": wall_s, "extra_mb": _status("VmHWM") - self._rss_mb}


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _status(name: str) -> float:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) / 1024
    return 0.0


def whole_tree(spec: Found) -> Found:
    """Every counter through the meter tree, the flows and the balance, a third of the year at a time for its memory."""
    from zcf.bench.analytics import keys_of, site_of

    keys, site = keys_of(spec["counters"]), site_of(spec["counters"])
    factors = known_factors()
    sums: dict[str, int] = {}
    parts: list[float] = []
    used = Used()
    for span in thirds(spec):
        told, kg = balanced(site, _stored(spec, keys, span), span, factors)
        sums = {name: sums.get(name, 0) + told[name] for name in told}
        parts.append(kg)
    return {**used.since(), "sums": sums, "kg": math.fsum(parts)}


def thirds(spec: Found) -> Iterator[tuple[int, int]]:
    """Four months at a time, the rest of a year cut off where it ends [ms UTC]."""
    found = list(months(spec))
    for first in range(0, len(found), 4):
        yield found[first][0], found[min(first + 4, len(found)) - 1][1]


def months(spec: Found) -> Iterator[tuple[int, int]]:
    """The months of the year, the last one cut off where it ends [ms UTC]."""
    from metering.store.results import month_of

    start = spec["start_ms"]
    while start < spec["end_ms"]:
        end = min(month_of(start)[1], spec["end_ms"])
        yield start, end
        start = end


def known_factors() -> tuple[Any, Any]:
    """The table of factors, and settings for China."""
    from analytics.balance import Settings
    from analytics.factor_files import load_table

    table = load_table()
    return table, Settings(chain=table.regions.chain("CN"))


def _reader(spec: Found) -> Any:
    from metering.store.results import ResultsReader

    return ResultsReader(Path(spec["folder"]))


def _stored(spec: Found, keys: Any, span: tuple[int, int]) -> dict[Any, Any]:
    """Settled quarter-hours as they lie on disk."""
    from analytics.intervals import Intervals

    rows = _reader(spec).intervals(keys, *span)
    return {key: Intervals(one.start_ms, one.energy, one.placed, one.flags) for key, one in rows.items()}


def balanced(site: Any, series: Any, span: tuple[int, int], factors: Any) -> tuple[dict[str, int], float]:
    """Sums of the flows of a span [micro kWh] and its location-based scope 2 [kgCO2]."""
    from analytics.balance import balance
    from analytics.factors import Gas, Method
    from analytics.flows import flows

    found = flows(site, series, *span)
    names = ("grid_import", "grid_export", "generation", "self_use", "consumption")
    sums = {name: int(getattr(found, name).energy.sum()) for name in names}
    loads = sum(int(found.points[p.id].energy.sum()) for p in site.children("grid"))
    return {**sums, "loads": loads}, balance(found, *factors).kg(Gas.CO2_ONLY, scope=2, method=Method.LOCATION_BASED)


def pandas_sqlite(spec: Found) -> Found:
    """pandas, from register readings in SQLite, one row each, half a million rows at a time."""
    import sqlite3

    import pandas as pd

    used = Used()
    with sqlite3.connect(spec["rows"]) as db:
        found = pd.read_sql("SELECT counter, start_ms, reading FROM interval", db, chunksize=500_000)
        frame = pd.concat([part.astype({"counter": "int16"}) for part in found], ignore_index=True)
    return with_pandas(differences(frame), used)


def pandas_readings(spec: Found) -> Found:
    """pandas, from a pickle of the readings: the fastest it reads without pyarrow."""
    import pandas as pd

    used = Used()
    return with_pandas(differences(pd.read_pickle(spec["readings"])), used)  # noqa: S301 - written by the bench


def pandas_energies(spec: Found) -> Found:
    """pandas, from a pickle of energies that somebody has settled before."""
    import pandas as pd

    used = Used()
    return with_pandas(pd.read_pickle(spec["energies"]), used)  # noqa: S301 - written by the bench


def differences(frame: Any) -> Any:
    """Energy of each quarter-hour from the register at its end; every register began at 0."""
    rise = frame.groupby("counter")["reading"].diff()
    return frame.assign(energy=rise.fillna(frame["reading"]).astype("int64"))


def with_pandas(frame: Any, used: Used) -> Found:
    """Totals and self-use out of a frame of counter, start_ms and energy; counters 0 to 2 are the boundary."""
    totals = frame.groupby("counter")["energy"].sum()
    edge = frame[frame["counter"] < 3].pivot_table(index="start_ms", columns="counter", values="energy", aggfunc="sum")
    self_use = int((edge[2] - edge[[1, 2]].min(axis=1)).sum())
    imported, exported, generated = (int(totals[n]) for n in range(3))
    return {**used.since(), "sums": _sums(imported, exported, generated, self_use, int(totals[3:].sum()))}


def duckdb_readings(spec: Found) -> Found:
    """DuckDB SQL, from register readings in its own file."""
    return _with_duckdb(
        spec,
        "(SELECT counter, start_ms, reading - lag(reading, 1, 0) OVER (PARTITION BY counter ORDER BY start_ms)"
        " AS energy FROM interval)",
    )


def duckdb_energies(spec: Found) -> Found:
    """DuckDB SQL, from energies that somebody has settled before."""
    return _with_duckdb(spec, "interval")


def _with_duckdb(spec: Found, source: str) -> Found:
    import duckdb

    used = Used()
    with duckdb.connect(spec["duckdb"], read_only=True) as db:
        rows = db.execute(f"SELECT counter, sum(energy) FROM {source} GROUP BY counter").fetchall()  # noqa: S608 - ours
        sql = f"""SELECT sum(p.energy - least(p.energy, x.energy)) FROM {source} p JOIN {source} x USING (start_ms)
                  WHERE p.counter = 2 AND x.counter = 1"""  # noqa: S608 - ours
        [(self_use,)] = db.execute(sql).fetchall()
    totals = {number: int(energy) for number, energy in rows}
    loads = sum(energy for number, energy in totals.items() if number > 2)
    return {**used.since(), "sums": _sums(totals[0], totals[1], totals[2], int(self_use), loads)}


def _sums(imported: int, exported: int, generated: int, self_use: int, loads: int) -> dict[str, int]:
    consumption = imported + generated - exported
    names = ("grid_import", "grid_export", "generation", "self_use", "consumption", "loads")
    return dict(zip(names, (imported, exported, generated, self_use, consumption, loads), strict=True))


CONTESTANTS: dict[str, Callable[[Found], Found]] = {
    "zcf": whole_tree,
    "pandas, readings in SQLite": pandas_sqlite,
    "pandas, readings in pickle": pandas_readings,
    "pandas, energies in pickle": pandas_energies,
    "DuckDB, readings": duckdb_readings,
    "DuckDB, energies": duckdb_energies,
}

WORK = {  # what each begins with, and what it does
    "zcf": "the results' month chunks; every point, its flags and placed energy, the meter tree, every carbon line",
    "pandas, readings in SQLite": "register readings in a table; differences, totals, self-use",
    "pandas, readings in pickle": "register readings as a memory image, to which nothing can be added; the same",
    "pandas, energies in pickle": "differences made before, as a memory image; totals, self-use",
    "DuckDB, readings": "register readings in a table; differences, totals, self-use",
    "DuckDB, energies": "differences made before, in a table; totals, self-use",
}

if __name__ == "__main__":
    print(json.dumps(CONTESTANTS[sys.argv[1]](json.loads(sys.argv[2]))), flush=True)
