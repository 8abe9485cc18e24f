"""I6, I7, I11: acknowledged is durable, seen is durable, and the counters tell the truth."""

import re
import zlib
from collections import Counter
from typing import Any

from tests.harness.evidence import MESSAGE, MICRO, Check, Evidence


def acknowledged_is_durable(found: Evidence) -> Check:
    """I6: each message the broker took from a publisher is exactly one reading, or what destroyed it is on record."""
    check = Check("I6 acknowledged is durable")
    stored = {(found.groups[p.group]["device"], int(p.values[0] * 1000 + 0.5)) for p in found.polls
              if p.lane == MESSAGE and p.values[0] is not None}  # fmt: skip
    bad = {(line["d"], line["n"]) for line in found.lines("said") if line["bad"]}
    said = {(line["d"], line["n"]): line["t"] for line in found.lines("said")}
    lost = 0
    for line in found.lines("puback"):
        key = (line["d"], line["n"])
        if key in bad or key in stored:
            check.looked += 1
        elif _broker_destroyed(found, said[key]) and _noted(found, key, said[key]):
            lost += 1
        else:
            check.need(False, f"{key[0]}: message {key[1]} was acknowledged and is nowhere")
    check.note = f"{check.looked} messages, {lost} destroyed with the broker and noted as gaps"
    return check


def _broker_destroyed(found: Evidence, at_ms: float) -> bool:
    return any(f["kind"] == "broker" and f["start"] - 2_000 <= at_ms <= f["end"] for f in found.faults)


def _noted(found: Evidence, key: tuple[str, int], at_ms: float) -> bool:
    """A hole with exactly this number in it; of a device without numbers, a span around this time."""
    groups = {n for n, group in found.groups.items() if group["device"] == key[0]}
    gaps = [gap for gap in found.gaps if gap.group in groups and gap.lane == MESSAGE]
    holes = any(g.reason == "seq_hole" and g.first <= key[1] < g.first + g.ticks for g in gaps)
    spans = any(g.reason in {"session_lost", "broker_loss"} and g.start_ms <= at_ms <= g.end_ms for g in gaps)
    return holes or spans


def committed_is_durable(found: Evidence) -> Check:
    """I7: what a reader has seen, and what the database has got, is in the store after every kill and power cut."""
    check = Check("I7 committed is durable")
    rows = {(p.group, p.time_ms): zlib.crc32(p.words) for p in found.polls}
    for group, time_ms, crc in found.table("witness"):
        check.need(rows.get((group, time_ms)) == crc, f"a reader saw {found.groups[group]['device']} at {time_ms}")
    points = {(point, quantity): n for n, group in found.groups.items() for point, quantity in group["columns"]}
    for point, name, time_ns, _ in found.table("held"):
        if not name.endswith("_quality") and point != "p_old":
            here = (points.get((point, name), -1), time_ns // MICRO) in rows
            check.need(here, f"the database has {point} {name} at {time_ns // MICRO}, the store has not")
    return check


_LINES = "SELECT line FROM quarantine WHERE sink LIKE 'http%'"  # refused messages lie there too


def honest_counters(found: Evidence) -> Check:
    """I11: due = read + gap; accepted = delivered + quarantined; /metrics says what the store says."""
    check = Check("I11 honest counters")
    for line in found.lines("metrics"):
        check.need(line["told"], "/metrics did not answer")
        _bracketed(line, check)
    held = {(point, name, time) for point, name, time, _ in found.table("held")}
    apart = {_key(text) for (text,) in found.db.execute(_LINES)}
    missing: Counter[str] = Counter()
    ranges = found.db.execute("SELECT first_seq, last_seq FROM delivered ORDER BY first_seq").fetchall()
    pending = [poll for poll in found.polls if not any(a <= poll.seq <= b for a, b in ranges)]
    check.need(len(pending) <= 0.02 * len(found.polls), f"{len(pending)} readings are still pending at the end")
    waiting = {poll.seq for poll in pending}
    for poll in found.polls:
        if poll.seq in waiting:
            continue
        for (point, quantity), value in zip(found.groups[poll.group]["columns"], poll.values, strict=True):
            if value is None:
                continue
            check.looked += 1
            there = (point, quantity, poll.time_ms * MICRO) in held or (point, poll.time_ms) in apart
            missing[point] += not there
    for point, count in (+missing).items():
        check.wrong.append(f"{point}: {count} values are said to be delivered and are nowhere")
    check.note = f"{len(held)} values delivered, {len(apart)} lines in quarantine, {len(pending)} readings pending"
    return check


def _key(line: str) -> tuple[str, int]:
    """Point and time of a line of line protocol."""
    point = re.search(r"point=([^, ]+)", line)
    return (point[1] if point else "", int(line.rsplit(" ", 1)[1]))


def _bracketed(line: dict[str, Any], check: Check) -> None:
    """The collector counts since its start; the store's count at that start is `base`."""
    told = line["told"]
    due = sum(v for k, v in told.items() if k.startswith("zcf_ticks_due_total"))
    read = sum(v for k, v in told.items() if k.startswith("zcf_ticks_read_total") and 'lane="message"' not in k)
    gap = sum(v for k, v in told.items() if k.startswith("zcf_ticks_gap_total") and 'lane="message"' not in k)
    check.need(due == read + gap, f"/metrics: due {due} is not read {read} + gap {gap}")
    check.need(due > 0, "/metrics counts nothing")
    before = sum(n for kind, lane, n, _ in line["counts"] if kind == "read" and lane in "01")
    after = sum(n for kind, lane, _, n in line["counts"] if kind == "read" and lane in "01")
    base = line["base"]
    right = before - base <= read <= after - base
    check.need(right, f"/metrics says {read} readings, the store {before - base}..{after - base}")
