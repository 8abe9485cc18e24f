"""A closed month beside what is known now: each figure as issued and as known, and what changed underneath."""

from collections.abc import Container, Iterator, Mapping
from typing import Any

from analytics.closing import figures

Document = dict[str, Any]
PARTS = ("readings", "entries", "factors", "criteria")


def restatement(issued: Mapping[str, Any], known: Mapping[str, Any], idle: Container[str] = ()) -> Document:
    """Per total, energy and line what was issued, what is known now [kg, kWh], and why they differ.

    `idle` entries stand beside the figures and move none: bills.
    """
    before, after = figures(issued), figures(known)
    why = reasons(issued["hashes"], known["hashes"])
    moving = {**why, "entries": [one for one in why["entries"] if one["id"] not in idle]}
    lines = [_line(name, before["lines"].get(name), after["lines"].get(name), moving)
             for name in sorted({*before["lines"], *after["lines"]})]  # fmt: skip
    totals = list(_totals(before["totals"], after["totals"]))
    energy = [_pair({"name": name}, value, after["energy"].get(name)) for name, value in before["energy"].items()]
    moved = any(one["changed"] for one in (*totals, *energy, *lines))
    return {
        "period": issued["period"], "number": issued["number"], "entry": issued["entry"], "site": issued["site"],
        "restated": moved, "changed": moved or any(why.values()), "totals": totals, "energy": energy, "lines": lines,
        "why": why, "as_seen": issued["as_seen"],
        "incomplete": {"issued": issued["incomplete"], "known": known["incomplete"]},
    }  # fmt: skip


def reasons(before: Mapping[str, Any], after: Mapping[str, Any]) -> Document:
    """Which fingerprints differ: of which series, entries, factor rows and files; of the site and of the code."""
    why: Document = {part: list(_differences(before[part], after[part])) for part in PARTS}
    why["site"] = before["site"] != after["site"]
    why["code"] = before["code"] != after["code"]
    return why


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Document]:
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            change = "added" if name not in before else "gone" if name not in after else "changed"
            counts = [one.get("count") if isinstance(one, Mapping) else None
                      for one in (before.get(name), after.get(name))]  # fmt: skip
            more = {"readings": {"issued": counts[0], "known": counts[1]}} if counts != [None, None] else {}
            yield {"id": name, "change": change, **more}


def _totals(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Document]:
    for name, of in before.items():
        for gas, value in of.items():
            yield _pair({"name": name, "gas": gas}, value, after.get(name, {}).get(gas))


def _pair(head: Document, issued: float | None, known: float | None) -> Document:
    delta = None if issued is None or known is None else known - issued
    return {**head, "issued": issued, "known": known, "delta": delta, "changed": issued != known}


def _line(name: str, issued: Document | None, known: Document | None, why: Mapping[str, Any]) -> Document:
    pair = _pair({"id": name}, issued["kg"] if issued else None, known["kg"] if known else None)
    pair["changed"] = issued != known
    if not pair["changed"]:
        return {**pair, "why": []}
    point = name.partition("/")[0]
    used = {one["factor"] for one in (issued, known) if one}
    touching = [f"readings {one['id']}" for one in why["readings"] if one["id"].partition("|")[0] == point]
    touching += [f"factor {one['id']}" for one in why["factors"] if one["id"] in used]
    # an entry may work through another point: with the site and the code it is named wherever nothing else is
    wider = [f"entry {one['id']}" for one in why["entries"]] + [part for part in ("site", "code") if why[part]]
    return {**pair, "micro": [issued and issued["micro"], known and known["micro"]], "why": touching + wider}
