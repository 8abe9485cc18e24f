"""A total time for one request: the timeouts of sockets are for each wait alone, and a server may answer by drips."""

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from typing import Any


class Deadline:
    """Cuts the connection of a pool when a request on it has taken too long."""

    def __init__(self, pool: Any, seconds: float) -> None:
        """`pool` is urllib3's connection pool of one host, used by one thread."""
        self._seconds = seconds
        self._line: socket.socket | None = None
        self.passed = False
        pool.ConnectionCls = self._watched(pool.ConnectionCls)

    def _watched(self, kind: Any) -> Any:
        deadline = self

        class Watched(kind):  # type: ignore[misc]
            def _new_conn(self) -> socket.socket:
                found: socket.socket = super()._new_conn()
                deadline.hold(found)
                return found

        return Watched

    def hold(self, line: socket.socket) -> None:
        """Keep a handle of our own: TLS takes the connection's away, and cutting either cuts both."""
        self.close()
        self._line = socket.socket(fileno=os.dup(line.fileno()))

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """The time of one request."""
        self.passed = False
        timer = threading.Timer(self._seconds, self._cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def close(self) -> None:
        """Give the handle back."""
        if self._line is not None:
            self._line.close()
        self._line = None

    def _cut(self) -> None:
        self.passed = True
        line = self._line
        if line is not None:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
