"""orders.yaml -> entries of work orders; every fault at once, with its line."""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from analytics.corrections import Entered, in_force
from analytics.work_orders import WorkOrder, doubled
from metering.config import ConfigError, Document, Fault, Strict, read, validate
from metering.fields import Identifier, Text
from metering.period import to_ms

KIND = "work_order"


class OrderRow(Strict):
    """One work order, by the site's clock."""

    id: Identifier
    product: Text
    points: tuple[str, ...] = Field(min_length=1)
    units: int = Field(ge=0)
    start: datetime = Field(alias="from")
    end: datetime = Field(alias="to")

    @field_validator("start", "end", mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        return value if isinstance(value, datetime) else datetime.fromisoformat(str(value))

    @model_validator(mode="after")
    def _in_order(self) -> "OrderRow":
        if self.end.replace(tzinfo=None) <= self.start.replace(tzinfo=None):
            raise ValueError(f"to {self.end} is not after from {self.start}; swap the two")
        return self

    def freeze(self, zone: ZoneInfo) -> WorkOrder:
        """The noun."""
        start, end = (t if t.tzinfo else t.replace(tzinfo=zone) for t in (self.start, self.end))
        return WorkOrder(self.id, self.product, tuple(sorted(self.points)), self.units, to_ms(start), to_ms(end))


class OrderFile(Strict):
    """The whole file."""

    work_orders: tuple[OrderRow, ...]


def read_orders(
    path: Path, zone: ZoneInfo, points: Collection[str], held: Sequence[Entered] = ()
) -> list[dict[str, Any]]:
    """The orders of a file as entry bodies; ConfigError with every fault at its line."""
    document = read(path)
    rows = validate(document, OrderFile).work_orders
    faults = list(_faults(document, rows, zone, points, held))
    if faults:
        raise ConfigError(sorted(faults, key=lambda fault: fault.line))
    frozen = [row.freeze(zone) for row in rows]
    return [
        {"row": json.loads(row.model_dump_json(by_alias=True)), "start_ms": one.start_ms, "end_ms": one.end_ms}
        for row, one in zip(rows, frozen, strict=True)
    ]


def _faults(
    document: Document, rows: Sequence[OrderRow], zone: ZoneInfo, points: Collection[str], held: Iterable[Entered]
) -> Iterator[Fault]:
    before = orders_of(held, zone)
    seen = {order.id for order in before}
    for index, row in enumerate(rows):
        if row.id in seen:
            yield document.fault(("work_orders", index, "id"), f"{row.id!r} is entered already", "undo it first")
        seen.add(row.id)
        for unknown in sorted(set(row.points) - set(points)):
            mend = f"one of: {', '.join(points)}"
            yield document.fault(("work_orders", index, "points"), f"{unknown!r} is not a metering point", mend)
    twice = doubled([*before, *(row.freeze(zone) for row in rows)])
    for index, row in enumerate(rows):
        for point in sorted(set(row.points) & twice.keys()):
            mend = "name the same points in every order of a line: its energy would be counted twice"
            yield document.fault(("work_orders", index, "points"), f"{point!r} is in another set of points too", mend)


def orders_of(entries: Iterable[Entered], zone: ZoneInfo) -> list[WorkOrder]:
    """The work orders in force."""
    rows = [e.body["row"] for e in in_force(entries) if e.kind == KIND]
    return [OrderRow.model_validate(row).freeze(zone) for row in rows]
