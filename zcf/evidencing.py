"""`zcf evidence`: a document, its hash and until when it holds, drafted as an entry; and files held against hashes."""

import difflib
import hashlib
import secrets
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from analytics.corrections import in_force
from analytics.indicators import Evidence
from analytics.proofs import entered_evidence
from analytics.service import FactoryService
from analytics.site_inputs import evidence
from metering.period import from_ms
from metering.store.entries import Entry
from zcf.correcting import WrongEntryError

Words = Mapping[str, str]
TRUE, FALSE = {"yes", "true", "是"}, {"no", "false", "否"}


def keys_of(service: FactoryService) -> Mapping[str, str]:
    """Every key of evidence that a criterion asks for, with its unit."""
    criteria = [c for standard in service.standards.values() for c in standard.criteria]
    shown = [(t.evidence, t.unit or c.unit) for c in criteria for t in c.thresholds]
    return {key: unit for key, unit in (*((c.evidence, c.unit) for c in criteria), *shown) if key}


class EvidenceDraft:
    """Reads the words of one entry; what is wrong with them is collected, not raised one by one."""

    def __init__(self, service: FactoryService) -> None:
        self.service = service
        self.faults: list[str] = []

    def entry(self, words: Words, who: str, why: str) -> Entry:
        """The entry; WrongEntryError with every fault at once."""
        for name, text in (("--who", who), ("--why", why)):
            if not text.strip():
                self.faults.append(f"{name}: an entry needs it")
        body = self._body(words)
        if self.faults:
            raise WrongEntryError(self.faults)
        now_ms = self.service.clock()
        seq = max((one.seq for one in self.service.source.entries.entries()), default=0) + 1
        name = f"evidence-{from_ms(now_ms):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        return Entry(name, "evidence", who.strip(), why.strip(), now_ms, body, seq)

    def _body(self, words: Words) -> dict[str, Any]:
        begins, ends = self._day("--from", words["from"]), self._day("--expires", words["expires"])
        begins = begins or from_ms(self.service.clock()).astimezone(self.service.config.zone).date()
        if ends is not None and ends <= begins:
            self.faults.append(f"--expires: {ends} is not after {begins}, when it begins")
        unit = self._unit(words["key"])
        return {
            "key": words["key"], "value": self._value(words["value"], unit), **self._document(words["document"]),
            "valid_from": begins.isoformat(), "expires": ends.isoformat() if ends else None,
        }  # fmt: skip

    def _unit(self, key: str) -> str:
        known = keys_of(self.service)
        if key not in known:
            near = difflib.get_close_matches(key, known, 3) or sorted(known)
            self.faults.append(f"--key: no criterion asks for {key!r}; one of: {', '.join(near)}")
        return known.get(key, "bool")

    def _value(self, text: str, unit: str) -> bool | float:
        if unit == "bool":
            if text.lower() not in TRUE | FALSE:
                self.faults.append(f"--value: {text!r} is neither yes nor no")
            return text.lower() in TRUE
        try:
            return float(text)
        except ValueError:
            self.faults.append(f"--value: {text!r} is not a number [{unit}]")
            return 0.0

    def _day(self, option: str, text: str) -> date | None:
        try:
            return date.fromisoformat(text) if text else None
        except ValueError:
            self.faults.append(f"{option}: {text!r} is not a day; write 2027-02-28")
            return None

    def _document(self, text: str) -> dict[str, Any]:
        path = Path(text)
        try:
            return {"document": path.name, "sha256": sha256_of(path), "bytes": path.stat().st_size}
        except OSError as error:
            self.faults.append(f"--document: cannot read {text}: {error.strerror}; evidence is a file")
            return {"document": path.name}


def sha256_of(path: Path) -> str:
    """The hash of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def declared(service: FactoryService) -> list[Evidence]:
    """All evidence of the site file and of the entries in force, oldest first."""
    file = service.config.file
    entries = in_force(service.source.entries.entries())
    entered = [entered_evidence(e) for e in entries if e.kind == "evidence"]
    return [*evidence(file.evidence, service.config.document), *entered]


def state_of(proof: Evidence, today: date) -> str:
    """In force, not yet, or expired."""
    if proof.holds(today):
        return "in force"
    return "not yet" if proof.valid_from > today else "expired"


def compared(proofs: Iterable[Evidence], folder: Path) -> dict[str, str]:
    """By entry whether a file of the folder has the document's hash: found, altered, missing, or never hashed."""
    files = {path.name: sha256_of(path) for path in sorted(folder.rglob("*")) if path.is_file()}
    hashes = set(files.values())
    told = {}
    for proof in proofs:
        name = proof.entry or proof.key
        if not proof.sha256:
            told[name] = "never hashed"
        elif proof.sha256 in hashes:
            told[name] = "found"
        else:
            told[name] = "altered" if proof.document in files else "missing"
    return told
