"""Closings, restatements, explanations and verifications as people read them."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.tree import Tree

Document = Mapping[str, Any]
TOTALS = ("scope1", "scope2_lb", "scope2_mb", "total_lb", "total_mb")
WORDS = {
    "scope1": "scope 1",
    "scope2_lb": "scope 2, location-based",
    "scope2_mb": "scope 2, market-based",
    "total_lb": "scope 1+2, location-based",
    "total_mb": "scope 1+2, market-based",
}
GASES = {"co2_only": "CO2", "co2e": "CO2e"}


def moment(ms: int) -> str:
    """An instant in UTC, to the second."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def show_closing(document: Document) -> None:
    """What was frozen."""
    from rich.console import Console

    console = Console()
    label, number = document.get("period", {}).get("label", ""), document.get("number")
    if document["nothing_changed"]:
        console.print(f"{label}: nothing changed since closing {number}; not closed again")
        return
    if number is None:
        return
    entry, hashes = document["entry"], document["hashes"]
    console.print(f"[bold]{label} closed[/], number {number}, by {entry['who']} on {moment(entry['at_ms'])}")
    for name in TOTALS:
        total = document["totals"][name]
        shown = {gas: "not known" if kg is None else f"{kg:,.3f}" for gas, kg in total.items()}
        console.print(f"  {WORDS[name]:26}{shown['co2_only']:>16} kgCO2 {shown['co2e']:>16} kgCO2e")
    counts = ", ".join(f"{len(hashes[part])} {part}" for part in ("readings", "entries", "factors", "criteria"))
    console.print(f"  fingerprints of: {counts}; code {hashes['code']['version']} {hashes['code']['sources'][:12]}")
    for lack in document["incomplete"]:
        console.print(f"  [yellow]incomplete:[/] {lack}")


