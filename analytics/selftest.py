"""The 13 functions of an energy-carbon management centre, each tried on the running site: what works, and what lacks.

Names after MIIT's guide to digital energy-carbon management centres of enterprises and parks (2025), as a 2026
self-assessment prototype lists them: second-hand. A function counts when it gives its answer from this site's data.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from analytics.activity_files import suppliers_of
from analytics.alert_site import site_alerts
from analytics.calendar import area_use
from analytics.criteria import Verdict, judge
from analytics.indicators import INDICATORS, Indicator, Inputs
from analytics.progress import progress
from analytics.reconcile import reconcile
from analytics.report_words import shown
from analytics.sankey import BUS, sankey
from analytics.scope3 import coverage
from analytics.site_times import tariff_of
from analytics.terms import Sentence, Status
from analytics.tree import residuals
from metering import period as calendar

if TYPE_CHECKING:
    from analytics.service import FactoryService

Document = dict[str, Any]
Answer = tuple[bool, Sentence]
BENCHMARKS = frozenset({
    "co2_per_tce", "co2e_per_tce", "electrification_rate", "renewable_energy_share", "leak_test_share",
    "energy_intensity_improvement", "value_added_intensity_improvement", "heat_recovery_share",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Function:
    """One of the 13: whether it gave its answer, and which or why not."""

    id: str
    name: Sentence
    works: bool
    says: Sentence


class _Running:
    """The site as it is now: each thing looked at once."""

    def __init__(self, service: "FactoryService") -> None:
        self.service = service
        self.found = service.scored()
        self.inputs: Inputs = service.inputs(self.found)

    def value(self, *names: str, heads: Sequence[str] = ()) -> Answer:
        """Whether all of some indicators have a value; they, each behind its head, or the first reason."""
        made = [INDICATORS[name](self.inputs) for name in names]
        lacking = next((one for one in made if one.value is None), None)
        if lacking is not None:
            return False, lacking.reason or Sentence("未知。", "Not known.")
        told = zip(heads or [""] * len(made), made, strict=True)
        said = [" ".join((head, *shown(one.value, one.unit))).strip() for head, one in told]
        return True, Sentence(f"{'、'.join(said)}。", f"{', '.join(said)}.")

    def names(self, points: Iterable[str]) -> Sentence:
        """Points as people call them; of a node's rest or export the point it belongs to."""
        told = [self.service.names("point", point.partition(":")[0]) for point in dict.fromkeys(points)]
        return Sentence("、".join(zh for zh, _ in told), ", ".join(en for _, en in told))

    @cached_property
    def verdicts(self) -> list[Verdict]:
        """Of all standards of the site."""
        known, names = self.service.standards, self.service.config.file.standards
        return [v for name in names if name in known for v in judge(known[name], self.inputs).verdicts]


def _query(on: _Running) -> Answer:
    points = [p for p in on.found.flows.site.points if p.id in on.found.flows.points]
    silent = [p.id for p in points if not on.found.flows.points[p.id].known[-96:].any()]
    if not points or silent:
        names = on.names(silent)
        return False, Sentence(f"最近一日没有数据：{names.zh}。", f"No energy on the last day: {names.en}.")
    return True, Sentence(f"{len(points)} 个测点可查。", f"The energy of {len(points)} points can be asked for.")


def _intensity(on: _Running) -> Answer:
    return on.value("comprehensive_energy_tce", "energy_per_unit")


def _strategy(on: _Running) -> Answer:
    areas = area_use(on.found.flows, on.service.days)
    if not areas:
        return False, Sentence("未声明班次，无法分析空闲能耗。", "No shifts are declared: idle energy cannot be told.")
    if tariff_of(on.service.config) is None:
        return False, Sentence("未声明电价，无法推荐策略。", "No contract is declared: nothing can be recommended.")
    worst = max(areas, key=lambda area: area.idle)
    name, kwh = on.names(worst.points), f"{worst.idle / 1e6:,.0f} kWh"
    return True, Sentence(f"空闲能耗最大的区域：{name.zh}，{kwh}。", f"Most idle energy: {name.en}, {kwh}.")


def _benchmark(on: _Running) -> Answer:
    held = [v for v in on.verdicts if v.criterion.indicator in BENCHMARKS and v.value is not None
            and v.threshold is not None and not v.threshold_status.weak]  # fmt: skip
    if not held:
        return False, Sentence("没有可对标的限值。", "No value was held against a firm limit.")
    return True, Sentence(f"{len(held)} 项指标与限值比对。", f"{len(held)} values are held against firm limits.")


def _flow(on: _Running) -> Answer:
    drawn = sankey(on.found.flows)
    inner = [n.id for n in drawn.nodes if drawn.into(n.id) and drawn.out_of(n.id)]
    torn = [n for n in inner if drawn.into(n) != drawn.out_of(n)]
    if not inner or torn or drawn.lacking:
        lost = on.names([*(n for n in torn if n != BUS), *drawn.lacking])
        return False, Sentence(f"能流不完整：{lost.zh or '母线'}。", f"The flow is not whole: {lost.en or 'the bus'}.")
    return True, Sentence(f"{len(inner)} 个节点收支相等。", f"In and out are equal at {len(inner)} nodes.")


