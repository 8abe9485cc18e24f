"""The contestants of `zcf bench analytics` that have the same year of registers from InfluxDB, each in its process."""

import json
import math
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from metering.period import QUARTER_MS
from metering.reading import MICRO, SeriesKey
from metering.store import StoreError
from metering.store.influxdb import InfluxSource
from zcf.bench.yearly import Found, Used, balanced, differences, known_factors, months, with_pandas

TOKEN = "ZCF_INFLUX_TOKEN"  # noqa: S105 - the name of a variable
ZCF, PANDAS = "InfluxDB into zcf", "InfluxDB into pandas"
BATCH = 50  # series asked for at once: a month of them is some 150,000 readings


def site_name(counters: int, days: int) -> str:
    """The site that a year of so many counters has in the bucket: a second run finds it there."""
    return f"bench-{counters}x{days}"


def fill(bucket: Found, name: str, keys: Sequence[SeriesKey], start_ms: int, made: Sequence[Any]) -> bool:
    """Registers at every quarter-hour, from 0 on, as the forwarder prints them; False where they are there already."""
    from collector.influx_sink import InfluxSink
    from metering.sitefile import ForwardSection

    token = os.environ.get(TOKEN, "")
    latest = InfluxSource(bucket["url"], bucket["bucket"], name, token).latest([keys[-1]]).get(keys[-1])
    end_ms = start_ms + len(made[-1]) * QUARTER_MS
    if latest is not None and (latest.time_ms, latest.value) == (end_ms, int(made[-1].sum())):
        return False
    sink = InfluxSink(ForwardSection(**bucket), lambda: token)
    for key, energy in zip(keys, made, strict=True):
        answer = sink.send(lines(name, key, start_ms, energy))
        if answer.status != 204:
            raise StoreError(f"InfluxDB at {bucket['url']} answered {answer.status}: {answer.detail}")
    sink.close()
    return True


def lines(name: str, key: SeriesKey, start_ms: int, energy: Any) -> bytes:
    """The line protocol of one register [kWh, six places; ms]."""
    head = f"electricity,point={key[0]},role=load,site={name} {key[1]}="
    shown = [0, *energy.cumsum().tolist()]
    return "".join(
        f"{head}{micro // MICRO}.{micro % MICRO:06d} {start_ms + number * QUARTER_MS}\n"
        for number, micro in enumerate(shown)
    ).encode()


def into_zcf(spec: Found) -> Found:
    """Register readings settled to quarter-hours, boundary points through tree and balance, a month at a time."""
    from analytics import flows, intervals  # noqa: F401 - loaded before it is measured, as pandas is
    from zcf.bench.analytics import keys_of, site_of

    keys, site, factors = keys_of(spec["counters"]), site_of(3), known_factors()
    bucket, sums, parts = spec["influx"], dict[str, int](), list[float]()
    source = InfluxSource(bucket["url"], bucket["bucket"], spec["influx_site"], os.environ.get(TOKEN, ""))
    used = Used()
    for span in months(spec):
        told, kg = balanced(site, _settled(source, keys[:3], span), span, factors)
        for first in range(3, len(keys), BATCH):
            rows = _settled(source, keys[first : first + BATCH], span)
            told["loads"] += sum(int(one.energy.sum()) for one in rows.values())
        sums = {what: sums.get(what, 0) + told[what] for what in told}
        parts.append(kg)
    return {**used.since(), "sums": sums, "kg": math.fsum(parts)}


def _settled(source: InfluxSource, keys: Sequence[SeriesKey], span: tuple[int, int]) -> dict[SeriesKey, Any]:
    from analytics.intervals import settle

    return {key: settle(read, ()).intervals.within(*span) for key, read in source.ranges(keys, *span).items()}


def into_pandas(spec: Found) -> Found:
    """influxdb-client's query_data_frame, a month at a time, then the differences in pandas."""
    import pandas as pd
    from influxdb_client.client import influxdb_client

    warnings.simplefilter("ignore")  # it would have pivoted frames, which are slower here
    bucket = spec["influx"]
    client: Any = influxdb_client.InfluxDBClient(
        bucket["url"], os.environ.get(TOKEN, ""), org=bucket["org"], timeout=600_000
    )
    used = Used()
    parts = [_frame(client, spec, span) for span in months({**spec, "end_ms": spec["end_ms"] + 1})]
    client.close()
    frame = pd.concat(parts, ignore_index=True).sort_values(["counter", "start_ms"], kind="stable")
    return with_pandas(differences(frame), used)


def _frame(client: Any, spec: Found, span: tuple[int, int]) -> Any:
    import pandas as pd

    from zcf.bench.analytics import keys_of

    start, stop = (datetime.fromtimestamp(at / 1000, UTC).isoformat().replace("+00:00", "Z") for at in span)
    found = client.query_api().query_data_frame(
        f'from(bucket: "{spec["influx"]["bucket"]}") |> range(start: {start}, stop: {stop})'
        f' |> filter(fn: (r) => r.site == "{spec["influx_site"]}")'
        ' |> keep(columns: ["_time", "_value", "_field", "point"])'
    )
    whole = pd.concat(found) if isinstance(found, list) else found
    numbers = {f"{point} {name}": number for number, (point, name) in enumerate(keys_of(spec["counters"]))}
    return pd.DataFrame(
        {
            "counter": (whole["point"] + " " + whole["_field"]).map(numbers).astype("int16"),
            "start_ms": whole["_time"].astype("datetime64[ms, UTC]").astype("int64"),
            "reading": (whole["_value"] * MICRO).round().astype("int64"),
        }
    )


CONTESTANTS: dict[str, Callable[[Found], Found]] = {ZCF: into_zcf, PANDAS: into_pandas}

if __name__ == "__main__":
    print(json.dumps(CONTESTANTS[sys.argv[1]](json.loads(sys.argv[2]))), flush=True)
