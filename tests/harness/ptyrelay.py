"""A serial line in software: a pseudo-terminal whose far end paces characters as a real Modbus RTU line would.

    with PtyLine(meters({1: words, 2: words}), baud=9600, turnaround_s=0.02, link=tmp / "rs485") as line:
        ...                       # the product opens line.path (str(link) where given, as udev's by-id names)
        line.delay = lambda ask: 0.4       # extra answer time [s] of each request from now on; late answers come late
        line.echo = True                   # a 2-wire adapter that hears itself
        line.garble = flips(seed=1, rate=1e-3)   # bit errors on the way back
        line.hang = True                   # the adapter takes nothing and gives nothing, until False again
        line.inject(frame(7, 3, b"..."))   # bytes of a second master or of noise, on the line as soon as it is free
        line.unplug(); line.replug()       # EIO at the product's end; then another terminal under the same link
    line.asked                             # every request that arrived whole: (monotonic seconds, bytes)
    line.busy_s, line.clashes              # bus time used by both directions; requests sent while the line was busy
    line.held_up                           # when this computer handed characters over much too late: (due, done) [s]

Time is counted as on the wire: a request takes its characters, the device its turnaround, the answer its characters;
bytes are handed over when their last bit would have arrived. A request sent before 3.5 silent characters have passed
since the line was last in use is not heard by any device and counts in `clashes` (`strict=False` turns that off).
Each unit answers its requests in order: while a late answer is on its way, its later ones wait behind it.
It runs in a thread of its own and shares no code with the product. `answer` is called as answer(request bytes) ->
answer bytes, or None for a device that says nothing; `meters` and `frame` make such things.
"""

import contextlib
import os
import pty
import random
import select
import threading
import time
import tty
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

Words = Callable[[int, int, int], bytes | int]  # (function, address, count) -> the registers, or an exception code
Answer = Callable[[bytes], bytes | None]
_HELD_UP_S = 0.05
_LONGEST_S, _LATE_S = 0.05, 0.02  # of one wait; beyond, this computer kept us
_REQUEST_BYTES = {1: 8, 2: 8, 3: 8, 4: 8, 17: 4, 43: 7}


