"""What stands around the balance, explained: gases, targets, fiscal shares, claims, scores, positions, the ledger."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from analytics.by_gas import by_gas
from analytics.indicators import INDICATORS
from analytics.progress import progress_of
from analytics.service import FactoryService
from metering.period import from_ms

Document = dict[str, Any]
Walk = Callable[[str, str], Document]  # explains another figure of another period
FORMULAS: Mapping[str, str] = {
    "base_t": "the base year as declared + every change that the site's own policy counts",
    "target_t": "the target as declared, moved with its base year",
    "own": "straight between the declared points in tonnes, moved with the base year",
    "sbti": "base year x (1 - yearly rate x years since the base year), in tonnes, never compounding",
    "allowed_so_far_t": "sum over the months known of (the year's allowance x days / days of the year)",
    "actual_so_far_t": "sum over the months known of total_mb.co2e / 1000",
    "over_t": "emitted - allowed, over the months known",
    "allowed_t": "the year's allowance x days of the month that have passed / days of the year",
    "actual_t": "total_mb.co2e of the month / 1000",
    "inflow": "energy that flowed into the node", "metered": "sum of what the meters below it counted",
    "residual": "in - below", "tolerance": "what the meters' classes allow between the two",
    "round_trip": "given back / taken", "green_kwh": "discharge x the green share of what was stored, by quarter-hour",
    "unknown_kwh": "discharge of energy whose origin is not known",
    "carried_kg": "discharge x what the stored energy carried when it was charged",
    "allocated": "sum of the lots allocated for the year", "bought": "sum of the lots bought",
    "sold": "sum of what was sold", "surrendered": "sum of what was surrendered for the year",
    "free": "lots up to the year - what left them",
    "obligation": "what was verified, else what is forecast from the known days",
    "gap": "obligation - surrendered - free",
}  # fmt: skip


class Standing:
    """Explains the figures of one site and period by their path, such as `target/half/own/over_t`."""

    def __init__(self, service: FactoryService, period: str, walk: Walk) -> None:
        self.service, self.period, self.walk = service, period, walk
        self.makers: dict[str, Callable[..., Document]] = {
            "gas": self.gas, "target": self.target, "fiscal": self.fiscal, "claim": self.claim, "score": self.score,
            "verdict": self.verdict, "position": self.position, "beside": self.beside, "battery": self.battery,
            "node": self.node,
        }  # fmt: skip

    def told(self, figure: str) -> Document | None:
        """The explanation; None for a path there is not."""
        head, *rest = figure.split("/")
        if head not in self.makers:
            return None
        try:
            return {"kind": head, **self.makers[head](*rest)}
        except (KeyError, StopIteration, TypeError):  # a part of the path is of nothing there is
            return None

    def gas(self, group: str, name: str) -> Document:
        """One gas of one category [kgCO2e]."""
        balance = self.service.account(self.period).balance
        share = by_gas((*balance.lines, *balance.apart))[group]
        parts = {line.id: float(of[name]) for line, of in share.lines if name in of}
        return {
            "value": float(share.gases[name]), "unit": "kgCO2e", "formula": f"sum of the {name} of its lines",
            "parts": parts, "rests_on": list(parts), "co2_alone": [line.id for line in share.silent],
        }  # fmt: skip

    def target(self, id_: str, *path: str) -> Document:
        """A base year, a target, a path's allowance of the year or a month, what was emitted, how far over."""
        told = progress_of(self.service, self.service.period(self.period))
        one = next(t for t in told["targets"] if t["id"] == id_)
        about = {"unit": "tCO2e", "status": "declared", "documents": _documents(one)}
        if len(path) == 1:
            again = one["recalculation"]
            body = {"value": one[path[0]], "formula": FORMULAS[path[0]], "recalculation": again, "note": _both(again)}
            return {**about, **body, "parts": {"base_declared_t": one["base_declared_t"]}}
        line = one["paths"][path[0]]
        if len(path) == 2:
            return about | self._of_year(one, path[0], line, path[1], told["rate_percent_a_year"])
        return about | self._of_month(next(m for m in line["months"] if m["label"] == path[1]), line, path)

    def _of_year(self, one: Document, way: str, line: Document, name: str, rate: float) -> Document:
        known = [m["label"] for m in line["months"] if m["over_t"] is not None]
        whole = name == "allowed_t"
        parts = {"base_t": one["base_t"], "target_t": one["target_t"]}
        parts |= {"rate_percent": rate} if way == "sbti" else {}
        return {
            "value": line[name], "formula": FORMULAS[way if whole else name], "note": None if whole else _both(line),
            "parts": parts if whole else {m["label"]: m["actual_t"] for m in line["months"] if m["label"] in known},
            "rests_on": [f"target/{one['id']}/base_t"] if whole
            else [f"target/{one['id']}/{way}/{label}/over_t" for label in known],
        }  # fmt: skip

    def _of_month(self, month: Document, line: Document, path: tuple[str, ...]) -> Document:
        _, label, name = path
        body = {"value": month[name], "formula": FORMULAS[name if name != "over_t" else "over_t"],
                "reason": month["why"], "parts": {"days": month["days"], "allowed_in_the_year_t": line["allowed_t"]},
                "rests_on": [f"total_mb.co2e --period {label}"]}  # fmt: skip
        if name != "allowed_t" and month[name] is not None:
            body["lines"] = self.walk("total_mb.co2e", label)["lines"]
        return body

    def fiscal(self, name: str, part: str) -> Document:
        """The renewable share of the fiscal year [%], to date or of the part that is known."""
        year = progress_of(self.service, self.service.period(self.period))["fiscal_year"]
        one = year[part]
        below = self.walk(name, one["period"])
        return {
            "value": one[name]["value"], "unit": "%", "reason": one[name]["reason"], "formula": below["formula"],
            "status": below["status"], "parts": below["parts"], "fiscal_year": year["label"],
            "rests_on": [f"{name} --period {one['period']}", *below["rests_on"]],
        }  # fmt: skip

    def claim(self, id_: str) -> Document:
        """How many of a label's conditions hold, each with its reason."""
        one = next(c for c in self.service.claims(self.period)["claims"] if c["id"] == id_)
        return {
            "value": sum(c["holds"] for c in one["conditions"]), "unit": f"count/{len(one['conditions'])}",
            "formula": "conditions that hold, on limits that are neither assumed nor from memory",
            "note": one["says"], "conditions": one["conditions"],
        }  # fmt: skip

    def score(self, standard: str, outcome: str) -> Document:
        """How many criteria of a standard have one outcome."""
        told = self.service.score(standard, self.period)
        apart = outcome == "apart"
        kept = [v for v in told["verdicts"] if v["apart"] == apart and outcome in {v["outcome"].lower(), "apart"}]
        return {
            "value": sum(told["counts_apart"].values()) if apart else told["counts"][outcome.upper()], "unit": "count",
            "formula": "criteria with this outcome; those against an assumed threshold are counted apart",
            "note": told["label"], "rests_on": [f"verdict/{standard}/{v['id']}" for v in kept],
        }  # fmt: skip

    def verdict(self, standard: str, id_: str) -> Document:
        """What one criterion found: value, threshold, evidence, and the figures it rests on."""
        one = next(v for v in self.service.score(standard, self.period)["verdicts"] if v["id"] == id_)
        return {
            "value": one["value"], "unit": one["unit"], "formula": one["formula"] or one["indicator"],
            "status": one["status"], "reason": one["reason"], "outcome": one["outcome"], "op": one["op"],
            "threshold": one["threshold"], "threshold_status": one["threshold_status"], "proof": one["proof"],
            "sources": one["sources"], "rests_on": [*_indicator(one), *one["inputs"]],
        }  # fmt: skip

    def position(self, name: str) -> Document:
        """A figure of the position book of the period's year [tCO2e], with the lots it rests on."""
        told = self.service.position(self._year())
        value = told[name]["value"] if isinstance(told[name], dict) else told[name]
        why = told["obligation"] if name in {"obligation", "gap"} else None
        return {
            "value": value, "unit": "tCO2e", "formula": FORMULAS[name], "note": told["note"],
            "reason": None if why is None else _both(why), "lots": self._lots({"allowance"}),
            "documents": _of_lots(self._lots({"allowance"})),
        }  # fmt: skip

    def _year(self) -> int:
        end_ms = self.service.period(self.period).end_ms
        return from_ms(end_ms - 1).astimezone(self.service.config.zone).year

    def _lots(self, families: Iterable[str]) -> list[Document]:
        return [lot for lot in self.service.holdings()["lots"] if lot["family"] in families]

    def beside(self, name: str) -> Document:
        """What is beside the balance: credits and certificates by their lots, exports, avoided emissions."""
        value = self.service.balance(self.period)["beside"][name]
        families = {"offsets_kg": {"credit"}, "certificates_kwh": {"certificate"}}.get(name, set())
        lots = self._lots(families)
        return {
            "value": value, "unit": "kWh" if name.endswith("kwh") else "kgCO2e" if name == "offsets_kg" else "kgCO2",
            "formula": "retired for the site, of the year's by the period's days" if families
            else "exported, by the grid meters" if name == "export_kwh" else "exports x a declared marginal factor",
            "lots": lots, "documents": _of_lots(lots), "rests_on": [] if families else ["export_kwh"],
        }  # fmt: skip

    def battery(self, name: str) -> Document:
        """What the battery took and gave, and of which colour."""
        one = self.service.matching(self.period)["battery"]
        value = one[name] if name != "round_trip" or one[name] is None else 100 * one[name]
        unit = {"round_trip": "%", "carried_kg": "kgCO2"}.get(name, "kWh")
        return {"value": value, "unit": unit, "formula": FORMULAS[name], "rests_on": ["charge_kwh", "discharge_kwh"]}

    def node(self, id_: str, name: str) -> Document:
        """A node of the meter tree."""
        one = next(n for n in self.service.tree(self.period)["nodes"] if n["node"] == id_)
        below = [p.id for p in self.service.config.site.points if p.parent == id_]
        keys = [".".join(k) for k in self.service.account(self.period).series if k[0] in {id_, *below}]
        return {"value": one[name], "unit": one["unit"], "formula": FORMULAS[name], "note": _both(one),
                "rests_on": [k for k in keys if k.rpartition(".")[2].startswith("active_energy")] or keys}  # fmt: skip


def _both(body: Document) -> dict[str, str]:
    return {"zh": body["zh"], "en": body["en"]}


def _indicator(one: Document) -> list[str]:
    return [one["indicator"]] if one["indicator"] in INDICATORS else []


def _documents(target: Document) -> list[Document]:
    again = target["recalculation"]
    named = [{"document": f"site.yaml, targets: {target['id']}", "what": "declared"},
             {"document": again["document"], "what": "recalculation policy"},
             *({"document": c["document"], "what": f"{c['kind']} on {c['on']}"} for c in again["changes"])]  # fmt: skip
    return [one for one in named if one["document"]]


def _of_lots(lots: Iterable[Document]) -> list[Document]:
    return [{"document": one["document"], "what": one["id"]} for lot in lots for one in (lot, *lot["moves"])]
