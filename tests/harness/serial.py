"""The meters on one serial line: a pseudo-terminal that paces characters, with the same integer truth behind it."""

from pathlib import Path

from tests.harness.devices import Device, served
from tests.harness.plan import BAUD
from tests.harness.ptyrelay import PtyLine, Words, meters
from tests.harness.record import Record

TURNAROUND_S = 0.004
NO_SUCH_REGISTER = 2


def made(devices: list[Device], record: Record, path: Path) -> PtyLine:
    """The line, ready to be entered."""

    def unit(device: Device) -> Words:
        def words(function: int, address: int, count: int) -> bytes | int:
            found = served(device, record, function, address, count)
            return NO_SUCH_REGISTER if found is None else found

        return words

    units = {device.plan.unit: unit(device) for device in devices}
    return PtyLine(meters(units), baud=BAUD, turnaround_s=TURNAROUND_S, link=path)
