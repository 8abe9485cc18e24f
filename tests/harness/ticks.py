"""I1, I4, I8, I9: every due tick is in one reading or one gap, every gap has a cause, every time is true."""

from collections import defaultdict
from functools import cache
from itertools import pairwise

from tests.harness.evidence import CADENCE, MESSAGE, QUARTER, Check, Epoch, Evidence, Gap

DOWN = {"collector_down_clean", "collector_down_unclean", "maintenance", "time_uncertain"}
# What each fault may end in; anything on one connection may also cost a neighbour its turn (overrun).
CAUSES = {
    "late": {"timeout", "bad_frame"}, "double": {"bad_frame", "timeout"}, "mute": {"timeout"},
    "reset": {"line_down", "bad_frame", "connect"}, "flip": {"bad_frame", "timeout", "exception"},
    "slice": {"timeout", "bad_frame"}, "short": {"bad_frame"}, "foreign": {"bad_frame"},
    "half": {"bad_frame", "line_down"}, "busy": {"exception"}, "stray": {"bad_frame", "line_down", "timeout"},
    "rtu late": {"timeout", "bad_frame", "crc"}, "rtu bits": {"crc", "timeout", "bad_frame"},
    "rtu over tcp": {"timeout", "bad_frame", "crc", "line_down", "connect"},
    "unplugged": {"connect", "line_down", "timeout"},
    "cut": {"connect", "line_down", "timeout"}, "full": {"store_full"}, "eio": {"store_full"},
    "frozen": {"scheduler_late", "overrun", "timeout"},
    "broker": {"broker_loss", "session_lost", "seq_hole"}, "poison": {"rejected", "seq_hole"},
}  # fmt: skip
RECOVERY_MS = {"cut": 32_000}
SHARED = {"overrun", "line_down", "timeout", "scheduler_late", "connect"}
TORN = {"bad_frame", "crc"}  # on a serial line a late or halting answer runs into the next one
QUARTER_MS = 900_000
START_MS = 3_000  # what it loads beside its first reads costs it a tick now and then


def nothing_lost(found: Evidence) -> Check:
    """I1: for each group and epoch, due ticks = readings + gap ticks, each tick once; epochs leave no time between."""
    check = Check("I1 every tick accounted for")
    ticks: dict[tuple[int, int, int], list[int]] = defaultdict(list)
    for poll in found.polls:
        ticks[poll.epoch, poll.group, poll.lane].append(poll.tick)
    for gap in found.gaps:
        ticks[gap.epoch, gap.group, gap.lane] += range(gap.first, gap.first + gap.ticks)
    meters = {meter["name"] for meter in found.plan["meters"]}
    polled = {n for n, group in found.groups.items() if group["device"] in meters}
    for epoch in found.epochs:
        check.need(epoch.stop_ms is not None, f"epoch {epoch.id} was never closed")
        for group in polled:
            for lane, due in _due(found, epoch, group).items():
                have = sorted(ticks.get((epoch.id, group, lane), []))
                check.need(have == due, f"epoch {epoch.id}, {found.groups[group]['device']}: {_differ(have, due)}")
    _seamless(found, check)
    return check


