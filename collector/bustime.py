"""How long requests occupy a bus (pure): Modbus over serial line V1.02, 2.5.1; the TCP guide of 2006."""

from collections.abc import Iterable
from dataclasses import dataclass

from metering.reading import Block

_REQUEST, _ANSWER = 8, 5  # characters of a request, and of an answer beside its registers
_SILENCE = 3.5  # characters before a frame
_FAST_SILENCE_MS = 1.75  # above 19200 Bd it stays so long
LATENCY_MS = 30.0  # a meter's own time for an answer: manuals and logs name 5 to 100 ms; assumed until measured
TCP_REQUEST_MS = 20.0  # a device asked directly: typical of meters' manuals, 5 to 20 ms
_TCP_REGISTER_MS = 0.8  # where no line is known, requests are weighed as if 9600 Bd lay behind: 25 registers a request


@dataclass(frozen=True, slots=True)
class BusTime:
    """One bus: how long a character takes (None: no serial line is known), and how long devices think [ms]."""

    character_ms: float | None = None
    latency_ms: float = LATENCY_MS
    pause_ms: float = 0.0  # between requests, by the device's profile

    @property
    def overhead_ms(self) -> float:
        """What one more request costs, whatever it asks for [ms]."""
        if self.character_ms is None:
            return TCP_REQUEST_MS + self.pause_ms
        silence_ms = max(_SILENCE * self.character_ms, _FAST_SILENCE_MS)
        return (_REQUEST + _ANSWER) * self.character_ms + 2 * silence_ms + self.latency_ms + self.pause_ms

    @property
    def register_ms(self) -> float:
        """What one more register costs [ms]."""
        return _TCP_REGISTER_MS if self.character_ms is None else 2 * self.character_ms

    @property
    def request_cost(self) -> float:
        """What one more request costs, in registers: what the planner weighs holes against."""
        return self.overhead_ms / self.register_ms

    def ms(self, blocks: Iterable[Block]) -> float:
        """How long some requests and their answers occupy the bus [ms]."""
        per_register = 0.0 if self.character_ms is None else self.register_ms
        return sum(self.overhead_ms + per_register * block.count for block in blocks)
