"""InfluxDB 2's management API: JSON over HTTP, one token, no redirect followed."""

import http.client
import json
import ssl
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from metering.secrecy import masked

Body = dict[str, Any]


class ApiError(OSError):
    """The server refused, or is not there."""


class InfluxApi:
    """One server as seen with one token."""

    def __init__(self, url: str, token: str, timeout_s: float = 30.0) -> None:
        self.url, self._parts = url.rstrip("/"), urlsplit(url)
        self._token, self._timeout_s = token, timeout_s

    def get(self, path: str, **query: str) -> Body:
        """What there is; empty where the server says that there is nothing of the name."""
        status, body = self.ask("GET", path, query)
        if status == http.client.NOT_FOUND:
            return {}
        return self._granted(f"GET {path}", status, body, (http.client.OK,))

    def post(self, path: str, body: Body) -> Body:
        """Make something."""
        return self._granted(f"POST {path}", *self.ask("POST", path, {}, body), (http.client.CREATED,))

    def patch(self, path: str, body: Body) -> Body:
        """Change something."""
        return self._granted(f"PATCH {path}", *self.ask("PATCH", path, {}, body), (http.client.OK,))

    def delete(self, path: str, name: str) -> None:
        """Take something away."""
        full = f"{path}/{quote(name, safe='')}"
        self._granted(f"DELETE {full}", *self.ask("DELETE", full, {}), (http.client.NO_CONTENT,))

    def ask(self, method: str, path: str, query: dict[str, str], body: Body | str = "") -> tuple[int, Body]:
        """One request; a body that is text is a form."""
        kind = "application/x-www-form-urlencoded" if isinstance(body, str) else "application/json"
        data = body if isinstance(body, str) else json.dumps(body)
        where = f"{self._parts.path.rstrip('/')}{path}" + (f"?{urlencode(query)}" if query else "")
        headers = {"Authorization": f"Token {self._token}", "Accept": "application/json", "Content-Type": kind}
        connection = self._connection()
        try:
            connection.request(method, where, data or None, headers)
            answer = connection.getresponse()
            return answer.status, _object(answer.read())
        except (OSError, http.client.HTTPException) as error:
            raise ApiError(f"{self.url}: {type(error).__name__}: {error}") from error
        finally:
            connection.close()

    def _granted(self, what: str, status: int, body: Body, wanted: tuple[int, ...]) -> Body:
        if status not in wanted:
            raise ApiError(f"{self.url}: {what} answered {status}: {masked(str(body.get('message', '')), self._token)}")
        return body

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(host, port or 443, timeout=self._timeout_s, context=context)
        return http.client.HTTPConnection(host, port or 80, timeout=self._timeout_s)


def _object(raw: bytes) -> Body:
    try:
        found = json.loads(raw or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
