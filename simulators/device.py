"""A simulated device: the values its node has now, as the registers or the messages of its profile."""

from collections.abc import Iterable, Iterator, Mapping

from collector.exact import Value
from collector.fields import Field, wired
from collector.profile import DeviceProfile
from collector.registers import Decoder
from metering.quantity import Kind, quantity
from metering.reading import MICRO, Block
from simulators import faults as wrong
from simulators.config import DeviceSection
from simulators.plant import Plant
from simulators.sample import Sample

_KEPT = 64  # instants that faults refer back to


class Moments:
    """The plant at whole seconds, each worked out once: a meter refreshes its registers once a second."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._kept: dict[int, Sample] = {}

    def at(self, time_ms: int) -> Sample:
        """The plant in the second of an instant [ms UTC]."""
        second = time_ms // 1000
        if second not in self._kept:
            if len(self._kept) >= _KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[second] = self._plant.at(second * 1000)
        return self._kept[second]


def reading(sample: Sample, node: str, name: str, connected: wrong.Connection = wrong.RIGHT) -> Value:
    """What a meter so connected shows of a node at a sample's first instant; None where it has no such thing."""
    asked, factor = connected.asked(name)
    try:
        if quantity(name).kind is Kind.COUNTER:
            return int(sample.counter(node, asked)[0]) * factor.numerator // factor.denominator
        return float(sample.gauge(node, asked)[0]) * float(factor)
    except KeyError:
        return None


class Source:
    """The values a device shows: its node's, with what is wrong with the device."""

    def __init__(
        self,
        section: DeviceSection,
        profile: DeviceProfile,
        moments: Moments,
        faults: Iterable[wrong.Fault] = (),
        start_ms: int = 0,
    ) -> None:
        self._node, self._moments, self._start_ms = section.node, moments, start_ms
        fields = seen(section, profile)
        self._names = tuple(f.quantity for f in fields) or tuple(p.quantity for p in profile.messages)
        faults = tuple(faults)
        self._faults = tuple(f for f in faults if f.kind in wrong.IN_DEVICE)
        self._connected = wrong.connection(faults)
        counters = frozenset(n for n in self._names if quantity(n).kind is Kind.COUNTER)
        self._known = wrong.Device(counters, moduli(fields))

    def at(self, time_ms: int) -> Mapping[str, Value]:
        """Every quantity's value at an instant [ms UTC]."""
        return wrong.shown(self._known, self._faults, time_ms - self._start_ms, self._truth)

    def _truth(self, since_start_ms: int) -> Mapping[str, Value]:
        sample = self._moments.at(self._start_ms + since_start_ms)
        return {name: reading(sample, self._node, name, self._connected) for name in self._names}


def moduli(fields: Iterable[Field]) -> dict[str, int]:
    """Where each counter's register is back at zero [1e-6 unit]."""
    return {f.quantity: int(f.modulus * MICRO) for f in fields if f.counter and f.modulus is not None}


class Registers:
    """The register image of one device, refreshed once a second."""

    def __init__(self, section: DeviceSection, profile: DeviceProfile, source: Source) -> None:
        self.section, self.profile, self._source = section, profile, source
        self.regions = tuple(regions(profile))
        self._decoder = Decoder(seen(section, profile), self.regions)
        self._second = -1
        self._image: tuple[bytes, ...] = ()

    def words(self, function: int, address: int, count: int, time_ms: int) -> tuple[int, ...] | None:
        """The words of a read; None where the device documents no such registers."""
        for region, image in zip(self.regions, self._at(time_ms // 1000), strict=True):
            if (
                region.function == function
                and region.address <= address < address + count <= region.address + region.count
            ):
                start = 2 * (address - region.address)
                part = image[start : start + 2 * count]
                return tuple(int.from_bytes(part[i : i + 2]) for i in range(0, len(part), 2))
        return None

    def _at(self, second: int) -> tuple[bytes, ...]:
        if second != self._second:
            values = self._source.at(second * 1000)
            image = self._decoder.encode([values[q] for q in self._decoder.quantities])
            self._second, self._image = second, self._with_texts(image)
        return self._image

    def _with_texts(self, image: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """The nameplate, where the profile knows its registers."""
        texts = {"manufacturer": self.profile.manufacturer, "model": self.profile.model, "serial": self.section.serial}
        written = [bytearray(region) for region in image]
        for plate in self.profile.nameplate:
            text = (
                texts.get(plate.name, "sim").encode("ascii", "replace")[: 2 * plate.words].ljust(2 * plate.words, b"\0")
            )
            for region, data in zip(self.regions, written, strict=True):
                start = 2 * (plate.address - region.address)
                if region.function == plate.fc and 0 <= start < 2 * region.count:
                    data[start : start + len(text)] = text
        return tuple(bytes(data) for data in written)


def seen(section: DeviceSection, profile: DeviceProfile) -> tuple[Field, ...]:
    """The profile's fields with the transformers this device counts behind."""
    return tuple(wired(f, section.ct_ratio, reversed=section.reversed) for f in profile.fields)


def regions(profile: DeviceProfile) -> Iterator[Block]:
    """The registers a device documents, joined where they touch."""
    plates = [(p.fc, p.address, p.address + p.words) for p in profile.nameplate]
    spans = sorted([*((s.function, s.start, s.end) for s in profile.documented), *plates])
    while spans:
        function, start, end = spans.pop(0)
        while spans and spans[0][0] == function and spans[0][1] <= end:
            end = max(end, spans.pop(0)[2])
        yield Block(function, start, end - start)