def _balance(on: _Running) -> Answer:
    found = residuals(on.found.flows)
    open_ = [r.node for r in found if not r.within]
    if not found:
        return False, Sentence("没有下级表。", "There are no meters below another.")
    if not on.inputs.measures or not any(v.steps for v in on.verdicts):
        return False, Sentence("没有声明措施，无法优化。", "No measure is declared: nothing can be improved by it.")
    said = f"{len(found) - len(open_)}/{len(found)}"
    zh = f"{said} 个节点在误差内平衡，已给出最省措施。"
    return True, Sentence(zh, f"{said} nodes close; cheapest measures given.")


def _budget(on: _Running) -> Answer:
    told = progress(on.service)["targets"]
    if not told:
        return False, Sentence("未声明目标。", "No target is declared.")
    path = told[0]["paths"]["own"]
    return path["on_track"] is not None, Sentence(path["zh"], path["en"])


def _accounts(on: _Running) -> Answer:
    faults = [f for f in on.found.balance.faults if f.incomplete]
    if faults or not on.found.balance.lines:
        return False, faults[0].sentence if faults else Sentence("没有账目。", "There is no line.")
    return on.value("gross_location", "gross_market", heads=("LB", "MB"))


def _footprint(on: _Running) -> Answer:
    return on.value("co2_per_unit")


def _suppliers(on: _Running) -> Answer:
    told = coverage(suppliers_of(on.service.source.entries.entries()))
    if not told["suppliers"]:
        return False, Sentence("没有导入供应商问卷。", "No supplier questionnaire was imported.")
    return told["answered"] > 0, Sentence(told["zh"], told["en"])


def _verification(on: _Running) -> Answer:
    from analytics.closing import closings

    whole = INDICATORS["traceability"](on.inputs)
    months = calendar.months(on.found.period, on.service.config.zone)
    closed = [m.label for m in months if closings(on.service.results, m.label)]
    if whole.value != 100:
        return False, Sentence("有账目缺少来源。", "A line lacks its series, factor or document.")
    if not closed:
        return False, Sentence("没有关账的月份（zcf close）。", "No month was closed yet (zcf close).")
    return True, Sentence(f"已关账：{'、'.join(closed)}。", f"Closed and frozen with hashes: {', '.join(closed)}.")


def _assets(on: _Running) -> Answer:
    ledger = on.service.ledger()
    if ledger.refused:
        return False, Sentence(f"{len(ledger.refused)} 笔被拒绝。", f"{len(ledger.refused)} entries are refused.")
    if not ledger.lots:
        return False, Sentence("台账为空（zcf ledger）。", "The ledger is empty (zcf ledger).")
    return True, Sentence(f"持有 {len(ledger.lots)} 批。", f"Lots held: {len(ledger.lots)}, none of them twice.")


def _intelligence(on: _Running) -> Answer:
    fit, watch = reconcile(on.found.flows), site_alerts(on.service)
    if not fit.first.freedom:
        return False, Sentence("没有可核对的表计。", "There are no meters to hold against each other.")
    if not watch["rules"]:
        return False, Sentence("没有告警规则。", "No rule watches.")
    rules = len(watch["rules"])
    zh = f"{fit.first.freedom} 个平衡方程核对表计，{rules} 条规则值守。"
    return True, Sentence(zh, f"{fit.first.freedom} balances check the meters; {rules} rules watch.")


FUNCTIONS: Mapping[str, tuple[str, str, Callable[[_Running], Answer]]] = {
    "energy_query": ("能耗查询", "Energy on request", _query),
    "consumption_intensity": ("能源消费量和强度计算", "Energy use and intensity", _intensity),
    "analysis_strategy": ("能源消费分析与用能策略推荐", "Analysis and strategy", _strategy),
    "benchmarking": ("能效对标", "Benchmarking", _benchmark),
    "energy_flow": ("能流分析", "Energy flow", _flow),
    "balance_optimisation": ("能效平衡与优化", "Balance and optimisation", _balance),
    "budget": ("用能与碳排放预算管理", "Energy and carbon budget", _budget),
    "carbon_accounting": ("碳排放核算", "Carbon accounting", _accounts),
    "product_footprint": ("产品碳足迹核算", "Product footprint", _footprint),
    "supply_chain": ("供应链碳管理", "Supply-chain carbon", _suppliers),
    "verification": ("碳核查支撑", "Support of verification", _verification),
    "carbon_assets": ("碳资产管理", "Carbon assets", _assets),
    "decision_support": ("智能分析与辅助决策支持", "Analysis and decision support", _intelligence),
}


def selftest(service: "FactoryService") -> tuple[Function, ...]:
    """All 13, each tried now on the last twelve months as far as they are known."""
    on = _Running(service)
    return tuple(Function(id_, Sentence(zh, en), *check(on)) for id_, (zh, en, check) in FUNCTIONS.items())


def counted(functions: tuple[Function, ...]) -> Indicator:
    """How many of them work, as the indicator that the standards ask for."""
    names = tuple(one.id for one in functions if one.works)
    return Indicator("centre_functions", float(len(names)), f"count/{len(FUNCTIONS)}", None, names, Status.NONE)


def selftest_document(functions: tuple[Function, ...]) -> Document:
    """The 13 rows."""
    rows = [{"id": f.id, "name": f.name.both(), "works": f.works, **f.says.both()} for f in functions]
    return {"works": sum(f.works for f in functions), "of": len(functions), "functions": rows}
