"""Keeps readings.db within its quota, and a reserve against the day the disk is full; between commits."""

import os
import time
from collections.abc import Callable
from typing import Final

import structlog

from metering.store import StoreError
from metering.store.readings import ReadingsWriter
from metering.store.scrub import scrub
from metering.store.thinning import thin

HIGH, LOW = 0.90, 0.85  # of the quota: thinning begins, and ends
SCARCE: Final = (0.20, 0.10)  # free parts of the disk that are told
LOOK_S: Final = 30.0
TURN_S: Final = 0.1  # of thinning after one commit

log = structlog.get_logger(__name__)


class Housekeeping:
    """What is done beside the commits, a little at a time."""

    def __init__(
        self,
        quota_bytes: int,
        now_s: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        look_s: float = LOOK_S,
    ) -> None:
        self.quota_bytes = quota_bytes
        self._now_s, self._monotonic, self._look_s = now_s, monotonic, look_s
        self._next_look_s = 0.0
        self._thinning = False
        self._scarce: float | None = None
        self.used_bytes = 0
        self.free_share = 1.0
        self.thinned = 0  # polls since the start
        self.exhausted = False  # the ladder has no step left, and the quota is still passed
        self._walked_seq = 0  # rows up to here have been held against their checksums in this walk

    def after_commit(self, writer: ReadingsWriter) -> None:
        """Look now and then; while above the quota, thin for a moment."""
        now_s = self._monotonic()
        due = now_s >= self._next_look_s
        if due or self._thinning:
            self._next_look_s = now_s + self._look_s
            self._look(writer)
        if self._thinning:
            self._thin(writer, now_s + TURN_S)
        elif due:
            self._walk(writer)

    def relieve(self, writer: ReadingsWriter) -> None:
        """The disk is full and the reserve is given back: the log is folded in, and room made in the file itself."""
        writer.fold()
        self._thin(writer, self._monotonic() + TURN_S)

    def _look(self, writer: ReadingsWriter) -> None:
        self.used_bytes = writer.used_bytes()
        if self.used_bytes > HIGH * self.quota_bytes and not self._thinning:
            log.warning("store_thinning", used=self.used_bytes, quota=self.quota_bytes)
            self._thinning, self.exhausted = True, False
        elif self._thinning and self.used_bytes < LOW * self.quota_bytes:
            log.info("store_thinned", used=self.used_bytes, polls=self.thinned)
            self._thinning = False
        self._disk(writer)
        writer.reserve.make()

    def _walk(self, writer: ReadingsWriter) -> None:
        try:
            self._walked_seq = scrub(writer, self._walked_seq)
        except StoreError as error:
            log.warning("scrub_failed", reason=str(error))

    def _disk(self, writer: ReadingsWriter) -> None:
        disk = os.statvfs(writer.path.parent)
        self.free_share = disk.f_bavail / max(disk.f_blocks, 1)
        scarce = next((share for share in reversed(SCARCE) if self.free_share < share), None)
        if scarce != self._scarce and scarce is not None:
            log.warning("disk_scarce", free=round(self.free_share, 3), below=scarce)
        self._scarce = scarce

    def _thin(self, writer: ReadingsWriter, until_s: float) -> None:
        """At least one step, however little time there was for it: a busy computer must keep its quota too."""
        while True:
            try:
                gone = thin(writer, int(self._now_s() * 1000))
            except StoreError as error:
                log.warning("thinning_failed", reason=str(error))
                return
            if gone is None:
                if not self.exhausted:
                    log.error("store_cannot_shrink", used=self.used_bytes, quota=self.quota_bytes)
                self.exhausted, self._thinning = True, False
                return
            self.thinned += gone
            if self._monotonic() >= until_s:
                return
