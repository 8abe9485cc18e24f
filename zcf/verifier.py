"""A bundle checked from itself alone: every byte, then every figure computed again from its readings, bit for bit."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analytics import fingerprint
from analytics.bundle import Bundle, BundleError, unpack
from analytics.explain import MATCH, SCORES
from analytics.held import NoResults
from analytics.issuing import issued_documents
from analytics.service import FactoryService
from metering.config import ConfigError
from metering.sitefile import load_site

Document = dict[str, Any]
LATER = frozenset({"matching.json", "claims.json"})  # bundles issued before they were have none


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was compared."""

    name: str
    passed: bool
    issued: Any = None
    found: Any = None


@dataclass(frozen=True, slots=True)
class Verification:
    """What came of a bundle; `refused` names the member that stopped it."""

    checks: tuple[Check, ...] = ()
    refused: str = ""
    reason: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)
    restated: tuple[int, ...] = ()  # closings in it whose figures are no longer the known ones

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that did not hold."""
        return tuple(check for check in self.checks if not check.passed)

    @property
    def passed(self) -> bool:
        """Was nothing altered, and every figure found again."""
        return not self.refused and bool(self.checks) and not self.failed

    def document(self) -> Document:
        """JSON-ready."""
        return {
            "passed": len(self.checks) - len(self.failed), "failed": len(self.failed) + bool(self.refused),
            "refused": {"member": self.refused, "reason": self.reason} if self.refused else None,
            "failures": [{"name": c.name, "issued": c.issued, "found": c.found} for c in self.failed],
            "about": {key: value for key, value in self.about.items() if key != "members"},
            "members": len(self.about.get("members", ())), "restated_closings": list(self.restated),
            "code_now": fingerprint.code(),
        }  # fmt: skip


def verify(file: Path) -> Verification:
    """Check a bundle's bytes, then compute its figures again; nothing but the file is read."""
    try:
        bundle = unpack(file)
        checks = [Check(f"sha256 {name}", passed=True) for name in sorted(bundle.members)]
        return Verification((*checks, *_figures(bundle)), about=bundle.manifest, restated=tuple(_restated(bundle)))
    except BundleError as error:
        return Verification(refused=error.member, reason=error.message)
    except ConfigError as error:
        return Verification(refused="site.yaml or data/", reason="; ".join(str(fault) for fault in error.faults))


def _figures(bundle: Bundle) -> Iterator[Check]:
    found = recomputed(bundle)
    for name, document in found.items():
        if name in LATER and f"issued/{name}" not in bundle.members:
            continue
        issued = bundle.json(f"issued/{name}")
        yield from (Check(f"{name}: {path}", *found_pair) for path, *found_pair in _pairs(issued, document))
    yield from _reported(bundle, known_figures(found))


def _reported(bundle: Bundle, known: Mapping[str, Any]) -> Iterator[Check]:
    """Every figure that a report in the bundle states, against the balance computed again."""
    for name in sorted(bundle.members):
        if name.startswith("report/") and name.endswith(".json"):
            for figure, value in sorted(bundle.json(name)["figures"].items()):
                found = known.get(figure)
                yield Check(f"{name}: {figure}", figure in known and _same(value, found), value, found)


def known_figures(found: Mapping[str, Document]) -> Document:
    """Every figure of a balance by the name that `zcf explain` takes."""
    balance = found["balance.json"]
    totals = {f"{name}.{gas}": value for name, of in balance["totals"].items() for gas, value in of.items()}
    every = (*balance["lines"], *found["co2e.json"]["lines"], *balance["apart"]["lines"])
    lines = {line["id"]: line["kg"] for line in every}
    match = {f"{MATCH}.{name}": _percent(found["matching.json"][name]) for name in SCORES}
    used = {f"activity/{line['id']}": line["activity"]["value"] for line in every}
    used |= {f"factor/{line['factor']['id']}": line["factor"]["value"] for line in every}
    return {**totals, **lines, **used, **balance["energy"], **match, **_around(balance, found)}


def _around(balance: Document, found: Mapping[str, Document]) -> Document:
    """What stands around the totals: single gases, columns beside, the battery's colours, conditions of the claims."""
    gases = {f"gas/{of}/{gas}": kg for of, one in balance.get("by_gas", {}).items() for gas, kg in one["gases"].items()}
    beside = {f"beside/{name}": value for name, value in balance["beside"].items()}
    battery = found["matching.json"]["battery"] or {}
    colours = {f"battery/{name}": value for name, value in battery.items()}
    if battery:
        colours["battery/round_trip"] = _percent(battery["round_trip"])
    claims = {f"claim/{c['id']}": sum(x["holds"] for x in c["conditions"]) for c in found["claims.json"]["claims"]}
    return {**gases, **beside, **colours, **claims}


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def recomputed(bundle: Bundle) -> dict[str, Document]:
    """The issued documents computed again: readings -> segments -> intervals -> flows -> balance -> totals."""
    with tempfile.TemporaryDirectory(prefix="zcf-verify-") as folder:
        for name in bundle.members:
            if name == "site.yaml" or name.startswith(("data/", "own/")):
                path = Path(folder) / name.removeprefix("own/")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(bundle.members[name])
        config = load_site(Path(folder) / "site.yaml")
        as_of, period = int(bundle.manifest["as_of_ms"]), str(bundle.manifest["period"])
        service = FactoryService(
            config, lambda: as_of, source=bundle.source(), results=NoResults(), data=Path(folder) / "data"
        )
        return {name: json.loads(json.dumps(body)) for name, body in issued_documents(service, period).items()}


def _pairs(issued: Any, found: Any, path: str = "") -> Iterator[tuple[str, bool, Any, Any]]:
    """Every leaf of two documents; numbers must be the same bits."""
    if isinstance(issued, dict) and isinstance(found, dict):
        for key in sorted({*issued, *found}):
            yield from _pairs(issued.get(key), found.get(key), f"{path}.{key}" if path else key)
    elif isinstance(issued, list) and isinstance(found, list) and len(issued) == len(found):
        for index, (one, other) in enumerate(zip(issued, found, strict=True)):
            yield from _pairs(one, other, f"{path}[{index}]")
    else:
        yield path, _same(issued, found), issued, found


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return one.hex() == other.hex()
    return type(one) is type(other) and bool(one == other)


def _restated(bundle: Bundle) -> Iterator[int]:
    """Closings in the bundle whose totals are no longer those of the issued balance."""
    totals = bundle.json("issued/balance.json")["totals"]
    for name in sorted(bundle.members):
        if name.startswith("issued/closing-"):
            closing = bundle.json(name)
            if closing["balance"]["totals"] != totals:
                yield int(closing["number"])
