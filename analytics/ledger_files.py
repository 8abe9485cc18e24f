"""data/ledger.yaml -> what may be held in the ledger, and its vintage rules; every fault at once, with its line."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field

from analytics.factor_files import DATA, BothNames, Sheet, merged
from analytics.ledger import Asset
from analytics.terms import Sentence, Status
from metering.config import ConfigError, Fault, Strict, read, validate


class AssetRow(Strict):
    """One kind of unit."""

    asset: str
    family: Literal["certificate", "credit", "allowance"]
    unit: Literal["MWh", "tCO2e"]
    kind: Literal["certificate", "contract", "credit", "allowance"]
    name: BothNames
    years_before: int = Field(ge=0)
    valid_months: int | None = Field(gt=0)
    exclusive_with: tuple[str, ...] = ()
    status: Status
    source: str


def load_assets(data: Path = DATA) -> Mapping[str, Asset]:
    """What may be held, by its id; ConfigError otherwise."""
    document = read(data / "ledger.yaml")
    faults: list[Fault] = []
    sheet = validate(document, Sheet)
    rows = [row for _, row in merged(document, sheet, AssetRow, faults)]
    if faults:
        raise ConfigError(faults)
    return {
        r.asset: Asset(
            r.asset, r.family, r.unit, r.kind, Sentence(r.name.zh, r.name.en), r.years_before, r.valid_months,
            frozenset(r.exclusive_with), r.status, sheet.sources[r.source],
        )
        for r in rows
    }  # fmt: skip
