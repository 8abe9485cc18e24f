"""Which row of two documents counts, and what a new document would change of figures that were issued."""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from analytics.factors import EmissionFactor, FactorTable, Found, Gas, MatchKind, Method, Parameter, Refusal
from analytics.postings import Settings, remainder_factor
from analytics.recorded_lines import other_gases
from metering.reading import MICRO

Document = dict[str, Any]
METHODS = {"LB": Method.LOCATION_BASED, "MB": Method.MARKET_BASED, "-": Method.NOT_APPLICABLE}
REMAINDERS = {MatchKind.REMAINDER.value, MatchKind.NO_RESIDUAL_MIX.value}
OTHER = "/other_gases"


def question(row: Parameter) -> tuple[object, ...]:
    """What a row answers: two that answer the same exclude each other, unless one document supersedes the other."""
    per = row.unit.split("/")[-1] if row.param == "factor" else ""
    return (row.activity, row.param, row.region, row.year, row.gas, row.method, per)


def follows(new: str, old: str, supersedes: Mapping[str, str]) -> bool:
    """Whether a document replaces another, straight or through others."""
    seen: set[str] = set()
    here = supersedes.get(new, "")
    while here and here not in seen:
        if here == old:
            return True
        seen.add(here)
        here = supersedes.get(here, "")
    return False


def in_effect(rows: Iterable[Parameter], supersedes: Mapping[str, str]) -> tuple[Parameter, ...]:
    """The rows that no superseding document answers anew; the others stay in their file, for what rests on them."""
    kept = tuple(rows)
    by_question: dict[tuple[object, ...], list[str]] = {}
    for row in kept:
        by_question.setdefault(question(row), []).append(row.document)
    return tuple(
        row for row in kept if not any(follows(d, row.document, supersedes) for d in by_question[question(row)])
    )


class Impact:
    """What a table would make of lines that were issued from another."""

    def __init__(self, old: FactorTable, new: FactorTable, settings: Settings) -> None:
        self.new, self.settings = new, settings
        self._activities = {factor.id: factor.activity for factor in old.factors}

    def closing(self, document: Mapping[str, Any]) -> Document:
        """The lines of one closed month that would change, and by how much each method's total would [kg]."""
        lines = (*document["balance"]["lines"], *document["lines_co2e"])
        changed = [told for line in lines if (told := self._line(line)) is not None]
        return {
            "period": document["period"]["label"], "number": document["number"], "lines": changed,
            "totals": {name: {gas.value: _delta(changed, gas, methods) for gas in (Gas.CO2_ONLY, Gas.CO2E)}
                       for name, methods in (("total_lb", {"LB", "-"}), ("total_mb", {"MB", "-"}))},
        }  # fmt: skip

    def _line(self, line: Mapping[str, Any]) -> Document | None:
        name = str(line["factor"]["id"])
        activity = self._activities.get(name.removesuffix(OTHER))
        if activity is None or line["instrument"]:
            return None  # its own factor, or an instrument's: no table decides it
        found = self._find(line, activity)
        if isinstance(found, Refusal) or found[0].id == name:
            return self._same_row(line, found)
        return _told(line, found[0], found[1].sentence.both())

    def _same_row(self, line: Mapping[str, Any], found: Found | Refusal) -> Document | None:
        """The same id with another value: a document that was edited, which none may be."""
        if isinstance(found, Refusal):
            return {"id": line["id"], "issued_kg": line["kg"], "would_kg": None, "new": None, **found.sentence.both()}
        told = _told(line, found[0], found[1].sentence.both())
        return told if told["would_kg"] != line["kg"] else None

    def _find(self, line: Mapping[str, Any], activity: str) -> Found | Refusal:
        gas, year, unit = Gas(line["gas"]), int(line["year"]), str(line["activity"]["unit"])
        if REMAINDERS & set(line["recompute"]["match"]["kinds"]):
            return remainder_factor(self.new, self.settings, year, activity, gas)
        found = self.new.find(activity, self.settings.chain, year, method=METHODS[line["method"]], gas=gas, unit=unit)
        if isinstance(found, Refusal) or not str(line["factor"]["id"]).endswith(OTHER):
            return found
        co2 = self.new.find(activity, self.settings.chain, year, gas=Gas.CO2_ONLY, unit=unit)
        return found if isinstance(co2, Refusal) else (other_gases(found[0], co2[0]), found[1])


def _told(line: Mapping[str, Any], new: EmissionFactor, match: Mapping[str, str]) -> Document:
    per = new.kg_per(str(line["activity"]["unit"]))
    kg = float(per * int(line["activity"]["micro"]) / MICRO)
    old = line["factor"]
    return {
        "id": line["id"], "gas": line["gas"], "method": line["method"], "issued_kg": line["kg"], "would_kg": kg,
        "delta_kg": kg - line["kg"], "old": {"id": old["id"], "value": old["value"], "year": old["year"]},
        "new": {"id": new.id, "value": float(per), "year": new.year, "status": new.status.value,
                "document": new.document},
        **match,
    }  # fmt: skip


def _delta(lines: Iterable[Mapping[str, Any]], gas: Gas, methods: set[str]) -> float:
    mine = [x for x in lines if x.get("delta_kg") and x["gas"] == gas.value and x["method"] in methods]
    return math.fsum(x["delta_kg"] for x in mine)


def documents_of(rows: Iterable[Parameter]) -> Iterator[Document]:
    """The documents at hand: how many rows of each status."""
    found: dict[str, Document] = {}
    for row in rows:
        new = {"document": row.document, "rows": 0, "statuses": {}, "source": row.source}
        one = found.setdefault(row.document, new)
        one["rows"] += 1
        one["statuses"][row.status.value] = one["statuses"].get(row.status.value, 0) + 1
    yield from found.values()
