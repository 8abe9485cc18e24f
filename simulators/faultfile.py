"""faults.yaml as checked faults."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Annotated

from pydantic import Field

from metering.config import ConfigError, Document, Strict, read, validate
from metering.config import Fault as FileFault
from metering.reading import MICRO
from metering.sitefile import Duration, Ratio
from simulators.config import PlantFile
from simulators.faults import CONNECTED, LASTING, ON_LINK, Fault, Kind

_FOREVER_MS = 2**53


class FaultSection(Strict):
    """One fault: which device or link, what, from when after the start, for how long."""

    target: str
    fault: Kind
    start: Annotated[Duration | None, Field(alias="from")] = None
    length: Annotated[Duration | None, Field(alias="for")] = None
    every: int = Field(default=1, ge=1)
    delay: Duration = 1500
    code: int = Field(default=4, ge=1, le=11)
    starts_at: float = Field(default=0, ge=0)  # reading of the meter that was put in [unit]
    quantities: tuple[str, ...] = ()
    rate: float = 0.0
    factor: Ratio = Fraction(1)  # of ct: what the meter shows of what there is

    def freeze(self) -> Fault:
        """The noun the simulators use."""
        return Fault(
            self.target, self.fault, self.start or 0, self.length or _FOREVER_MS, self.every, self.delay, self.code,
            round(self.starts_at * MICRO), frozenset(self.quantities), self.rate, self.factor,
        )  # fmt: skip


class FaultFile(Strict):
    """The whole of faults.yaml."""

    faults: tuple[FaultSection, ...]


def load_faults(path: Path, plant: PlantFile) -> tuple[Fault, ...]:
    """Read and check a faults file against a plant; ConfigError with every fault of the file at once."""
    document = read(path)
    file = validate(document, FaultFile)
    found = list(_unfit(document, file, plant))
    if found:
        raise ConfigError(found)
    return tuple(section.freeze() for section in file.faults)


def _unfit(document: Document, file: FaultFile, plant: PlantFile) -> Iterator[FileFault]:
    devices, links = {d.id for d in plant.devices}, {link.id for link in plant.links}
    for index, one in enumerate(file.faults):
        known, word = (links, "link") if one.fault in ON_LINK else (devices, "device")
        if one.target not in known:
            mend = f"one of: {', '.join(sorted(known))}"
            yield document.fault(("faults", index, "target"), f"the plant has no {word} {one.target!r}", mend)
        yield from (document.fault(("faults", index), *said) for said in _unfit_times(one))


def _unfit_times(one: FaultSection) -> Iterator[tuple[str, str]]:
    """When a fault begins and ends: a meter connected wrongly has been so since it was put in."""
    if one.fault in CONNECTED:
        if one.start is not None or one.length is not None:
            yield f"{one.fault} holds since the meter was put in", "leave out from: and for:"
        if one.fault == "ct" and one.factor == 1:
            yield "ct needs a factor other than 1", "add factor:, such as factor: 1.1"
        return
    if one.start is None:
        yield f"{one.fault} needs a beginning", "add from:, such as from: 10s"
    if one.length is None and one.fault not in LASTING:
        yield f"{one.fault} needs an end", "add for:, such as for: 10s"
