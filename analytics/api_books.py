"""What the site holds and what it made, over HTTP, to be read: the ledger, the position book of a year, work orders."""

from typing import Annotated, Any, Literal, Protocol, cast

from fastapi import APIRouter, Depends, Query, Request

from analytics.api_period import InPeriod

Document = dict[str, Any]


class Books(Protocol):
    """What is asked of the service; each answer is a JSON-ready document."""

    def holdings(self) -> Document:
        """Every lot with what left it for whom, and what was refused and why."""
        ...

    def position(self, year: int | None = None, basis: str = "scope1") -> Document:
        """The allowances of a compliance year: held, needed, short."""
        ...

    def orders(self, period: str) -> Document:
        """Work orders of a period with their energy and carbon; with the idle they close against the meters."""
        ...


def _books(request: Request) -> Books:
    return cast("Books", request.app.state.service)


Asked = Annotated[Books, Depends(_books)]
books = APIRouter()


@books.get("/ledger")
def ledger(held: Asked) -> Document:
    """Green power, certificates, credits and allowances: every lot, what left it for whom, what was refused."""
    return held.holdings()


@books.get("/position")
def position(
    held: Asked, year: Annotated[int | None, Query(ge=1971, le=2200)] = None,
    basis: Annotated[Literal["scope1", "gross_location"], Query(description="what is to be covered")] = "scope1",
) -> Document:  # fmt: skip
    """The allowances of a compliance year, this one by default: held, needed, short [tCO2e]."""
    return held.position(year, basis)


@books.get("/orders")
def orders(held: Asked, period: InPeriod) -> Document:
    """Work orders of a period with energy and carbon [kWh, kgCO2]; with the idle they close against the meters."""
    return held.orders(period)
