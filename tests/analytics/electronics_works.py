"""An electronics works as the page's service would tell of it: power and energy as functions of the time alone."""

import math
from collections.abc import Mapping
from typing import Any

from metering import period as calendar
from metering.site import Role
from tests.analytics import electronics_documents as documents
from tests.analytics import electronics_judged as judged
from tests.analytics import electronics_more as more

Document = dict[str, Any]
QUARTER_MS = 900_000
LOADS = {  # id: (zh, en, end use, kW by day, kW by night)
    "smt": ("贴片车间（SMT）", "SMT workshop", "process", 412.0, 96.0),
    "assembly": ("整机装配车间", "Assembly workshop", "process", 138.0, 22.0),
    "burn_in": ("测试与老化车间", "Test and burn-in", "process", 236.0, 188.0),
    "chillers": ("冷水机组与蓄冷罐", "Chillers and cold store", "cooling", 164.0, 148.0),
    "air": ("空压站", "Compressor room", "compressed_air", 121.0, 41.0),
    "forklifts": ("叉车充电", "Forklift charging", "transport", 14.0, 38.0),
    "office": ("办公与照明", "Offices and lighting", "building", 43.0, 9.0),
}
SOURCES = {  # id: (role, carrier, zh, en)
    "grid": ("grid", "electricity", "市电 10 kV 进线", "10 kV grid connection"),
    "pv_1": ("generation", "electricity", "光伏一期（2021）", "PV phase 1 (2021)"),
    "pv_2": ("generation", "electricity", "光伏二期（2024）", "PV phase 2 (2024)"),
    "battery": ("storage", "electricity", "储能 500 kWh", "Battery 500 kWh"),
    "gas": ("fuel", "natural_gas", "天然气锅炉", "Gas boiler"),
    "heat_recovery": ("heat", "heat", "空压机余热回收", "Compressor heat recovery"),
}
CONTROLLER = ("air", "compressed_air", "空压机控制器", "Compressor controller")


def day_share(ms: int) -> float:
    """0 at night, 1 in a working day at the site (UTC+8)."""
    hour = (ms / 3_600_000 + 8) % 24
    return 0.5 * (math.tanh((hour - 7.6) * 2) - math.tanh((hour - 20.5) * 2))


def ripple(ms: int, seed: float) -> float:
    """A little life around 1."""
    return 1 + 0.03 * math.sin(ms / 3_100 + seed) + 0.02 * math.sin(ms / 11_700 + 2 * seed)


def powers(ms: int) -> dict[str, float]:
    """Every node's power [kW]: sources into the site, loads and the battery into themselves."""
    hour = (ms / 3_600_000 + 8) % 24
    sun = max(0.0, math.sin((hour - 6) / 12 * math.pi)) ** 1.3 * (0.86 + 0.1 * math.sin(ms / 47_000))
    kw = {}
    for seed, (point, (*_, by_day, by_night)) in enumerate(LOADS.items()):
        kw[point] = (by_night + (by_day - by_night) * day_share(ms)) * ripple(ms, seed)
    kw |= {"pv_1": 310 * sun, "pv_2": 520 * sun * ripple(ms, 9)}
    kw["battery"] = 240.0 * max(0.0, sun - 0.5) - (95.0 * ripple(ms, 5) if 18 < hour < 22 else 0.0)
    losses = 0.018 * sum(kw[p] for p in LOADS)
    kw["grid"] = sum(kw[p] for p in LOADS) + losses + kw["battery"] - kw["pv_1"] - kw["pv_2"]
    return kw | {"gas": 184 * ripple(ms, 3), "heat_recovery": 62 * ripple(ms, 4) * (0.4 + 0.6 * day_share(ms))}


def name(zh: str, en: str) -> Mapping[str, str]:
    return {"zh": zh, "en": en}


