"""The measures a site declares in its file: rows -> nouns, every fault with its line and the mend."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from analytics.measures import Effect, Measure
from analytics.site_inputs import checked
from analytics.terms import Sentence
from metering.config import Document, Strict
from metering.fields import Identifier, Name, Named, Text

UNITS = {
    Effect.ELECTRICITY: "kWh", Effect.GENERATION: "kWh", Effect.GREEN_POWER: "kWh", Effect.HEAT: "GJ",
    Effect.OFFSET: "tCO2e", Effect.EVIDENCE: "document",
}  # fmt: skip
Positive = Annotated[float, Field(gt=0)]
Driver = Literal["production", "workdays", "air_volume", "heating_degrees", "cooling_degrees"]
Least = Annotated[float, Field(ge=0)]


class MeasureRow(Strict):
    """One measure."""

    id: Identifier
    name: Named = Name()
    effect: Effect
    unit: str = ""
    saving: Positive | None = None  # [unit a year]
    cost: Least = 0.0
    years: Positive = 1.0
    running: float = 0.0
    price: Least = 0.0
    worth: float | None = None
    activity: str = ""
    moves: dict[str, Positive] = Field(default_factory=dict)
    provides: str = ""
    excludes: tuple[str, ...] = ()
    document: Text = ""
    boundary: str = ""
    done: date | None = None
    point: str = ""
    drivers: tuple[Driver, ...] = ()
    option: Literal["", "A", "B", "C", "D"] = ""

    @model_validator(mode="after")
    def _whole(self) -> "MeasureRow":
        if self.saving is None and not self.price and self.effect is not Effect.EVIDENCE:
            raise ValueError("say how much it saves a year (saving), or what each unit costs (price)")
        if self.effect is Effect.EVIDENCE and not self.provides:
            raise ValueError("say which evidence it brings (provides: the key)")
        if self.effect is Effect.FUEL and not self.activity:
            raise ValueError("say which fuel it saves (activity: natural_gas.at_20c)")
        if self.effect is Effect.OTHER and not self.moves:
            raise ValueError("say which indicator it moves by how much a unit (moves: {night_air_share: 1})")
        wanted = UNITS.get(self.effect)
        if self.unit and wanted and self.unit != wanted:
            raise ValueError(f"a measure of {self.effect.value} is counted in {wanted}")
        if not self.unit and wanted is None:
            raise ValueError("say in which unit it saves (unit: m³)")
        return self


def measures(rows: Iterable[Mapping[str, Any]], document: Document | None = None) -> tuple[Measure, ...]:
    """The measures of a site; ConfigError with every fault."""
    return tuple(_measure(row) for row in checked(rows, MeasureRow, document, "measures"))


def _measure(row: MeasureRow) -> Measure:
    name = Sentence(row.name.zh or row.id, row.name.en or row.id)
    saving = 1.0 if row.effect is Effect.EVIDENCE else row.saving
    return Measure(
        row.id, name, row.effect, row.unit or UNITS[row.effect], saving, row.cost, row.years, row.running, row.price,
        row.worth, row.activity, row.moves or None, row.provides, frozenset(row.excludes), row.document,
        row.boundary, row.done, row.point, row.drivers, row.option,
    )  # fmt: skip
