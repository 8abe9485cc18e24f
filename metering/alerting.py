"""The `alerts:` and `receivers:` of a site file: what is watched, and who is told by which channel."""

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from metering.config import Document, Fault, Strict
from metering.fields import Duration, Identifier, Name, Named, Text
from metering.quantity import Kind, quantity

if TYPE_CHECKING:
    from metering.sitefile import SiteFile

HEARTBEAT_LEAST_MS = 600_000  # one heartbeat in ten minutes leaves nine messages for alerts
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?|\[?[0-9A-Fa-f:]{2,45}\]?")
# Microsoft's own domains for the webhooks of Teams workflows, of every cloud of theirs, as apprise knows them
TEAMS = re.compile(
    r"[a-z0-9_.-]+\.(?:logic\.azure\.[a-z]{2,12}|(?:power|apps)platform(?:\.[a-z0-9-]{2,24}){1,3})", re.IGNORECASE
)
_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\]{1,64}@[A-Za-z0-9.-]{1,253}")

# kind -> (needed, allowed): a key that says nothing to its kind is a mistake somebody would rely on
_COMMON = {"id", "kind", "severity", "name", "hold", "release", "repeat"}
KINDS: Mapping[str, tuple[set[str], set[str]]] = {
    "threshold": ({"point", "quantity"}, {"above", "below", "clear"}),
    "rate": ({"point", "quantity", "above"}, {"clear", "per"}),
    "absence": ({"after"}, set()),
    "frozen": ({"after"}, {"point", "quantity"}),
    "budget": ({"amount", "measure"}, {"window"}),
    "demand": (set(), {"point", "above", "clear"}),
    "verdict": (set(), {"standard", "margin"}),
    "open_item": (set(), set()),
    "data_quality": ({"below"}, {"clear"}),
}
# channel -> (needed, allowed); the secret (token, key or password) is never in the file
CHANNELS: Mapping[str, tuple[set[str], set[str]]] = {
    "email": ({"host", "to", "sender"}, {"port", "user", "tls"}),
    "webhook": ({"host"}, {"port", "path", "networks"}),
    "mqtt": ({"host", "topic"}, {"port", "user", "tls"}),
    "dingtalk": (set(), {"to"}), "wecom": (set(), set()), "feishu": (set(), set()), "slack": (set(), set()),
    "teams": ({"host"}, set()),
}  # fmt: skip
_EVERY_CHANNEL = {"id", "channel", "alerts", "severity", "language", "heartbeat"}


def _one_line(text: str) -> str:
    if _UNPRINTABLE.search(text):
        raise ValueError("holds a line break or a control character; write it on one line")
    return text


def _host(text: str) -> str:
    if not _HOST.fullmatch(text):
        raise ValueError(f"{text!r} is no host; write a name or an address alone, without scheme, port or path")
    return text.strip("[]")


