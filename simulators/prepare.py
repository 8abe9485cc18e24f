"""The example's plant.yaml and site.yaml made ready for a directory of their own: free ports, a date, a start."""

from collections.abc import Mapping
from datetime import date
from io import StringIO
from typing import Any

from ruamel.yaml import YAML


def with_ports(text: str, ports: Mapping[str, int]) -> str:
    """A plant or site file with other ports, link id -> port; comments stay."""
    document = _parsed(text)
    for link in document["links"]:
        link["port"] = ports.get(link["id"], link["port"])
    return _printed(document)


def with_start(text: str, anchor: date, start_ms: int) -> str:
    """A plant file whose counters rise from their bases on a day, and whose faults count from an instant [ms UTC]."""
    document = _parsed(text)
    document["anchor"] = anchor
    if "start_ms" in document:
        document["start_ms"] = start_ms
    else:
        document.insert(list(document).index("anchor") + 1, "start_ms", start_ms)
    return _printed(document)


def with_retrofits(text: str, day: date) -> str:
    """A plant file whose machines are improved on a day, or a site file whose measures that are done were done then."""
    document = _parsed(text)
    for key, mark in (("nodes", "retrofitted"), ("measures", "done")):
        for row in document.get(key, ()):
            if mark in row:
                row[mark] = day
    return _printed(document)


def _parsed(text: str) -> Any:
    return _yaml().load(text)


def _printed(document: Any) -> str:
    out = StringIO()
    _yaml().dump(document, out)
    return out.getvalue()


def _yaml() -> YAML:
    yaml = YAML(typ="rt")
    yaml.width = 10_000
    return yaml
