"""The alerts of a whole site over its real store: from the site file to the outbox and the document."""

from pathlib import Path

import pytest

from analytics.alarms import Alarms
from analytics.alert_rules import EXPOSURE, rules_of
from analytics.alerts import Severity, Signal
from analytics.entering import acknowledged, silenced
from analytics.service import FactoryService
from collector.wiring import wire_site
from metering.reading import Lane, Poll
from metering.sitefile import load_site
from metering.store.alertbook import OutboxWriter
from metering.store.readings import ReadingsWriter
from metering.store.results import ResultsWriter

T0 = 1_795_230_000_000
DEVICES = "\n".join(f"  - {{id: m{n}, profile: eastron-sdm630, link: hall, unit: {n + 1}}}" for n in range(100))
SITE = f"""
site: {{id: works, name: {{zh: 工厂, en: Works}}, timezone: Asia/Shanghai}}
links: [{{id: hall, type: tcp, port: 1502}}, {{id: roof, type: tcp, port: 1503, host: 127.0.0.2}}]
devices:
{DEVICES}
  - {{id: r1, profile: eastron-sdm630, link: roof}}
  - {{id: r2, profile: eastron-sdm630, link: roof, unit: 2}}
points: [{{id: grid, role: grid, device: m0, name: {{zh: 总进线, en: Main supply}}}}]
tariff: {{document: d, demand_limit: 900, prices: [{{valid_from: 2020-01-01, flat: 0.6}}]}}
alerts:
  - {{id: no_data, kind: absence, after: 2min, severity: critical, repeat: 1h}}
  - {{id: high, kind: threshold, point: grid, quantity: active_power, above: 5, clear: 4, for: 30s, release: 10s}}
  - {{id: jump, kind: rate, point: grid, quantity: active_power, above: 7, per: 5min}}
  - {{id: demand, kind: demand}}
receivers:
  - {{id: shift, channel: wecom, language: zh}}
  - {{id: boss, channel: feishu, language: en, alerts: [no_data]}}
  - {{id: quiet, channel: slack, alerts: [high]}}
  - {{id: beats, channel: slack, alerts: [high], heartbeat: 10min}}
"""


class Held:
    """The site with a clock only the test moves."""

    def __init__(self, folder: Path) -> None:
        (folder / "site.yaml").write_text(SITE)
        self.now_s = 0.0
        self.service = FactoryService(load_site(folder / "site.yaml"), self.clock)
        self.writer = ResultsWriter(self.service.config.store_dir, "test")
        self.outbox = OutboxWriter(self.writer)
        self.alarms = self.started()

    def clock(self) -> int:
        return T0 + round(self.now_s * 1000)

    def started(self) -> Alarms:
        exposed = [(EXPOSURE, Signal(EXPOSURE.id, "site", bad=True))]
        return Alarms(self.service, self.outbox, lambda: self.now_s, more=exposed)

    def run(self, seconds: int, step: int = 5) -> None:
        for _ in range(0, seconds, step):
            self.now_s += step
            self.alarms.once()


@pytest.fixture
def held(tmp_path: Path):
    held = Held(tmp_path)
    yield held
    held.writer.close()


def test_every_word_of_a_rule_means_itself(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(SITE)
    rules = rules_of(load_site(tmp_path / "site.yaml"))
    silent, high, jump, demand = rules["no_data"], rules["high"], rules["jump"], rules["demand"]
    assert (silent.after_ms, silent.repeat_ms, silent.severity) == (120_000, 3_600_000, Severity.CRITICAL)
    assert (high.above, high.clear, high.hold_ms, high.release_ms) == (5.0, 4.0, 30_000, 10_000)
    assert (jump.above, jump.per_ms) == (7.0, 300_000)
    assert (demand.above, demand.point) == (900.0, "grid")


def test_a_hundred_silent_devices_are_one_message_a_receiver_and_a_restart_says_nothing_new(held: Held) -> None:
    held.run(115)
    assert [letter for who in ("shift", "boss") for letter in held.outbox.waiting(who) if "no_data" in letter.key] == []
    held.run(120)
    held.alarms = held.started()
    held.run(480, 30)
    [letter] = held.outbox.waiting("boss")
    assert (letter.happening, letter.key) == ("firing", "no_data-2")
    assert "102 devices (Main supply, m1, m10" in letter.body
    assert letter.title.startswith("[ALERT] Works")
    told = [letter.key for letter in held.outbox.waiting("shift")]
    assert told == ["insecure_lan-1", "no_data-2"]
    assert held.outbox.waiting("quiet") == []
    [beat] = held.outbox.waiting("beats")
    assert beat.happening == "heartbeat"


def test_what_people_say_of_an_alert_is_heard_and_shown(held: Held) -> None:
    held.run(150)
    config = held.service.config
    acknowledged(config, held.clock(), "no_data-2", ("Li", "switch is being changed"))
    silenced(config, held.clock(), "insecure_lan", "", 600, ("Li", "known"))
    held.run(7_200, 240)
    assert [letter.happening for letter in held.outbox.waiting("boss")] == ["firing"]  # no repeat after an hour
    document = held.service.alerts()
    rows = {row["key"]: row for row in document["alerts"]}
    assert rows["no_data-2"]["acknowledged"]["who"] == "Li"
    assert rows["insecure_lan-1"]["silenced"] is True
    assert document["counts"] == {"firing": 2, "info": 0, "warning": 1, "critical": 1, "acknowledged": 1, "silenced": 1}
    assert document["stale"] is False
    assert {"id": "m0", "name": {"zh": "总进线", "en": "Main supply"}} in rows["no_data-2"]["members"]
    assert "总进线、m1" in rows["no_data-2"]["text"]["zh"]
    about = {rule["id"]: rule["about"]["zh"] for rule in document["rules"]}
    assert (about["high"], about["no_data"]) == ("总进线 · 有功功率", "")
    assert [post["waiting"] for post in document["receivers"]] == [2, 1, 0, 0]
    held.now_s += 120
    assert held.service.alerts()["stale"] is True


def test_readings_that_come_three_days_late_are_an_event_and_nobody_is_told(held: Held) -> None:
    config = held.service.config
    wired = next(
        group for link in wire_site(config) for device in link.devices for group in device.groups
        if ("grid", "active_power") in [column.key for column in group.group.columns]
    )  # fmt: skip
    writer = ReadingsWriter(config.store_dir, "test")
    number = writer.group(wired.group)

    def read(time_ms: int, kw: float) -> None:
        values = tuple(kw if column.key == ("grid", "active_power") else None for column in wired.group.columns)
        writer.commit([Poll(number, time_ms, 0, 0, Lane.HISTORY, values, b"")])

    read(held.clock(), 1.0)
    held.run(10)
    began = held.clock() - 3 * 86_400_000
    for minute, kw in enumerate((1.0, 9.0, 11.0, 9.0, 1.0)):
        read(began + 60_000 * minute, kw)
    held.run(10)
    writer.close()
    [late] = held.service.alerts()["history"]
    assert late["key"] == f"high-late-{began + 60_000}"
    assert (late["value"], late["since_ms"], late["resolved_ms"]) == (11.0, began + 60_000, began + 180_000)
    assert late["fired_ms"] > late["resolved_ms"]
    assert [letter for letter in held.outbox.waiting("quiet") if letter.happening != "heartbeat"] == []
    held.alarms = held.started()
    held.run(10)
    assert len(held.service.alerts()["history"]) == 1