def show_restatement(document: Document) -> None:
    """As issued beside as known now, and why."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    label, number = document["period"]["label"], document["number"]
    if not document["changed"]:
        console.print(f"{label}: as closed (number {number}); nothing changed since")
        return
    table = Table(box=None, header_style="bold", title=f"{label} · closing {number}")
    table.add_column("figure", overflow="fold", min_width=26)
    for name in ("as issued", "as known now", "difference"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("why", no_wrap=True)
    causes = list(dict.fromkeys(why for row in document["lines"] for why in row["why"]))
    for row in document["totals"]:
        table.add_row(f"{WORDS[row['name']]}, {GASES[row['gas']]} [dim]kg[/]", *_amounts(row), "")
    for row in (*document["energy"], *document["lines"]):
        if row["changed"]:
            numbers = ",".join(str(causes.index(why) + 1) for why in row.get("why", ()))
            table.add_row(row.get("name") or row["id"].replace("/", " / "), *_amounts(row), numbers)
    console.print(table)
    console.print("[bold]restatement[/], because of:" if document["restated"] else "no figure moved")
    for line in _reasons(document["why"], causes):
        console.print(f"  {line}", soft_wrap=True, highlight=False)


def _amounts(row: Document) -> list[str]:
    return ["–" if row[name] is None else f"{row[name]:{sign},.3f}"
            for name, sign in (("issued", ""), ("known", ""), ("delta", "+"))]  # fmt: skip


def _reasons(why: Document, causes: list[str]) -> Iterator[str]:
    """What differs underneath, with the number by which the figures name it."""
    kinds = {"readings": "readings", "entries": "entry", "factors": "factor", "criteria": "criterion"}
    for part, kind in kinds.items():
        for one in why[part]:
            name, counts = f"{kind} {one['id']}", one.get("readings")
            told = f": {one['who']}: {one['why']}" if one.get("who") else ""
            more = f" ({counts['issued'] or 0:,} readings -> {counts['known'] or 0:,})" if counts else ""
            yield f"{_numbered(name, causes)}{name} {one['change']}{more}{told}"
    yield from (f"{_numbered(part, causes)}{part} changed" for part in ("site", "code") if why[part])


def _numbered(name: str, causes: list[str]) -> str:
    return f"{causes.index(name) + 1}  " if name in causes else "–  "


def show_verification(document: Document) -> None:
    """How many checks held, and what did not."""
    from rich.console import Console

    console = Console()
    about, refused = document["about"], document["refused"]
    if about:
        console.print(f"{about['site']} · {about['period']}, as of {moment(about['as_of_ms'])}")
        same = about["code"]["sources"] == document["code_now"]["sources"]
        console.print(f"computed again with {'the same code' if same else 'other code than it was issued with'}")
    if refused:
        console.print(f"[red]refused:[/] {refused['member']}: {refused['reason']}", markup=True)
    for one in document["failures"]:
        console.print(f"[red]differs:[/] {one['name']}: issued {one['issued']}, found {one['found']}")
    for number in document["restated_closings"]:
        console.print(f"[yellow]closing {number}[/] of this month has been restated since")
    console.print(f"{document['passed']} passed / {document['failed']} failed")


def show_explanation(document: Document, lang: str) -> None:
    """The walk as a tree."""
    from rich.console import Console
    from rich.tree import Tree

    head = f"[bold]{document['figure']}[/] {document['period']['label']}"
    value = "not known" if document["value"] is None else f"{document['value']:,.3f} {document['unit']}"
    tree = Tree(f"{head} = {value}")
    if document["kind"] == "series":
        _grow_series(tree, document)
    elif document["kind"] == "line":
        _grow_line(tree, document, lang)
    else:
        _grow_figure(tree, document, lang)
        for line in document.get("lines", ()):
            _grow_line(tree.add(f"[bold]{line['id']}[/] = {line['value']:,.3f} {line['unit']}"), line, lang)
        for one in document.get("series", ()):
            _grow_series(tree.add(f"[bold]{one['series']}[/] = {one['value']:,.3f} {one['unit']}"), one)
    Console(highlight=False).print(tree)


def _grow_figure(tree: "Tree", document: Document, lang: str) -> None:
    """How a figure that is no line is made, how sure it is, and what it rests on."""
    tree.add(document["formula"])
    if document.get("half") is not None:
        tree.add(f"± {document['half']:,.3f} {document['unit']} (95 %)")
    for name in ("reason", "doubt", "note"):
        if document.get(name):
            tree.add(f"[yellow]{document[name][lang]}[/]")
    for name, value in (document.get("parts") or {}).items():
        tree.add(f"{name}: {'not known' if value is None else f'{value:,.6g}'}")
    for one in document.get("documents") or ():
        tree.add(f"{one['what']}: {one['document']}")
    for one in document.get("conditions") or ():
        tree.add(f"{'holds' if one['holds'] else '[yellow]lacks[/]'}: {one['name'][lang]}: {one['reason'][lang]}")
    if document.get("rests_on"):
        tree.add(f"rests on: {', '.join(document['rests_on'])}")


def _grow_line(tree: "Tree", line: Document, lang: str) -> None:
    factor = line["factor"]
    tree.add(line["formula"])
    node = tree.add(f"factor [bold]{factor['id']}[/]: {factor['value']} {factor['unit']} ({factor['status']})")
    where = " ".join(
        str(part) for part in (factor["source"], factor["page"] and f"p. {factor['page']}", factor["url"]) if part
    )
    node.add(where or factor["document"])
    node.add(line["match"][lang])
    if line["caution"]:
        node.add(f"[yellow]{line['caution'][lang]}[/]")
    if factor["formula"] and len(factor["components"]) > 1:
        made = node.add(factor["formula"])
        for one in factor["components"]:
            made.add(f"{one['param']} {one['value']} {one['unit']} ({one['status']}): {one['source']}")
    for one in line["activity"]["series"]:
        _grow_series(tree.add(f"activity [bold]{one['series']}[/] = {one['value']:,.6f} {one['unit']}"), one)


def _grow_series(tree: "Tree", one: Document) -> None:
    for segment in one.get("segments", ()):
        node = tree.add(f"register: {segment['energy_micro'] / 1e6:,.6f} {one['unit']}")
        for side in ("first", "last"):
            _grow_edge(node, segment[side], side, one["unit"])
    for amount in one.get("amounts", ()):
        tree.add(
            f"{moment(amount['start_ms'])} – {moment(amount['end_ms'])}: {amount['micro'] / 1e6:,.6f} {one['unit']}"
        )
    quarters = one["quarters"]
    flags = ", ".join(f"{count} {name}" for name, count in quarters.items() if count and name not in {"asked", "told"})
    tree.add(f"{quarters['told']} of {quarters['asked']} quarter-hours" + (f": {flags}" if flags else ""))
    if one.get("agrees") is False:
        tree.add(f"[yellow]the registers alone give {one['registers_micro'] / 1e6:,.6f} {one['unit']}[/]")
    for entry in one["entries"]:
        tree.add(f"[cyan]entry {entry['id']}[/] ({entry['kind']}, {entry['who']}): {entry['why']}")
    for item in one["open_items"]:
        tree.add(
            f"[yellow]open: {item['kind']}[/] {moment(item['before']['time_ms'])} – {moment(item['after']['time_ms'])}"
        )


def _grow_edge(tree: "Tree", edge: Document, side: str, unit: str) -> None:
    how = "between two readings" if edge["interpolated"] else "as read"
    read = [one["micro"] for one in edge["readings"] if "micro" in one]
    if not edge["interpolated"] and read and read[0] != edge["micro"]:
        how = f"{(edge['micro'] - read[0]) / 1e6:+,.6f} by rollovers and entries to what was read"
    node = tree.add(f"{side} {moment(edge['time_ms'])}: {edge['micro'] / 1e6:,.6f} {unit}, {how}")
    for reading in edge["readings"]:
        register, poll = reading.get("register"), reading.get("poll")
        if reading.get("declared"):
            node.add(f"{reading['utc']}: entered by hand")
            continue
        told = node.add(f"{reading['utc']}: {reading['micro'] / 1e6:,.6f} {unit}, {reading['quality'].lower()}")
        if register:
            serial, told_by = register["serial"] or "–", f"{register['profile']} {register['profile_hash'][:12]}"
            told.add(
                f"{register['device']} · {told_by} · serial {serial} · {register['data_type']} step {register['step']}"
                f" · CT {register['ct_ratio']} · {register['origin']}"
            )
        for block in poll["blocks"] if poll else ():
            told.add(f"poll {poll['seq']}: function {block['function']} at {block['address']}: {block['words']}")
