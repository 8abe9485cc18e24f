"""`zcf bench analytics`: a year of quarter-hours from disk to a yearly balance, beside pandas and DuckDB."""

import importlib.util
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from metering.period import QUARTER_MS
from metering.reading import SeriesKey
from metering.site import MeteringPoint, Role, Site
from zcf.bench import from_influx
from zcf.bench.collect import environment
from zcf.bench.yearly import CONTESTANTS, WORK

US = "zcf"
OURS = (US, from_influx.ZCF)
START_MS = 1_735_660_800_000  # 2025-01-01 in Shanghai
STEP = 10_000  # every meter shows 0.01 kWh [micro]
BARS = {"pandas, readings": 10, "DuckDB, readings": 3}  # so many times our processor time, at least
EXTRA_MB = 100


@dataclass(frozen=True, slots=True)
class Bucket:
    """An InfluxDB 2 bucket to keep a year of registers in; the token comes from ZCF_INFLUX_TOKEN."""

    url: str
    org: str
    bucket: str


def site_of(counters: int) -> Site:
    """A grid meter, a PV plant and so many loads behind the grid meter."""
    loads = tuple(MeteringPoint(f"l{n}", Role.LOAD, parent="grid", device=f"d{n}") for n in range(3, counters))
    head = (MeteringPoint("grid", Role.GRID, device="g"), MeteringPoint("pv", Role.GENERATION, device="p"))
    return Site("bench", "基准", "bench", "Asia/Shanghai", "CN", "", "", 1, head + loads)


def keys_of(counters: int) -> list[SeriesKey]:
    """The counters: import and export of the grid, the PV plant's, one of each load."""
    head = [("grid", "active_energy_import"), ("grid", "active_energy_export"), ("pv", "active_energy_export")]
    return [*head, *((f"l{n}", "active_energy_import") for n in range(3, counters))]


def compare(counters: int, days: int, rounds: int, influx: Bucket | None = None) -> dict[str, Any]:
    """Medians of what each contestant used, in turn, round by round, on the same made-up year."""
    missing = {} if importlib.util.find_spec("duckdb") else {"DuckDB": "it is not installed (extra `bench`)"}
    names = [
        *(n for n in CONTESTANTS if n.partition(",")[0] not in missing),
        *(from_influx.CONTESTANTS if influx else ()),
    ]
    told: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory(prefix="zcf-bench-") as folder:
        spec = write_year(Path(folder), counters, days, duckdb="DuckDB" not in missing)
        spec |= _with_bucket(influx, counters, days) if influx else {}
        for _ in range(rounds):
            for name in names:
                told[name].append(_run(name, spec))
    sums = {json.dumps(one["sums"], sort_keys=True) for rows in told.values() for one in rows}
    found = {name: _medians(rows) for name, rows in told.items()}
    for row in found.values():
        for part in ("cpu_s", "wall_s"):
            row[f"{part}_x_ours"] = round(row[part] / found[US][part], 2)
    head = {"counters": counters, "days": days, "rounds": rounds, "equal_totals": len(sums) == 1}
    missing |= {} if influx else {"InfluxDB as the source": "no --influx given"}
    return {**head, "contestants": found, "bars": _bars(found), "not_measured": missing}


def _with_bucket(influx: Bucket, counters: int, days: int) -> dict[str, Any]:
    """The same year in the bucket, and where it is there."""
    name, where = from_influx.site_name(counters, days), asdict(influx)
    from_influx.fill(where, name, keys_of(counters), START_MS, list(_energies(counters, days * 96)))
    return {"influx": where, "influx_site": name}


def _medians(rows: list[dict[str, Any]]) -> dict[str, float]:
    return {part: round(statistics.median(r[part] for r in rows), 3) for part in ("cpu_s", "wall_s", "extra_mb")}


def _bars(found: dict[str, dict[str, float]]) -> dict[str, bool]:
    held = {
        f"<= 1/{bar} of {name} ({row['cpu_s_x_ours']:.1f} times)": row["cpu_s_x_ours"] >= bar
        for name, row in found.items()
        for whose, bar in BARS.items()
        if name.startswith(whose)
    }
    held |= {f"{n}: <= {EXTRA_MB} MB extra": found[n]["extra_mb"] <= EXTRA_MB for n in OURS if n in found}
    if from_influx.ZCF in found:
        ratio = found[from_influx.PANDAS]["cpu_s"] / found[from_influx.ZCF]["cpu_s"]
        bar = BARS["pandas, readings"]
        held[f"{from_influx.ZCF}: <= 1/{bar} of {from_influx.PANDAS} ({ratio:.1f} times)"] = ratio >= bar
    return held


