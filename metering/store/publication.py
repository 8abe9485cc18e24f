"""What of results.db is still to be published: series-days, newest first, each taken off only when it was delivered."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from metering.reading import SeriesKey
from metering.store.results import DAY_MS, PUBLISHING, ResultsWriter

_ALL = (
    "INSERT OR REPLACE INTO unpublished(series, day_ms)"
    " SELECT DISTINCT series, start_ms - start_ms % 86400000 FROM interval"
)


@dataclass(frozen=True, slots=True)
class Day:
    """One UTC day of one series that was settled."""

    key: SeriesKey
    day_ms: int
    seq: int  # another one when it is settled again meanwhile


class PublicationWriter:
    """The publisher's side of the one writer of results.db."""

    def __init__(self, writer: ResultsWriter) -> None:
        self._writer = writer

    def begin(self, sink: str) -> None:
        """Put everything there is on the list when the sink is another one: it gets all from the beginning."""
        with self._writer.transaction() as db:
            row = db.execute("SELECT body FROM mark WHERE key=?", (PUBLISHING,)).fetchone()
            if row is not None and json.loads(row[0]) == sink:
                return
            db.execute(_ALL)
            for series, month_ms in db.execute("SELECT series, month_ms FROM chunk").fetchall():
                days = [(series, month_ms + n * DAY_MS) for n in range(31)]
                db.executemany("INSERT OR REPLACE INTO unpublished(series, day_ms) VALUES (?,?)", days)
            db.execute("INSERT OR REPLACE INTO mark VALUES (?,?)", (PUBLISHING, json.dumps(sink)))

    def next_days(self, limit: int) -> list[Day]:
        """The next days to send, newest first."""
        sql = (
            "SELECT point, quantity, day_ms, seq FROM unpublished JOIN series ON series.id=unpublished.series"
            " ORDER BY day_ms DESC, seq LIMIT ?"
        )
        with self._writer.transaction() as db:
            return [Day((point, name), day, seq) for point, name, day, seq in db.execute(sql, (limit,)).fetchall()]

    def done(self, days: Iterable[Day]) -> None:
        """These were delivered; what was settled again since stays on the list."""
        with self._writer.transaction() as db:
            db.executemany("DELETE FROM unpublished WHERE seq=?", [(day.seq,) for day in days])
