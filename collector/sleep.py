"""Plants that sleep: an inverter without light switches itself off, which is no loss of data (pure).

Evidence, not guessing: it counts as asleep when it fell silent while it produced nothing, at an hour that may be dark.
Silent by day, or silent in the middle of production, is a fault like any other.
"""

from collections.abc import Iterable, Sequence
from zoneinfo import ZoneInfo

from metering.period import local_hour
from metering.reading import GapReason

CATEGORIES = frozenset({"inverter"})  # of device profiles
IDLE_KW = 0.05  # an inverter at dusk; less than its own use and the noise of its meter
_IDLE_SHARE = 0.01  # of the rated power
# Hours of the site's clock that are dark somewhere people live, on some day of the year: midwinter at 60 degrees, and
# zones as wide as China's, whose west is two hours behind its clock.
_DUSK, _DAWN = 15, 10
_SILENCES = frozenset({GapReason.TIMEOUT, GapReason.CONNECT, GapReason.LINE_DOWN})
_AWAY = frozenset({0x0A, 0x0B})  # a gateway's word for a unit that does not answer (Modbus exception codes)


def may_be_dark(now_ms: int, zone: ZoneInfo) -> bool:
    """Whether the sun may be down at the site."""
    hour = local_hour(now_ms, zone)
    return hour >= _DUSK or hour < _DAWN


def is_silence(reason: GapReason, code: int | None) -> bool:
    """Whether a poll ended because nobody was there, rather than with a wrong answer."""
    return reason in _SILENCES or (reason is GapReason.EXCEPTION and code in _AWAY)


def produced_nothing(powers: Iterable[float | None], rated_kw: float | None) -> bool:
    """Whether what it last showed is no production: none at all, not available, or next to none [kW]."""
    most = max(IDLE_KW, _IDLE_SHARE * (rated_kw or 0.0))
    return all(power is None or abs(power) <= most for power in powers)


def powers_of(quantities: Sequence[str], values: Sequence[float | None]) -> list[float | None]:
    """The active powers among the values of a poll."""
    if not values:  # nothing was read since the start
        return []
    return [value for name, value in zip(quantities, values, strict=True) if name == "active_power"]
