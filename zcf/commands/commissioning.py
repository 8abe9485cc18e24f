"""`zcf check`, `devices`, `scan`, `read`, `capture`: before the first reading."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from zcf.asking import Answering, Seen
    from zcf.check import LinkLoad

SiteFile = Annotated[Path, typer.Argument(help="The site file.", metavar="SITE", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object instead of tables.")]


def check(site: SiteFile, as_json: AsJson = False) -> None:
    """Check a site file and everything it names: every fault at once with file:line, and the load of each link."""
    from analytics.declarations import check_declared
    from analytics.site_settings import site_table
    from collector.reconciler import reads_back
    from metering.sitefile import load_site
    from zcf.check import flash_bytes, loads, refuse_overload, refuse_two_paths, turns_ms

    config = load_site(site)
    found = loads(config)
    site_table(config)
    check_declared(config)
    refuse_two_paths(config)
    refuse_overload(config, found)
    if as_json:
        body = {"site": config.site.id, "points": len(config.site.points), "devices": len(config.file.devices)}
        body["flash_bytes_per_day"] = round(flash_bytes(config, found))
        body["turns_ms"] = turns_ms(config)
        body["reads_back"] = reads_back(config) if config.file.forward is not None else None
        print(json.dumps({"ok": True, **body, "links": [load.body() for load in found]}, ensure_ascii=False))
        return
    _show_loads(found)
    values, size = (sum(load.body()[key] for load in found) for key in ("values_per_day", "disk_bytes_per_day"))
    print(f"{site}: no fault. {len(config.file.devices)} devices, {len(config.site.points)} metering points,")
    print(f"{values:,} values and about {size / 1e6:,.0f} MB a day, for which the flash takes at most about")
    print(f"{flash_bytes(config, found) / 1e9:,.1f} GB of writes (store.commit {config.file.store.commit} ms).")
    if config.file.forward is not None and not reads_back(config):
        print("forward: what is sent is not read back, nor a second gateway under this site id noticed, unless the")
        print("collector has ZCF_INFLUX_READ_TOKEN, a token that may read the bucket (docs/influxdb-schema.md).")
    if last_ms := turns_ms(config):
        print(f"More reads fall due together than can be made at once: they take turns, the last {last_ms} ms later.")


def _show_loads(found: "tuple[LinkLoad, ...]") -> None:
    from rich.console import Console
    from rich.table import Table

    from zcf.check import advice

    table = Table(box=None, header_style="bold")
    table.add_column("link", no_wrap=True)
    for name in ("devices", "requests", "sweep ms", "busy", "if 9600 Bd", "values/day", "MB/day"):
        table.add_column(name, justify="right", no_wrap=True)
    for load in found:
        told = load.body()
        polled = load.type != "mqtt"
        table.add_row(
            load.id, str(load.devices), str(told["requests_per_sweep"]) if polled else "–",
            f"{told['sweep_ms']:.0f}" if polled else "–", f"{load.share:.0%}" if polled else "–",
            f"{load.serial_share:.0%}" if polled else "–", f"{told['values_per_day']:,}",
            f"{told['disk_bytes_per_day'] / 1e6:.1f}",
        )  # fmt: skip
    Console().print(table)
    for load in found:
        if said := advice(load):
            print(f"{load.id} ({load.where}): {said}")


def devices(as_json: AsJson = False) -> None:
    """List the device profiles at hand, and how well each one is proved."""
    from collector.profile import all_profiles

    profiles = all_profiles()
    if as_json:
        rows = [
            {"id": p.id, "manufacturer": p.manufacturer, "model": p.model, "category": p.category,
             "protocol": p.protocol, "points": len(p.points), "proof": p.proof.kind, "evidence": p.proof.evidence}
            for p in profiles
        ]  # fmt: skip
        print(json.dumps({"profiles": rows}, ensure_ascii=False))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for name in ("profile", "device", "category", "protocol", "points", "proof"):
        table.add_column(name, justify="right" if name == "points" else "left", no_wrap=True)
    for p in profiles:
        table.add_row(p.id, f"{p.manufacturer} {p.model}", p.category, p.protocol, str(len(p.points)), p.proof.kind)
    Console().print(table)


SiteOption = Annotated[Path, typer.Option("--site", help="The site file.", metavar="SITE")]
Timeout = Annotated[float | None, typer.Option("--timeout", min=0.05, help="How long to wait for an answer [s].")]


def read(
    device: Annotated[str, typer.Argument(help="A Modbus device of the site file.", metavar="DEVICE")],
    site: SiteOption = Path("site.yaml"),
    timeout: Timeout = None,
    as_json: AsJson = False,
) -> None:
    """Read one device now: every quantity with its raw words and what they would be in every byte order."""
    from metering.sitefile import load_site
    from zcf.asking import read_device

    seen = read_device(load_site(site), device, timeout)
    if as_json:
        rows = [
            {"quantity": r.field.quantity, "function": r.field.function, "address": r.field.number.address,
             "type": r.field.number.type, "words": r.words, "value": r.value, "counter": r.field.counter,
             "orders": dict(r.orders), "order": r.field.number.order, "note": r.note}
            for r in seen.rows
        ]  # fmt: skip
        body = {"device": device, "at": seen.at.isoformat(timespec="milliseconds"), "failures": seen.failures}
        print(json.dumps({**body, "quantities": rows}, ensure_ascii=False))
    else:
        _show_seen(seen)
    if not seen.blocks:
        raise typer.Exit(1)


def _show_seen(seen: "Seen") -> None:
    from rich.console import Console
    from rich.table import Table

    from metering.quantity import quantity
    from metering.reading import MICRO
    from zcf.decodings import ORDERS

    table = Table(box=None, header_style="bold")
    for name in ("quantity", "fc", "address", "type", "words"):
        table.add_column(name, no_wrap=True)
    for name in ("value", *ORDERS):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    for row in seen.rows:
        number, kept = row.field.number, quantity(row.field.quantity)
        shown = (
            "–" if row.value is None else f"{row.value / MICRO if row.field.counter else row.value:,.6g} {kept.unit}"
        )
        orders = (row.orders.get(one, "") + ("*" if one == number.order and row.orders else "") for one in ORDERS)
        table.add_row(kept.name, str(row.field.function), str(number.address), number.type, row.words, shown, *orders,
                      row.note)  # fmt: skip
    Console(width=200).print(table)
    print("Addresses are PDU addresses, counted from 0; * marks the byte order of the profile.")
    for failure in seen.failures:
        print(f"no answer: {failure}")


def capture(
    device: Annotated[str, typer.Argument(help="A Modbus device of the site file.", metavar="DEVICE")],
    out: Annotated[Path, typer.Option("--out", help="The file to write.", metavar="FILE", show_default=False)],
    site: SiteOption = Path("site.yaml"),
    samples: Annotated[int, typer.Option("--samples", min=1, max=1000, help="How many times to read it.")] = 1,
    every: Annotated[float, typer.Option("--every", min=1, help="How long apart [s].")] = 10,
) -> None:
    """Record what a device answers, register by register: the proof that a profile lacks."""
    from metering.sitefile import load_site
    from zcf.asking import capture_device, write_json

    images = capture_device(load_site(site), device, samples, every)
    write_json(out, images)
    print(f"{out}: {len(images)} images of {sum(len(one['values']) for one in images)} registers.")


def scan(
    link: Annotated[
        str, typer.Argument(help="A link of the site file, host:port, or an adapter's path.", metavar="LINK")
    ],
    site: SiteOption = Path("site.yaml"),
    units: Annotated[str, typer.Option("--units", help="Unit ids to ask: 1-32, or 1,3,100-110.")] = "1-32",
    timeout: Annotated[float, typer.Option("--timeout", min=0.05, help="How long to wait for an answer [s].")] = 0.5,
    baud: Annotated[int, typer.Option("--baud", help="Of a serial line that the site file does not name.")] = 9600,
    parity: Annotated[str, typer.Option("--parity", help="N, E or O.")] = "N",
    rtu: Annotated[bool, typer.Option("--rtu", help="host:port speaks RTU frames over TCP.")] = False,
    as_json: AsJson = False,
) -> None:
    """Find devices on a link: reads alone, at most ten requests a second; what they say of themselves, what fits."""
    from collector.protocols.settings import Settings
    from metering.sitefile import load_site
    from zcf.asking import line_named, scan_line

    config = load_site(site) if site.is_file() else None
    settings = Settings("rtu" if rtu else "", baud=baud, parity=parity.upper())
    try:
        line, asked = line_named(link, config, settings), _units(units)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    _tell_found(link, len(asked), scan_line(line, asked, timeout), as_json=as_json)


def _tell_found(link: str, asked: int, found: "list[Answering]", *, as_json: bool) -> None:
    if as_json:
        rows = [{"unit": f.unit, "how": f.how, "identity": f.identity, "profiles": list(f.profiles)} for f in found]
        print(json.dumps({"link": link, "asked": asked, "found": rows}, ensure_ascii=False))
        return
    for one in found:
        fits = f"; reads like {', '.join(one.profiles)}" if one.profiles else ""
        print(f"unit {one.unit}: {one.identity or 'answers'} ({one.how}){fits}")
    print(f"{link}: {len(found)} of {asked} unit ids answer." + ("" if found else " " + _NOTHING))


_NOTHING = "Check power, wiring (A and B swapped?), baud rate and parity; most meters come with 9600 8N1 or 8E1."


def _units(text: str) -> list[int]:
    """Unit ids as people write them; ValueError where they are none."""
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        if not first.isdecimal() or (last and not last.isdecimal()):
            raise ValueError(f"cannot read unit ids {text!r}; write 1-32 or 1,3,100-110")
        found.update(range(int(first), int(last or first) + 1))
    if not found or max(found) > 255:
        raise ValueError(f"unit ids are 0..255, not {text!r}")
    return sorted(found)


COMMANDS = {"check": check, "devices": devices, "scan": scan, "read": read, "capture": capture}