def write_year(folder: Path, counters: int, days: int, *, duckdb: bool) -> dict[str, Any]:
    """The same quarter-hours as month chunks, as readings in SQLite rows, as pickled frames and as a DuckDB table."""
    import numpy as np
    import pandas as pd

    made = list(_energies(counters, days * 96))
    starts = START_MS + np.arange(days * 96) * QUARTER_MS
    _write_store(folder, counters, starts, made)
    frame = pd.DataFrame(
        {
            "counter": np.repeat(np.arange(counters, dtype=np.int16), len(starts)),
            "start_ms": np.tile(starts, counters),
            "energy": np.concatenate(made),
            "reading": np.concatenate([np.cumsum(energy) for energy in made]),
        }
    )
    for name in ("energy", "reading"):
        frame[["counter", "start_ms", name]].to_pickle(folder / f"{name}.pickle")
    _write_rows(folder / "rows.db", starts.tolist(), made)
    if duckdb:
        _write_duckdb(folder / "table.duckdb", frame)
    end_ms = int(starts[-1]) + QUARTER_MS
    return {
        "folder": str(folder), "rows": str(folder / "rows.db"), "duckdb": str(folder / "table.duckdb"),
        "energies": str(folder / "energy.pickle"), "readings": str(folder / "reading.pickle"),
        "counters": counters, "start_ms": START_MS, "end_ms": end_ms,
    }  # fmt: skip


def _energies(counters: int, cells: int) -> Iterator[Any]:
    import numpy as np

    dice = np.random.default_rng(17)
    sun = np.maximum(np.sin((np.arange(cells) % 96 - 24) / 48 * np.pi), 0)
    for number in range(counters):
        level = (20_000, 1_000, 9_000)[number] if number < 3 else int(dice.integers(10, 900))
        shape = sun if number in {1, 2} else 0.4 + 0.6 * (np.arange(cells) % 96 > 24)
        yield (level * shape * (0.7 + 0.6 * dice.random(cells))).astype(np.int64) * STEP


def _write_store(folder: Path, counters: int, starts: Any, made: list[Any]) -> None:
    import numpy as np

    from metering.store.results import IntervalRows, ResultsWriter

    writer = ResultsWriter(folder, "zcf bench")
    none, flags = np.zeros(len(starts), np.int64), np.zeros(len(starts), np.uint8)
    for key, energy in zip(keys_of(counters), made, strict=True):
        writer.write({key: IntervalRows(starts, energy, none, flags)}, int(starts[-1]) + 1, {}, {})
    writer.close()


def _write_rows(path: Path, starts: list[int], made: list[Any]) -> None:
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE interval(counter INTEGER, start_ms INTEGER, reading INTEGER)")
        for number, energy in enumerate(made):
            rows = zip([number] * len(starts), starts, energy.cumsum().tolist(), strict=True)
            db.executemany("INSERT INTO interval VALUES (?,?,?)", rows)
    db.close()


def _write_duckdb(path: Path, frame: Any) -> None:
    import duckdb

    with duckdb.connect(str(path)) as db:
        db.register("frame", frame)
        db.execute("CREATE TABLE interval AS SELECT * FROM frame")


def _run(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    module = "zcf.bench.from_influx" if name in from_influx.CONTESTANTS else "zcf.bench.yearly"
    words = [sys.executable, "-P", "-m", module, name, json.dumps(spec)]
    around = environment() | {from_influx.TOKEN: os.environ.get(from_influx.TOKEN, "")}
    told = subprocess.run(words, env=around, stdout=subprocess.PIPE, check=True)
    answer: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
    return answer


def show(found: dict[str, Any], *, as_json: bool) -> None:
    """The comparison as one JSON object, or as a table."""
    if as_json:
        print(json.dumps(found))
        return
    from rich.console import Console
    from rich.table import Table

    title = f"{found['counters']} counters x {found['days']} days x 15 min to a balance, median of {found['rounds']}"
    table = Table(box=None, header_style="bold", title=title)
    table.add_column("contestant", no_wrap=True)
    for name in ("CPU s", "x ours", "s", "x ours", "MB extra"):
        table.add_column(name, justify="right")
    for name, row in found["contestants"].items():
        cells = (row["cpu_s"], row["cpu_s_x_ours"], row["wall_s"], row["wall_s_x_ours"], row["extra_mb"])
        table.add_row(name, *(f"{cell:,.2f}" for cell in cells))
    console = Console()
    console.print(table)
    for name, work in WORK.items():
        if name in found["contestants"]:
            console.print(f"{name}: {work}")
    for name, why in found["not_measured"].items():
        console.print(f"{name}: not measured: {why}")
    console.print("no bar for energies: nobody's differences, flags or placed energy are looked at in them")
    console.print("equal totals" if found["equal_totals"] else "THE TOTALS DIFFER")
    for bar, held in found["bars"].items():
        console.print(f"{'held  ' if held else 'MISSED'} {bar}")
