"""Panels, each before it has its place: curves, bars, large numbers, tables, words; one colour a carrier."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from queries import emitted

TOKENS = Path(__file__).resolve().parents[2] / "analytics" / "web" / "css" / "tokens.css"
READINGS = {"type": "influxdb", "uid": "zcf-readings"}
RESULTS = {"type": "influxdb", "uid": "zcf-results"}
EXPRESSION = {"type": "__expr__", "uid": "__expr__"}

Panel = dict[str, Any]


def colours() -> Mapping[str, str]:
    """Carrier -> the page's colour of its light theme, the one that Grafana is started with."""
    light = TOKENS.read_text(encoding="utf-8").split("[data-theme", maxsplit=1)[0]
    return dict(re.findall(r"--carrier-([a-z]+): (#[0-9a-f]{6});", light))


COLOURS = colours()


def target(query: str, ref: str = "A", alias: str = "$tag_point", form: str = "time_series") -> Panel:
    """One InfluxQL query of a panel."""
    found = {"refId": ref, "datasource": READINGS, "rawQuery": True, "query": query}
    return found | {"alias": alias, "resultFormat": form}


def panel(kind: str, title: str, zh: str, unit: str, colour: str, queries: Sequence[str | Panel], **more: Any) -> Panel:
    """A panel before it has its place; several series of one carrier are shades of its colour."""
    targets = [
        query if isinstance(query, dict) else target(query, ref) for query, ref in zip(queries, "ABCDEF", strict=False)
    ]
    defaults = {"unit": unit, "color": {"mode": "shades", "fixedColor": COLOURS[colour]}, "noValue": "–"}
    defaults |= more.pop("defaults", {})
    return {
        "type": kind, "title": title, "description": zh, "datasource": READINGS, "targets": targets,
        "fieldConfig": {"defaults": defaults, "overrides": more.pop("overrides", [])}, **more,
    }  # fmt: skip


def lines(title: str, zh: str, unit: str, colour: str, *queries: str | Panel, **more: Any) -> Panel:
    """A curve over time; what is absent stays a gap in the line."""
    custom = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 0, "spanNulls": False, "showPoints": "auto"}
    more["defaults"] = {"custom": custom}
    legend = {"displayMode": "list", "placement": "bottom", "showLegend": True}
    options = {"legend": legend, "tooltip": {"mode": "multi"}}
    return panel("timeseries", title, zh, unit, colour, queries, options=options, interval="10s", **more)


def bars(title: str, zh: str, unit: str, colour: str, *queries: str | Panel, **more: Any) -> Panel:
    """Amounts an interval."""
    found = lines(title, zh, unit, colour, *queries, **more)
    found["fieldConfig"]["defaults"]["custom"] |= {"drawStyle": "bars", "fillOpacity": 70, "showPoints": "never"}
    return found


def stat(title: str, zh: str, unit: str, colour: str, *queries: str) -> Panel:
    """The newest values as large numbers, with names, so that colour is not the only sign."""
    calcs = {"calcs": ["lastNotNull"], "fields": "", "values": False}
    options = {"reduceOptions": calcs, "textMode": "value_and_name", "colorMode": "value", "graphMode": "none"}
    return panel("stat", title, zh, unit, colour, queries, options=options)


def table(title: str, zh: str, unit: str, *queries: Panel, **more: Any) -> Panel:
    """One row a series."""
    return panel("table", title, zh, unit, "load", queries, options={"showHeader": True, "cellHeight": "sm"}, **more)


def note(title: str, zh: str, text: str) -> Panel:
    """Words; it asks nothing of the database."""
    return {"type": "text", "title": title, "description": zh, "options": {"mode": "markdown", "content": text}}


def rows(query: str, alias: str = "$tag_point") -> Panel:
    """A query whose answer is a table."""
    return target(query, alias=alias, form="table")


def of_results(found: Panel) -> Panel:
    """The same panel asked of the bucket that analytics writes."""
    targets = [{**one, "datasource": RESULTS} for one in found["targets"]]
    return found | {"datasource": RESULTS, "targets": targets}


def emissions(title: str, zh: str, scope2: str) -> Panel:
    """The tonnes of each day by scope, stacked: gross, nothing netted."""
    queries = target(emitted("scope1_kg"), "A", "scope 1"), target(emitted(scope2), "B", "scope 2")
    shades = [shade("A", "gas"), shade("B", "grid")]
    found = of_results(bars(title, zh, "suffix: tCO2", "gas", *queries, overrides=shades))
    found["fieldConfig"]["defaults"]["custom"]["stacking"] = {"mode": "normal", "group": "A"}
    return found


def shade(ref: str, colour: str) -> Panel:
    """A carrier's colour for the series of one query."""
    colour_of = {"id": "color", "value": {"mode": "shades", "fixedColor": COLOURS[colour]}}
    return {"matcher": {"id": "byFrameRefID", "options": ref}, "properties": [colour_of]}
