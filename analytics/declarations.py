"""What a site file declares beside its meters, held against the standards and itself: every fault with its line."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from analytics.boundaries import boundaries
from analytics.criteria_files import load_standards
from analytics.indicators import INDICATORS
from analytics.measure_rows import measures
from analytics.measures import Measure
from analytics.site_inputs import evidence, instruments, targets
from analytics.standards import Standard
from metering.config import ConfigError, Fault
from metering.sitefile import SiteConfig

T = TypeVar("T")


def check_declared(config: SiteConfig) -> None:
    """ConfigError with every fault of evidence, targets, instruments, measures and standards in force."""
    file, document = config.file, config.document
    faults: list[Fault] = []
    _gathered(lambda: evidence(file.evidence, document), faults)
    _gathered(lambda: targets(file.targets, document), faults)
    _gathered(lambda: instruments(file.instruments, document), faults)
    standards = load_standards()
    unknown = [(n, name) for n, name in enumerate(file.standards) if name not in standards]
    mend = f"one of: {', '.join(sorted(standards))}"
    faults += [document.fault(("standards", n), f"unknown standard {name!r}", mend) for n, name in unknown]
    made = _gathered(lambda: measures(file.measures, document), faults)
    faults += _measure_faults(config, made, standards.values())
    if faults:
        raise ConfigError(sorted(faults, key=lambda fault: fault.line))


def _gathered(read: Callable[[], Sequence[T]], faults: list[Fault]) -> Sequence[T]:
    try:
        return read()
    except ConfigError as error:
        faults += error.faults
        return ()


def _measure_faults(config: SiteConfig, rows: Sequence[Measure], standards: Iterable[Standard]) -> Iterator[Fault]:
    """What a measure names must be there."""
    ids = [m.id for m in rows]
    known = {
        "excludes": set(ids), "provides": {c.evidence for s in standards for c in s.criteria if c.evidence},
        "boundary": {b.id for b in boundaries(config.site)}, "moves": set(INDICATORS),
        "point": {p.id for p in config.site.points},
    }  # fmt: skip
    for number, one in enumerate(rows):
        if one.id in ids[:number]:
            yield config.document.fault(("measures", number, "id"), f"measure {one.id!r} is declared twice")
        named = {
            "excludes": sorted(one.excludes), "provides": [one.provides], "boundary": [one.boundary],
            "moves": list(one.moves or {}), "point": [one.point],
        }  # fmt: skip
        for field, names in named.items():
            lost = [name for name in names if name and name not in known[field]]
            mend = f"one of: {', '.join(sorted(known[field]))}"
            for name in lost:
                yield config.document.fault(("measures", number, field), f"there is no {name!r}", mend)
