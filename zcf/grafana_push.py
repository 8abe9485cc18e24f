"""What `zcf grafana push` does to a Grafana that is there already: folder, data sources, dashboards, where they differ.

grafana-api (1.0.3) knows no data source by uid and takes an empty answer for a fault, so uid calls are raw verbs here,
and an empty 2xx is success. A dashboard carries in a tag the revision it was pushed as: what a person changed there
stays until the shipped dashboard changes, and Grafana keeps every older version.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from grafana_api.grafana_api import GrafanaException
from grafana_api.grafana_face import GrafanaFace
from requests.exceptions import JSONDecodeError, RequestException

from metering.secrecy import masked

FOLDER: Final = "zcf"
FOLDER_TITLE: Final = "Zero-carbon factory"
REVISION: Final = "zcf-rev-"
TIMEOUT_S: Final = 30.0
CONFLICT: Final = (409, 412)
DASHBOARDS: Final = Path(__file__).resolve().parent.parent / "deploy" / "grafana" / "dashboards"

Body = dict[str, Any]


class PushError(OSError):
    """Grafana refused, or is not there; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was done, or would be."""

    kind: str  # folder | data source | dashboard
    uid: str
    action: str  # created | updated | unchanged


class Grafana:
    """The calls that a push makes; paths are below /api."""

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise PushError(f"{url!r} is no address of a Grafana; write http(s)://host[:port][/path]")
        if parts.username or parts.password or parts.query:
            raise PushError("an address with a password or a query in it is refused: use ZCF_GRAFANA_TOKEN")
        prefix = parts.path.strip("/")
        self.url, self.token = url.rstrip("/"), token
        self._face = GrafanaFace(
            auth=token, host=parts.hostname if ":" not in parts.hostname else f"[{parts.hostname}]", port=parts.port,
            url_path_prefix=f"{prefix}/" if prefix else "", protocol=parts.scheme, timeout=TIMEOUT_S,
        )  # fmt: skip
        self._face.api.s.max_redirects = 0  # a followed redirect turns POST into GET, and takes the token along

    def find(self, path: str) -> Body | None:
        """What is there; None for 404."""
        try:
            return self.call("GET", path)
        except GrafanaException as error:
            if error.status_code == 404:
                return None
            raise

    def call(self, verb: str, path: str, body: Body | None = None) -> Body:
        """The answer; an empty one of status 2xx is {}."""
        try:
            answer = getattr(self._face.api, verb)(path, json=body)
        except JSONDecodeError as error:
            if error.doc.strip():
                raise PushError(f"{self.url} answered {verb} {path} without JSON: is it Grafana?") from None
            return {}
        except RequestException as error:
            raise PushError(f"{self.url} is not to be reached: {error}") from None
        return dict(answer)


def push(
    grafana: Grafana, sources: Sequence[Body], influx_token: str, *, dry_run: bool, renew: bool = False
) -> Iterator[Step]:
    """Bring folder, data sources and dashboards to what is shipped; with dry_run only say it."""
    try:
        yield _folder(grafana, dry_run=dry_run)
        for source in sources:
            yield _source(grafana, source, influx_token, dry_run=dry_run, renew=renew)
        for board in shipped():
            yield _dashboard(grafana, board, dry_run=dry_run)
    except GrafanaException as error:
        raise PushError(f"{grafana.url}: {masked(_told(error), grafana.token, influx_token)}") from None


def _told(error: GrafanaException) -> str:
    advice = {
        401: "; the token is not valid: make a service account token and put it into ZCF_GRAFANA_TOKEN",
        403: "; the token needs the role Admin, and a thing provisioned by files cannot be changed here",
        409: "; something else has that name already: rename it",
        412: "; something else has that name, or somebody saved at the same time: look, then push again",
    }
    return f"{error.message}{advice.get(error.status_code, '')}"


def _folder(grafana: Grafana, *, dry_run: bool) -> Step:
    if grafana.find(f"/folders/{FOLDER}") is not None:
        return Step("folder", FOLDER, "unchanged")  # its title is the users' own
    if not dry_run:
        _unless_made_meanwhile(grafana, f"/folders/{FOLDER}", "/folders", {"uid": FOLDER, "title": FOLDER_TITLE})
    return Step("folder", FOLDER, "created")


def _unless_made_meanwhile(grafana: Grafana, path: str, parent: str, body: Body) -> None:
    try:
        grafana.call("POST", parent, body)
    except GrafanaException as error:
        if error.status_code not in CONFLICT or grafana.find(path) is None:
            raise


def data_sources(influx_url: str, readings: str = "readings", results: str = "results") -> list[Body]:
    """Both data sources as shipped, without their token: what the collector writes, and what analytics publishes."""
    return [
        _influxql("readings", influx_url, readings, every="1s"),
        _influxql("results", influx_url, results, every="15m"),
    ]


def _influxql(what: str, influx_url: str, bucket: str, every: str) -> Body:
    fields = {"version": "InfluxQL", "dbName": bucket, "httpMode": "POST", "httpHeaderName1": "Authorization"}
    return {
        "uid": f"zcf-{what}", "name": f"ZCF {what}", "type": "influxdb", "access": "proxy", "url": influx_url,
        "isDefault": False, "jsonData": fields | {"timeInterval": every},
    }  # fmt: skip


def _source(grafana: Grafana, wanted: Body, token: str, *, dry_run: bool, renew: bool) -> Step:
    uid = wanted["uid"]
    there = grafana.find(f"/datasources/uid/{uid}")
    keyed = there is not None and there.get("secureJsonFields", {}).get("httpHeaderValue1", False)
    if not token and (renew or not keyed):
        raise PushError("a data source needs a token that may read its bucket: put it into ZCF_INFLUX_READ_TOKEN")
    secret = {"secureJsonData": {"httpHeaderValue1": f"Token {token}"}} if token else {}
    if there is None:
        if not dry_run:
            grafana.call("POST", "/datasources", wanted | secret)
        return Step("data source", uid, "created")
    if keyed and not renew and _holds(there, wanted):
        return Step("data source", uid, "unchanged")
    if not dry_run:
        grafana.call("PUT", f"/datasources/uid/{uid}", wanted | secret)
    return Step("data source", uid, "updated")


def _holds(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Is all that is wanted there? Grafana adds fields of its own."""
    return all(
        _holds(there.get(key) or {}, value) if isinstance(value, dict) else there.get(key) == value
        for key, value in wanted.items()
    )


