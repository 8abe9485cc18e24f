"""Whether this computer gave a demo its time: what it held up itself is nobody's fault, and is counted apart."""

import threading
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from metering.reading import GapReason, PollGap
from metering.sitefile import load_site
from metering.store.readings_reader import ReadingsReader
from zcf.judge import events_of, uncaused

LOOK_S, LATE_MS, STARVED_MS = 0.1, 60, 100
NEAR_MS = 1_500
YOUNG_MS = 3_000  # what a collector loads beside its first reads costs it a tick now and then
HELD_UP = {GapReason.TIMEOUT, GapReason.OVERRUN, GapReason.SCHEDULER_LATE, GapReason.ASLEEP}  # an inverter, by night
NO_CAUSE = "gaps without a cause"

Span = tuple[float, float]


class Watch:
    """Looks at a demo and its children: when one of them, or we ourselves, waited for a processor [ms UTC]."""

    def __init__(self, pid: int) -> None:
        self.spans: list[Span] = []
        self._pid, self._waited = pid, dict[int, int]()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Look no longer."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        before = time.monotonic()
        while not self._stop.wait(LOOK_S):
            late_ms = 1000 * (time.monotonic() - before - LOOK_S)
            starved_ms = max((self._starved_ms(pid) for pid in self._family()), default=0)
            before, now_ms = time.monotonic(), time.time() * 1000
            if late_ms > LATE_MS or starved_ms > STARVED_MS:
                self.spans.append((now_ms - 1000 * LOOK_S - late_ms - starved_ms, now_ms))

    def _family(self) -> list[int]:
        try:
            text = Path(f"/proc/{self._pid}/task/{self._pid}/children").read_text()
        except OSError:
            return []
        return [int(pid) for pid in text.split()]

    def _starved_ms(self, pid: int) -> int:
        """How long a process's threads have waited for a processor since the last look [ms]."""
        try:
            tasks = list(Path(f"/proc/{pid}/task").iterdir())
            waited = sum(int((task / "schedstat").read_text().split()[1]) for task in tasks) // 1_000_000
        except (OSError, IndexError):  # it has just ended
            return 0
        since = waited - self._waited.get(pid, 0)
        self._waited[pid] = waited
        return since


class Excused(ReadingsReader):
    """A store of which only the gaps are seen that this computer may have made."""

    def __init__(self, store: Path, spans: Iterable[Span]) -> None:
        super().__init__(store)
        young = [(epoch.start_ms, epoch.start_ms + YOUNG_MS) for epoch in self.epochs()]
        self._late, self._any = [*spans, *young], list(spans)

    def gaps(self, *when: Any, **more: Any) -> Any:
        polls, values = super().gaps(*when, **more)
        return [gap for gap in polls if self._excuses(gap)], values

    def _excuses(self, gap: PollGap) -> bool:
        spans = self._any if gap.reason in {GapReason.TIMEOUT, GapReason.ASLEEP} else self._late
        near = any(a - NEAR_MS <= gap.end_ms and gap.start_ms <= b + NEAR_MS for a, b in spans)
        return gap.reason in HELD_UP and near


def excuse(found: dict[str, Any], folder: Path, spans: Iterable[Span]) -> dict[str, Any]:
    """The judge's findings, with what this computer cost told apart under `excused`; too much of it is no fair run."""
    config = load_site(folder / "site.yaml")
    counted = uncaused(config, Excused(config.store_dir, list(spans)), events_of(folder), ())
    excused = counted & Counter(found["ticks"]["uncaused"])
    faults = [fault for fault in found["faults"] if fault != NO_CAUSE or Counter(found["ticks"]["uncaused"]) - excused]
    assert excused.total() <= 0.04 * found["ticks"]["due"] + 5, f"{excused} by this computer: not a fair run"
    return {**found, "faults": faults, "excused": dict(excused)}
