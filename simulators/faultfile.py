"""faults.yaml as checked faults."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field

from metering.config import ConfigError, Document, Strict, read, validate
from metering.config import Fault as FileFault
from metering.reading import MICRO
from metering.sitefile import Duration
from simulators.config import PlantFile
from simulators.faults import LASTING, ON_LINK, Fault, Kind

_FOREVER_MS = 2**53


class FaultSection(Strict):
    """One fault: which device or link, what, from when after the start, for how long."""

    target: str
    fault: Kind
    start: Annotated[Duration, Field(alias="from")]
    length: Annotated[Duration | None, Field(alias="for")] = None
    every: int = Field(default=1, ge=1)
    delay: Duration = 1500
    code: int = Field(default=4, ge=1, le=11)
    starts_at: float = Field(default=0, ge=0)  # reading of the meter that was put in [unit]
    quantities: tuple[str, ...] = ()
    rate: float = 0.0

    def freeze(self) -> Fault:
        """The noun the simulators use."""
        return Fault(
            self.target, self.fault, self.start, self.length or _FOREVER_MS, self.every, self.delay, self.code,
            round(self.starts_at * MICRO), frozenset(self.quantities), self.rate,
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
        if one.length is None and one.fault not in LASTING:
            yield document.fault(("faults", index), f"{one.fault} needs an end", "add for:, such as for: 10s")
