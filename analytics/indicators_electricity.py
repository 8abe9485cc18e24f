"""Indicators of electricity: green shares, matching in time, demand, storage, load shape."""

import numpy as np
from numpy.typing import NDArray

from analytics.grid import Flow
from analytics.indicator_inputs import (
    Indicator,
    Inputs,
    Scale,
    at_night,
    coal_equivalent,
    comprehensive_energy,
    covered,
    energy,
    hourly,
    incomplete,
    known_together,
    percent,
    ratio,
    unknown,
)
from analytics.market import InstrumentKind
from analytics.terms import Sentence, Status, weakest
from metering.reading import MICRO
from metering.site import Role

Float = NDArray[np.float64]
RENEWABLE = frozenset({"", "pv", "solar", "wind", "hydro", "biomass", "geothermal"})


def _fossil_generation(inputs: Inputs) -> bool:
    return any(p.activity not in RENEWABLE for p in inputs.role(Role.GENERATION))


def _bought_green(inputs: Inputs, *kinds: InstrumentKind) -> int:
    """Renewable kWh that usable instruments cover [1e-6 kWh]."""
    held = {i.id: i for i in inputs.balance.settings.instruments}
    green = [held[line.instrument] for line in inputs.balance.lines if line.instrument]
    names = {i.id for i in green if i.renewable and (not kinds or i.kind in kinds)}
    seen = {(line.point, line.year, line.instrument): line.amount.micro for line in inputs.balance.lines}
    return sum(micro for (_, _, name), micro in seen.items() if name in names)


def _green_share(id_: str, inputs: Inputs, bought: int) -> Indicator:
    lacking = incomplete(id_, "%", inputs)
    if lacking:
        return lacking
    if _fossil_generation(inputs):
        return unknown(
            id_, "%", "自发电含化石能源，需分别计量。", "Part of the own generation is not renewable: meter it apart."
        )
    use = inputs.flows.site_use.total()
    if use.micro <= 0:
        return unknown(id_, "%", "没有用电。", "No electricity was used.")
    own = inputs.flows.self_use.total().micro
    status = Status.DECLARED if bought else Status.NONE
    names = ("self_use", "site_use", *(i.id for i in inputs.balance.settings.instruments))
    return Indicator(
        id_, percent(own + bought, use.micro), "%", None, names, status, Scale(use.value / 100, "kWh"),
        parts={"own_kwh": own / MICRO, "bought_kwh": bought / MICRO},
    )  # fmt: skip


def renewable_share_physical(inputs: Inputs) -> Indicator:
    """Own generation used on site plus direct lines, over electricity used, storage losses included [%]."""
    return _green_share("renewable_share_physical", inputs, _bought_green(inputs, InstrumentKind.DIRECT_LINE))


def renewable_share_contractual(inputs: Inputs) -> Indicator:
    """The same plus certificates and contracts that meet the eight criteria, less attributes sold [%]."""
    sold = sum(inputs.balance.settings.attributes_sold.values())
    own = inputs.flows.self_use.total().micro
    return _green_share("renewable_share_contractual", inputs, _bought_green(inputs) - min(sold, own))


def renewable_purchased_share(inputs: Inputs) -> Indicator:
    """Of the electricity bought, the part covered by renewable instruments [%]."""
    id_ = "renewable_purchased_share"
    lacking = incomplete(id_, "%", inputs)
    if lacking:
        return lacking
    bought = inputs.flows.grid_import.total()
    if bought.micro <= 0:
        return unknown(id_, "%", "没有购入电力。", "No electricity was bought.")
    value = percent(_bought_green(inputs), bought.micro)
    names = ("grid_import", *(i.id for i in inputs.balance.settings.instruments))
    status = Status.DECLARED if value else Status.NONE
    return Indicator(id_, value, "%", None, names, status, Scale(bought.value / 100, "kWh"))


def renewable_energy_share(inputs: Inputs) -> Indicator:
    """Renewable electricity, own and bought with evidence, over comprehensive energy [%, tce over tce]."""
    id_ = "renewable_energy_share"
    share, coal = renewable_share_contractual(inputs), comprehensive_energy(inputs)
    if share.value is None:
        return Indicator(id_, None, "%", share.reason, share.inputs)
    if isinstance(coal, Sentence):
        return Indicator(id_, None, "%", coal, share.inputs)
    if coal.total <= 0:
        return unknown(id_, "%", "没有用能。", "No energy was used.")
    value = share.value * coal.electricity / coal.total
    scale = Scale(coal.total / 100 / coal.per_kwh, "kWh")
    return Indicator(id_, value, "%", None, share.inputs, weakest((share.status, coal.status)), scale, parts=coal.parts)