def _address(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise ValueError(f"{text!r} is no e-mail address; write name@example.org")
    return text


def _network(text: str) -> str:
    try:
        found = ipaddress.ip_network(text)
    except ValueError:
        raise ValueError(f"{text!r} is no network; write 10.20.0.0/16") from None
    if not found.is_private or found.is_loopback or found.is_link_local:
        raise ValueError(f"{text} cannot be allowed; only private networks can")
    return text


Line = Annotated[Text, AfterValidator(_one_line)]
Host = Annotated[Text, AfterValidator(_host)]


class AlertSection(Strict):
    """One rule: what is watched, and when it is bad."""

    id: Identifier
    kind: Literal["threshold", "rate", "absence", "frozen", "budget", "demand", "verdict", "open_item", "data_quality"]
    severity: Literal["info", "warning", "critical"] = "warning"
    name: Named = Name()
    point: str = ""
    quantity: str = ""
    above: float | None = None
    below: float | None = None
    clear: float | None = None  # hysteresis: well again on this side
    hold: Duration = Field(default=0, alias="for")
    release: Duration = 0
    repeat: Duration = 0  # told again while nobody acknowledges
    after: Duration = 0
    per: Duration = 60_000
    amount: float | None = Field(default=None, gt=0)
    measure: Literal["", "energy", "location", "market"] = ""  # energy [kWh]; location, market [tCO2]
    window: Literal["month", "year"] = "month"
    standard: str = ""
    margin: float = Field(default=0.05, ge=0, lt=1)

    @model_validator(mode="after")
    def _fits(self) -> "AlertSection":
        given = self.model_fields_set
        _refuse_others(self.kind, given, *KINDS[self.kind], always=_COMMON)
        if self.kind == "threshold" and self.above is None and self.below is None:
            raise ValueError("a threshold needs a limit; add above: or below:")
        if self.above is not None and self.below is not None and self.below >= self.above:
            raise ValueError(f"below {self.below:g} is not less than above {self.above:g}; swap the two")
        if self.clear is not None and self.above is not None and self.below is not None:
            raise ValueError("clear: belongs to one limit; write two rules")
        upper = self.above is not None or self.kind == "demand"
        limit = self.above if self.above is not None else self.below
        if self.clear is not None and limit is not None and (self.clear > limit if upper else self.clear < limit):
            raise ValueError(f"clear {self.clear:g} is on the bad side of {limit:g}; move it to the good side")
        return self


class ReceiverSection(Strict):
    """Who is told; its secret is in ZCF_RECEIVER_<ID> or the file that ZCF_RECEIVER_<ID>_FILE names."""

    id: Identifier
    channel: Literal["email", "webhook", "mqtt", "dingtalk", "wecom", "feishu", "slack", "teams"]
    host: Host | None = None  # the mail server, the broker, or the only host a webhook may go to
    port: int | None = Field(default=None, ge=1, le=65535)
    path: Line = "/"
    networks: tuple[Annotated[str, AfterValidator(_network)], ...] = ()  # private networks a webhook may reach
    to: tuple[Line, ...] = ()
    sender: Annotated[Text, AfterValidator(_address)] | None = None
    user: Line = ""
    topic: Line = ""
    tls: bool = True
    alerts: tuple[str, ...] = ()  # ids of rules; none = all
    severity: Literal["info", "warning", "critical"] = "info"
    language: Literal["zh", "en"] = "zh"
    heartbeat: Duration = 0

    @model_validator(mode="after")
    def _fits(self) -> "ReceiverSection":
        _refuse_others(self.channel, self.model_fields_set, *CHANNELS[self.channel], always=_EVERY_CHANNEL)
        if self.channel == "email":
            for one in self.to:
                _address(one)
        if self.channel == "dingtalk" and not all(re.fullmatch(r"\+?[0-9]{5,20}", one) for one in self.to):
            raise ValueError("to: of dingtalk are mobile numbers; write digits")
        if self.channel == "teams" and not TEAMS.fullmatch(self.host or ""):
            raise ValueError(
                f"host {self.host} is none of Teams workflows; write the host of the workflow's own address"
            )
        if not re.fullmatch(r"/[!-~]*", self.path) or "#" in self.path:
            raise ValueError(f"path {self.path!r} is none; begin it with / and leave blanks and # out")
        if re.search(r"[+#?]", self.topic):
            raise ValueError(f"topic {self.topic!r} holds a wildcard; write one topic")
        if 0 < self.heartbeat < HEARTBEAT_LEAST_MS:
            raise ValueError("a heartbeat comes at most every 10 minutes; write heartbeat: 10min or longer")
        return self

    @property
    def secret_name(self) -> str:
        """The environment variable of its secret."""
        return "ZCF_RECEIVER_" + re.sub(r"[^A-Z0-9]", "_", self.id.upper())


def _refuse_others(kind: str, given: set[str], needed: set[str], allowed: set[str], *, always: set[str]) -> None:
    shown = {"hold": "for"}
    missing = sorted(needed - given)
    foreign = sorted(shown.get(one, one) for one in given - needed - allowed - always)
    if missing:
        raise ValueError(f"{kind} needs {', '.join(missing)}; add it")
    if foreign:
        raise ValueError(f"{', '.join(foreign)} says nothing to {kind}; remove it")


def alert_faults(document: Document, file: "SiteFile", known: Mapping[str, frozenset[str] | None]) -> Iterator[Fault]:
    """Every fault between the alerts, the receivers and the rest of a site file; `known` ids may have faults."""
    points, rules = _ids(known, "points", file.points), _ids(known, "alerts", file.alerts or ())
    for index, alert in enumerate(file.alerts or ()):
        if alert.point and points is not None and alert.point not in points:
            yield document.fault(("alerts", index, "point"), f"no point {alert.point!r}", "name a metering point")
        yield from _quantity_fault(document, index, alert)
        if alert.kind == "demand" and alert.above is None and (file.tariff is None or file.tariff.demand_limit is None):
            yield document.fault(("alerts", index), "no demand limit", "add above: or demand_limit: of tariff:")
        if alert.standard and alert.standard not in file.standards:
            mend = f"one of: {', '.join(file.standards)}"
            yield document.fault(("alerts", index, "standard"), f"{alert.standard!r} is not in force", mend)
    for index, receiver in enumerate(file.receivers):
        for name in receiver.alerts:
            if rules is not None and name not in rules:
                yield document.fault(("receivers", index, "alerts"), f"no alert {name!r}", "name an alert of this file")


def _ids(known: Mapping[str, frozenset[str] | None], section: str, items: Iterable[Any]) -> frozenset[str] | None:
    """The ids a section declares, sound or not; None where nobody knows."""
    faulty = known.get(section, frozenset())
    return None if faulty is None else faulty | {item.id for item in items}


def _quantity_fault(document: Document, index: int, alert: AlertSection) -> Iterator[Fault]:
    if not alert.quantity:
        return
    where: tuple[Any, ...] = ("alerts", index, "quantity")
    try:
        kind = quantity(alert.quantity).kind
    except ValueError as error:
        yield document.fault(where, str(error), "see docs for the table of quantities")
        return
    if alert.kind in {"threshold", "rate"} and kind is not Kind.GAUGE:
        yield document.fault(where, f"{alert.quantity} is a counter", "watch a momentary value, or use kind: budget")
