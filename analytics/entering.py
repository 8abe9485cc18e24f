"""How an entry gets into the store: told to the audit log first, then appended; for the API and the commands."""

import secrets
from collections.abc import Mapping
from typing import Any

from analytics.alert_people import ACKNOWLEDGEMENT, SILENCE
from analytics.audit import Audit
from analytics.drafting import Draft, WrongEntryError
from analytics.tokens import REVOKED
from metering.period import from_ms
from metering.sitefile import SiteConfig
from metering.store.entries import Entry, entering

MOST_SILENCE_MS = 30 * 86_400_000
SHOWN = (
    "point",
    "quantity",
    "time_ms",
    "start_ms",
    "end_ms",
    "alert",
    "rule",
    "subject",
    "id",
    "name",
    "role",
    "entry",
)


def enter(config: SiteConfig, entry: Entry, via: str) -> None:
    """Audit, then append; an entry that then fails is told too. AuditError: nothing was entered."""
    audit = Audit(config.store_dir)
    told = {key: entry.body[key] for key in SHOWN if key in entry.body}
    audit.append(f"entry.{entry.kind}", entry.who, entry=entry.id, via=via, why=entry.why, of=told)
    try:
        with entering(config.store_dir, via) as writer:
            writer.append(entry)
    except BaseException as error:
        audit.append("entry.failed", entry.who, entry=entry.id, reason=type(error).__name__)
        raise


def corrected(config: SiteConfig, now_ms: int, kind: str, words: Mapping[str, str], by: tuple[str, str]) -> Entry:
    """A correction drafted, checked and entered; WrongEntryError with every fault."""
    entry = Draft(config, now_ms).entry(kind, words, *by)
    enter(config, entry, "api")
    return entry


def said(config: SiteConfig, now_ms: int, kind: str, body: Mapping[str, Any], by: tuple[str, str], via: str) -> Entry:
    """Anything that is no correction: an acknowledgement, a silence, a token."""
    who, why = (text.strip() for text in by)
    if not who or not why:
        raise WrongEntryError(["--why: an entry needs it"])
    name = f"{kind}-{from_ms(now_ms):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
    entry = Entry(name, kind, who, why, now_ms, body)
    enter(config, entry, via)
    return entry


def acknowledged(config: SiteConfig, now_ms: int, key: str, by: tuple[str, str]) -> Entry:
    """Somebody knows of an alert and sees to it."""
    return said(config, now_ms, ACKNOWLEDGEMENT, {"alert": key}, by, "api")


def silenced(config: SiteConfig, now_ms: int, rule: str, subject: str, minutes: int, by: tuple[str, str]) -> Entry:
    """A rule, or one subject of it, is to be quiet for a time."""
    end_ms = now_ms + min(minutes * 60_000, MOST_SILENCE_MS)
    body = {"rule": rule, "subject": subject, "start_ms": now_ms, "end_ms": end_ms}
    return said(config, now_ms, SILENCE, body, by, "api")


def revoked(config: SiteConfig, now_ms: int, number: str, by: tuple[str, str], via: str) -> Entry:
    """A token opens nothing any more."""
    return said(config, now_ms, REVOKED, {"id": number}, by, via)
