"""Serial numbers as registries print them: one number or a range, counted and compared exactly."""

import re
import unicodedata
from dataclasses import dataclass

_ENDS = re.compile(r"^(.*?)([0-9]+)$")
_BETWEEN = re.compile(r"\s*(?:\.\.|~|至|—)\s*")
LARGEST = 10**9  # units in one range


def plain(name: str) -> str:
    """A registry, a project or a series as it is compared: width of signs, case and blanks make no other one."""
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())


@dataclass(frozen=True, slots=True)
class Serials:
    """The units first..last of one series of numbers."""

    prefix: str
    first: int
    last: int
    width: int

    @property
    def count(self) -> int:
        """How many units."""
        return self.last - self.first + 1

    def overlaps(self, other: "Serials") -> bool:
        """Whether a unit is in both."""
        return plain(self.prefix) == plain(other.prefix) and self.first <= other.last and other.first <= self.last

    def within(self, other: "Serials") -> bool:
        """Whether every unit is in the other."""
        return plain(self.prefix) == plain(other.prefix) and other.first <= self.first and self.last <= other.last

    def __str__(self) -> str:
        ends = [f"{self.prefix}{number:0{self.width}d}" for number in (self.first, self.last)]
        return ends[0] if self.first == self.last else "..".join(ends)


def parse(text: str) -> Serials:
    """`A-0001..A-0500`, or one number; ValueError otherwise."""
    ends = _BETWEEN.split(text.strip())
    if len(ends) > 2:
        raise ValueError(f"{text!r} has more than two ends; write FIRST..LAST")
    found = [_ENDS.match(end) for end in ends]
    if not all(found):
        raise ValueError(f"{text!r} does not end in a number; write FIRST..LAST, such as GEC-0001..GEC-0500")
    pairs = [(m[1], m[2]) for m in found if m]
    (prefix, first), (second, last) = pairs[0], pairs[-1]
    if plain(second) not in {plain(prefix), ""}:
        raise ValueError(f"{text!r}: the two ends are of different series ({prefix} and {second})")
    made = Serials(prefix, int(first), int(last), len(first))
    if not 0 < made.count <= LARGEST:
        raise ValueError(f"{text!r}: the last number is before the first, or the range is too long")
    return made
