"""A total time for one request: the timeouts of sockets are for each wait alone, and a server may answer by drips.

No timeout of a socket covers the look-up of its name, either: that is made beside, and given so much time.
"""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from collector.lookup import Lookup


class Deadline:
    """Cuts the connection of a pool when a request on it has taken too long."""

    def __init__(self, pool: Any, seconds: float, lookup: Lookup) -> None:
        """`pool` is urllib3's connection pool of one host, used by one thread."""
        self._seconds, self._lookup = seconds, lookup
        self._line: socket.socket | None = None
        self._lock = threading.Lock()
        self._until_s: float | None = None  # of the request under way, on the monotonic clock
        self._watching = False
        self.passed = False
        pool.ConnectionCls = self._watched(pool.ConnectionCls)

    def _watched(self, kind: Any) -> Any:
        deadline = self

        class Watched(kind):  # type: ignore[misc]
            _dns_host: str

            def _new_conn(self) -> socket.socket:
                name = self._dns_host  # what is connected to; certificates are checked against it afterwards
                try:
                    found = deadline.first(lambda address: setattr(self, "_dns_host", address), super()._new_conn)
                finally:
                    self._dns_host = name
                deadline.hold(found)
                return found

        return Watched

    def first(self, choose: Callable[[str], None], connect: Callable[[], socket.socket]) -> socket.socket:
        """A connection to the first of the host's addresses that takes one, while there is time."""
        from urllib3.exceptions import HTTPError

        failed: Exception = OSError("the name has no address")
        for address in self._lookup.addresses(self._seconds):
            choose(address)
            try:
                return connect()
            except (OSError, HTTPError) as error:
                failed = error
                if self.passed:
                    break
        raise failed

    def hold(self, line: socket.socket) -> None:
        """Keep a handle of our own: TLS takes the connection's away, and cutting either cuts both."""
        self.close()
        self._line = socket.socket(fileno=os.dup(line.fileno()))

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """The time of one request."""
        with self._lock:
            self.passed, self._until_s = False, time.monotonic() + self._seconds
            begin, self._watching = not self._watching, True
        if begin:
            threading.Thread(target=self._watch, daemon=True, name="deadline").start()
        try:
            yield
        finally:
            with self._lock:
                self._until_s = None

    def close(self) -> None:
        """Give the handle back."""
        if self._line is not None:
            self._line.close()
        self._line = None

    def _watch(self) -> None:
        """Sleep until the request under way must have ended; one thread watches all that follow each other closely."""
        left_s = self._seconds
        while left_s > 0:
            time.sleep(left_s)
            with self._lock:
                left_s = 0.0 if self._until_s is None else self._until_s - time.monotonic()
                if left_s <= 0:
                    self._watching, self.passed = False, self._until_s is not None
        if self.passed:
            self._cut()

    def _cut(self) -> None:
        line = self._line
        if line is not None:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
