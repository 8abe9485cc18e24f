"""What the documents hold at least, for OpenAPI: the head of each; the rest is told by the documents themselves."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class _Shape(BaseModel):
    model_config = ConfigDict(extra="allow")


class Name(_Shape):
    """A name in both languages."""

    zh: str
    en: str


class SiteShape(_Shape):
    """Who the site is."""

    id: str
    name: Name
    timezone: str
    points: list[dict[str, Any]]
    devices: list[dict[str, Any]]


class LiveShape(_Shape):
    """The newest readings by point and quantity, and the flow [kW]."""

    now_ms: int
    points: dict[str, dict[str, Any]]
    flow: dict[str, Any]


class BalanceShape(_Shape):
    """Energy [kWh] and carbon [kgCO2] of a period."""

    period: dict[str, Any]
    settled_until_ms: int | None
    provisional: bool
    energy: dict[str, Any]
    lines: list[dict[str, Any]]
    totals: dict[str, Any]


class EnergyShape(_Shape):
    """The quarter-hours, hours, days or months of a period [kWh]; null where nothing is known."""

    resolution: str
    start_ms: list[int]
    series: dict[str, list[float | None]]


class TreeShape(_Shape):
    """The meter tree of a period."""

    period: dict[str, Any]
    nodes: list[dict[str, Any]]
    sankey: dict[str, Any]


class ScoreShape(_Shape):
    """The verdicts of a standard."""

    standard: dict[str, Any]
    verdicts: list[dict[str, Any]]


class QualityShape(_Shape):
    """How far the numbers can be trusted."""

    window_ms: list[int]
    ticks: dict[str, Any]
    coverage: float | None
    open_items: list[dict[str, Any]]


class AlertShape(_Shape):
    """One alert."""

    key: str
    rule: str
    severity: str
    state: str
    text: Name
    since_ms: int
    resolved_ms: int | None


class AlertsShape(_Shape):
    """What fires now, and what was."""

    now_ms: int
    stale: bool
    counts: dict[str, int]
    alerts: list[AlertShape]
    history: list[AlertShape]
    rules: list[dict[str, Any]]
    receivers: list[dict[str, Any]]


class LedgerShape(_Shape):
    """What is held, what left it, what was refused."""

    lots: list[dict[str, Any]]
    refused: list[dict[str, Any]]
    totals: dict[str, dict[str, Any]]


class PositionShape(_Shape):
    """The allowances of a year [tCO2e]."""

    year: int
    unit: str
    allocated: float
    bought: float
    sold: float
    surrendered: float
    free: float
    obligation: dict[str, Any] | None
    gap: float | None


class OrdersShape(_Shape):
    """Work orders of a period [kWh, kgCO2]."""

    period: dict[str, Any]
    orders: list[dict[str, Any]]
    sets: list[dict[str, Any]]


class MatchingShape(_Shape):
    """Clean electricity against load by the hour [1]."""

    annual_match: float | None
    hourly_match: float | None
    cfe_score: float | None
    coverage: float
    heat_map: dict[str, Any]


class IndicatorsShape(_Shape):
    """Every indicator of a period by name."""

    period: dict[str, Any]
    indicators: dict[str, dict[str, Any]]


class Condition(_Shape):
    """What a label asks for, and whether it holds."""

    id: str
    name: Name
    outcome: str
    holds: bool
    reason: Name


class Claim(_Shape):
    """One label."""

    id: str
    name: Name
    granted: bool
    says: Name
    conditions: list[Condition]


class ClaimsShape(_Shape):
    """The ladder of labels, weakest first."""

    year: int
    whole_year: bool
    claims: list[Claim]


class TargetsShape(_Shape):
    """The months of a year against each target [tCO2e]."""

    year: int
    today: str
    rate_percent_a_year: float
    targets: list[dict[str, Any]]
    fiscal_year: dict[str, Any]


class Function(_Shape):
    """One of the 13 functions, and what it said."""

    id: str
    name: Name
    works: bool
    zh: str
    en: str


class SelftestShape(_Shape):
    """The 13 functions of an energy-carbon management centre."""

    works: int
    of: int
    functions: list[Function]


class WhoamiShape(_Shape):
    """Whose token a request carried; no token's id at the machine itself."""

    name: str
    role: str
    token: str | None


class EntryShape(_Shape):
    """What somebody entered: who, why, when."""

    id: str
    kind: str
    who: str
    why: str
    at_ms: int
    body: dict[str, Any]


class EntriesShape(_Shape):
    """The newest entries, oldest first; each says whether it is in force; `of` is how many there are in all."""

    entries: list[EntryShape]
    of: int


class TokensShape(_Shape):
    """Every token, without what would open anything."""

    tokens: list[dict[str, Any]]


class AuditShape(_Shape):
    """The newest lines of the audit log; no faults means that the chain is whole."""

    lines: list[dict[str, Any]]
    faults: list[str]


SHAPES: dict[str, type[BaseModel]] = {
    "site": SiteShape, "live": LiveShape, "balance": BalanceShape, "energy": EnergyShape, "tree": TreeShape,
    "matching": MatchingShape, "indicators": IndicatorsShape, "score": ScoreShape, "quality": QualityShape,
    "alerts": AlertsShape, "claims": ClaimsShape, "targets": TargetsShape, "selftest": SelftestShape,
    "whoami": WhoamiShape, "entries": EntriesShape, "tokens": TokensShape, "audit": AuditShape,
    "ledger": LedgerShape, "position": PositionShape, "orders": OrdersShape,
}  # fmt: skip


def told_as(view: str) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of a document's answer."""
    return {200: {"model": SHAPES[view]}}
