"""`zcf balance` and `zcf tree`: the carbon balance, and whether the meters agree; computed and never written."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from analytics.service import FactoryService

SiteFile = Annotated[Path, typer.Argument(help="The site file.", metavar="SITE", show_default=False)]
SpanOf = Annotated[str, typer.Option("--period", help="2026, 2026-10, 2026-10-03, FY2026, a..b, today, month")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object instead of tables.")]
Language = Annotated[str, typer.Option("--lang", help="zh or en.")]


@contextmanager
def readable_period() -> Iterator[None]:
    """Exit status 2 naming --period, where the period asked for cannot be read."""
    try:
        yield
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--period") from None


def _service(site: Path) -> "FactoryService":
    from analytics.service import FactoryService
    from metering.sitefile import load_site

    return FactoryService(load_site(site))


def balance(
    site: SiteFile,
    period: SpanOf = "month",
    as_: Annotated[str, typer.Option("--as", help="known: as of now; issued: as the month was closed.")] = "known",
    boundary: Annotated[str | None, typer.Option("--boundary", help="A workshop or line; else the factory.")] = None,
    lang: Language = "en",
    as_json: AsJson = False,
) -> None:
    """The carbon balance of a period, line by line, location- and market-based."""
    if boundary and as_ == "issued":
        raise typer.BadParameter("months are closed for the factory; leave --as issued out", param_hint="--boundary")
    try:
        with readable_period():
            document = _issued(site, period) if as_ == "issued" else _known(site, period, boundary)
    except LookupError as error:
        raise typer.BadParameter(str(error.args[0]), param_hint="--boundary" if boundary else "--as") from None
    if as_json:
        print(json.dumps(document, ensure_ascii=False))
    else:
        _show_balance(document, lang)


def _known(site: Path, period: str, boundary: str | None) -> dict[str, Any]:
    """The balance as of now, and beside it the meters that do not fit the others; or that of a part of the factory."""
    from analytics.scores import balance_within

    service = _service(site)
    if boundary:
        return balance_within(service, period, boundary)
    document = service.balance(period)
    return {**document, "lines_co2e": _as_co2e(service, period, document),
            "suspects": service.tree(period)["fit"]["suspects"]}  # fmt: skip


def _as_co2e(service: "FactoryService", period: str, document: dict[str, Any]) -> list[dict[str, Any]]:
    """The lines on the CO2e basis, refrigerants among them, each with its interval."""
    from analytics.documents import balance_document
    from analytics.factors import Gas

    found, told = service.account(period), document["other_intervals"]
    lines = balance_document(found.flows, found.balance, Gas.CO2E)["lines"]
    return [{**line, "uncertainty": told.get(line["id"])} for line in lines]


def _issued(site: Path, period: str) -> dict[str, Any]:
    """The balance of a month as it was last closed."""
    from analytics.closing import closings

    service = _service(site)
    found = closings(service.results, service.period(period).label)
    if not found:
        raise LookupError(f"{period} was never closed")
    closing = {name: found[-1][name] for name in ("number", "entry", "incomplete")}
    return {**found[-1]["balance"], "closing": closing}


def _show_beside(console: "Console", document: Mapping[str, Any], lang: str) -> None:
    """What stands beside scopes 1 and 2: nothing of it is inside the totals above."""
    apart, beside = document.get("apart", {}), document["beside"]
    for name in ("scope3", "biogenic", "not_kyoto"):
        if apart.get(f"{name}_kg"):
            console.print(f"beside: {name} {apart[f'{name}_kg'] / 1000:,.3f} t")
    if beside.get("offsets_kg"):
        console.print(f"beside: retired credits {beside['offsets_kg'] / 1000:,.3f} tCO2e (never netted)")
    if beside.get("export_by_profile_kg") is not None:
        console.print(f"beside: exports by the sector's profile {beside['export_by_profile_kg'] / 1000:,.3f} tCO2")
    for one in document.get("rejected", ()):
        console.print(f"[yellow]does not count:[/] {one['where']}: {one[lang]}")


def _title(document: Mapping[str, Any], lang: str) -> str:
    part = document.get("boundary", {}).get("name", {}).get(lang, "")
    return " · ".join(filter(None, (document["site"], part, document["period"]["label"])))


def _show_balance(document: Mapping[str, Any], lang: str) -> None:
    from rich.console import Console
    from rich.table import Table

    from analytics.report_words import REMAINDER

    console = Console()
    table = Table(box=None, header_style="bold", title=_title(document, lang))
    for name in ("where", "scope", "method", "gas", "activity", "factor", "status", "tCO2"):
        table.add_column(name, justify="right" if name in {"activity", "tCO2"} else "left")
    for line in document["lines"]:
        activity, factor = line["activity"], line["factor"]
        table.add_row(
            line["name"][lang], str(line["scope"]), line["method"], line["gas"],
            f"{activity['value']:,.1f} {activity['unit']}",
            f"{factor['value']:.6g} {factor['unit']} ({factor['year']})",
            line["status"], f"{line['kg'] / 1000:,.3f}",
        )  # fmt: skip
    console.print(table)
    _show_totals(console, document, lang)
    console.print(f"remainder of the market-based method: {REMAINDER[document['remainder']].text(lang)}")
    _show_beside(console, document, lang)
    if closing := document.get("closing"):
        console.print(f"as issued: closing {closing['number']}, by {closing['entry']['who']}")
    if document["provisional"]:
        console.print("[yellow]provisional:[/] not everything is settled yet")
    for fault in document["faults"]:
        console.print(f"[yellow]not counted:[/] {fault['where']}: {fault[lang]}")
    _show_suspects(console, document.get("suspects", ()), lang)


def _show_totals(console: "Console", document: Mapping[str, Any], lang: str) -> None:
    for key, label in (("total_lb", "gross, location-based"), ("total_mb", "gross, market-based")):
        total = document["totals"][key]
        if total["co2_only"] is None:
            console.print(f"{label}: [yellow]not known:[/] {document['unknown'][key][lang]}")
            continue
        sure = document.get("uncertainty", {}).get(key, {}).get("co2_only")
        said = f"; {sure[lang]}" if sure else ""
        console.print(f"{label}: {total['co2_only'] / 1000:,.3f} tCO2, {total['co2e'] / 1000:,.3f} tCO2e{said}")


def _show_suspects(console: "Console", found: Iterable[Mapping[str, Any]], lang: str) -> None:
    for one in found:
        console.print(f"[yellow]check this meter:[/] {one['point']}: {one[lang]}")


def tree(site: SiteFile, period: SpanOf = "month", lang: Language = "en", as_json: AsJson = False) -> None:
    """Do the meters agree: what each node of the tree leaves unexplained, and which meter is most likely wrong."""
    with readable_period():
        document = _service(site).tree(period)
    if as_json:
        print(json.dumps(document, ensure_ascii=False))
    else:
        _show_tree(document, lang)


def _show_tree(document: Mapping[str, Any], lang: str) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table(box=None, header_style="bold", title=_title(document, lang))
    for name in ("node", "in", "below", "left", "allowed", "says"):
        table.add_column(name, justify="left" if name in {"node", "says"} else "right")
    for one in document["nodes"]:
        share = "–" if one["percent"] is None else f"{one['percent']:.2f} %"
        table.add_row(
            "  " * one["depth"] + one["node"], f"{one['inflow']:,.1f} {one['unit']}", f"{one['metered']:,.1f}",
            share, f"± {one['tolerance']:,.1f}", one[lang],
        )  # fmt: skip
    console.print(table)
    for level in document["metering"]:
        lacking = f"; none at {', '.join(level['lacking'])}" if level["lacking"] else ""
        console.print(f"meters fitted, {level['carrier']}, {level['name'][lang]}: "
                      f"{level['fitted']} of {level['wanted']}{lacking}")  # fmt: skip
    _show_suspects(console, document["fit"]["suspects"], lang)


COMMANDS = {"balance": balance, "tree": tree}
