"""An InfluxDB 2 bucket as a place to send line protocol to, through influxdb-client, which is imported on first use."""

import contextlib
import gzip
import ipaddress
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from collector.deadline import Deadline
from collector.delivery import Answer
from collector.lookup import Lookup
from metering.secrecy import masked
from metering.sitefile import ForwardSection

TIMEOUT_MS: Final = 30_000


def read_token(environ: Mapping[str, str], name: str = "ZCF_INFLUX_TOKEN") -> str:
    """The token, from the variable or the file that the variable with _FILE names; empty where there is none."""
    named = environ.get(f"{name}_FILE")
    token = environ.get(name) or (Path(named).read_text(encoding="ascii") if named else "")
    return token.strip()


def load_client() -> tuple[Any, Any]:
    """influxdb-client's connection and write service, without NumPy, which it wants for data frames alone: 15 MB less.

    Called before other threads are at work that might want it.
    """
    spared = {"numpy", "influxdb_client"}.isdisjoint(sys.modules)
    if spared:
        sys.modules["numpy"] = None  # type: ignore[assignment]
    try:
        from influxdb_client.client import influxdb_client
        from influxdb_client.service import write_service
    finally:
        if spared:
            del sys.modules["numpy"]
    return influxdb_client.InfluxDBClient, write_service.WriteService


def packs(section: ForwardSection) -> bool:
    """Whether lines are sent compressed: to this computer itself that would cost half of a send and spare nothing."""
    if section.gzip != "auto":
        return section.gzip == "always"
    host = urlsplit(section.url).hostname or ""
    with contextlib.suppress(ValueError):
        return not ipaddress.ip_address(host).is_loopback
    return host != "localhost"


class InfluxSink:
    """An InfluxDB 2 bucket, through influxdb-client's WriteService; no redirect is followed, nothing retried inside."""

    def __init__(self, section: ForwardSection, token: Callable[[], str], timeout_ms: int = TIMEOUT_MS) -> None:
        self._url, self._org, self._bucket = section.url.rstrip("/"), section.org, section.bucket
        self.name = f"{self._url} {self._org}/{self._bucket}"  # another bucket is another sink and gets everything
        self._token, self._timeout_ms = token, timeout_ms
        self._sent = ""  # the token, which no answer may bring into a log
        self._packs = packs(section)
        self._client: Any = None
        self._service: Any = None
        self._deadline: Deadline | None = None
        self._lookup: Lookup | None = None  # outlives connections: what it remembers is for when none can be made

    def send(self, body: bytes) -> Answer:
        """Write a body of line protocol with times in ms."""
        load_client()
        from influxdb_client.rest import ApiException
        from urllib3.exceptions import HTTPError
        from urllib3.exceptions import TimeoutError as TooSlow

        try:
            service, deadline = self._connected()
            with deadline.running():
                sent, coding = (gzip.compress(body, 1), "gzip") if self._packs else (body, "identity")
                _, status, _ = service.post_write_with_http_info(
                    self._org, self._bucket, sent, content_encoding=coding, precision="ms"
                )
        except ApiException as error:
            headers: Mapping[str, str] = error.headers or {}
            return Answer(error.status or 0, _message(error, self._sent), headers.get("Retry-After", ""))
        except TooSlow as error:
            return Answer(0, f"{type(error).__name__}: {error}", timed_out=True)
        except (HTTPError, OSError) as error:
            late = self._deadline is not None and self._deadline.passed
            return Answer(0, f"{type(error).__name__}: {error}", timed_out=late)
        except ValueError as error:  # of a header that cannot be sent, and then its text is the token
            return Answer(0, type(error).__name__)
        return Answer(status)

    def close(self) -> None:
        """Drop the connections; the next send reads the token again."""
        if self._client is not None:
            self._client.close()
        if self._deadline is not None:
            self._deadline.close()
        self._client = self._service = self._deadline = None

    def _connected(self) -> tuple[Any, Deadline]:
        if self._service is None or self._deadline is None:
            client, service = load_client()
            self._sent = self._token()
            self._client = client(self._url, self._sent or None, org=self._org, timeout=self._timeout_ms)
            self._service = service(self._client.api_client)
            pool = self._client.api_client.rest_client.pool_manager.connection_from_url(self._url)
            self._lookup = self._lookup or Lookup(pool.host, pool.port)
            self._deadline = Deadline(pool, self._timeout_ms / 1000, self._lookup)
        return self._service, self._deadline


def _message(error: Any, secret: str) -> str:
    text = str(error.body or error.reason or "")
    with contextlib.suppress(ValueError, KeyError, TypeError):
        text = json.loads(text)["message"]
    text = masked(str(text), secret)
    return text if len(text) <= 500 else f"{text[:400]} ... {text[-95:]}"  # the count stands at the end
