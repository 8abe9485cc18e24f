"""Readings out of InfluxDB, in InfluxQL at /query, which InfluxDB 1 and 2 (with a DBRP mapping) answer alike.

The schema is docs/influxdb-schema.md. Names of points and sites go as bound parameters, quantities come from the table
of quantities, times are integers: nothing a person wrote is ever part of a statement.
"""

import http.client
import json
import ssl
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from pydantic_core import from_json

from metering.quantity import QUANTITIES, Kind, quantity
from metering.reading import MICRO, Columns, Quality, Reading, SeriesKey
from metering.secrecy import masked
from metering.store import Changes, StoreError
from metering.store.columns import empty, merge
from metering.store.influx_packed import MIME, unpack
from metering.store.summary import Summaries, Summary, joined

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Rows = list[list[Any]]  # [time_ms, value, quality or None], oldest first


class InfluxSource:
    """The ReadingSource over a bucket that a collector forwards to."""

    def __init__(self, url: str, bucket: str, site: str, token: str = "", timeout_s: float = 30.0) -> None:
        self._url, self._bucket, self._site = urlsplit(url), bucket, site
        self._token, self._timeout_s = token.strip(), timeout_s
        self._packs = True  # until it refuses to answer in MessagePack

    def series(self) -> Sequence[SeriesKey]:
        """Every series that has ever had a reading."""
        return list(self.latest())

    def ranges(
        self, keys: Iterable[SeriesKey], start_ms: int, end_ms: int, *, bracket: bool = True
    ) -> dict[SeriesKey, Columns]:
        """Readings in [start_ms, end_ms); with `bracket` also the nearest one on either side."""
        wanted = list(dict.fromkeys(keys))
        spans = [("", f"time >= {int(start_ms)}ms AND time < {int(end_ms)}ms")]
        if bracket:
            spans += [("last", f"time < {int(start_ms)}ms"), ("first", f"time >= {int(end_ms)}ms")]
        parts: dict[SeriesKey, list[Columns]] = {key: [] for key in wanted}
        for key, found in self._select(wanted, spans, packed=True):
            parts[key].append(_columns(key, found))
        return {key: merge(key, of_key) for key, of_key in parts.items()}

    def latest(self, keys: Iterable[SeriesKey] | None = None) -> dict[SeriesKey, Reading]:
        """The newest reading of each series."""
        found: dict[SeriesKey, Reading] = {}
        for key, rows in self._select(self._all() if keys is None else list(keys), [("last", "")]):
            time_ms, value, grade = rows[-1]
            if key not in found or found[key].time_ms < time_ms:
                found[key] = Reading(*key, time_ms, _kept(key[1], value), Quality(grade or 0))
        return found

    def changed_since(self, seq: int) -> Changes:
        """Which series have readings newer than `seq`, which here is a time [ms UTC].

        InfluxDB keeps no order of arrival: a reading that is late (an older time) is not seen here. Who settles from
        this source must look again at as long a span as its gateways may be cut off.
        """
        newest, touched = seq, dict[SeriesKey, tuple[int, int]]()
        after = f"time > {int(seq)}ms"
        for key, rows in self._select(self._all(), [("first", after), ("last", after)]):
            low, high = touched.get(key, (rows[0][0], rows[0][0]))
            touched[key] = (min(low, rows[0][0]), max(high, rows[-1][0]))
            newest = max(newest, rows[-1][0])
        return Changes(newest, touched)

    def summaries(self, start_ms: int, end_ms: int, step_ms: int) -> Summaries:
        """Every series in windows of a length; start and end lie on whole windows since 1970."""
        when = f"time >= {int(start_ms)}ms AND time < {int(end_ms)}ms"
        names = [name for _, name in self._all()]
        answers = self._query([_counting(name, when, step_ms) for name in names], {"site": self._site}) if names else []
        return joined(
            (time_ms, (one["tags"]["point"], name), Summary(count, _kept(name, least), _kept(name, most)))
            for name, series in zip(names, answers, strict=True)
            for one in series
            for time_ms, count, least, most in one["values"]
        )

    def values(self, keys: Iterable[SeriesKey], start_ms: int, end_ms: int) -> dict[SeriesKey, dict[int, int | float]]:
        """Times and values of some series in [start_ms, end_ms), without numpy."""
        found: dict[SeriesKey, dict[int, int | float]] = {}
        when = f"time >= {int(start_ms)}ms AND time < {int(end_ms)}ms"
        for key, rows in self._select(list(keys), [("", when)]):
            values = ((time_ms, value) for time_ms, value, _ in rows if value is not None)
            found.setdefault(key, {}).update((time_ms, _kept(key[1], value)) for time_ms, value in values)
        return found

    def _all(self) -> list[SeriesKey]:
        """Every quantity of every point, as keys without a point."""
        [shown] = self._query(["SHOW FIELD KEYS"], {})
        return sorted({("", field) for one in shown for field, _ in one["values"] if field in QUANTITIES})

    def _select(
        self, keys: list[SeriesKey], spans: list[tuple[str, str]], *, packed: bool = False
    ) -> Iterator[tuple[SeriesKey, Any]]:
        """Rows by series, of one (selector, condition on time) after the other; a key without a point means all.

        With `packed` they may come as columns instead: time, value, quality.
        """
        names: dict[str, list[str]] = {}
        for point, name in keys:
            names.setdefault(quantity(name).name, []).append(point)
        numbers = {point: f"p{n}" for n, point in enumerate(sorted({point for point, _ in keys}))}
        asked = [(name, _statement(name, select, [numbers[p] for p in points if p], when))
                 for select, when in spans for name, points in names.items()]  # fmt: skip
        params = {"site": self._site} | {number: point for point, number in numbers.items()}
        answers = self._query([text for _, text in asked], params, packed=packed) if asked else []
        for (name, _), series in zip(asked, answers, strict=True):
            yield from (((one["tags"]["point"], name), one["values"]) for one in series)

    def _query(
        self, statements: list[str], params: Mapping[str, str], *, packed: bool = False
    ) -> list[list[dict[str, Any]]]:
        """The series each statement found."""
        form = {"db": self._bucket, "epoch": "ms", "q": "; ".join(statements), "params": json.dumps(params)}
        status, kind, body = self._post(
            urlencode(form).encode(), MIME if packed and self._packs else "application/json"
        )
        if packed and status == http.client.NOT_ACCEPTABLE:
            self._packs = False
            return self._query(statements, params)
        try:
            found = unpack(body) if kind == MIME else from_json(body)
        except ValueError:
            found = {}
        results = found.get("results")
        if status != http.client.OK or results is None:
            reason = found.get("message") or found.get("error") or body[:200].decode(errors="replace")
            told = masked(f"{status}: {reason}", self._token)
            raise StoreError(f"InfluxDB at {self._url.netloc} answered {told}")
        for result in results:
            if "error" in result:
                raise StoreError(f"InfluxDB at {self._url.netloc}: {masked(result['error'], self._token)}")
        return [result.get("series", []) for result in results]

    def _post(self, body: bytes, accept: str) -> tuple[int, str, bytes]:
        """Status, media type and body of the answer."""
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": accept}
        if self._token:
            headers["Authorization"] = f"Token {self._token}"
        connection = self._connection()
        try:
            connection.request("POST", f"{self._url.path.rstrip('/')}/query", body, headers)
            answer = connection.getresponse()  # redirects are not followed: the token would leak
            return answer.status, answer.headers.get_content_type(), answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise StoreError(f"cannot read InfluxDB at {self._url.netloc}: {type(error).__name__}: {error}") from error
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        if self._url.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(host, port or 443, timeout=self._timeout_s, context=context)
        return http.client.HTTPConnection(host, port or 80, timeout=self._timeout_s)


