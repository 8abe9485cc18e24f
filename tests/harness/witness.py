"""Somebody who looks into the store while it is written: what a reader has seen must be there for ever."""

import sqlite3
import zlib
from pathlib import Path

_NEW = "SELECT seq, grp, time_ms, words FROM poll WHERE seq>? AND lane<>3 ORDER BY seq"  # 3: history
_SIZES = ("page_count", "freelist_count", "page_size")


class Witness:
    """Remembers every reading it has seen."""

    def __init__(self, store: Path) -> None:
        self._path = store / "readings" / "readings.db"
        self._last = 0
        self.seen: dict[tuple[int, int], int] = {}  # (group, time) -> checksum of the words
        self.looks = self.used = 0  # [bytes] used

    def look(self) -> int:
        """Read what is new; how many readings were."""
        if not self._path.exists():
            return 0
        try:
            db = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=0.2)
        except sqlite3.Error:
            return 0
        try:
            rows = db.execute(_NEW, (self._last,)).fetchall()
            pages, free, size = (db.execute(f"PRAGMA {n}").fetchone()[0] for n in _SIZES)
            self.used = (pages - free) * size
        except sqlite3.Error:  # just being made, or just being closed
            return 0
        finally:
            db.close()
        self.looks += 1
        for seq, group, time_ms, words in rows:
            self.seen[group, time_ms] = zlib.crc32(words)
            self._last = seq
        return len(rows)

    def again(self) -> None:
        """After a restart numbers may be given anew."""
        self._last = 0

    def count(self) -> dict[tuple[str, str], int]:
        """Readings and gap ticks by (kind, lane), as the store has them now."""
        db = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=30)
        try:
            found = {("read", str(lane)): n for lane, n in db.execute("SELECT lane, count(*) FROM poll GROUP BY lane")}
            gaps = db.execute("SELECT lane, sum(ticks) FROM gap GROUP BY lane")
            return found | {("gap", str(lane)): int(n or 0) for lane, n in gaps}
        finally:
            db.close()

    def reads(self) -> int:
        """Polled readings in the store; 0 where there is none yet."""
        if not self._path.exists():
            return 0
        return sum(n for (kind, lane), n in self.count().items() if kind == "read" and lane in "01")