def electrification_rate(inputs: Inputs) -> Indicator:
    """Electricity over comprehensive energy, at the equivalent value 0.1229 kgce/kWh [%]."""
    id_ = "electrification_rate"
    lacking, coal = incomplete(id_, "%", inputs), comprehensive_energy(inputs)
    if lacking:
        return lacking
    if isinstance(coal, Sentence):
        return Indicator(id_, None, "%", coal)
    if coal.total <= 0:
        return unknown(id_, "%", "没有用能。", "No energy was used.")
    value = percent(coal.electricity, coal.total)
    return Indicator(
        id_, value, "%", None, tuple(coal.parts), coal.status, Scale(coal.total / 100, "tce"), parts=coal.parts
    )


def comprehensive_energy_tce(inputs: Inputs) -> Indicator:
    """All energy used in coal equivalent [tce]; GB/T 2589, equivalent value."""
    lacking, coal = incomplete("comprehensive_energy_tce", "tce", inputs), comprehensive_energy(inputs)
    if lacking:
        return lacking
    if isinstance(coal, Sentence):
        return Indicator("comprehensive_energy_tce", None, "tce", coal)
    return Indicator(
        "comprehensive_energy_tce", coal.total, "tce", None, tuple(coal.parts), coal.status, parts=coal.parts
    )


def comprehensive_energy_tce_equal_value(inputs: Inputs) -> Indicator:
    """The same with bought electricity at the coal it took, 等价值 [tce]; GB/T 2589 sets no value for a year.

    The site declares it: activity standard_coal.electricity.equal_value. Own generation stays at the equivalent value.
    """
    id_ = "comprehensive_energy_tce_equal_value"
    lacking, coal = incomplete(id_, "tce", inputs), comprehensive_energy(inputs)
    if lacking:
        return lacking
    bought = inputs.flows.grid_import.total()
    made = coal_equivalent(inputs, "electricity.equal_value", bought.micro, bought.unit)
    if isinstance(coal, Sentence):
        return Indicator(id_, None, "tce", coal)
    if isinstance(made, Sentence):
        return Indicator(id_, None, "tce", made + _undeclared())
    same = float(coal.per_kwh * bought.value)
    parts = {**coal.parts, "electricity": coal.electricity - same, "electricity.bought": made[0]}
    status = weakest((coal.status, made[1].status))
    return Indicator(id_, coal.total - same + made[0], "tce", None, tuple(parts), status, parts=parts)


def _undeclared() -> Sentence:
    return Sentence(
        "请在站点文件 factors 中申报当年等价值（gas: none）。",
        "Declare the year's value in the site file's factors: (gas: none).",
    )


def self_use_rate(inputs: Inputs) -> Indicator:
    """Generation used on site over generation [%]; export is taken first from generation, quarter by quarter."""
    if not inputs.role(Role.GENERATION):
        return unknown("self_use_rate", "%", "没有自发电。", "There is no own generation.")
    return ratio("self_use_rate", inputs.flows.self_use, inputs.flows.generation, inputs=("generation", "grid_export"))


def self_sufficiency(inputs: Inputs) -> Indicator:
    """Own generation used on site over all electricity used, storage losses included [%]."""
    if not inputs.role(Role.GENERATION):
        return unknown("self_sufficiency", "%", "没有自发电。", "There is no own generation.")
    return ratio("self_sufficiency", inputs.flows.self_use, inputs.flows.site_use, inputs=("generation", "site_use"))


def annual_match(inputs: Inputs) -> Indicator:
    """Generation over load, time ignored [%]; may exceed 100."""
    return ratio(
        "annual_match", inputs.flows.generation, inputs.flows.consumption, inputs=("generation", "consumption")
    )


def matched(load: Float, clean: Float) -> float:
    """Σ min(load, clean) / Σ load [1]; energy never moves to another hour (matched.energy, tza-google-cfe)."""
    total = float(load.sum())
    return float(np.minimum(load, clean).sum()) / total if total > 0 else 0.0


def clean_discharge(charge: Float, clean_charge: Float, discharge: Float) -> Float:
    """How much of each hour's discharge was charged clean; the content mixes, what was there first is not clean.

    Hour by hour by nature: the mix in the battery depends on the hour before.
    """
    put, taken = float(charge.sum()), float(discharge.sum())
    efficiency = min(1.0, taken / put) if put > 0 else 0.0
    content = clean = 0.0
    out = np.zeros(len(charge))
    for hour, (c, g, d) in enumerate(zip(charge.tolist(), clean_charge.tolist(), discharge.tolist(), strict=True)):
        content, clean = content + c * efficiency, clean + g * efficiency
        share = clean / max(content, d) if max(content, d) > 0 else 0.0
        out[hour] = d * share
        content, clean = max(0.0, content - d), max(0.0, clean - float(out[hour]))
    return out


