"""The page and its documents over HTTP: who may ask what is decided before, at the door (guard.py)."""

from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, Protocol, cast

import structlog
from fastapi import Depends, FastAPI, Query, Request
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from fastapi.staticfiles import StaticFiles
from starlette.middleware.gzip import GZipMiddleware

from analytics.api_books import books
from analytics.api_judgements import judgements
from analytics.api_period import InPeriod, InResolution, refuse_too_many
from analytics.api_writes import add_writing, whoami
from analytics.audit import Audit, AuditError
from analytics.curves import Resolution
from analytics.guard import Guard
from analytics.refusals import FORMS, REFUSALS, SECURITY, RefusedError, SecureHeaders, install, problem
from analytics.server import serve
from analytics.shapes import told_as
from analytics.stream import Live
from analytics.tokens import TokenBook
from metering.sitefile import SiteConfig
from metering.store.entries import EntriesReader

__all__ = ["FORMS", "SECURITY", "RefusedError", "Service", "make_app", "problem", "serve"]

WEB = Path(__file__).parent / "web"
LOOK_S = 0.5  # how often the live document is looked at while someone watches [s]
BEAT_S = 10.0  # a stream is never silent longer [s]

Document = dict[str, Any]
BEARER = HTTPBearer(
    auto_error=False, description="A token of `zcf token make`; at the machine itself reading needs none."
)
log = structlog.get_logger("api")


class Service(Protocol):
    """What the page asks; each answer is a JSON-ready document, where missing data is null with a reason.

    Safe to call from several threads. StoreError means "not now"; LookupError from `score` means an unknown standard.
    """

    def site(self) -> Document:
        """Name, time zone and points, and until when the history is a simulated one."""
        ...

    def live(self) -> Document:
        """The latest readings, and the flow [kW]: sources count positive into the site, loads and storage into them."""
        ...

    def balance(self, period: str) -> Document:
        """Energy and carbon of a period, line by line, location- and market-based."""
        ...

    def energy(self, period: str, resolution: Resolution = "15min") -> Document:
        """The quarter-hours, hours, days or months of a period [kWh]; null where nothing is known."""
        ...

    def tree(self, period: str) -> Document:
        """The meter tree of a period: residuals, the most likely wrong meter, the Sankey, costs."""
        ...

    def matching(self, period: str) -> Document:
        """Clean electricity against load by the hour: scores, coverage, the battery's colours, the heat map."""
        ...

    def indicators(self, period: str) -> Document:
        """Every indicator of a period by name."""
        ...

    def score(self, standard: str | None, *, boundary: str | None = None) -> Document:
        """The verdicts of one standard; of the site's first one when none is named."""
        ...

    def quality(self) -> Document:
        """Ticks, gaps, open items and the age of every device."""
        ...

    def alerts(self) -> Document:
        """What fires now, what was, which rules watch, and whether the receivers can be reached."""
        ...


def _service(request: Request) -> Service:
    return cast("Service", request.app.state.service)


Asked = Annotated[Service, Depends(_service)]


def _add_routes(app: FastAPI) -> None:
    """Straight into the application: the guard must see every route, and an included router hides its own."""
    for view in (site, live, balance, energy, tree, matching, indicators, score, quality, alerts, whoami):
        app.add_api_route(f"/api/v1/{view.__name__}", view, methods=["GET"], responses=told_as(view.__name__))
    for route in (*judgements.routes, *books.routes):
        if isinstance(route, APIRoute):
            methods = sorted(route.methods or ())
            app.add_api_route(f"/api/v1{route.path}", route.endpoint, methods=methods, responses=told_as(route.name))
    app.add_api_route("/api/v1/stream", stream, methods=["GET"], response_class=StreamingResponse)


def site(service: Asked) -> Document:
    """Who the site is."""
    return service.site()


def live(service: Asked) -> Document:
    """The latest readings and the power flow [kW]."""
    return service.live()


