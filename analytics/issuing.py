"""What a bundle of one site and period holds: the facts, the files, and the figures issued from them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from analytics import fingerprint
from analytics.bundle import pack, readings_members
from analytics.closing import closings, recorded
from analytics.documents import balance_document
from analytics.factor_files import DATA
from analytics.factors import Gas
from analytics.service import FactoryService

Document = dict[str, Any]
PATTERNS = ("factors/*.yaml", "criteria/*.yaml", "*.yaml")
README = """What this is: everything that the figures in issued/ rest on.

issued/balance.json     the balance as it was issued: every line, totals, energies (CO2 alone; CO2e lines: co2e.json)
issued/matching.json    clean electricity against load by the hour
issued/claims.json      which labels may be used, and what the others lack
issued/closing-N.json   the month as it was closed, if it was
report/                 the report as it was handed out; every figure in its JSON is compared with the balance
site.yaml               the meter tree and what the site declared
readings/P/Q.csv.gz     register readings of point P, quantity Q: time [ms since 1970 UTC], value [1e-6 of the unit],
                        quality (0 good, 1 substituted, 2 questionable, 3 invalid); for amounts the end of their span
registers.json          what is known of each register: device, profile, serial number, step, CT ratio, from when
entries.json            what people entered, with who, why and when
own/                    the site's own factor files
data/                   factors, global warming potentials, regions and criteria, each row with document and page
manifest.json           the SHA-256 of every member; manifest.sha256 is that of the manifest

Check it with: zcf verify FILE. It needs nothing but this file. The energy of a span is the difference of a register
over it, a kilogram is activity x factor; `recompute` in each line holds both exactly.
"""


def issue(service: FactoryService, period: str, report: Mapping[str, bytes] | None = None) -> bytes:
    """The bundle of a period as known now, with the files of its report.

    ValueError where the store's results are not what its readings give.
    """
    at_ms = service.clock()
    fresh, recorder = recorded(service, at_ms)
    issued = issued_documents(fresh, period)
    kept = service.balance(period)
    if kept["totals"] != issued["balance.json"]["totals"]:
        raise ValueError("the results in the store are not what its readings give; settle them anew before issuing")
    label = fresh.period(period).label
    texts = {f"issued/{name}": fingerprint.canonical(body) for name, body in issued.items()}
    for one in closings(service.results, label):
        texts[f"issued/closing-{one['number']}.json"] = fingerprint.canonical(one)
    own = service.config.file.factor_files
    members = {
        **readings_members(recorder), **dict(_files(DATA)), **texts,
        **{f"report/{name}": data for name, data in (report or {}).items()}, "README.txt": README.encode(),
        "site.yaml": service.config.path.read_bytes(),
        **{f"own/{name}": (service.config.path.parent / name).read_bytes() for name in own},
    }  # fmt: skip
    about = {"site": fresh.config.site.id, "period": label, "as_of_ms": at_ms, "code": fingerprint.code()}
    return pack(members, about)


def issued_documents(service: FactoryService, period: str) -> dict[str, Document]:
    """The documents that are issued, by name."""
    found = service.account(period)
    e_lines = balance_document(found.flows, found.balance, Gas.CO2E)["lines"]
    return {
        "balance.json": service.balance(period), "co2e.json": {"lines": e_lines},
        "matching.json": service.matching(period), "claims.json": service.claims(period),
    }  # fmt: skip


def _files(data: Path) -> Iterator[tuple[str, bytes]]:
    for pattern in PATTERNS:
        for path in sorted(data.glob(pattern)):
            yield f"data/{path.relative_to(data).as_posix()}", path.read_bytes()