def shipped() -> Iterator[Body]:
    """The dashboards, each with the tag of its revision."""
    files = sorted(DASHBOARDS.glob("*.json"))
    if not files:
        raise PushError(f"no dashboards in {DASHBOARDS}: run from a checkout")
    for file in files:
        text = file.read_bytes()
        board = json.loads(text)
        board["tags"] = [*board["tags"], REVISION + hashlib.sha256(text).hexdigest()[:10]]
        yield board


def _dashboard(grafana: Grafana, board: Body, *, dry_run: bool) -> Step:
    uid = board["uid"]
    there = grafana.find(f"/dashboards/uid/{uid}")
    step = Step("dashboard", uid, "created" if there is None else "updated")
    if there is not None and board["tags"][-1] in there["dashboard"].get("tags", []):
        return Step("dashboard", uid, "unchanged")
    if not dry_run:
        _saved(lambda: grafana.find(f"/dashboards/uid/{uid}"), grafana, board, there)
    return step


def _saved(read: Callable[[], Body | None], grafana: Grafana, board: Body, there: Body | None) -> None:
    """Save over the version that was read; somebody who saved in between is met once more, and no more."""
    try:
        grafana.call("POST", "/dashboards/db", _saving(board, there))
    except GrafanaException as error:
        told = error.response if isinstance(error.response, dict) else {}
        if error.status_code != 412 or told.get("status") != "version-mismatch":
            raise
        grafana.call("POST", "/dashboards/db", _saving(board, read()))


def _saving(board: Body, there: Body | None) -> Body:
    version = 0 if there is None else there["dashboard"]["version"]
    saved = board | {"id": None, "version": version}
    return {"dashboard": saved, "folderUid": FOLDER, "overwrite": False, "message": "zcf grafana push"}
