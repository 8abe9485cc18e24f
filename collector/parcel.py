"""Polls of many groups -> one body of line protocol, and its single lines where a sink refuses the body."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from collector.line_protocol import AnyPoll, GroupLines, body
from metering.reading import PollGroup
from metering.site import Site

Numbered = tuple[int, AnyPoll]  # a poll under its sequence number
Line = tuple[int, str]  # (seq, line)


class Parcel(NamedTuple):
    """What is sent at once; `lines` tells which line is of which poll."""

    body: bytes
    lines: Callable[[], list[Line]]


class Press:
    """Prints the polls of one site; a group it does not know yet is looked up among all there are."""

    def __init__(self, site: Site, groups: Callable[[], Iterable[tuple[int, PollGroup]]]) -> None:
        self._site, self._points, self._groups = site.id, {p.id: p for p in site.points}, groups
        self._known: dict[int, GroupLines] = {}

    def group(self, number: int) -> GroupLines:
        """How a group's polls are printed."""
        if number not in self._known:
            self._known = {n: GroupLines(self._site, g, self._points) for n, g in self._groups()}
        return self._known[number]

    def lines(self, poll: AnyPoll) -> list[str]:
        """A poll line by line."""
        return self.group(poll.group).lines(poll).splitlines(keepends=True)

    def parcel(self, polls: Sequence[Numbered]) -> Parcel:
        """Polls as they are sent."""
        whole = body([(self.group(poll.group), poll) for _, poll in polls])
        return Parcel(whole, lambda: [(seq, line) for seq, poll in polls for line in self.lines(poll)])
