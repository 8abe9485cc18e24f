"""How a request is refused (RFC 9457, with the mend beside the detail), and the headers every answer carries."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from analytics.audit import AuditError
from analytics.drafting import WrongEntryError
from metering.store import StoreError

Document = dict[str, Any]
_PROBLEM: Final[Document] = {
    "type": "object", "required": ["type", "title", "status", "detail", "mend"],
    "properties": {"type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"},
                   "detail": {"type": "string"}, "mend": {"type": "string"}},
}  # fmt: skip
REFUSALS: Final[dict[int | str, Document]] = {
    status: {"description": HTTPStatus(status).phrase, "content": {"application/problem+json": {"schema": _PROBLEM}}}
    for status in (400, 401, 403, 404, 405, 413, 422, 429, 431, 500, 503)
}
HSTS = "max-age=31536000"
FORMS = ("2026", "2026-10", "2026-10-03", "FY2026", "2026-10-01..2026-10-15")

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


def write_one() -> str:
    """How a period is written."""
    return f"write ?period= as one of: {', '.join(FORMS)} (site time, last day included)"


class SecureHeaders:
    """Puts the security headers on every answer; documents are never cached, files are asked for again."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and add them to what comes back."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update({**SECURITY, "cache-control": "no-cache" if _is_file(headers) else "no-store"})
                if scope["scheme"] == "https":
                    headers["strict-transport-security"] = HSTS
            await send(message)

        await self._app(scope, receive, with_headers)


def _is_file(headers: Mapping[str, str]) -> bool:
    return "etag" in headers


def _on_wrong(_: Request, error: Exception) -> JSONResponse:
    faults = [fault.removeprefix("--") for fault in cast("WrongEntryError", error).faults]
    return problem(422, "; ".join(faults), "mend every fault that is named, then send it again", faults=faults)


def _on_refusal(_: Request, error: Exception) -> JSONResponse:
    refused = cast("RefusedError", error)
    return problem(refused.status, refused.detail, refused.mend, **refused.more)


def _on_invalid(request: Request, error: Exception) -> JSONResponse:
    faults = [f"{fault['loc'][-1]}: {fault['msg']}" for fault in cast("RequestValidationError", error).errors()]
    more: Document = {"forms": FORMS} if any(fault.startswith("period:") for fault in faults) else {}
    return problem(400, "; ".join(faults), write_one() if more else f"see {request.app.openapi_url}", **more)


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


def install(app: FastAPI) -> None:
    """Every way a request can fail, as a refusal."""
    app.add_exception_handler(RefusedError, _on_refusal)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(StoreError, _on_store)
    app.add_exception_handler(AuditError, _on_store)
    app.add_exception_handler(WrongEntryError, _on_wrong)
    app.add_exception_handler(Exception, _on_crash)