def _hours(inputs: Inputs) -> tuple[Float, Float, Float, float]:
    """Hourly load, generation, clean discharge [kWh], and the share of the period that is known."""
    flows = inputs.flows
    mask = known_together(flows.consumption, flows.generation, flows.charge, flows.discharge)
    load, made, charge, given = (
        hourly(np.where(mask, one.energy, 0) / MICRO, inputs)
        for one in (flows.consumption, flows.generation, flows.charge, flows.discharge)
    )
    spare = np.maximum(made - np.maximum(load, 0), 0)
    return np.maximum(load, 0), made, clean_discharge(charge, np.minimum(charge, spare), given), covered(mask)


def hourly_match(inputs: Inputs) -> Indicator:
    """Load matched in the same hour by own clean generation or clean storage, no grid share [%]."""
    id_ = "hourly_match"
    if not inputs.role(Role.GENERATION):
        return unknown(id_, "%", "没有自发电。", "There is no own generation.")
    if _fossil_generation(inputs):
        return unknown(id_, "%", "自发电含化石能源。", "Part of the own generation is not renewable.")
    load, made, stored, coverage = _hours(inputs)
    total = float(load.sum())
    if total <= 0:
        return unknown(id_, "%", "没有用电或未知。", "No load is known.")
    names = ("generation", "consumption", "storage")
    return Indicator(
        id_, 100 * matched(load, made + stored), "%", None, names, Status.NONE, Scale(total / 100, "kWh"), coverage
    )


def cfe_score(inputs: Inputs) -> Indicator:
    """Clean generation less excess plus the grid's clean share of import, over load + charge − discharge [%].

    tza-google-cfe constraint 2. No hourly clean share of China's grid is public: 0 unless `grid_cfe_share` is declared.
    """
    flows = inputs.flows
    mask = known_together(flows.generation, flows.grid_export, flows.grid_import, flows.site_use)
    use = energy(flows.site_use, mask)
    if use <= 0:
        return unknown("cfe_score", "%", "没有用电或未知。", "No load is known.")
    share = inputs.facts.get("grid_cfe_share", 0.0)
    clean = energy(flows.self_use, mask) + share * energy(flows.grid_import, mask)
    status = Status.DECLARED if share else Status.NONE
    return Indicator(
        "cfe_score", percent(clean, use), "%", None, ("generation", "grid_import", "grid_export"), status,
        Scale(use / 100, "kWh"), covered(mask), parts={"grid_cfe_share": share},
    )  # fmt: skip


def peak_demand(inputs: Inputs) -> Indicator:
    """The highest mean power of a quarter-hour at the grid connection [kW]."""
    flow = inputs.flows.grid_import
    known = flow.energy[flow.known]
    if not len(known):
        return unknown("peak_demand", "kW", "购电量未知。", "The grid import is not known.")
    return Indicator(
        "peak_demand", int(known.max()) * 4 / MICRO, "kW", None, ("grid_import",), coverage=covered(flow.known)
    )


def load_factor(inputs: Inputs) -> Indicator:
    """Mean over highest quarter-hour of grid import [%]."""
    flow = inputs.flows.grid_import
    known = flow.energy[flow.known]
    if not len(known) or int(known.max()) <= 0:
        return unknown("load_factor", "%", "购电量未知或为零。", "The grid import is zero or not known.")
    value = percent(int(known.sum()), int(known.max()) * len(known))
    return Indicator("load_factor", value, "%", None, ("grid_import",), coverage=covered(flow.known))


def night_share(inputs: Inputs) -> Indicator:
    """Consumption between the site's night hours over all consumption [%]."""
    flow = inputs.flows.consumption
    night = Flow(np.where(at_night(inputs), flow.energy, 0), flow.placed, flow.flags, flow.unit)
    return ratio("night_share", night, flow, inputs=("consumption",))


def base_load_share(inputs: Inputs) -> Indicator:
    """The load that never sleeps: its 5 % quantile over the mean [%]."""
    flow = inputs.flows.consumption
    known = flow.energy[flow.known]
    if not len(known) or float(known.mean()) <= 0:
        return unknown("base_load_share", "%", "用电量未知或为零。", "The consumption is zero or not known.")
    value = percent(float(np.quantile(known, 0.05)), float(known.mean()))
    return Indicator("base_load_share", value, "%", None, ("consumption",), coverage=covered(flow.known))
