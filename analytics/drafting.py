"""One entry drafted from a person's words, checked against the site and its readings: for the API and `zcf correct`."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from analytics.corrections import in_force, is_scaled, opposite
from metering.period import from_ms, to_ms
from metering.quantity import Kind, quantity
from metering.reading import MICRO, SeriesKey
from metering.sitefile import SiteConfig
from metering.store.entries import Entry
from metering.store.source import StoreSource

LARGEST = 10**6  # of a factor's numerator and denominator
Words = Mapping[str, str]


class WrongEntryError(Exception):
    """An entry that cannot be right; carries every fault found."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(faults))


class Draft:
    """Reads the words of one entry; what is wrong with them is collected, not raised."""

    def __init__(self, config: SiteConfig, now_ms: int) -> None:
        self.config, self.now_ms = config, now_ms
        self.source = StoreSource(config.store_dir)
        self.entries: list[Entry] = self.source.entries.entries()
        self.faults: list[str] = []

    def entry(self, kind: str, words: Words, who: str, why: str) -> Entry:
        """The entry; WrongEntryError with every fault at once."""
        for name, text in (("--who", who), ("--why", why)):
            if not text.strip():
                self.faults.append(f"{name}: an entry needs it")
        body = _BODIES[kind](self, words)
        if self.faults:
            raise WrongEntryError(self.faults)
        stamp = f"{from_ms(self.now_ms):%Y%m%d-%H%M%S}"
        seq = max((one.seq for one in self.entries), default=0) + 1
        name = f"{kind}-{stamp}-{secrets.token_hex(3)}"
        return Entry(name, kind, who.strip(), why.strip(), self.now_ms, body, seq)

    def point(self, words: Words) -> str:
        """A metering point of the site file."""
        known = [point.id for point in self.config.site.points]
        if words["point"] not in known:
            self.faults.append(f"--point: {words['point']!r} is not a metering point; one of: {', '.join(known)}")
        return words["point"]

    def key(self, words: Words, kinds: Iterable[Kind] = (Kind.COUNTER,)) -> SeriesKey:
        """A series that the store has, of a fitting kind."""
        point, name = self.point(words), words["quantity"]
        here = sorted(q for p, q in self.source.series() if p == point and quantity(q).kind in kinds)
        if here and name not in here:
            self.faults.append(f"--quantity: {point} has no {name!r}; one of: {', '.join(here)}")
        elif not here and point in {p.id for p in self.config.site.points}:
            self.faults.append(f"--point: the store has no readings of {point} that could be corrected so")
        return point, name

    def moment(self, option: str, text: str) -> int | None:
        """ISO 8601; without an offset it is the site's clock. Not in the future [ms UTC]."""
        try:
            found = _instant(text, self.config.zone)
        except ValueError as error:
            self.faults.append(f"{option}: {error}")
            return None
        if found > self.now_ms and option in {"--at", "--from"}:
            self.faults.append(f"{option}: {text} lies in the future")
        return found

    def span(self, words: Words) -> dict[str, int]:
        """[--from, --to) [ms UTC]."""
        start, end = self.moment("--from", words["from"]), self.moment("--to", words["to"])
        if start is not None and end is not None and end <= start:
            self.faults.append(f"--to: {words['to']} is not after {words['from']}")
        return {"start_ms": start or 0, "end_ms": end or 0}

    def begun(self, point: str, names: Iterable[str], words: Words, end_ms: int) -> None:
        """Some register of a point was read before a span ends: an earlier span, a wrong year say, touches nothing."""
        around = [self.neighbours((point, name), end_ms - 1) for name in names] if not self.faults else []
        first = [after[0] for before, after in around if before is None and after is not None]
        if first and len(first) == len(around):
            since = self.clock(min(first))
            self.faults.append(f"--to: {point} was first read at {since}: nothing lies before {words['to']}")

    def micro(self, option: str, text: str) -> int:
        """A decimal number as micro-units, exactly."""
        try:
            found = Fraction(text) * MICRO
        except (ValueError, ZeroDivisionError):
            self.faults.append(f"{option}: {text!r} is not a number")
            return 0
        if found.denominator != 1:
            self.faults.append(f"{option}: {text} is finer than a millionth of the unit")
        if not 0 <= found < 2**62:
            self.faults.append(f"{option}: {text} is outside what a register can show")
        return int(found)

    def neighbours(self, key: SeriesKey, time_ms: int) -> list[tuple[int, int] | None]:
        """The reading at or before an instant and the one after it (time [ms UTC], value [micro])."""
        columns = self.source.ranges([key], time_ms + 1, time_ms + 1)[key]
        pairs = list(zip(columns.time_ms.tolist(), columns.value.tolist(), strict=True))
        before = [pair for pair in pairs if pair[0] <= time_ms]
        after = [pair for pair in pairs if pair[0] > time_ms]
        return [before[-1] if before else None, after[0] if after else None]

    def clock(self, time_ms: int) -> str:
        """An instant by the site's clock."""
        return from_ms(time_ms).astimezone(self.config.zone).isoformat(" ", "seconds")