class Works:
    """The service over these functions; the clock is given, so that a test can hold it still."""

    def __init__(self, now: Any) -> None:
        self.now = now
        self.stale: set[str] = set()

    def site(self) -> Document:
        boundary = [self._source(p) for p in SOURCES]
        loads = [
            {"id": p, "role": "load", "carrier": "electricity", "parent": "grid", "name": name(zh, en), "area": p,
             "equipment": p, "end_use": use, "rated_power": 500.0}
            for p, (zh, en, use, *_) in LOADS.items()
        ]  # fmt: skip
        return {
            "id": "tianjin", "name": name("天津电子整机工厂", "Tianjin electronics works"), "timezone": "Asia/Shanghai",
            "grid": {"country": "CN", "region": "north", "province": "天津"},
            "points": [*boundary, *loads, self._source("controller")], "devices": [],
            "origin": {"history_until_ms": self.now() - 3 * 3_600_000}, "languages": ["zh", "en"],
        }  # fmt: skip

    def _source(self, point: str) -> Document:
        role, carrier, zh, en = SOURCES.get(point, CONTROLLER)
        return {"id": point, "role": role, "carrier": carrier, "parent": None, "name": name(zh, en), "area": "",
                "equipment": "air" if point == "controller" else "", "end_use": "", "rated_power": 400.0}  # fmt: skip

    def live(self) -> Document:
        now = self.now()
        kw = powers(now)
        nodes = [self._node(p, SOURCES[p][0], name(*SOURCES[p][2:]), kw[p], now) for p in SOURCES]
        nodes += [self._node(p, str(Role.LOAD), name(*LOADS[p][:2]), kw[p], now) for p in LOADS]
        points = {n["id"]: self._readings(n, now) for n in nodes}
        points["gas"]["gas_flow"] = {"value": kw["gas"] / 9.9, "unit": "m³/h", "time_ms": now - 400, "quality": 0}
        hours = {"load_hours": 8_124.0, "run_hours": 9_950.0}
        points["controller"] = {
            q: {"value": v, "unit": "h", "time_ms": now - 400, "quality": 0} for q, v in hours.items()
        }
        points["controller"]["air_pressure"] = {"value": 7.12, "unit": "bar", "time_ms": now - 400, "quality": 0}
        return {"now_ms": now, "points": points, "flow": {"nodes": nodes, "balance": self._balance(kw)}}

    def _node(self, point: str, role: str, named: Mapping[str, str], kw: float, now: int) -> Document:
        old = 95_000 if point in self.stale else 400
        soc = 50 + 30 * math.sin(now / 7_200_000) if role == "storage" else None
        stale = point in self.stale
        return {"id": point, "role": role, "name": named, "kw": kw, "time_ms": now - old, "stale": stale, "soc": soc}

    def _readings(self, node: Document, now: int) -> Document:
        then = node["time_ms"]
        return {
            "active_power": {"value": node["kw"], "unit": "kW", "time_ms": then, "quality": 0},
            "active_energy_import": {"value": now // 3_600_000 * 17.25, "unit": "kWh", "time_ms": then, "quality": 0},
            "voltage_l1": {"value": 231.4 + math.sin(now / 9_000), "unit": "V", "time_ms": then, "quality": 0},
            "power_factor": {"value": 0.968, "unit": "1", "time_ms": then, "quality": 0},
        }

    def _balance(self, kw: Mapping[str, float]) -> Document:
        made, used = kw["pv_1"] + kw["pv_2"], sum(kw[p] for p in LOADS) * 1.018
        out = max(0.0, -kw["grid"])
        return {
            "grid_import_kw": max(0.0, kw["grid"]), "grid_export_kw": out, "generation_kw": made,
            "charge_kw": max(0.0, kw["battery"]), "discharge_kw": max(0.0, -kw["battery"]), "consumption_kw": used,
            "self_share": (made + max(0.0, -kw["battery"]))
            / (made + max(0.0, -kw["battery"]) + max(0.0, kw["grid"])),
        }  # fmt: skip

    def energy(self, period: str, resolution: str = "15min") -> Document:
        """Its quarter-hours, whatever is asked for."""
        asked = calendar.parse(period, calendar.ZoneInfo("Asia/Shanghai"))
        now = self.now()
        grid = list(range(asked.start_ms, min(asked.end_ms, now - now % QUARTER_MS + QUARTER_MS), QUARTER_MS))
        hours = [self._balance(powers(ms + QUARTER_MS // 2)) for ms in grid]
        columns = ("grid_import", "grid_export", "generation", "charge", "discharge", "consumption")
        series: dict[str, list[float | None]] = {c: [h[f"{c}_kw"] / 4 for h in hours] for c in columns}
        series["self_use"] = [(h["generation_kw"] - h["grid_export_kw"]) / 4 for h in hours]
        for column in series.values():
            column[37:40] = [None] * len(column[37:40])
        return {
            "resolution": "15min",
            "start_ms": grid,
            "series": series,
            "placed": [n for n in (30, 31) if n < len(grid)],
            "provisional_from_ms": now - now % QUARTER_MS - 2 * QUARTER_MS,
        }

    def balance(self, period: str) -> Document:
        asked = calendar.parse(period, calendar.ZoneInfo("Asia/Shanghai"))
        days = max(0.0, min(asked.end_ms, self.now()) - asked.start_ms) / 86_400_000
        body = documents.balance(asked, self.now(), days)
        energy = {"charge_kwh": 310.0 * days, "discharge_kwh": 280.0 * days, **body["energy"]}
        doubt = more.uncertainty(body["totals"])
        return {**body, "energy": energy, "uncertainty": doubt, "entries": more.entries(self.now())}

    def matching(self, period: str) -> Document:
        """Two days of hours, one of them not known."""
        clean = [max(0.0, 100 * math.sin((hour - 6) / 12 * math.pi)) for hour in range(24)]
        day: list[float | None] = [min(1.0, kwh / 80) for kwh in clean]
        heat = {"days": ["2026-11-19", "2026-11-20"], "match": [day, [None, *day[1:]]],
                "load_kwh": [[80.0] * 24, [None, *[80.0] * 23]], "clean_kwh": [clean, [None, *clean[1:]]]}  # fmt: skip
        body = {"annual_match": 0.44, "hourly_match": 0.335, "cfe_score": 0.22, "coverage": 47 / 48, "heat_map": heat}
        return {"site": "electronics-works", "period": {"label": period}, **body}

    def tree(self, period: str) -> Document:
        asked = calendar.parse(period, calendar.ZoneInfo("Asia/Shanghai"))
        hours = max(1.0, (min(asked.end_ms, self.now()) - asked.start_ms) / 3_600_000)
        kwh = {p: abs(kw) * hours for p, kw in powers(self.now()).items() if p not in {"gas", "heat_recovery"}}
        names = {p: v[:2] for p, v in LOADS.items()} | {p: v[2:] for p, v in SOURCES.items()}
        return more.tree(asked, kwh, names)

    def indicators(self, period: str) -> Document:
        return more.indicators(calendar.parse(period, calendar.ZoneInfo("Asia/Shanghai")))

    def score(self, standard: str | None) -> Document:
        return documents.score(standard)

    def claims(self, period: str | None = None) -> Document:
        return judged.claims()

    def targets(self, year: int | None = None) -> Document:
        return judged.targets()

    def selftest(self) -> Document:
        return judged.selftest()

    def quality(self) -> Document:
        return documents.quality(self.now(), [*SOURCES, *LOADS])

    def alerts(self) -> Document:
        return documents.alerts(self.now())
