"""What a person reads of a site: the names its file gives, and those of the quantities, never an id that has a name."""

from pathlib import Path

import pytest

from analytics.alert_words import sentence, subject_name
from analytics.alerts import Incident, Rule, Severity
from analytics.site_names import SiteNames
from metering.quantity import QUANTITIES
from metering.sitefile import load_site

SITE = """
site: {id: works, name: {zh: 工厂, en: Works}, timezone: Asia/Shanghai}
links: [{id: hall, name: {zh: 一号厂房, en: Hall 1}, type: tcp, port: 1502}, {id: roof, type: tcp, port: 1503}]
devices:
  - {id: m0, profile: eastron-sdm630, link: hall}
  - {id: m1, profile: eastron-sdm630, link: hall, unit: 2}
  - {id: r1, name: {zh: 屋顶一号表, en: Roof meter 1}, profile: eastron-sdm630, link: roof}
  - {id: r2, profile: eastron-sdm630, link: roof, unit: 2}
points:
  - {id: grid, role: grid, device: m0, name: {zh: 总进线, en: Main supply}}
  - {id: lathe, role: load, parent: grid, device: m1, name: {zh: 车床, en: Lathe}, quantities: [active_energy_import]}
  - {id: saw, role: load, parent: grid, device: m1, quantities: [active_power], name: 锯}
"""
SAID = [
    ("threshold", "point:grid/active_power", "总进线 有功功率 越限：", "Main supply, Active power, limit passed: "),
    ("frozen", "point:lathe/active_power_l1", "车床 有功功率 A 相 已 ", "Lathe, Active power L1 has not moved"),
    ("open_item", "point:grid/active_energy_import@17", "总进线 正向有功电能：已复位", "Main supply, Energy, imp"),
    ("demand", "point:grid", "总进线 需量将超限：", "Main supply, peak demand: "),
    ("absence", "link:hall", "链路 一号厂房 整体无应答 ", "link Hall 1 has been silent "),
    ("absence", "link:roof", "链路 roof 整体无应答 ", "link roof has been silent "),
    ("absence", "device:r1", "设备 屋顶一号表 已 ", "device Roof meter 1 has not been read"),
    ("absence", "device:m1", "设备 车床、锯 已 ", "device Lathe, 锯 has not been read"),
    (
        "budget",
        "budget:month",
        "本月预算消耗过快：照此将达 240 s（",
        "Budget burns too fast this month: 240 s at this pace (",
    ),
    ("absence", "device:r2", "设备 r2 已 ", "device r2 has not been read"),  # nobody named it, and nothing is its own
]


@pytest.fixture
def names(tmp_path: Path) -> SiteNames:
    (tmp_path / "site.yaml").write_text(SITE, encoding="utf-8")
    return SiteNames(load_site(tmp_path / "site.yaml"))


def test_an_alert_is_told_in_names(names: SiteNames) -> None:
    for kind, subject, zh, en in SAID:
        members = ("m0", "m1", "r1") if subject.startswith("link") else ()
        one = Incident("k", "r", subject, Severity.WARNING, 0, 0, 240.0, 120.0, "s", members, ("已复位", "reset"))
        told = sentence(one, Rule("r", kind), names)
        assert (told[0].startswith(zh), told[1].startswith(en)) == (True, True), told
        assert not members or "3 台设备（总进线、车床、锯、屋顶一号表）" in told[0]
        assert not members or "3 devices (Main supply, Lathe, 锯, Roof meter 1)" in told[1]


def test_what_nobody_knows_is_told_by_its_id(names: SiteNames) -> None:
    assert subject_name("point:old_meter/old_quantity", names) == ("old_meter old_quantity", "old_meter, old_quantity")
    assert subject_name("host:10.0.0.7", names) == ("网关 10.0.0.7", "gateway 10.0.0.7")


def test_every_quantity_has_a_name_in_both_languages(names: SiteNames) -> None:
    assert [name for name in QUANTITIES if name in names("quantity", name)] == []


def test_a_device_of_many_points_is_called_after_the_first_three(tmp_path: Path) -> None:
    point = "  - {{id: p{0}, role: load, parent: grid, device: r2, quantities: [active_power_l{0}], name: 点{0}}}\n"
    more = "".join(map(point.format, (1, 2, 3)))
    whole = "  - {id: p4, role: load, parent: grid, device: r2, quantities: [active_power], name: 点4}\n"
    (tmp_path / "site.yaml").write_text(SITE + more + whole, encoding="utf-8")
    assert SiteNames(load_site(tmp_path / "site.yaml")).device("r2")[0] == "点1、点2、点3 …"


AMOUNTS = [
    ("data_quality", 0.9034, 0.98, "", "90.34 % (limit 98 %)"),
    ("data_quality", 0.99999, 1.0, "", "99.99 % (limit 100 %)"),
    ("data_quality", 0.569999, 0.57, "", "56.99 % (limit 57 %)"),
    ("verdict", 0.908, 0.7, "1", "0.908 (limit 0.7)"),
    ("threshold", 1612.3, 1500.0, "kW", "1,612 kW (limit 1,500 kW)"),
]


@pytest.mark.parametrize(("kind", "value", "limit", "unit", "said"), AMOUNTS)
def test_an_amount_is_written_as_people_read_it(kind: str, value: float, limit: float, unit: str, said: str) -> None:
    one = Incident("k", "r", "site", Severity.WARNING, 0, 0, value, limit, unit)
    assert sentence(one, Rule("r", kind), lambda *_: ("", ""))[1].endswith(f": {said}")
