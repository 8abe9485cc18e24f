"""I2, I3, I5: nothing is invented, nothing is there twice, energy is exact."""

import json
from collections import Counter, defaultdict
from typing import Any

from tests.harness.evidence import MESSAGE, MICRO, Check, Evidence, Poll

WINDOW_MS = 5_200  # a poll takes no longer


def nothing_invented(found: Evidence) -> Check:
    """I2: each reading is, word for word, answers given to that device's tick; each value is what its words say."""
    check = Check("I2 nothing invented")
    said = {(line["d"], line["n"]): line for line in found.lines("said")}
    for poll in found.polls:
        device = found.groups[poll.group]["device"]
        if poll.lane == MESSAGE:
            body = _message(found, poll)
            line = said.get((device, int(body["active_power"] or -1)))
            check.need(line and not line["bad"] and line["e"] == body["active_energy_import"], f"{device}: {body}")
            continue
        served = found.served(poll)
        check.need(served, f"{device}: seq {poll.seq} holds words that no answer to it held")
        if served:
            _in_window(found, poll, served, check)
            _values(found, poll, served, check)
    check.need(not found.lines("forbidden"), "a function that is not a read was asked for")
    return check


def _message(found: Evidence, poll: Poll) -> dict[str, Any]:
    """The printed numbers of a message, by quantity."""
    columns = [quantity for _, quantity in found.groups[poll.group]["columns"]]
    return {q: None if v is None else int(v) for q, v in zip(columns, json.loads(poll.words), strict=True)}


def _in_window(found: Evidence, poll: Poll, served: list[dict[str, Any]], check: Check) -> None:
    if poll.lane != 0:
        return
    due = found.starts[poll.epoch] + poll.tick * found.groups[poll.group]["cadence_ms"] - found.offset(poll.epoch)
    early, late = due - served[0]["t"], served[-1]["t"] - due
    right = early <= 5 and late <= WINDOW_MS + found.held_ms(due, served[-1]["t"])
    check.need(right, f"seq {poll.seq}: answers of another tick ({-early:.0f}..{late:.0f} ms)")


def _values(found: Evidence, poll: Poll, served: list[dict[str, Any]], check: Check) -> None:
    blocks = {line["a"]: line for line in served}
    for (point, quantity), value in zip(found.groups[poll.group]["columns"], poll.values, strict=True):
        row = next(r for r in found.plan["registers"] if r[0] == quantity)
        home = max(a for a in blocks if a <= row[3])
        if value is None:
            check.need((point, quantity, poll.time_ms) in found.absent, f"{point} {quantity} absent without a word")
            continue
        expected = found.value(quantity, blocks[home])
        check.need(value == expected, f"seq {poll.seq} {quantity}: {value} for {expected}")


def nothing_twice(found: Evidence) -> Check:
    """I3: one row for each answer, message and time; what is sent again to the database is the same."""
    check = Check("I3 nothing twice")
    used = Counter((d["d"], d["a"], d["w"]) for p in found.polls if p.lane != MESSAGE for d in found.served(p))
    for (device, address, _), n in used.items():
        check.need(n == 1, f"{device}: one answer at {address} became {n} readings")
    times = Counter((p.group, p.time_ms) for p in found.polls)
    check.need(max(times.values(), default=0) <= 1, "two readings of a group at one time")
    _messages_once(found, check)
    first: dict[tuple[str, str, int], float] = {}
    for line in found.lines("sink"):
        key = (line["p"], line["f"], line["t"])
        check.need(first.setdefault(key, line["v"]) == line["v"], f"{key} was sent with two values")
    return check


def _messages_once(found: Evidence, check: Check) -> None:
    """A plain device's message may come twice where the broker sent it again around a death; never a retained one."""
    plain = {one["name"] for one in found.plan["publishers"] if one["plain"]}
    said = {(line["d"], line["n"]): line["t"] for line in found.lines("said")}
    rows: dict[tuple[str, int], int] = defaultdict(int)
    for poll in found.polls:
        if poll.lane == MESSAGE:
            device = found.groups[poll.group]["device"]
            rows[device, int(_message(found, poll)["active_power"] or -1)] += 1
    for (device, n), count in rows.items():
        near = any(a - 3_000 <= said.get((device, n), 0) <= b + 1_000 for a, b in found.downs)
        check.need(count == 1 or (device in plain and near), f"{device}: message {n} became {count} readings")


def energy_exact(found: Evidence) -> Check:
    """I5: the energy the product sees between two readings is what the device counted, to the last count."""
    check = Check("I5 energy exact")
    settled = found.table("settled")
    open_items = 0
    for device, line_of in _counted(found).items():
        for index, quantity in enumerate(("active_energy_import", "active_energy_export", "reactive_energy_import")):
            one = settled.get(f"p_{device} {quantity}")
            check.need(one, f"{device} {quantity} was not settled")
            if one:
                open_items += len(one["open"])
                _segments(found, one, line_of, index, quantity, check, device)
    falls = len(found.lines("reset"))
    check.need(open_items >= falls, f"{falls} counters began again, {open_items} open items say so")
    check.need(open_items <= 2 * falls, f"{open_items} open items for {falls} resets")
    check.note = f"{falls} resets, {open_items} open items"
    return check


def _counted(found: Evidence) -> dict[str, dict[int, list[int]]]:
    """Device -> time of a reading -> what it had truly counted by then."""
    counted: dict[str, dict[int, list[int]]] = defaultdict(dict)
    for poll in found.polls:
        if poll.lane != MESSAGE:
            for line in found.served(poll):
                if "true" in line:
                    counted[line["d"]][poll.time_ms] = line["true"]
    return counted


def _segments(
    found: Evidence, one: dict[str, Any], counted: dict[int, list[int]], index: int, quantity: str, check: Check,
    device: str,
) -> None:  # fmt: skip
    row = next(r for r in found.plan["registers"] if r[0] == quantity)
    num, den = row[5] * found.plan["worth"][row[7]][0] * MICRO, row[6] * found.plan["worth"][row[7]][1]
    total = 0
    for first, last, energy in one["segments"]:
        total += energy
        if first not in counted or last not in counted:
            check.need(False, f"{device} {quantity}: a segment ends where no reading is")
            continue
        true = counted[last][index] - counted[first][index]
        error = abs(energy * den - true * num)
        check.need(error <= den, f"{device} {quantity}: {energy} micro for {true} counts")  # both ends are rounded
    check.need(total == one["intervals"], f"{device} {quantity}: intervals sum to {one['intervals']} of {total}")
