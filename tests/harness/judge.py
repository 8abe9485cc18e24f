"""The judge: reads what a run left behind and prints whether the promises were kept. Imports nothing of the product.

`python -m tests.harness.judge FOLDER [NAME...]`: NAME are the things that must have happened, else the run is void.
"""

import json
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.harness.bounds import HAPPENED, bounded, quiet_log
from tests.harness.delivery import acknowledged_is_durable, committed_is_durable, honest_counters
from tests.harness.evidence import Check, Evidence
from tests.harness.ticks import alive_again, excused, gaps_are_true, nothing_lost, times_are_true
from tests.harness.values import energy_exact, nothing_invented, nothing_twice

CHECKS = (
    nothing_lost, nothing_invented, nothing_twice, gaps_are_true, energy_exact, acknowledged_is_durable,
    committed_is_durable, times_are_true, alive_again, bounded, quiet_log, honest_counters,
)  # fmt: skip
TIMELY = (
    "I4 ",
    "I8 ",
    "I9 ",
    "I10 bounded log",
)  # promises about time: where this computer had none, a run says nothing of them
SHOWN, BUSY_MS = 4, 60
MOST_EXCUSED = 0.04  # of the readings: more gap ticks than these while this computer stood still, and it had no time
VOID = 75  # exit status: nothing is wrong, but the run says nothing of some promises (sysexits.h, EX_TEMPFAIL)


def judged(folder: Path, must_happen: Iterable[str]) -> list[Check]:
    """Every invariant, then every fault that must have happened, then whether the collector ended as it was told."""
    found = Evidence(folder)
    checks = [_tried(check, found) for check in CHECKS]
    starved = excused(found) > MOST_EXCUSED * len(found.polls) + 5
    for name in must_happen:
        happened = Check(f"happened: {name}")
        count = HAPPENED[name](found)
        happened.need(isinstance(count, int) and count > 0, "it did not: this run proves nothing about it")
        happened.note = f"{count}"
        checks.append(happened)
    checks += [_deaths(found), _enough(found)]
    for check in checks:
        check.void = starved and check.name.startswith(TIMELY)
    return checks


def _tried(check, found: Evidence) -> Check:
    try:
        return check(found)
    except Exception as error:  # noqa: BLE001 - a judge that stumbles has not acquitted
        return Check(check.__name__, 1, [f"the judge failed: {type(error).__name__}: {error}"])


def _deaths(found: Evidence) -> Check:
    check = Check("P1 ends only when told, within 5 s")
    for one in found.lines("death"):
        if one["how"] in {"stopped", "the end"}:
            check.need(one["code"] == 0, f"exit status {one['code']} after SIGTERM")
            busy = max(found.lateness(one["asked"]), found.lateness(one["t"]), found.waited(one["asked"])) > BUSY_MS
            check.need(one["took_s"] <= (10 if busy else 5), f"took {one['took_s']:.1f} s to stop")
        elif one["how"] == "found dead":
            check.need(one["code"] == -9 and not one.get("alone"), f"it ended by itself with {one['code']}")
    return check


def _enough(found: Evidence) -> Check:
    """A run in which little was read, said or delivered proves little."""
    check = Check("enough to judge")
    meters = [m["name"] for m in found.plan["meters"] if m["tid"] == "honest"]
    read = {found.groups[p.group]["device"] for p in found.polls}
    check.need(set(meters) <= read, f"never read: {sorted(set(meters) - read)[:SHOWN]}")
    check.need({p["name"] for p in found.plan["publishers"]} <= read, "a publisher was never heard")
    check.need(len(found.polls) >= 5 * len(read), f"only {len(found.polls)} readings")
    check.need(len(found.table("witness")) >= 0.5 * len(found.polls), "the witness saw less than half")
    gaps = sum(gap.ticks for gap in found.gaps)
    check.need(gaps < len(found.polls), f"{gaps} gap ticks for {len(found.polls)} readings: not a working product")
    check.note = f"{len(found.polls)} readings, {gaps} gap ticks, {len(found.lines('sink'))} values sent"
    return check


def show(checks: list[Check]) -> int:
    """One line a check, what is wrong below it, the count last; how many failed. Void: this computer was starved."""
    for check in checks:
        verdict = "void" if check.void else "ok  " if check.passed else "FAIL"
        note = f"  ({check.note})" if check.note else ""
        print(f"{verdict} {check.name}: {check.looked} looked at{note}", flush=True)
        for line in check.wrong[:SHOWN]:
            print(f"       {line}")
        if len(check.wrong) > SHOWN:
            print(f"       and {len(check.wrong) - SHOWN} more")
    void = sum(check.void for check in checks)
    failed = sum(not check.passed and not check.void for check in checks)
    told = f", {void} void: this computer had no time for a fair run" if void else ""
    print(f"{len(checks) - failed - void} passed, {failed} failed{told}", flush=True)
    return failed


def report(folder: Path, checks: list[Check]) -> None:
    """reliability-report.json beside the evidence."""
    rows = [
        {"name": c.name, "passed": c.passed, "looked": c.looked, "note": c.note, "wrong": c.wrong[:50]} for c in checks
    ]
    (folder / "reliability-report.json").write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    sys.exit(min(show(judged(Path(sys.argv[1]), sys.argv[2:])), 1))
