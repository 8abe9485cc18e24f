"""P11: what is wrong for long, or with many, is told once a minute, a device and a cause."""

from collections import Counter
from pathlib import Path

import structlog
from structlog.testing import capture_logs

from collector.feed import Cause
from collector.unit import Unit
from collector.wiring import wire_site
from metering.reading import GapReason
from tests.collector.sites import make_site

DEVICES, SECONDS, START_MS = 200, 150, 1_795_219_200_000


def test_p11_two_hundred_silent_devices_are_one_line_a_minute_each_and_one_when_they_are_back(tmp_path: Path) -> None:
    config = make_site(tmp_path, {"a": tuple(range(1, DEVICES + 1))}, port_of={"a": 5020})
    units = [Unit(device, {}) for link in wire_site(config) for device in link.devices]
    with capture_logs() as logs:
        log = structlog.get_logger("test")
        for second in range(SECONDS):
            for unit in units:
                unit.cause = Cause(GapReason.TIMEOUT if second % 2 else GapReason.CONNECT)
                unit.tell(log, START_MS + 1000 * second)
        for unit in units:
            unit.tell_back(log)
            unit.tell_back(log)
    told = Counter((entry["event"], entry["device"], entry.get("reason", "")) for entry in logs)
    silent = [count for (event, _, _), count in told.items() if event == "device_silent"]
    assert silent == [3] * 2 * DEVICES  # at the beginning, after one minute and after two, of each of two causes
    assert [count for (event, _, _), count in told.items() if event == "device_answers"] == [1] * DEVICES
