"""What a site has earned and how it goes, over HTTP: claims, targets, the self-test of the 13 functions."""

from typing import Annotated, Any, Protocol, cast

from fastapi import APIRouter, Depends, Query, Request

Document = dict[str, Any]


class Judge(Protocol):
    """What is asked of the service; each answer is a JSON-ready document with its reasons."""

    def claims(self, period: str | None = None) -> Document:
        """Which labels are earned over the last twelve months, and what each of the others lacks."""
        ...

    def targets(self, year: int | None = None) -> Document:
        """The months of a year against each target, and the renewable share of the fiscal year."""
        ...

    def selftest(self) -> Document:
        """The 13 functions: which gives its answer from this site's data, and what the others lack."""
        ...


def _judge(request: Request) -> Judge:
    return cast("Judge", request.app.state.service)


Asked = Annotated[Judge, Depends(_judge)]
judgements = APIRouter()


@judgements.get("/claims")
def claims(judge: Asked) -> Document:
    """Which labels are earned, and what each of the others lacks."""
    return judge.claims()


@judgements.get("/targets")
def targets(judge: Asked, year: Annotated[int | None, Query(ge=1971, le=2200)] = None) -> Document:
    """On or off track by so many tonnes a month [tCO2e]; the fiscal year's renewable share [%]."""
    return judge.targets(year)


@judgements.get("/selftest")
def selftest(judge: Asked) -> Document:
    """The 13 functions of an energy-carbon management centre, tried on this site."""
    return judge.selftest()