def _instant(text: str, zone: ZoneInfo) -> int:
    try:
        written = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a time; write 2026-10-03T14:30 or 2026-10-03T14:30+08:00") from None
    if written.tzinfo is not None:
        return to_ms(written)
    first, second = (written.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first.astimezone(zone).replace(tzinfo=None) != written:
        raise ValueError(f"{text} never was in {zone.key}: clocks were set forward over it")
    if first != second:
        raise ValueError(f"{text} was twice in {zone.key}: write its offset too")
    return to_ms(first)


def _on(key: SeriesKey, **body: Any) -> dict[str, Any]:
    return {"point": key[0], "quantity": key[1], **body}


def _exchange(draft: Draft, words: Words) -> dict[str, Any]:
    key, at = draft.key(words), draft.moment("--at", words["at"])
    final, start = draft.micro("--final", words["final"]), draft.micro("--start", words["start"])
    if at is not None and not draft.faults:
        before, after = draft.neighbours(key, at)
        unit = quantity(key[1]).unit
        if before is None:
            draft.faults.append(f"--at: the store has no reading of {key[0]} before {words['at']}")
        elif final < before[1] and not _near_end(draft, key, before[1]):
            shown = f"{before[1] / MICRO:.6g} {unit} at {draft.clock(before[0])}"
            draft.faults.append(f"--final: the old meter already showed {shown}")
        if after is not None and start > after[1]:
            shown = f"{after[1] / MICRO:.6g} {unit} at {draft.clock(after[0])}"
            draft.faults.append(f"--start: the next reading, {shown}, is less; is the time right?")
    return _on(key, time_ms=at, final_micro=final, start_micro=start)


def _near_end(draft: Draft, key: SeriesKey, value: int) -> bool:
    infos = draft.source.infos().get(key, [])
    return any(info.modulus is not None and value >= info.modulus * MICRO * Fraction(95, 100) for info in infos)


def _bad_range(draft: Draft, words: Words) -> dict[str, Any]:
    key, span = draft.key(words, tuple(Kind)), draft.span(words)
    draft.begun(key[0], [key[1]], words, span["end_ms"])
    return _on(key, **span)


def _manual(draft: Draft, words: Words) -> dict[str, Any]:
    key, at = draft.key(words), draft.moment("--at", words["at"])
    micro = draft.micro("--value", words["value"])
    if at is not None and not draft.faults:
        before, after = draft.neighbours(key, at)
        if before and after and before[1] <= after[1] and not before[1] <= micro <= after[1]:
            between = f"{before[1] / MICRO:.9g} and {after[1] / MICRO:.9g} {quantity(key[1]).unit}"
            draft.faults.append(f"--value: the readings on either side are {between}")
    return _on(key, time_ms=at, micro=micro)


def _multiplier(draft: Draft, words: Words) -> dict[str, Any]:
    point, span = draft.point(words), draft.span(words)
    try:
        factor = Fraction(words["factor"])
    except (ValueError, ZeroDivisionError):
        factor = Fraction(0)
    if not (factor > 0 and max(factor.numerator, factor.denominator) <= LARGEST):
        draft.faults.append(f"--factor: {words['factor']!r} is not a positive number such as 1.1 or 11/10")
    elif factor == 1:
        draft.faults.append("--factor: 1 changes nothing; an entry is taken back by `undo`")
    scaled = [q for p, q in draft.source.series() if p == point and is_scaled(q)]
    if not draft.faults and not scaled:
        draft.faults.append(f"--point: the store has no energy of {point}")
    draft.begun(point, scaled, words, span["end_ms"])
    return {"point": point, **span, "factor": str(factor)}


def _direction(draft: Draft, words: Words) -> dict[str, Any]:
    point, span = draft.point(words), draft.span(words)
    here = {q for p, q in draft.source.series() if p == point and opposite(q)}
    if not draft.faults and not any(opposite(q) in here for q in here):
        draft.faults.append(f"--point: {point} is not read in both directions; the other register is not known")
    draft.begun(point, sorted(here), words, span["end_ms"])
    return {"point": point, **span}


def _reset(draft: Draft, words: Words) -> dict[str, Any]:
    key, at = draft.key(words), draft.moment("--at", words["at"])
    body: dict[str, Any] = {"energy_micro": draft.micro("--energy", words["energy"])} if words["energy"] else {}
    if at is None or draft.faults:
        return body
    before, after = draft.neighbours(key, at)
    if before is None or after is None or after[1] >= before[1]:
        draft.faults.append(f"--at: {key[0]} {key[1]} did not fall between the readings around {words['at']}")
        return body
    return _on(key, before_ms=before[0], after_ms=after[0], **body)


def _bill(draft: Draft, words: Words) -> dict[str, Any]:
    key = draft.key(words, (Kind.COUNTER, Kind.DELTA))
    return _on(key, **draft.span(words), micro=draft.micro("--value", words["value"]))


def _undo(draft: Draft, words: Words) -> dict[str, Any]:
    known = {entry.id: entry for entry in draft.entries}
    entry = known.get(words["entry"])
    if entry is None:
        draft.faults.append(f"--entry: there is no entry {words['entry']!r}; `zcf correct SITE list` names them")
    elif entry.kind == "import":
        draft.faults.append("--entry: imported readings are not undone; enter a bad range over them")
    elif entry.id not in {one.id for one in in_force(draft.entries)}:
        draft.faults.append(f"--entry: {entry.id} is undone already")
    return {"entry": words["entry"]}


_BODIES = {
    "exchange": _exchange, "bad_range": _bad_range, "manual_reading": _manual, "multiplier": _multiplier,
    "direction": _direction, "reset": _reset, "bill": _bill, "undo": _undo,
}  # fmt: skip
