"""I10: nothing grows without end; and whether the run proves anything: every fault must have happened."""

import json
import math
from collections.abc import Callable

from tests.harness.evidence import Check, Evidence
from tests.harness.subject import log_lines

MOST_RSS = 150 * 2**20
LINES_A_MINUTE = 60


def bounded(found: Evidence) -> Check:
    """I10: memory, files and threads of each life; lines of the log."""
    check = Check("I10 bounded")
    samples, births = found.lines("sample"), [line["t"] for line in found.lines("life")]
    lives = [
        [one for one in samples if born <= one["t"] < gone]
        for born, gone in zip(births, [*births[1:], float("inf")], strict=True)
    ]
    _flat([life for life in lives if len(life) >= 8], check)
    most = max((one["rss"] for one in samples), default=0)
    check.need(0 < most <= MOST_RSS, f"{most / 2**20:.0f} MB of memory")
    quota = found.plan["quota"] if found.plan.get("crowded") else math.inf
    used = max((one["used"] for one in samples), default=0)
    check.need(0 < used <= quota, f"the readings took {used} bytes, {quota} are allowed")
    calls = found.lines("world")[0]["calls"]
    check.note = f"{most / 2**20:.0f} MB, {calls.get('fdatasync', 0)} fsyncs"
    return check


def quiet_log(found: Evidence) -> Check:
    """I10: so many lines a minute at most; each device that a busy computer makes silent is another one."""
    check = Check("I10 bounded log")
    samples, births = found.lines("sample"), found.lines("life")
    lines = log_lines(found.folder)
    minutes = max((samples[-1]["t"] - samples[0]["t"]) / 60_000, 1) if samples else 1
    starts = 8 * len(births)  # what each start says once
    check.need(len(lines) <= LINES_A_MINUTE * minutes + starts, f"{len(lines)} lines of log in {minutes:.1f} minutes")
    check.need(lines and not any(one["event"] == "NOT JSON" for one in lines), "the log holds lines that are no JSON")
    check.note = f"{len(lines)} lines in {minutes:.1f} minutes"
    return check


def _flat(lives: list[list[dict[str, float]]], check: Check) -> None:
    """What a life holds at its end, against what any life of this site holds once it has started.

    Not against its own start alone: on a busy computer its links are connected late, and that is no leak.
    """
    for what, slack in (("threads", 2), ("fds", 6)):
        needed = max((one[what] for life in lives for one in life[2:5]), default=0)
        for life in lives:
            grown = min(one[what] for one in life[-3:]) - needed
            check.need(grown <= slack, f"{grown:.0f} more {what} at the end of a life than any start needs")


Seen = Callable[[Evidence], object]


def _kinds(found: Evidence, kind: str) -> int:
    return sum(kind in done for done in found.lines("world")[0]["proxies"].values())


def _uncommitted(found: Evidence) -> int:
    """Answers given in the last half second before a kill that are in no reading."""
    held = {(line["d"], line["a"], line["w"]) for poll in found.polls for line in found.served(poll)}
    deaths = [one["asked"] for one in found.lines("death") if "killed" in one["how"] or one["how"] == "found dead"]
    return sum(
        (line["d"], line["a"], line["w"]) not in held
        for lines in found.truth.values() for line in lines
        if any(t - 500 <= line["t"] <= t for t in deaths)
    )  # fmt: skip


def _turned_over(found: Evidence) -> int:
    wheel = 2**32
    starts = {meter["name"]: meter["start"] for meter in found.plan["meters"]}
    return sum(
        lines[-1]["true"][0] + starts[device][0] >= wheel
        for device, all_ in found.truth.items()
        if (lines := [line for line in all_ if "true" in line])
    )


def _hits(found: Evidence, name: str) -> int:
    return int(found.lines("world")[0]["disk"].get(name, 0))


HAPPENED: dict[str, Seen] = {
    "a late answer came after the timeout": lambda e: len(e.lines("late")),
    "a late answer on the serial line": lambda e: len(e.lines("rtu")) and sum(
        gap.reason == "timeout" and e.groups[gap.group]["device"].startswith("r") for gap in e.gaps),
    "bits turned over on the serial line": lambda e: sum(gap.reason == "crc" for gap in e.gaps),
    "a late answer through the converter": lambda e: e.lines("world")[0]["converter"].get("late", 0),
    "a torn answer through the converter": lambda e: e.lines("world")[0]["converter"].get("broken", 0),
    "a foreign answer through the converter": lambda e: min(
        e.lines("world")[0]["converter"].get(kind, 0) for kind in ("foreign", "stranger")),
    "the adapter unplugged": lambda e: sum(f["kind"] == "unplugged" for f in e.faults),
    "an answer came twice": lambda e: _kinds(e, "double"),
    "an answer was short": lambda e: _kinds(e, "short"),
    "a header was wrong by a bit": lambda e: _kinds(e, "flip"),
    "a link was cut": lambda e: _kinds(e, "cut"),
    "a kill with uncommitted readings": _uncommitted,
    "a kill in the middle of a commit": lambda e: _hits(e, "killed"),
    "a power cut": lambda e: len(e.lines("power")),
    "a power cut with unsynced bytes": lambda e: sum(one["lost_bytes"] for one in e.lines("power")),
    "a write to a full disk": lambda e: _hits(e, "full"),
    "a failing fsync": lambda e: _hits(e, "broken"),
    "a slow fsync": lambda e: _hits(e, "slow"),
    "a partial write (422)": lambda e: e.table("statuses").count(422),
    "a malformed line (400)": lambda e: e.table("statuses").count(400),
    "a captive portal (200)": lambda e: e.table("statuses").count(200),
    "no bucket (404)": lambda e: e.table("statuses").count(404),
    "a busy database (429, 503)": lambda e: e.table("statuses").count(503) + e.table("statuses").count(429),
    "applied, and the answer lost": lambda e: e.table("statuses").count(0),
    "a line in quarantine": lambda e: e.count("quarantine WHERE sink LIKE 'http%'"),
    "the broker forgot our session": lambda e: sum(
        one.get("event") == "broker_connected" and not one.get("session_present") for one in log_lines(e.folder)) - 1,
    "a message refused": lambda e: sum(gap.reason == "rejected" for gap in e.gaps),
    "a counter turned over": _turned_over,
    "a counter began again": lambda e: len(e.lines("reset")),
    "a counter turned over while nobody looked": lambda e: len(e.lines("turned")),
    "the process frozen": lambda e: sum(f["kind"] == "frozen" for f in e.faults),
    "old readings thinned": lambda e: e.count("thinned"),
    "told to reload": lambda e: len(e.lines("reload")),
    "readings sent again after a roll-back": lambda e: sum(
        json.loads(one["said"])["polls"] for one in e.lines("resync") if one["code"] == 0),
    "a real file system went dark": lambda e: len(e.lines("dark")),
    "a real disk was full": lambda e: len(e.lines("crowded")),
    "the clock set back": lambda e: sum(one["offset"] < 0 for one in e.lines("clock")),
    "stopped in good order": lambda e: sum(one["how"] == "stopped" for one in e.lines("death")),
    "killed while stopping": lambda e: sum(one["how"] == "killed while stopping" for one in e.lines("death")),
}  # fmt: skip
