"""The alerts of a site as a document, out of its store."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from analytics.alert_document import Book, Post, alerts_document, load_incident, load_state
from analytics.alert_people import spoken
from analytics.alert_rules import EXPOSURE, rules_of
from analytics.corrections import in_force
from analytics.site_names import SiteNames
from metering.sitefile import SiteConfig
from metering.store.alertbook import AlertRecord, alert_record
from metering.store.source import StoreSource


class Watched(Protocol):
    """What the document is made from."""

    config: SiteConfig
    source: StoreSource
    alerts_looked_ms: int | None
    receivers_failing: Mapping[str, str]
    names: SiteNames

    def clock(self) -> int:
        """Now [ms UTC]."""
        ...


def site_alerts(site: Watched) -> dict[str, Any]:
    """What fires now and what was, from the store; stale where nobody has looked lately."""
    record = alert_record(site.config.store_dir)
    state = load_state(record.state)
    said = spoken(in_force(site.source.entries.entries()))
    rules = rules_of(site.config)
    if state.fires(EXPOSURE.id, "site"):
        rules[EXPOSURE.id] = EXPOSURE
    over = [load_incident(body) for body in record.over]
    book = Book(
        rules, state, site.alerts_looked_ms, over, said.people, said.said, said.hushed, list(_posts(site, record)),
        site.names,
    )  # fmt: skip
    return alerts_document(book, site.clock())


def _posts(site: Watched, record: AlertRecord) -> Iterator[Post]:
    for receiver in site.config.file.receivers:
        waiting, last = record.posts.get(receiver.id, (0, None))
        yield Post(receiver.id, receiver.channel, waiting, last, site.receivers_failing.get(receiver.id, ""))
