"""Connections that want nothing: idle ones, and heads that drip in byte by byte; those cut off are opened anew."""

import socket
import threading
from contextlib import suppress

IDLE, DRIPPING = 60, 20  # connections of each kind, all from this machine
HEAD = b"GET /api/v1/live HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
DRIP_S = 0.5


class Clients:
    """Threads that each do something at one port, from `start` until `stop`."""

    def __init__(self, port: int) -> None:
        self._port, self._end = port, threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """All of them from now on."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Until each has done its last."""
        self._end.set()
        for thread in self._threads:
            thread.join(60)


class Crowd(Clients):
    """So many connections to one port."""

    def __init__(self, port: int, idle: int = IDLE, dripping: int = DRIPPING) -> None:
        super().__init__(port)
        self.opened = self.cut_off = 0
        self._threads += [threading.Thread(target=self._hold, args=(b"",)) for _ in range(idle)]
        self._threads += [threading.Thread(target=self._hold, args=(b"x",)) for _ in range(dripping)]

    def _hold(self, drip: bytes) -> None:
        while not self._end.wait(0.1):
            with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), 5) as held:
                self.opened += 1
                if drip:
                    held.sendall(HEAD)
                self._keep(held, drip)

    def _keep(self, held: socket.socket, drip: bytes) -> None:
        held.settimeout(DRIP_S)
        while not self._end.is_set():
            with suppress(TimeoutError):
                if not held.recv(4096):
                    break
            held.sendall(drip)
        else:
            return
        self.cut_off += 1
