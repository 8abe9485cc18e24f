"""Old readings that came late and cross a limit: an event that is kept, never an alert of now (pure)."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from analytics.alerts import Incident, Rule
from analytics.signals import beyond

Reading = tuple[int, float]  # time [ms UTC], value [unit]


def events(rule: Rule, late: Iterable[Reading], unit: str, now_ms: int) -> Iterator[Incident]:
    """Each stretch beyond the limit that lasted the rule's hold; keyed by its beginning: a second look adds none."""
    judged = [(time_ms, value, *beyond(rule, value, firing=False)) for time_ms, value in sorted(late)]
    for bad, stretch in groupby(judged, key=lambda one: one[2]):
        rows = list(stretch)
        since_ms, until_ms = rows[0][0], rows[-1][0]
        if bad and until_ms - since_ms >= rule.hold_ms:
            worst = max(rows, key=lambda one: abs(one[1] - one[3]))
            yield Incident(
                f"{rule.id}-late-{since_ms}", rule.id, f"point:{rule.point}/{rule.quantity}", rule.severity, since_ms,
                now_ms, worst[1], worst[3], unit, resolved_ms=until_ms,
            )  # fmt: skip
