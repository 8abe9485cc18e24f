"""Declared evidence: what entries say, and which of several proofs of one key stands on a day."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Protocol

from analytics.indicator_inputs import Evidence


class Entered(Protocol):
    """An evidence entry."""

    @property
    def id(self) -> str:
        """Its name."""

    @property
    def who(self) -> str:
        """Who declared it."""

    @property
    def body(self) -> Mapping[str, Any]:
        """What it says."""


def entered_evidence(entry: Entered) -> Evidence:
    """The evidence that an entry declares."""
    body = entry.body
    expires = body.get("expires")
    return Evidence(
        str(body["key"]), body["value"], str(body["document"]), date.fromisoformat(body["valid_from"]),
        date.fromisoformat(expires) if expires else None, entry.who, str(body.get("sha256", "")), entry.id,
    )  # fmt: skip


def standing(proofs: Iterable[Evidence], today: date) -> Mapping[str, Evidence]:
    """By key the proof in force, of several the one that began last, then the one entered last; else the last begun.

    A renewal that begins next month does not take the place of the paper that still holds.
    """
    found: dict[str, tuple[tuple[bool, date, int], Evidence]] = {}
    for number, proof in enumerate(proofs):
        rank = (proof.holds(today), proof.valid_from, number)
        if proof.key not in found or rank > found[proof.key][0]:
            found[proof.key] = (rank, proof)
    return {key: proof for key, (_, proof) in found.items()}
