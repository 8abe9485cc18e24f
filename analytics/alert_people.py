"""What people said of alerts, out of the entries: acknowledgements and silences (pure)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from analytics.alert_document import Said
from analytics.alerts import Hush, People
from metering.store.entries import Entry

ACKNOWLEDGEMENT, SILENCE = "acknowledgement", "silence"
KINDS = (ACKNOWLEDGEMENT, SILENCE)


@dataclass(frozen=True, slots=True)
class Spoken:
    """The acknowledgements by key, and the silences with who entered them."""

    said: Mapping[str, Said] = field(default_factory=dict)
    hushed: tuple[tuple[Hush, Said], ...] = ()

    @property
    def people(self) -> People:
        """As the alerts want it."""
        return People(frozenset(self.said), tuple(hush for hush, _ in self.hushed))


def spoken(entries: Iterable[Entry]) -> Spoken:
    """The entries that are in force, as what people said; an undone one was not said."""
    said: dict[str, Said] = {}
    hushed: list[tuple[Hush, Said]] = []
    for entry in entries:
        told = Said(entry.who, entry.why, entry.at_ms)
        if entry.kind == ACKNOWLEDGEMENT and "alert" in entry.body:
            said.setdefault(str(entry.body["alert"]), told)
        elif entry.kind == SILENCE:
            body = entry.body
            hush = Hush(str(body["rule"]), str(body["subject"]), int(body["start_ms"]), int(body["end_ms"]))
            hushed.append((hush, told))
    return Spoken(said, tuple(hushed))