def balance(service: Asked, period: InPeriod) -> Document:
    """Energy and carbon of a period [kWh, kgCO2]."""
    return service.balance(period)


def energy(service: Asked, period: InPeriod, resolution: InResolution = "15min") -> Document:
    """The quarter-hours of a period [kWh]; hours (of UTC), days and months (of the site) where they are asked for."""
    refuse_too_many(period, resolution)
    return service.energy(period, resolution)


def tree(service: Asked, period: InPeriod) -> Document:
    """The meter tree of a period [kWh]."""
    return service.tree(period)


def matching(service: Asked, period: InPeriod) -> Document:
    """Clean electricity against load by the hour [kWh, 1]."""
    return service.matching(period)


def indicators(service: Asked, period: InPeriod) -> Document:
    """Every indicator of a period, with its reason and what it rests on."""
    return service.indicators(period)


def score(
    service: Asked,
    standard: Annotated[str | None, Query(max_length=64)] = None,
    boundary: Annotated[str | None, Query(max_length=64, description="a workshop or a line")] = None,
) -> Document:
    """The verdicts of a standard, for the factory or a part of it."""
    try:
        return service.score(standard, boundary=boundary) if boundary else service.score(standard)
    except LookupError as error:
        if boundary and "boundary" in str(error):
            raise RefusedError(HTTPStatus.NOT_FOUND, f"no boundary {boundary!r}", str(error.args[0])) from None
        mend = "ask /api/v1/score without a standard: `standards` lists the ones there are"
        raise RefusedError(HTTPStatus.NOT_FOUND, f"no standard {standard!r}", mend) from None


def quality(service: Asked) -> Document:
    """How far the numbers can be trusted."""
    return service.quality()


def alerts(service: Asked) -> Document:
    """What fires now, what was, which rules watch, and whether the receivers can be reached."""
    return service.alerts()


async def stream(request: Request) -> StreamingResponse:
    """Server-sent events: `live` and `alerts` when they change, `beat` when nothing does, `trouble` of a busy store."""
    frames = cast("Live", request.app.state.live).frames()
    return StreamingResponse(frames, media_type="text/event-stream", headers={"x-accel-buffering": "no"})


def healthz() -> Document:
    """Is the process alive? Nothing more is said without a token."""
    return {"status": "ok"}


def make_app(
    service: Service, *, look_s: float = LOOK_S, beat_s: float = BEAT_S, local_reading: bool = True
) -> FastAPI:
    """The application over a service: documents under /api/v1, the page at /.

    `local_reading`: at the machine itself reading needs no token; only for a server that listens on loopback alone.
    """
    app = FastAPI(
        title="zcf", version="1", docs_url=None, redoc_url=None, openapi_url="/api/v1/openapi.json",
        responses=REFUSALS, dependencies=[Depends(BEARER)],
    )  # fmt: skip
    app.state.service, app.state.live = service, Live(service, look_s, beat_s)
    config = getattr(service, "config", None)  # a service without a store has no tokens, and nothing to write to
    app.state.tell = _teller(config)
    app.state.book = TokenBook(EntriesReader(config.store_dir), service.clock) if config else None  # type: ignore[attr-defined]
    app.add_middleware(Guard, book=app.state.book, local_reading=local_reading, problem=problem, state=app.state)
    if config is not None:
        add_writing(app)
    app.add_middleware(GZipMiddleware, minimum_size=1024)
    app.add_middleware(SecureHeaders)
    _add_routes(app)
    app.add_api_route("/healthz", healthz, methods=["GET"])
    app.mount("/", StaticFiles(directory=WEB, html=True), "page")
    install(app)
    return app


def _teller(config: SiteConfig | None) -> Callable[..., None]:
    """Tells the audit log what is worth it; a log that cannot be written does not keep readers out."""

    def tell(event: str, who: str, **body: Any) -> None:
        if config is not None:
            try:
                Audit(config.store_dir).append(event, who, **body)
            except AuditError as error:
                log.warning("audit", error=str(error))

    return tell
