"""Words that every figure carries: where a number comes from, and one sentence in both languages."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """Where a number comes from, strongest first; one enum for factors, thresholds and weights."""

    FOUND = "found"  # issuing text, or a copy of it, was read
    DECLARED = "declared"  # by the site
    SECOND_HAND = "second_hand"
    BORROWED = "borrowed"  # of a neighbouring scheme
    DERIVED = "derived"  # computed from other rows
    MEMORY = "memory"
    ASSUMED = "assumed"
    NONE = "none"  # nothing to have a status

    @property
    def weak(self) -> bool:
        """Nothing may be judged passed on such a number."""
        return self in {Status.MEMORY, Status.ASSUMED}


_ORDER = [s for s in Status if s is not Status.NONE]


def weakest(statuses: Iterable[Status]) -> Status:
    """The weakest of several; NONE when there is none."""
    ranked = [s for s in statuses if s is not Status.NONE]
    return max(ranked, key=_ORDER.index) if ranked else Status.NONE


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence in both languages."""

    zh: str
    en: str

    def __add__(self, other: "Sentence") -> "Sentence":
        return Sentence(self.zh + other.zh, " ".join(filter(None, (self.en, other.en))))

    def both(self) -> dict[str, str]:
        """Ready for JSON."""
        return {"zh": self.zh, "en": self.en}

    def text(self, language: str) -> str:
        """The sentence in a reader's language."""
        return self.zh if language.startswith("zh") else self.en


def joined(sentences: Iterable[Sentence]) -> Sentence:
    """Several sentences as one; empty without any."""
    whole = Sentence("", "")
    for one in sentences:
        whole = whole + one
    return whole
