#!/usr/bin/env python3
"""Write dashboards/*.json from the panels below; the tests hold the files equal to what this writes.

Titles are English, descriptions Chinese; colours come from the page's tokens.css, one a carrier.
`build.py --check` writes nothing and says what differs.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from panels import (
    EXPRESSION,
    READINGS,
    Panel,
    bars,
    emissions,
    lines,
    note,
    of_results,
    panel,
    rows,
    shade,
    stat,
    table,
    target,
)
from queries import (
    FLEET,
    gauge,
    judged,
    latest,
    marks,
    number,
    points_seen,
    risen,
    role,
    settled,
    silence,
    total,
)

HERE = Path(__file__).resolve().parent
SCHEMA_VERSION = 39  # Grafana 10.4 and later read it and migrate it themselves


def compressors() -> Iterator[Panel]:
    """Compressors: meters, controllers, air, and the power a flow of air takes."""
    machine = "\"end_use\" = 'compressor'"
    yield lines("Electrical power", "各空压机电表有功功率", "kwatt", "air", gauge("active_power", machine))
    yield lines("Air flow", "压缩空气流量（标准状态）", "suffix: m³/h", "air", gauge("air_flow"))
    a = target(total("active_power", machine, "power"), "A", "power") | {"hide": True}
    b = target(total("air_flow", "", "flow"), "B", "flow") | {"hide": True}
    c = {"refId": "C", "datasource": EXPRESSION, "type": "math", "expression": "$A / $B * 60"}
    zh = "比功率：电功率合计 ÷ 流量合计（标准状态），kW/(m³/min)"
    yield lines("Specific power", zh, "suffix: kW/(m³/min)", "air", a, b, c)
    yield lines("Pressure", "控制器压力", "pressurebar", "air", gauge("air_pressure"))
    yield lines("Discharge temperature", "排气温度", "celsius", "heat", gauge("discharge_temperature"))
    yield lines("Motor current", "电机电流", "amp", "load", gauge("motor_current"))
    yield lines("Motor frequency", "变频电机频率", "hertz", "load", gauge("motor_frequency"))
    yield bars("Running hours a day", "每日运行小时数（累计值之差）", "h", "load", risen("run_hours", "1d"))
    yield bars("Loaded hours a day", "每日加载小时数（累计值之差）", "h", "load", risen("load_hours", "1d"))
    yield bars("Air an hour", "每小时压缩空气量（标准状态）", "m3", "air", risen("air_volume", "1h"))


def overview() -> Iterator[Panel]:
    """The factory now and over the day."""
    sources = role("grid"), role("generation"), role("storage")
    zh = "并网点功率，取电为正、上网为负"
    yield stat("Grid", zh, "kwatt", "grid", latest("active_power", sources[0]))
    zh = "光伏功率；总表与逆变器并列，不可相加"
    yield stat("PV", zh, "kwatt", "pv", latest("active_power", sources[1], sign=" * -1"))
    yield stat("Storage", "储能功率，充电为正、放电为负", "kwatt", "storage", latest("active_power", sources[2]))
    yield stat("Gas flow", "燃气流量", "suffix: m³/h", "gas", latest("gas_flow"))
    shades = [shade("A", "grid"), shade("B", "pv"), shade("C", "storage")]
    queries = [gauge("active_power", where) for where in sources]
    zh = "各电源功率，流入为正；上级表与下级表并列，不可相加"
    yield lines("Sources, import positive", zh, "kwatt", "grid", *queries, overrides=shades)
    zh = "各负荷功率；上级表与下级表并列，不可相加"
    yield lines("Loads", zh, "kwatt", "load", gauge("active_power", role("load")))
    bought, sold = (risen(f"active_energy_{way}", "1h", sources[0]) for way in ("import", "export"))
    yield bars("Grid import an hour", "每小时下网电量", "kwatth", "grid", bought)
    yield bars("Grid export an hour", "每小时上网电量", "kwatth", "grid", sold)
    yield bars("Gas an hour", "每小时燃气量", "m3", "gas", risen("gas_volume", "1h"))
    yield lines("Heat", "供热功率", "kwatt", "heat", gauge("heat_power"))


CARBON_NOTE = """tCO2 by scope, location-based (LB) and market-based (MB), gross: offsets, certificates and export are
never netted. They and the settled energy come from the bucket `results`, which analytics writes. The amounts below them
are differences of counters: a meter exchange or a reset within the range is left out there."""


def carbon() -> Iterator[Panel]:
    """Carbon a day by scope out of the published results, and the activity data it rests on."""
    yield note("What this is", "碳排放与结算电量来自 results 库；其余为计数器之差", CARBON_NOTE)
    yield emissions("Emissions a day, LB", "每日排放（基于位置），范围一与范围二，不抵扣", "scope2_lb_kg")
    yield emissions("Emissions a day, MB", "每日排放（基于市场），范围一与范围二，不抵扣", "scope2_mb_kg")
    zh = "结算后的每小时下网电量：换表与缺口已按分录处理"
    hourly = bars("Settled grid import an hour", zh, "kwatth", "grid", settled("active_energy_import", role("grid")))
    yield of_results(hourly)
    zh = "指标判定：0 不满足，1 满足，2 无法判定；及数值与阈值"
    yield of_results(table("Verdicts", zh, "none", rows(judged(), "$tag_criterion")))
    grid, made = role("grid"), role("generation")
    bought, sold = (risen(f"active_energy_{way}", "1d", grid) for way in ("import", "export"))
    yield bars("Grid import a day", "每日下网电量（范围二）", "kwatth", "grid", bought)
    yield bars("Grid export a day", "每日上网电量（另列，不抵扣）", "kwatth", "grid", sold)
    zh = "每日发电量；总表与逆变器并列，不可相加"
    yield bars("Generation a day", zh, "kwatth", "pv", risen("active_energy_export", "1d", made))
    yield bars("Gas a day", "每日燃气量（范围一），基准状态以 site.yaml 为准", "m3", "gas", risen("gas_volume", "1d"))
    yield bars("Heat a day", "每日热量", "suffix: GJ", "heat", risen("heat_energy", "1d"))
    yield bars("Products a day", "每日产量", "none", "load", risen("product_count", "1d"))
    shades = [shade("A", "grid"), shade("B", "pv")]
    hourly = risen("active_energy_import", "1h", grid), risen("active_energy_export", "1h", made)
    zh = "逐小时下网电量与发电量"
    yield bars("Import beside generation, by the hour", zh, "kwatth", "grid", *hourly, overrides=shades)


def pv() -> Iterator[Panel]:
    """Photovoltaics and storage."""
    made = role("generation")
    zh = "发电功率（已取反，发电为正）；总表与逆变器并列"
    yield lines("Power generated", zh, "kwatt", "pv", gauge("active_power", made, sign=" * -1"))
    yield lines("Irradiance on the modules", "组件面辐照度", "suffix: W/m²", "pv", gauge("irradiance_poa"))
    yield lines("DC power of inverters", "逆变器直流功率", "kwatt", "pv", gauge("dc_power", made))
    temperatures = gauge("module_temperature"), gauge("ambient_temperature")
    zh = "组件温度与环境温度"
    names = zip(temperatures, "AB", ("module", "ambient"), strict=True)
    targets = [target(query, ref, f"$tag_point {name}") for query, ref, name in names]
    yield lines("Temperatures", zh, "celsius", "heat", *targets)
    yield bars("Generation an hour", "每小时发电量", "kwatth", "pv", risen("active_energy_export", "1h", made))
    yield bars("Generation a day", "每日发电量", "kwatth", "pv", risen("active_energy_export", "1d", made))
    yield table("Inverter status codes", "逆变器状态码（含义见设备手册）", "none", rows(latest("status_code", made)))
    yield lines("Battery state of charge", "电池荷电状态", "percent", "storage", gauge("state_of_charge"))
    yield lines("Battery power", "储能功率，充电为正", "kwatt", "storage", gauge("active_power", role("storage")))


QUALITY_NOTE = """Read from the readings alone. Why a reading is absent (gaps by reason), the share of due polls that
were read, and open items are kept in the embedded store: see the live page, *Data quality*."""


def quality() -> Iterator[Panel]:
    """Which metering points speak, how often, and how good."""
    yield note("What this is", "缺口原因、采集率与待处理项在内置数据库中，请看实时页面", QUALITY_NOTE)
    fields = "active_power", "gas_flow", "air_pressure", "cooling_power", "irradiance_poa", "product_count"
    zh = "每分钟读数个数；0 表示没有读数"
    yield lines("Readings a minute", zh, "none", "load", *(number(field, "1m") for field in fields))
    gaps = [target(silence(field), ref) for field, ref in zip(fields, "ABCDEF", strict=True)]
    yield stat_of_gaps(gaps)
    zh = "非良好读数（替代、可疑、无效）个数；无此行即全部良好"
    yield table("Values that are not good", zh, "none", rows(marks()))
    last = [rows(latest(field)) | {"refId": ref} for field, ref in zip(fields, "ABCDEF", strict=True)]
    ago = {"matcher": {"id": "byName", "options": "Time"}, "properties": [{"id": "unit", "value": "dateTimeFromNow"}]}
    yield table("Last reading of each point", "各测点最后一次读数", "none", *last, overrides=[ago])


def stat_of_gaps(targets: Sequence[Panel]) -> Panel:
    """The longest silences, largest numbers first seen."""
    found = panel("bargauge", "Longest time without a reading", "两次读数之间的最长间隔", "s", "load", targets)
    calcs = {"calcs": ["max"], "fields": "", "values": False}
    return found | {"options": {"reduceOptions": calcs, "displayMode": "basic", "orientation": "horizontal"}}


def fleet() -> Iterator[Panel]:
    """All sites side by side."""
    grid = role("grid")
    both = '"site", "point"'
    to_site = {"title": "overview", "url": "/d/zcf-overview?var-site=${__data.fields.site}"}
    link = {"matcher": {"id": "byName", "options": "site"}, "properties": [{"id": "links", "value": [to_site]}]}
    ago = {"matcher": {"id": "byName", "options": "Time"}, "properties": [{"id": "unit", "value": "dateTimeFromNow"}]}
    query = latest("active_power", grid, scope=FLEET, group=both)
    zh = "各厂并网点功率与最后读数时间"
    yield table("Grid connection of each site", zh, "kwatt", rows(query), overrides=[link, ago])
    zh = "所选时段内有读数的电力测点数"
    yield table("Electrical points that were read", zh, "none", rows(points_seen(), "$tag_site"))
    power = gauge("active_power", grid, scope=FLEET).replace('"point"', both)
    zh = "各厂并网点功率"
    yield lines("Grid power", zh, "kwatt", "grid", target(power, alias="$tag_site $tag_point"))
    energy = target(risen("active_energy_import", "1d", grid, scope=FLEET, group=both), alias="$tag_site $tag_point")
    yield bars("Grid import a day", "各厂每日下网电量", "kwatth", "grid", energy)
    count = target(number("active_power", "1m", scope=FLEET, group='"site"'), alias="$tag_site")
    yield lines("Readings of power a minute", "各厂每分钟功率读数个数", "none", "load", count)


BOARDS = {
    "overview": ("Overview", overview, "now-24h"),
    "carbon": ("Carbon", carbon, "now-30d"),
    "pv": ("PV and storage", pv, "now-24h"),
    "compressors": ("Compressors", compressors, "now-24h"),
    "quality": ("Data quality", quality, "now-6h"),
    "fleet": ("Fleet", fleet, "now-24h"),
}


def placed(panels: Sequence[Panel]) -> list[Panel]:
    """The panels in a grid of 24 columns: small numbers four in a row, all else two."""
    found, x, y, row = [], 0, 0, 0
    for number_, one in enumerate(panels, 1):
        width, height = {"stat": (6, 5), "text": (24, 4)}.get(one["type"], (12, 8))
        if x + width > 24:
            x, y, row = 0, y + row, 0
        found.append({"id": number_, "gridPos": {"x": x, "y": y, "w": width, "h": height}, **one})
        x, row = x + width, max(row, height)
    return found


def variables(*, several: bool) -> list[Panel]:
    """${site} out of the data, ${tz} where days begin."""
    query = 'SHOW TAG VALUES WITH KEY = "site"'
    site: Panel = {
        "name": "site", "label": "Site", "type": "query", "datasource": READINGS, "query": query, "definition": query,
        "refresh": 2, "sort": 1, "multi": several, "includeAll": several,
    }  # fmt: skip
    if several:
        site |= {"allValue": ".*", "current": {"text": ["All"], "value": ["$__all"]}}
    zone = {"name": "tz", "label": "Days begin in", "type": "textbox", "query": "Asia/Shanghai"}
    return [site, zone | {"current": {"text": "Asia/Shanghai", "value": "Asia/Shanghai"}}]


def dashboard(name: str) -> Panel:
    """One dashboard as Grafana takes it."""
    title, panels, since = BOARDS[name]
    others = {
        "type": "dashboards", "title": "Zero-carbon factory", "tags": ["zcf"], "asDropdown": True,
        "icon": "external link", "tooltip": "", "targetBlank": False,
    }  # fmt: skip
    return {
        "id": None, "uid": f"zcf-{name}", "title": title, "tags": ["zcf"], "schemaVersion": SCHEMA_VERSION,
        "version": 0,
        "description": (panels.__doc__ or "").strip(), "editable": True, "graphTooltip": 1, "timezone": "browser",
        "time": {"from": since, "to": "now"}, "refresh": "1m",
        "links": [others | {"keepTime": True, "includeVars": True}],
        "templating": {"list": variables(several=name == "fleet")}, "annotations": {"list": []},
        "panels": placed(list(panels())),
    }  # fmt: skip


def text(name: str) -> str:
    """The file's content."""
    return json.dumps(dashboard(name), ensure_ascii=False, indent=1) + "\n"


def main(words: Sequence[str]) -> int:
    """Write all of them, or with --check say which are not what would be written."""
    stale = []
    for name in BOARDS:
        file = HERE / "dashboards" / f"{name}.json"
        if "--check" not in words:
            file.write_text(text(name), encoding="utf-8")
        elif not file.exists() or file.read_text(encoding="utf-8") != text(name):
            stale.append(file.name)
    print(f"differs: {', '.join(stale)}" if stale else "dashboards: as build.py writes them")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
