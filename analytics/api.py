"""The page and its documents over HTTP: GET only, loopback by default, live values as server-sent events."""

from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, Protocol, cast
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from analytics.api_judgements import judgements
from analytics.server import serve
from analytics.stream import Live
from metering import period as calendar
from metering.store import StoreError

__all__ = ["RefusedError", "Service", "make_app", "problem", "serve"]

WEB = Path(__file__).parent / "web"
FORMS = ("2026", "2026-10", "2026-10-03", "FY2026", "2026-10-01..2026-10-15")
FIRST_YEAR, LAST_YEAR = 1971, 2200
LONGEST_CURVE_H = 400 * 24.0  # more quarter-hours in one answer would hold up everybody else [h]
LOOK_S = 0.5  # how often the live document is looked at while someone watches [s]
BEAT_S = 10.0  # a stream is never silent longer [s]

# OWASP secure headers; 'self' is enough for ECharts, which draws on a canvas and sets its styles through the CSSOM.
SECURITY: Mapping[str, str] = {
    "content-security-policy": "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}

Document = dict[str, Any]


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

    def energy(self, period: str) -> Document:
        """The quarter-hours of a period [kWh]; null where nothing is known."""
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


class RefusedError(Exception):
    """A request that cannot be answered: what is wrong and what to do instead."""

    def __init__(self, status: HTTPStatus, detail: str, mend: str, **more: Any) -> None:
        super().__init__(detail)
        self.status, self.detail, self.mend, self.more = status, detail, mend, more


def problem(status: int, detail: str, mend: str, **more: Any) -> JSONResponse:
    """A refusal as the world writes it: RFC 9457, with the mend beside the detail."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, "mend": mend}
    headers = {**SECURITY, "cache-control": "no-store"}  # here too: a crash is answered outside of every middleware
    return JSONResponse({**body, **more}, status, headers, "application/problem+json")


def _service(request: Request) -> Service:
    return cast("Service", request.app.state.service)


def _period(
    period: Annotated[str, Query(description="site-local: " + ", ".join(FORMS), max_length=32, examples=["2026-10"])],
) -> str:
    try:
        parsed = calendar.parse(period, ZoneInfo("UTC"))
    except (ValueError, OverflowError):
        parsed = None
    if parsed is None or not FIRST_YEAR <= parsed.start.year <= parsed.end.year <= LAST_YEAR:
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"cannot read period {period!r}", _write_one(), forms=FORMS)
    return period


def _write_one() -> str:
    return f"write ?period= as one of: {', '.join(FORMS)} (site time, last day included)"


Asked = Annotated[Service, Depends(_service)]
InPeriod = Annotated[str, Depends(_period)]


def _routes() -> APIRouter:
    routes = APIRouter(prefix="/api/v1")
    for view in (site, live, balance, energy, tree, matching, indicators, score, quality, alerts):
        routes.add_api_route(f"/{view.__name__}", view, methods=["GET"])
    routes.include_router(judgements)
    routes.add_api_route("/stream", stream, methods=["GET"], response_class=StreamingResponse)
    return routes


def site(service: Asked) -> Document:
    """Who the site is."""
    return service.site()


def live(service: Asked) -> Document:
    """The latest readings and the power flow [kW]."""
    return service.live()


def balance(service: Asked, period: InPeriod) -> Document:
    """Energy and carbon of a period [kWh, kgCO2]."""
    return service.balance(period)


def energy(service: Asked, period: InPeriod) -> Document:
    """The quarter-hours of a period [kWh]."""
    _not_too_long(period)
    return service.energy(period)


def _not_too_long(period: str) -> None:
    if calendar.parse(period, ZoneInfo("UTC")).hours > LONGEST_CURVE_H:
        mend = "ask for at most 400 days at a time"
        raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"{period} has too many quarter-hours", mend)


def tree(service: Asked, period: InPeriod) -> Document:
    """The meter tree of a period [kWh]."""
    _not_too_long(period)
    return service.tree(period)


def matching(service: Asked, period: InPeriod) -> Document:
    """Clean electricity against load by the hour [kWh, 1]."""
    _not_too_long(period)
    return service.matching(period)


def indicators(service: Asked, period: InPeriod) -> Document:
    """Every indicator of a period, with its reason and what it rests on."""
    _not_too_long(period)
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


class _Headers:
    """Puts the security headers on every answer; documents are never cached, files are asked for again."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update({**SECURITY, "cache-control": "no-cache" if _is_file(headers) else "no-store"})
            await send(message)

        await self._app(scope, receive, with_headers)


def _is_file(headers: Mapping[str, str]) -> bool:
    return "etag" in headers


def make_app(service: Service, *, look_s: float = LOOK_S, beat_s: float = BEAT_S) -> FastAPI:
    """The application over a service: documents under /api/v1, the page at /."""
    app = FastAPI(title="zcf", docs_url=None, redoc_url=None, openapi_url="/api/v1/openapi.json")
    app.state.service, app.state.live = service, Live(service, look_s, beat_s)
    app.add_middleware(GZipMiddleware, minimum_size=1024)
    app.add_middleware(_Headers)
    app.include_router(_routes())
    app.add_api_route("/healthz", healthz, methods=["GET"])
    app.mount("/", StaticFiles(directory=WEB, html=True), "page")
    app.add_exception_handler(RefusedError, _on_refusal)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(StoreError, _on_store)
    app.add_exception_handler(Exception, _on_crash)
    return app


def _on_refusal(_: Request, error: Exception) -> JSONResponse:
    refused = cast("RefusedError", error)
    return problem(refused.status, refused.detail, refused.mend, **refused.more)


def _on_invalid(request: Request, error: Exception) -> JSONResponse:
    faults = [f"{fault['loc'][-1]}: {fault['msg']}" for fault in cast("RequestValidationError", error).errors()]
    more: Document = {"forms": FORMS} if any(fault.startswith("period:") for fault in faults) else {}
    return problem(400, "; ".join(faults), _write_one() if more else f"see {request.app.openapi_url}", **more)


def _on_http(_: Request, error: Exception) -> JSONResponse:
    refused = cast("HTTPException", error)
    mend = "the documents are listed in /api/v1/openapi.json, the page is at /"
    return problem(refused.status_code, str(refused.detail), mend)


def _on_store(_: Request, error: Exception) -> JSONResponse:
    answer = problem(503, str(error), "ask again in a few seconds; the page does so by itself")
    answer.headers["retry-after"] = "5"
    return answer


def _on_crash(_: Request, error: Exception) -> JSONResponse:
    mend = "the service's log holds the cause; please report it"
    return problem(500, f"{type(error).__name__} inside the service", mend)
