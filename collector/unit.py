"""One device behind a link: its feeds, how long its answers take, how much patience is left, what it refuses."""

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from collector.feed import Cause, Feed
from collector.protocols.gate import Asks, NoAnswerError, Request
from collector.refusal import Inquiry
from collector.schedule import QUARTER_MS, Patience
from collector.sleep import is_silence, may_be_dark, powers_of, produced_nothing
from collector.wiring import WiredDevice, WiredGroup
from metering.reading import GapReason

_SHORTEST_S = 0.1  # no answer is waited for less than this, however short of time the link is
_TRUSTED_S = 0.4  # and of a unit that has just answered no less than this: a busy computer holds either end up so long


class Unit:
    """One device: its feeds by group number, and how much patience is left with it."""

    def __init__(self, wired: WiredDevice, feeds: Mapping[int, Feed]) -> None:
        self.wired, self.feeds = wired, feeds
        self.name = wired.device.id
        self.patience = Patience()
        self.cause = Cause(GapReason.TIMEOUT)
        self.shortest_ms = min((feed.wired.group.cadence_ms for feed in feeds.values()), default=QUARTER_MS)
        self.usual_s = 0.0  # how long its answers take, the slow ones remembered; 0 = none yet
        self.refusals: Counter[Request] = Counter()
        self.inquiries: dict[int, Inquiry] = {}  # by group: what of its registers the device refuses
        self._told_ms: dict[GapReason, int] = {}
        self._owed = False
        self._heard_ms = 0  # when it last answered, or first did not; 0 = not asked yet
        self.requests = {number: _requests(wired.device.unit, feed.wired) for number, feed in feeds.items()}

    def seen(self, cause: Cause, now_ms: int) -> Cause:
        """Why a tick has no reading: a plant that fell silent in the dark without producing is asleep."""
        zone = self.wired.sleeps_in
        if zone is None or not is_silence(cause.reason, cause.code) or not may_be_dark(now_ms, zone):
            return cause
        rated = [one.point.rated_power_kw or 0.0 for group in self.wired.groups for one in group.wires]
        powers = [one for feed in self.feeds.values() for one in powers_of(feed.quantities, feed.values)]
        if not produced_nothing(powers, max(rated, default=0.0)):
            return cause
        return Cause(GapReason.ASLEEP, None, f"{cause.reason.value}: {cause.detail}".rstrip(": "))

    def answered(self, took_s: float, now_ms: int) -> None:
        """Note when an answer came, and how long it took."""
        self._heard_ms = now_ms
        self.usual_s = max(took_s, 0.95 * self.usual_s + 0.05 * took_s)

    def silent_ms(self, now_ms: int) -> int:
        """How long it has not answered: who was heard just now is not left alone for long, however often it failed."""
        self._heard_ms = self._heard_ms or now_ms
        return now_ms - self._heard_ms

    def least_s(self) -> float:
        """How long an answer must be waited for, even where the link has no time left [s]."""
        trusted = self.usual_s and not self.patience.failures
        shortest = _TRUSTED_S if trusted else _SHORTEST_S
        return min(self.wired.timeout_s, max(shortest, 4 * self.usual_s or self.wired.timeout_s / 4))

    def tell(self, log: Any, now_ms: int) -> None:
        """Log a failure, each cause at most once a minute."""
        if now_ms - self._told_ms.get(self.cause.reason, 0) >= 60_000:
            self._told_ms[self.cause.reason] = now_ms
            reason, code, detail = self.cause
            log.warning("device_silent", device=self.name, reason=reason.value, code=code, detail=detail)
            self._owed = True

    def tell_back(self, log: Any) -> None:
        """Log that it answers again, where its failure was logged."""
        if self._owed:
            log.info("device_answers", device=self.name)
            self._owed = False


def _requests(unit: int, wired: WiredGroup) -> tuple[Request, ...]:
    return tuple(Request(unit, block.function, block.address, block.count) for block in wired.group.blocks)


async def firmware_of(unit: Unit, gate: Asks) -> str:
    """What the device says its firmware is; empty where its model does not tell."""
    for plate in unit.wired.profile.nameplate:
        if plate.name == "firmware":
            request = Request(unit.wired.device.unit, plate.fc, plate.address, plate.words)
            with suppress(NoAnswerError):
                data = await gate.execute(request, unit.wired.timeout_s + gate.airtime_s(request))
                return data.rstrip(b"\0 ").decode("ascii", "replace").strip() or data.hex()
    return ""