def _due(found: Evidence, epoch: Epoch, group: int) -> dict[int, list[int]]:
    stop_ms = epoch.stop_ms or epoch.start_ms
    period = found.groups[group]["cadence_ms"]
    due = {CADENCE: list(range(-((epoch.start_ms - stop_ms) // period)))}
    if found.groups[group]["quarter"]:
        due[QUARTER] = list(range(epoch.start_ms // QUARTER_MS + 1, -(-stop_ms // QUARTER_MS)))
    return due


def _differ(have: list[int], due: list[int]) -> str:
    lost, extra = sorted(set(due) - set(have))[:3], sorted(set(have) - set(due))[:3]
    return f"{len(have)} ticks of {len(due)}; lost {lost}, not due {extra}, twice {len(have) - len(set(have))}"


def _seamless(found: Evidence, check: Check) -> None:
    lives, deaths = found.lines("life"), found.lines("death")
    check.need(found.epochs, "no epoch at all")
    for one, after in pairwise(found.epochs):
        moved = after.start_ms - (one.stop_ms or 0)
        back = any(abs(moved - (a - b)) < 60_000 for a in found.offsets for b in found.offsets if a != b)
        check.need(moved == 0 or back, f"{moved} ms between epochs {one.id} and {after.id} are in neither")
    if found.epochs and deaths:
        late = found.epochs[0].start_ms - lives[0]["t"]
        check.need(late < 1_000, f"the first epoch begins {late} ms after the collector was ready")
        early = deaths[-1]["asked"] - (found.epochs[-1].stop_ms or 0)
        check.need(abs(early) < 1_500, f"the last epoch ends {early} ms before the collector was told to stop")


def gaps_are_true(found: Evidence) -> Check:
    """I4: no gap without a fault on its path, a collector that was away, or a computer that stood still."""
    check = Check("I4 every gap has its cause")
    check.looked = len(found.gaps)
    wrong, stood = _looked_through(found)
    for gap, start in wrong:
        device = found.groups[gap.group]["device"]
        check.wrong.append(f"{device}: {gap.reason} x{gap.ticks} at {start:.0f} without a cause")
    check.note = f"{sum(gap.ticks for gap in found.gaps)} gap ticks, {stood} of them while this computer stood still"
    return check


def excused(found: Evidence) -> int:
    """Gap ticks that have no cause but that this computer stood still."""
    return _looked_through(found)[1]


@cache
def _looked_through(found: Evidence) -> tuple[list[tuple[Gap, float]], int]:
    """The gaps without a cause, each with its beginning; how many ticks only a computer that stood still explains."""
    wrong, stood = [], 0
    for gap in found.gaps:
        offset = found.offset(gap.epoch) if gap.lane != MESSAGE else 0
        start, end = gap.start_ms - offset, gap.end_ms - offset
        if _caused(found, gap, start, end):
            continue
        serial = found.groups[gap.group]["device"] in found.serial
        late = found.stalled(start - 1_000, end + 1_000) or (serial and found.held_up(start - 1_000, end + 1_000))
        if late and gap.reason in SHARED | (TORN if serial else set()):
            stood += gap.ticks
        else:
            wrong.append((gap, start))
    return wrong, stood


def _caused(found: Evidence, gap: Gap, start: float, end: float) -> bool:
    device = found.groups[gap.group]["device"]
    if gap.reason in DOWN:
        return gap.reason == "time_uncertain" or any(a - 1_500 <= end and start <= b + 1_500 for a, b in found.downs)
    young = any(line["began"] <= end and start <= line["t"] + START_MS for line in found.lines("life"))
    early = {"overrun", "scheduler_late"} | ({"timeout"} | TORN if device in found.serial else set())
    if gap.reason in early and young:
        return True
    away = any(a - 2_000 <= end and start <= b + 5_000 for a, b in found.downs)
    if gap.reason in {"broker_loss", "seq_hole"} and away:
        return True
    if gap.reason == "seq_hole" and not gap.ticks and _said_nothing(found, device, start, end):
        return True
    return (device in _constant(found) and gap.reason in {"bad_frame", "timeout"}) or any(
        gap.reason in CAUSES.get(f["kind"], set()) | (SHARED if f["kind"] in CAUSES else set())
        and device in _mates(found, f["targets"])
        and f["start"] - 100 <= end
        and start <= f["end"] + RECOVERY_MS.get(f["kind"], 10_000)
        for f in found.faults
    )


def _said_nothing(found: Evidence, device: str, start: float, end: float) -> bool:
    """A hole found by period, of messages without numbers: the device really was silent for so long."""
    times = [line["t"] for line in found.lines("said") if line["d"] == device]
    return any(start - 1_000 <= b and a <= end + 1_000 and b - a >= 0.9 * (end - start) for a, b in pairwise(times))


def _constant(found: Evidence) -> set[str]:
    """Devices that answer everything with transaction 0: a product may refuse them, never mix them up."""
    return {meter["name"] for meter in found.plan["meters"] if meter["tid"] == "zero"}


def _mates(found: Evidence, targets: list[str]) -> set[str]:
    links = {meter["link"] for meter in found.plan["meters"] if meter["name"] in targets}
    return {meter["name"] for meter in found.plan["meters"] if meter["link"] in links} | set(targets)


def times_are_true(found: Evidence) -> Check:
    """I8: a reading's time is when its answer was given, within 50 ms unless this computer was busy; times rise."""
    check = Check("I8 times are true")
    last: dict[int, tuple[int, int]] = {}
    errors: list[float] = []
    late: list[float] = []
    for poll in found.polls:
        if poll.lane == MESSAGE:
            continue
        served = found.served(poll)
        if served:
            errors.append(abs(poll.time_ms - found.offset(poll.epoch) - served[-1]["t"]))
            allowed = 5 * found.lateness(served[-1]["t"]) + found.waited(served[-1]["t"])  # how late we were ourselves
            if errors[-1] > 50 + allowed:
                late.append(errors[-1])
            check.need(errors[-1] <= 1_000 + allowed, f"seq {poll.seq} is {errors[-1]:.0f} ms off its answer")
        before = last.get(poll.group, (0, -1))
        rises = poll.time_ms > before[1] or poll.epoch != before[0]
        check.need(rises, f"time of seq {poll.seq} does not rise")
        last[poll.group] = (poll.epoch, poll.time_ms)
    errors.sort()
    if errors:
        within = 1 - len(late) / len(errors)
        half, most = errors[len(errors) // 2], errors[int(0.99 * len(errors))]
        check.note = f"p50 {half:.1f} ms, p99 {most:.1f} ms, max {errors[-1]:.0f}"
        check.need(within >= 0.99, f"only {within:.1%} within 50 ms, allowing for this computer's own lateness")
    return check


def alive_again(found: Evidence) -> Check:
    """I9: after a fault ends, or a restart, each device it touched is read within a period and 10 s (a cut link 40)."""
    check = Check("I9 lives on after every fault")
    times: dict[str, list[float]] = defaultdict(list)
    for poll in found.polls:
        times[found.groups[poll.group]["device"]].append(poll.time_ms - found.offset(poll.epoch))
    end_ms = found.lines("death")[-1]["asked"]
    plain = {one["name"] for one in found.plan["publishers"] if one["plain"]}
    said = {one["name"] for one in found.plan["publishers"]} - plain
    hushed = max((line["t"] for line in found.lines("said")), default=0.0)  # when publishers fell silent for good
    for kind, targets, healed in _healings(found):
        limit = 2_000 + RECOVERY_MS.get(kind, 10_000)
        for device in set(targets) - _constant(found) - plain:
            last = min(end_ms, hushed) if device in said else end_ms
            quiet = _undisturbed(found, device, healed, limit)
            if quiet + limit < last and not any(healed < away <= quiet + limit for away, _ in found.downs):
                back = min((t for t in times[device] if t >= healed - 100), default=float("inf"))
                allowed = limit + found.held_ms(quiet, quiet + limit)
                check.need(back - quiet <= allowed, f"{device} silent for {back - healed:.0f} ms after {kind}")
    _fresh(found, check)
    return check


def _undisturbed(found: Evidence, device: str, healed: float, limit: float) -> float:
    """When a device was left alone: after the faults that began on its link before it had to be back."""
    for fault in sorted(found.faults, key=lambda f: float(f["start"])):
        if healed < fault["start"] <= healed + limit and device in _mates(found, fault["targets"]):
            healed = max(healed, fault["end"])
    return healed


def _healings(found: Evidence) -> list[tuple[str, list[str], float]]:
    everybody = [one["name"] for one in (*found.plan["meters"], *found.plan["publishers"])]
    births = [("restart", everybody, line["t"]) for line in found.lines("life")]
    steps = [("a clock set back", everybody, line["t"]) for line in found.lines("clock") if line["offset"] < 0]
    return births + steps + [(f["kind"], f["targets"], f["end"]) for f in found.faults]


def _fresh(found: Evidence, check: Check) -> None:
    """Live values reach the database within 5 s (99 of 100) while nothing is wrong; on a busy computer within 20 s."""
    sink, samples = found.lines("sink"), found.lines("sample")
    troubles = [(f["start"], f["end"] + (62_000 if f["kind"] == "pause" else 30_000))
                for f in found.faults if f["kind"] in {"sink", "pause", "full", "eio", "frozen", "rolled"}]  # fmt: skip
    troubles += [(a, b + 10_000) for a, b in found.downs]
    troubles.append((0, found.lines("life")[0]["t"] + 10_000))
    moved = [line["t"] for line in found.lines("clock")]
    ages: dict[bool, list[float]] = {False: [], True: []}  # whether this computer stood still, or kept us waiting
    for before, after in pairwise(samples):
        calm = not any(a <= after["t"] and before["t"] - 6_000 <= b for a, b in troubles)
        if calm and not (moved and moved[0] - 5_000 < after["t"] < moved[-1] + 30_000):
            live = (line for line in sink[before["applied"] : after["applied"]] if line["p"] != "p_old")
            held_up = found.stalled(before["t"] - 6_000, after["t"])
            ages[held_up] += [after["t"] - line["t"] / 1e6 for line in live]
    check.need(any(ages.values()), "live values never arrived in calm")
    told = []
    for held_up, limit in ((False, 5_000), (True, 20_000)):
        p99 = sorted(ages[held_up])[int(0.99 * len(ages[held_up]))] if ages[held_up] else 0.0
        told.append(f"{len(ages[held_up])} values, p99 {p99:.0f} ms{' on a busy computer' * held_up}")
        check.need(p99 <= limit, f"live values are late: {told[-1]}")
    check.note = f"arrived in calm: {'; '.join(told)}"
