"""What stands in one run of the harness: meters, gateways, publishers; their registers; the site file over them."""

import json
import random
from dataclasses import asdict, dataclass, field
from pathlib import Path

QUOTA = 10_000_000  # [bytes] where the store is nearly full at the start
SERIAL, CONVERTER, BAUD = "rs485", "converter", 57_600
TIMEOUT_S = 0.4  # what the meters' profile allows an answer
CADENCE_MS = {"power": 1000, "energy": 2000}

# (quantity, class, function, address, type, numerator, denominator, unit): the value in the quantity's own unit is
# raw x numerator / denominator x (what the unit is worth). The judge reads registers by this table and nothing else.
# Three blocks of one length under one function: by its form an answer to one would do for any other.
REGISTERS = (
    ("active_power", "power", 3, 0, "uint32", 1, 1, "W"),  # the number of the answer: every answer is unlike any other
    ("voltage_l1", "power", 3, 2, "int16", 1, 10, "V"),
    ("voltage_l2", "power", 3, 3, "int16", 1, 10, "V"),
    ("frequency", "power", 3, 4, "float32-CDAB", 1, 1, "Hz"),
    ("current_n", "power", 3, 6, "int32", 1, 1000, "A"),
    ("reactive_power", "power", 3, 600, "uint32", 1, 1, "var"),  # the number of that answer
    ("current_l1", "power", 3, 602, "int32", 1, 1000, "A"),
    ("current_l2", "power", 3, 604, "int32", 1, 1000, "A"),
    ("current_l3", "power", 3, 606, "int32", 1, 1000, "A"),
    ("active_energy_import", "energy", 3, 100, "uint32", 1, 1, "Wh"),
    ("active_energy_export", "energy", 3, 102, "uint64", 1, 3600, "kWh"),
    ("reactive_energy_import", "energy", 3, 106, "uint32", 1, 1, "varh"),
)
WORTH = {"W": (1, 1000), "var": (1, 1000), "V": (1, 1), "A": (1, 1), "Hz": (1, 1), "Wh": (1, 1000), "varh": (1, 1000),
         "kWh": (1, 1)}  # fmt: skip
COUNTERS = ("active_energy_import", "active_energy_export", "reactive_energy_import")


@dataclass
class Meter:
    """One Modbus device: where it is, how it numbers its answers, what its counters show at the start."""

    name: str
    link: str
    unit: int
    tid: str = "honest"  # or "zero": it answers every request with transaction id 0
    start: list[int] = field(default_factory=lambda: [0, 0, 0])


@dataclass
class Publisher:
    """One MQTT device; a plain one says neither time nor number, and its messages are retained."""

    name: str
    plain: bool = False
    period_s: float = 0.5


@dataclass
class Plan:
    """All of it."""

    seed: int
    meters: list[Meter]
    publishers: list[Publisher]
    links: dict[str, int] = field(default_factory=dict)  # link -> the port the collector uses
    serial: str = ""  # the serial line's path
    converter: int = 0  # the port behind which frames of a serial line are spoken over TCP
    mqtt_port: int = 0
    sink: str = ""
    metrics_port: int = 0
    crowded: bool = False  # the store has a small quota and is full of old readings

    def on_link(self, link: str) -> list[str]:
        return [meter.name for meter in self.meters if meter.link == link]

    def honest(self, link: str) -> bool:
        """True where every answer on it carries its request's number: others a product may refuse for good."""
        return all(meter.tid == "honest" for meter in self.meters if meter.link == link)

    def save(self, folder: Path) -> None:
        body = asdict(self) | {"registers": REGISTERS, "worth": WORTH, "timeout_s": TIMEOUT_S, "quota": QUOTA}
        (folder / "plan.json").write_text(json.dumps(body))


def make_plan(seed: int, single: int, gateways: int, publishers: int, serial: int = 0, converted: int = 0) -> Plan:
    """Meters alone, four behind each gateway, some on a serial line or behind a converter; one numbers answers 0."""
    rnd = random.Random(seed)
    meters = [Meter(f"d{n}", f"l{n}", 1) for n in range(single)]
    meters += [Meter(f"g{g}u{u}", f"g{g}", u) for g in range(gateways) for u in range(1, 5)]
    meters += [Meter(f"r{u}", SERIAL, u) for u in range(1, serial + 1)]
    meters += [Meter(f"c{u}", CONVERTER, u) for u in range(1, converted + 1)]
    for meter in meters:
        meter.start = [rnd.randrange(10**6, 10**9), rnd.randrange(10**13, 3 * 10**13), rnd.randrange(10**6, 10**9)]
    meters[1].tid = "zero"
    meters[2].start[0] = 2**32 - rnd.randrange(60, 90)  # turns over within the first minute
    meters[3].start[0] = 2**32 - 700  # and this one while nobody looks, where that act is played
    return Plan(seed, meters, [Publisher(f"m{n}", n == 0, 1.5 if n == 0 else 0.5) for n in range(publishers)])


