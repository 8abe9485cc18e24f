"""What stands around the balance, explained: gases, targets, fiscal shares, claims, scores, positions, the ledger."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from analytics.by_gas import by_gas
from analytics.closing import closings
from analytics.factors import Gas
from analytics.indicators import INDICATORS
from analytics.lines import BalanceLine
from analytics.measured import measured
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
    "predicted": "what the reporting days would have used by the baseline: b0 + sum of b x driver, by least squares",
    "observed": "sum of what the reporting days used", "saved": "predicted - observed",
    "per_year": "saved x 365 / reporting days",
}  # fmt: skip


class Standing:
    """Explains the figures of one site and period by their path, such as `target/half/own/over_t`."""

    def __init__(self, service: FactoryService, period: str, walk: Walk) -> None:
        self.service, self.period, self.walk = service, period, walk
        self.makers: dict[str, Callable[..., Document]] = {
            "gas": self.gas, "target": self.target, "fiscal": self.fiscal, "claim": self.claim, "score": self.score,
            "verdict": self.verdict, "position": self.position, "beside": self.beside, "battery": self.battery,
            "node": self.node, "measure": self.measure, "factor": self.factor, "activity": self.activity,
            "closing": self.closing,
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

    def verdict(self, standard: str, id_: str, part: str = "") -> Document:
        """What one criterion found: value, threshold, evidence, and the figures it rests on; its gap; its way."""
        told = self.service.score(standard, self.period)
        one = next(v for v in told["verdicts"] if v["id"] == id_)
        if part:
            return _way(one, told["currency"]) if part == "way" else _gap(standard, one)
        return {
            "value": one["value"], "unit": one["unit"], "formula": one["formula"] or one["indicator"],
            "status": one["status"], "reason": one["reason"], "outcome": one["outcome"], "op": one["op"],
            "threshold": one["threshold"], "threshold_status": one["threshold_status"], "proof": one["proof"],
            "sources": one["sources"], "rests_on": [*_indicator(one), *one["inputs"]],
        }  # fmt: skip

    def factor(self, *id_: str) -> Document:
        """A factor that lines of the period use: as it is printed, or what it is made of."""
        name = "/".join(id_)
        used = [one for one in self._lines() if one.factor.id == name]
        told = used[0].explain()
        factor, unit = told["factor"], used[0].amount.unit
        gas = "kgCO2e" if used[0].factor.gas is Gas.CO2E else "kgCO2"
        page = f", p. {factor['page']}" if factor["page"] else ""
        return {
            "value": float(used[0].factor.kg_per(unit)), "unit": f"{gas}/{unit}", "status": factor["status"],
            "formula": factor["formula"] or f"{factor['value']} {factor['unit']}, as printed", "note": told["match"],
            "documents": [{"what": f"{factor['document']} ({factor['status']})", "document": factor["source"] + page},
                          *({"what": f"{p['param']} {p['value']} {p['unit']} ({p['status']})", "document": p["source"]}
                            for p in factor["components"])],
            "rests_on": [one.id for one in used],
        }  # fmt: skip

    def activity(self, *id_: str) -> Document:
        """The activity of one line: the registers that metered it, or what was recorded and by which parameters."""
        line = next(one for one in self._lines() if one.id == "/".join(id_))
        walked = self.walk(line.id, self.period)["activity"]
        what = f"{line.tier}, entered" if line.tier else "metered"
        used = [{"what": f"{p.param} {p.printed} {p.unit} ({p.status})", "document": p.source} for p in line.basis]
        return {"value": line.amount.value, "unit": line.amount.unit, "formula": what, "documents": used,
                "series": walked["series"], "rests_on": [line.id]}  # fmt: skip

    def _lines(self) -> Iterable[BalanceLine]:
        balance = self.service.account(self.period).balance
        return (*balance.lines, *balance.apart)

    def measure(self, id_: str, name: str) -> Document:
        """What a measure is declared to cost and save, and what it did save by its baseline."""
        told = measured(self.service, self.service.period(self.period))["measures"]
        one = next(m for m in told if m["id"] == id_)
        head = {"documents": [{"what": f"site.yaml, measures: {id_}", "document": one["document"]}]}
        if name in {"declared", "cost", "price"}:
            currency = self.service.config.file.site.currency
            unit = {"declared": one["unit"], "cost": currency, "price": f"{currency}/{one['unit']}"}[name]
            return {**head, "value": one[name], "unit": unit, "status": "declared", "formula": "as declared"}
        found = one["verified"]
        half = {"saved": found["half"], "per_year": found["half_per_year"]}.get(name)
        days = f"{found['baseline_days']} days of baseline, {found['days']} of reporting"
        return {
            **head, "value": found[name], "unit": found["unit"], "half": half, "status": "derived",
            "formula": f"{FORMULAS[name]}; {days}",
            "parts": {k: found[k] for k in ("cv_rmse", "nmbe", "autocorrelation")} | dict(
                zip(("b0", *found["drivers"]), found["coefficients"], strict=True)),
            "rests_on": [f"measure/{id_}/{n}" for n in ("predicted", "observed") if n != name]
            if name in {"saved", "per_year"} else [],
        }  # fmt: skip

    def closing(self, number: str) -> Document:
        """The gross market-based total as a closing froze it [kgCO2]."""
        label = self.service.period(self.period).label
        one = next(c for c in closings(self.service.results, label) if c["number"] == int(number))
        return {"value": one["balance"]["totals"]["total_mb"]["co2_only"], "unit": "kgCO2",
                "formula": "total_mb.co2_only as it was frozen",
                "documents": [{"what": f"by {one['entry']['who']}", "document": one["entry"]["id"]}],
                "rests_on": ["total_mb.co2_only"]}  # fmt: skip

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


def _gap(standard: str, one: Document) -> Document:
    """What one criterion lacks, in physical units."""
    return {"value": one["gap"]["value"], "unit": one["gap"]["unit"], "reason": one["reason"],
            "formula": "what its value lacks to the threshold, in the unit that would close it",
            "rests_on": [f"verdict/{standard}/{one['id']}"]}  # fmt: skip


def _way(one: Document, currency: str) -> Document:
    """The cheapest way of one criterion, step by step."""
    way = one["way"]
    return {
        "value": way["cost_per_year"], "unit": currency, "status": "declared",
        "formula": "sum over its steps of cost / years + running + amount x (price - worth)",
        "parts": {step["measure"]: step["cost_per_year"] for step in way["steps"]},
        "rests_on": [f"measure/{step['measure']}/cost" for step in way["steps"]],
    }  # fmt: skip


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
