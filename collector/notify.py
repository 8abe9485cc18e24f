"""Words to systemd (sd_notify(3)), and the watchdog that is fed only while every loop gets on with its work."""

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

import structlog

LOOK_S = 5.0  # where no supervisor says how often it wants to hear


class Pulse(NamedTuple):
    """One loop as seen from outside: turns made, whether it has work, and how long one turn may honestly take [s]."""

    name: str
    turns: int
    busy: bool
    longest_s: float


def tell(state: str) -> None:
    """Send one word to the supervisor; nothing where there is none (NOTIFY_SOCKET is not set) or it does not listen."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
        line.settimeout(0)
        line.sendto(state.encode(), "\0" + address[1:] if address[0] == "@" else address)


def tell_reloading() -> None:
    """Say that a reload begins; READY=1 ends it (Type=notify-reload asks for the monotonic time [µs])."""
    tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")


def watchdog_s() -> float:
    """How often to look: a third of the supervisor's patience (WATCHDOG_USEC), where it is meant for us [s]."""
    text = os.environ.get("WATCHDOG_USEC", "")
    meant = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return int(text) / 3e6 if meant and text.isdigit() and int(text) else LOOK_S


class Watchdog:
    """Looks at the loops from inside the event loop, so that a blocked event loop stops it too."""

    def __init__(self, pulses: Callable[[], Iterable[Pulse]], look_s: float) -> None:
        self._pulses, self._look_s = pulses, look_s
        self._seen: dict[str, tuple[int, float]] = {}  # turns, and since when it has made no other [s, monotonic]
        self._looked_s = time.monotonic()
        self._log = structlog.get_logger("watchdog")
        self.stuck: tuple[str, ...] = ()

    async def run(self) -> None:
        """Look and tell, for ever."""
        while True:
            self.look(time.monotonic())
            if not self.stuck:
                tell("WATCHDOG=1")
            await asyncio.sleep(self._look_s)

    def look(self, now_s: float) -> None:
        """Which loops have work and have made no turn for longer than one may take."""
        seen: dict[str, tuple[int, float]] = {}
        stuck = []
        for pulse in self._pulses():
            turns, since_s = self._seen.get(pulse.name, (-1, now_s))
            if turns != pulse.turns or not pulse.busy:
                since_s = now_s
            seen[pulse.name] = (pulse.turns, since_s)
            if now_s - since_s > pulse.longest_s:
                stuck.append(pulse.name)
        if tuple(stuck) != self.stuck:
            self._log.error("loops_stand_still", loops=stuck)
        self._seen, self._looked_s, self.stuck = seen, now_s, tuple(stuck)

    def faults(self, now_s: float) -> list[str]:
        """What stands still, the event loop itself included; asked from another thread."""
        blocked = now_s - self._looked_s > 3 * self._look_s
        return [*self.stuck, *(["event loop"] if blocked else [])]