def _statement(name: str, select: str, numbers: Sequence[str], when: str) -> str:
    """One InfluxQL statement; `name` is a name of the table of quantities."""
    value = f'{select}("{name}")' if select else f'"{name}"'
    points = " OR ".join(f'"point" = ${number}' for number in numbers)
    where = " AND ".join(part for part in ('"site" = $site', f"({points})" if points else "", when) if part)
    return f'SELECT {value}, "{name}_quality" FROM /.+/ WHERE {where} GROUP BY "point"'  # noqa: S608 - our own words


def _counting(name: str, when: str, step_ms: int) -> str:
    """One InfluxQL statement; `name` is a name of the table of quantities."""
    value = f'count("{name}"), min("{name}"), max("{name}")'
    windows = f'GROUP BY "point", time({int(step_ms)}ms) fill(none)'
    return f'SELECT {value} FROM /.+/ WHERE "site" = $site AND {when} {windows}'  # noqa: S608 - our own words


def _kept(name: str, value: float) -> int | float:
    """A number of InfluxDB as the embedded store keeps it."""
    return value if quantity(name).kind is Kind.GAUGE else round(value * MICRO)


def _columns(key: SeriesKey, found: Any) -> Columns:
    """Readings out of rows, or out of columns of times, values and qualities; NaN is no value."""
    import numpy as np  # only column reads need numpy

    if not found:
        return empty(key)
    times, real, grade = found if isinstance(found[0], np.ndarray) else _transposed(found)
    here = ~np.isnan(real)
    value = real[here] if quantity(key[1]).kind is Kind.GAUGE else np.rint(real[here] * MICRO).astype(np.int64)
    return Columns(times[here], value, np.nan_to_num(grade[here]).astype(np.uint8))


def _transposed(rows: Rows) -> "tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]":
    import numpy as np

    real, grade = (np.array([row[place] for row in rows], np.float64) for place in (1, 2))  # None becomes NaN
    return np.fromiter([row[0] for row in rows], np.int64, len(rows)), real, grade
