"""What devices say of themselves - maker, model, serial number, firmware - asked at the start and once a day.

Another serial number is another meter: its register has another start, and the energy between is open until the
exchange is declared. Nothing of this is a reading, and no read of values is late for it.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import structlog

from collector.committer import Committer
from collector.profile import Nameplate
from collector.protocols.gate import Asks, NoAnswerError, Request
from collector.unit import Unit
from metering.store import StoreError

FILE = "nameplates.json"  # in the folder of the readings
DAY_MS, HOUR_MS = 86_400_000, 3_600_000
_LEAST_MS = 200  # of time before the next read
_MEND = "declare the exchange (zcf correct SITE exchange), and write its serial number into the site file"
_TRIES = 3  # failures of one text, and then the others are asked for

Texts = dict[str, str]
Told = Callable[[str, str, Texts], None]  # device, the serial number of the site file, what it says


class Plates:
    """The nameplates of one link's devices: one text at a time, where no read is due soon."""

    def __init__(self, units: Iterable[Unit], told: Told) -> None:
        self._units = [unit for unit in units if unit.wired.profile.nameplate]
        self._told = told
        self._due_ms: dict[str, int] = {}
        self._texts: dict[str, Texts] = {}
        self._failures: dict[tuple[str, str], int] = {}

    async def asked(self, gate: Asks, now_ms: int, spare_ms: float) -> bool:
        """Ask a device for a text, if one is due and there is time; whether it was asked."""
        for unit in self._units:
            due_ms = self._due_ms.setdefault(unit.name, now_ms)
            if due_ms > now_ms or not unit.usual_s or unit.patience.failures:
                continue
            needs_ms = max(_LEAST_MS, 4000 * unit.usual_s)
            if spare_ms >= needs_ms or now_ms - due_ms > HOUR_MS:  # a line that is never free gives it up once a day
                await self._ask(gate, unit, max(spare_ms, needs_ms) / 1000)
                self._end(unit, now_ms)
                return True
        return False

    async def _ask(self, gate: Asks, unit: Unit, at_most_s: float) -> None:
        """The next text; an answer that does not come costs no more than the time there is."""
        plate = self._next(unit)[0]
        request = Request(unit.wired.device.unit, plate.fc, plate.address, plate.words)
        timeout_s = min(unit.wired.timeout_s + gate.airtime_s(request), at_most_s)
        try:
            data = await gate.execute(request, timeout_s)
            self._texts.setdefault(unit.name, {})[plate.name] = text_of(data)
        except NoAnswerError:
            key = (unit.name, plate.name)
            self._failures[key] = self._failures.get(key, 0) + 1

    def _next(self, unit: Unit) -> list[Nameplate]:
        """What is still to be asked."""
        texts, name = self._texts.get(unit.name, {}), unit.name
        plates = (plate for plate in unit.wired.profile.nameplate if plate.name not in texts)
        return [plate for plate in plates if self._failures.get((name, plate.name), 0) < _TRIES]

    def _end(self, unit: Unit, now_ms: int) -> None:
        """Tell what a device says once nothing is left to ask; the next time is a day later."""
        if self._next(unit):
            return
        self._due_ms[unit.name] = now_ms + DAY_MS
        self._told(unit.name, unit.wired.device.serial, self._texts.pop(unit.name, {}))
        self._failures = {key: count for key, count in self._failures.items() if key[0] != unit.name}


def text_of(data: bytes) -> str:
    """The text in some registers, without what fills them up."""
    return data.decode("ascii", "replace").strip("\0 \xff�").strip()


class Identities:
    """Which device answers under each name; kept with the readings."""

    def __init__(self, committer: Committer) -> None:
        self._committer = committer
        self._faults: dict[str, str] = {}
        self._log = structlog.get_logger("nameplates")

    def faults(self) -> list[str]:
        """What a person must declare."""
        return list(self._faults.values())

    def told(self, device: str, declared: str, texts: Texts) -> None:
        """A device has said what it is, in the thread of the committer, whose folder it is."""
        self._committer.call(lambda writer: self._weigh(writer.path.parent, device, declared, texts))

    def _weigh(self, folder: Path, device: str, declared: str, texts: Texts) -> None:
        """Another serial number than the site file's, or than before, is another device; until a person says so."""
        known = load(folder)
        was, now = declared or known.get(device, {}).get("serial", ""), texts.get("serial", "")
        if was and now and was != now:
            self._faults[device] = f"{device}: serial number {now}, not {was}: another meter? {_MEND}"
            self._log.error("another_serial_number", device=device, was=was, now=now, mend=_MEND)
            return
        self._faults.pop(device, None)
        if texts and known.get(device) != texts:
            self._log.info("nameplate", device=device, **texts)
            save(folder, known | {device: texts})


def load(folder: Path) -> dict[str, Texts]:
    """What was known; nothing where there is no file, or one that cannot be read: it is asked again."""
    try:
        kept = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return {str(device): {str(k): str(v) for k, v in texts.items()} for device, texts in kept.items()}
    except (OSError, ValueError, AttributeError):
        return {}


def save(folder: Path, known: Mapping[str, Texts]) -> None:
    """Keep it; whole or not at all."""
    part = folder / f"{FILE}.part"
    try:
        part.write_text(json.dumps(known, ensure_ascii=False, sort_keys=True), encoding="utf-8")
        part.replace(folder / FILE)
    except OSError as error:
        raise StoreError(f"cannot write {folder / FILE}: {error}") from error