def crc16(data: bytes) -> bytes:
    """The CRC of Modbus over serial line V1.02, 6.2.2, low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc.to_bytes(2, "little")


def frame(unit: int, function: int, body: bytes) -> bytes:
    """A frame with its CRC."""
    data = bytes([unit, function]) + body
    return data + crc16(data)


def asked_of(request: bytes) -> tuple[int, int, int, int]:
    """(unit, function, address, count) of a register request."""
    return request[0], request[1], int.from_bytes(request[2:4], "big"), int.from_bytes(request[4:6], "big")


def meters(units: Mapping[int, Words]) -> Answer:
    """Units on one line; a unit that is not there says nothing."""

    def answer(request: bytes) -> bytes | None:
        unit, function, address, count = asked_of(request)
        if unit not in units:
            return None
        told = units[unit](function, address, count) if function in {1, 2, 3, 4} else 1
        if isinstance(told, int):
            return frame(unit, function | 0x80, bytes([told]))
        return frame(unit, function, bytes([len(told)]) + told)

    return answer


def flips(seed: int, rate: float) -> Callable[[bytes], bytes]:
    """Turns over each bit with a chance of `rate`."""
    chance = random.Random(seed)

    def garble(data: bytes) -> bytes:
        return bytes(byte ^ sum((chance.random() < rate) << bit for bit in range(8)) for byte in data)

    return garble


class PtyLine:
    """One line; see the module's words."""

    def __init__(
        self,
        answer: Answer,
        *,
        baud: int = 9600,
        bits: int = 10,
        turnaround_s: float = 0.02,
        link: Path | None = None,
        strict: bool = True,
    ) -> None:
        self.answer, self.link, self.strict = answer, link, strict
        self.character_s = bits / baud
        self.turnaround_s = turnaround_s
        self.silence_s = 3.5 * self.character_s if baud <= 19200 else 0.00175
        self.delay: Callable[[bytes], float] = lambda _request: 0.0
        self.garble: Callable[[bytes], bytes] = lambda data: data
        self.echo = self.hang = False
        self.asked: list[tuple[float, bytes]] = []
        self.busy_s = 0.0
        self.clashes = 0
        self.held_up: list[tuple[float, float]] = []
        self._injected: list[bytes] = []
        self._outbox: list[tuple[float, bytes]] = []  # (earliest start, bytes), not yet on the line
        self._sending: list[tuple[float, bytes]] = []  # (due, character), on the line
        self._answered_at: dict[int, float] = {}  # unit -> when its last answer begins
        self._free_at = 0.0  # when the line was last in use
        self._received = b""
        self._master = self._slave = -1
        self._wake_r, self._wake_w = os.pipe()
        self._stopping = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="ptyline", daemon=True)
        self.path = ""

    def __enter__(self) -> Self:
        self.replug()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping = True
        self._wake()
        self._thread.join(5)
        self.unplug()
        os.close(self._wake_r)
        os.close(self._wake_w)

    def inject(self, data: bytes) -> None:
        """Put bytes on the line as soon as it is free; nobody at the far end hears them."""
        self._injected.append(data)
        self._wake()

    def unplug(self) -> None:
        """The adapter is gone: the product's open end fails, and its path names nothing."""
        with self._lock:
            if self.link is not None:
                self.link.unlink(missing_ok=True)
            for fd in (self._master, self._slave):
                if fd >= 0:
                    os.close(fd)
            self._master = self._slave = -1
            self._outbox, self._sending, self._received, self._answered_at = [], [], b"", {}
        self._wake()

    def replug(self) -> None:
        """The adapter is back, perhaps under another name; the link, where there is one, names it again."""
        self.unplug()
        with self._lock:
            self._master, self._slave = pty.openpty()
            tty.setraw(self._slave)
            os.set_blocking(self._master, False)
            self.path = os.ttyname(self._slave)
            if self.link is not None:
                self.link.symlink_to(self.path)
                self.path = str(self.link)
            # Kept open here until the product opens it: without an open end the terminal forgets its raw mode.
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            os.write(self._wake_w, b".")

    def _run(self) -> None:
        while not self._stopping:
            with self._lock:
                master = self._master
                due = self._next_due() if not self.hang else None
            wait = 0.05 if due is None else max(0.0, due - time.monotonic())
            begun = time.monotonic()
            watched = [self._wake_r] + ([master] if master >= 0 and not self.hang else [])
            with contextlib.suppress(OSError, ValueError):
                ready, _, _ = select.select(watched, [], [], min(wait, _LONGEST_S))
                if self._wake_r in ready:
                    os.read(self._wake_r, 4096)
            if time.monotonic() - begun > _LONGEST_S + _LATE_S:  # a request may have lain here unread so long
                self.held_up.append((begun, time.monotonic()))
            with self._lock, contextlib.suppress(OSError):
                if self._master >= 0 and not self.hang:
                    self._take()
                    self._give()

    def _next_due(self) -> float | None:
        dues = [self._sending[0][0]] if self._sending else [max(start, self._free_at) for start, _ in self._outbox]
        return min(dues, default=None)

    def _take(self) -> None:
        """What the product has written; its characters take their time on the line from now on."""
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._master, 4096)
            now = time.monotonic()
            heard = not self._sending and (not self.strict or now >= self._free_at + self.silence_s - 0.0005)
            self.clashes += not heard
            begun = max(now, self._free_at)
            self._free_at = begun + len(data) * self.character_s
            self.busy_s += len(data) * self.character_s
            if self.echo:
                self._queue(begun, data)
            if heard:
                self._received = (self._received + data)[-512:]
                self._understand()

    def _understand(self) -> None:
        """Whole requests in what was received; rubbish is forgotten, as a device forgets it at the next silence."""
        size = _REQUEST_BYTES.get(self._received[1], 8) if len(self._received) > 1 else 8
        if len(self._received) < size:
            return
        request, self._received = self._received[:size], b""
        if crc16(request[:-2]) != request[-2:]:
            return
        self.asked.append((time.monotonic(), request))
        answer = self.answer(request)
        if answer is not None:
            start = max(self._free_at, self._answered_at.get(request[0], 0.0)) + self.turnaround_s + self.delay(request)
            self._answered_at[request[0]] = start
            self._outbox.append((start, self.garble(answer)))
            self._outbox.sort(key=lambda pair: pair[0])

    def _queue(self, start: float, data: bytes) -> None:
        """Characters on the line from an instant on, each handed over when its last bit has arrived."""
        self._sending += [(start + (n + 1) * self.character_s, data[n : n + 1]) for n in range(len(data))]

    def _give(self) -> None:
        now = time.monotonic()
        if not self._sending:
            if self._injected:
                self._outbox.insert(0, (now, self._injected.pop(0)))
            if self._outbox and max(self._outbox[0][0], self._free_at) <= now + 0.0001:
                start, data = self._outbox.pop(0)
                start = max(start, self._free_at)
                self._queue(start, data)
                self._free_at = start + len(data) * self.character_s
                self.busy_s += len(data) * self.character_s
        ready = 0
        while ready < len(self._sending) and self._sending[ready][0] <= now:
            ready += 1
        if ready:
            if now - self._sending[0][0] > _HELD_UP_S:
                self.held_up.append((self._sending[0][0], now))
            os.write(self._master, b"".join(character for _, character in self._sending[:ready]))
            del self._sending[:ready]