def write_site(folder: Path, plan: Plan) -> Path:
    """site.yaml and the two profiles, as a user would write them."""
    (folder / "profiles").mkdir(parents=True, exist_ok=True)
    (folder / "profiles" / "h-meter.yaml").write_text(_meter_profile())
    (folder / "profiles" / "h-json.yaml").write_text(_json_profile("h-json", stamped=True))
    (folder / "profiles" / "h-plain.yaml").write_text(_json_profile("h-plain", stamped=False))
    every = "{power: 1s, energy: 2s}"
    links = [f"  - {{id: {name}, type: tcp, port: {port}}}" for name, port in plan.links.items()]
    if plan.serial:
        links.append(f"  - {{id: {SERIAL}, type: rtu, path: {plan.serial}, baud: {BAUD}}}")
    if plan.converter:
        links.append(f"  - {{id: {CONVERTER}, type: rtu-over-tcp, port: {plan.converter}, baud: {BAUD}}}")
    links.append(f"  - {{id: broker, type: mqtt, port: {plan.mqtt_port}, version: '5'}}")
    devices = [
        f"  - {{id: {m.name}, profile: h-meter, link: {m.link}, unit: {m.unit}, every: {every}}}" for m in plan.meters
    ]
    devices += [
        f"  - {{id: {p.name}, profile: {'h-plain' if p.plain else 'h-json'}, link: broker, base: h/{p.name}}}"
        for p in plan.publishers
    ]
    names = [one.name for one in (*plan.meters, *plan.publishers)]
    points = [f"  - {{id: p_{names[0]}, role: grid, device: {names[0]}, rated_power: 500}}"]
    points += [f"  - {{id: p_{n}, role: load, parent: p_{names[0]}, device: {n}, rated_power: 500}}" for n in names[1:]]
    quota = f", quota: {QUOTA // 10**6}MB" if plan.crowded else ""
    head = f"site: {{id: harness, timezone: Asia/Shanghai}}\nstore: {{path: store{quota}}}\n"
    head += f"metrics: {{port: {plan.metrics_port}}}\nforward: {{url: '{plan.sink}', org: zcf}}\n"
    parts = ("links:", *links, "devices:", *devices, "points:", *points)
    site = folder / "site.yaml"
    site.write_text(head + "\n".join(parts) + "\n")
    return site


def _meter_profile() -> str:
    lines = []
    for quantity, class_, function, address, kind, num, den, unit in REGISTERS:
        name, _, order = kind.partition("-")
        turned = ", word_order: little" if order == "CDAB" else ""
        lines.append(
            f"  - {{quantity: {quantity}, fc: {function}, address: {address}, type: {name}{turned}, unit: {unit},"
            f" scale: {num}/{den}, class: {class_}, source: made up, status: single_source}}"
        )
    return (
        f"id: h-meter\nmanufacturer: none\nmodel: harness\ncategory: meter\nprotocol: modbus\ntimeout_s: {TIMEOUT_S}\n"
        "points:\n" + "\n".join(lines) + "\nproof: {kind: single_source, evidence: made up}\nsources: [made up]\n"
    )


def _json_profile(name: str, *, stamped: bool) -> str:
    own = ", time: /ts, sequence: /seq" if stamped else ""
    lines = [
        f"  - {{quantity: {quantity}, topic: '{{base}}/now', pointer: {pointer}, unit: {unit},"
        f" decimals: {decimals}{own}, class: {class_}, source: made up, status: single_source}}"
        for quantity, pointer, unit, decimals, class_ in (
            ("active_power", "/p", "W", 0, "power"), ("active_energy_import", "/e", "Wh", 0, "energy")
        )
    ]  # fmt: skip
    return (
        f"id: {name}\nmanufacturer: none\nmodel: harness\ncategory: meter\nprotocol: mqtt\npoints:\n"
        + "\n".join(lines)
        + "\nproof: {kind: single_source, evidence: made up}\nsources: [made up]\n"
    )
