"""Small sites in a temporary folder: a profile whose registers the doubles hold, links, devices, points."""

import textwrap
from collections.abc import Mapping
from pathlib import Path

from metering.reading import Lane
from metering.sitefile import SiteConfig, load_site
from metering.store.readings_reader import ReadingsReader

PROFILE = """
id: test-meter
manufacturer: nobody
model: double
category: meter
protocol: modbus
timeout_s: {timeout_s}
connect_delay_s: {connect_delay_s}
points:
  - {{quantity: active_power, fc: 3, address: 10, type: uint16, unit: W, class: power, source: "a test", status: single_source}}
  - {{quantity: voltage_l1, fc: 3, address: 500, type: uint16, unit: V, scale: 0.1, class: power, source: "a test", status: single_source}}
  - {{quantity: active_energy_import, fc: 3, address: 100, type: uint32, unit: Wh, class: energy, source: "a test", status: single_source}}
proof: {{kind: single_source, evidence: "a test"}}
sources: ["a test"]
"""  # noqa: E501 - one point a line, as in the real profiles


def make_site(
    folder: Path,
    ports: Mapping[str, tuple[int, ...]],
    *,
    port_of: Mapping[str, int],
    every: str = "{power: 100ms, energy: 300ms}",
    timeout_s: float = 0.15,
    connect_delay_s: float = 0,
    path_of: Mapping[str, str] | None = None,
) -> SiteConfig:
    """A site with links, each with devices at some unit ids, each with one metering point of the same name.

    `path_of` names the adapters of links that are serial lines, at 57600 Bd.
    """
    (folder / "profiles").mkdir(exist_ok=True)
    profile = PROFILE.format(timeout_s=timeout_s, connect_delay_s=connect_delay_s).lstrip()
    (folder / "profiles" / "test-meter.yaml").write_text(profile)
    paths = path_of or {}
    links = "".join(
        f"  - {{id: {link}, type: rtu, path: {paths[link]}, baud: 57600}}\n"
        if link in paths
        else f"  - {{id: {link}, type: tcp, port: {port_of[link]}}}\n"
        for link in ports
    )
    pairs = [(link, unit) for link, units in ports.items() for unit in units]
    devices = "".join(
        f"  - {{id: {link}-{unit}, profile: test-meter, link: {link}, unit: {unit}, every: {every}}}\n"
        for link, unit in pairs
    )
    points = "".join(
        f"  - {{id: p-{link}-{unit}, role: load, parent: grid, device: {link}-{unit}}}\n" for link, unit in pairs[1:]
    )
    first = f"  - {{id: grid, role: grid, device: {pairs[0][0]}-{pairs[0][1]}}}\n"
    text = textwrap.dedent("""\
        site: {id: works, timezone: Asia/Shanghai}
        store: {path: store, commit: 20ms}
        """)
    text += f"links:\n{links}devices:\n{devices}points:\n{first}{points}"
    (folder / "site.yaml").write_text(text)
    return load_site(folder / "site.yaml")


def due_by_contract(reader: ReadingsReader) -> dict[tuple[str, str, Lane], int]:
    """How many ticks of each (device, class, lane) were due over all epochs: the contract's arithmetic, by hand."""
    due: dict[tuple[str, str, Lane], int] = {}
    for epoch in reader.epochs():
        assert epoch.stop_ms is not None
        for group in reader.groups().values():
            key = (group.device, group.name, Lane.CADENCE)
            due[key] = due.get(key, 0) + len(range(epoch.start_ms, epoch.stop_ms, group.cadence_ms))
            if group.quarter:
                first = epoch.start_ms - epoch.start_ms % 900_000 + 900_000
                key = (group.device, group.name, Lane.QUARTER)
                due[key] = due.get(key, 0) + len(range(first, epoch.stop_ms, 900_000))
    return {key: count for key, count in due.items() if count}


def accounted(reader: ReadingsReader) -> dict[tuple[str, str, Lane], int]:
    """How many ticks of each (device, class, lane) ended as a reading or in a gap."""
    groups = reader.groups()
    return {
        (groups[number].device, groups[number].name, lane): read + gap
        for (number, lane), (read, gap) in reader.counts().items()
        if read + gap
    }
