"""Modbus TCP devices that answer every request with the same transaction id: nothing tells their answers apart.

As on a serial line, a request that was given up leaves a debt: the connection is made anew, and the next request to
that unit has another length; an answer that is to the byte the one before, to another question, is asked for again.
"""

from contextlib import suppress
from dataclasses import dataclass, field

from collector.protocols.gate import NoAnswerError, Request
from collector.protocols.line import Kind, kind_of, probes
from collector.protocols.modbus import Gate
from metering.reading import GapReason


@dataclass(slots=True)
class _Unit:
    owes: set[Kind] = field(default_factory=set)  # answers that may still come
    before: bytes = b""  # its last answer
    said: dict[Request, bytes] = field(default_factory=dict)  # its last answer to each question


class NumberlessGate:
    """The one way to such devices: asks reads, answers with the bytes asked for or says why there are none."""

    def __init__(self, gate: Gate) -> None:
        """`gate` takes any transaction id."""
        self._gate = gate
        self._units: dict[int, _Unit] = {}

    @property
    def is_open(self) -> bool:
        """True while the next request needs no new connection."""
        return self._gate.is_open

    @property
    def opened(self) -> int:
        """Connections made."""
        return self._gate.opened

    @property
    def asked_at(self) -> float:
        """When the last request left, on the loop's clock [s]."""
        return self._gate.asked_at

    def airtime_s(self, request: Request) -> float:
        """Beside the device's own time: on TCP nothing."""
        return self._gate.airtime_s(request)

    async def open_if_possible(self) -> None:
        """Connect ahead of the next request."""
        await self._gate.open_if_possible()

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        self._gate.close()

    async def execute(self, request: Request, timeout_s: float) -> bytes:
        """The data of the one valid answer; NoAnswerError otherwise."""
        unit = self._units.setdefault(request.unit, _Unit())
        if kind_of(request) in unit.owes:
            await self._settle(request, unit, timeout_s)
        data = await self._ask(request, unit, timeout_s)
        if data == unit.before and unit.said.get(request) != data:
            self._gate.close()
            data = await self._ask(request, unit, timeout_s)
        unit.before = unit.said[request] = data
        return data

    async def _settle(self, request: Request, unit: _Unit, timeout_s: float) -> None:
        probe = next((one for one in probes(request) if kind_of(one) not in unit.owes), None)
        if probe is None:  # every length is owed: the connection is new since, and nothing else can be asked
            unit.owes.clear()
            return
        with suppress(NoAnswerError):
            await self._ask(probe, unit, timeout_s)
        if kind_of(request) in unit.owes:
            raise NoAnswerError(GapReason.TIMEOUT, "still no answer after one that came late or not at all")

    async def _ask(self, request: Request, unit: _Unit, timeout_s: float) -> bytes:
        try:
            data = await self._gate.execute(request, timeout_s)
        except NoAnswerError as error:
            if error.reason is not GapReason.CONNECT:
                unit.owes |= {kind_of(request)}
            raise
        unit.owes.clear()
        return data
