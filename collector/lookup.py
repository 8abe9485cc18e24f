"""A host's addresses for a thread that must not wait for a dead name server longer than it chooses.

The system's own look-up cannot be broken off: it runs in a thread of its own here, one at a time, and what it found
last is remembered for when nobody answers.
"""

import ipaddress
import socket
import threading
from contextlib import suppress

_PATIENCE_S = 1.0  # so long a known host's name server is waited for


class Lookup:
    """One host by name or address."""

    def __init__(self, name: str, port: int) -> None:
        self._name, self._port = name, port
        self._known: list[str] = []
        self._failed: OSError | None = None
        self._asking: threading.Thread | None = None

    def addresses(self, wait_s: float) -> list[str]:
        """Its addresses now, or what they were where no name server answers in time; OSError where there are none."""
        with suppress(ValueError):
            return [str(ipaddress.ip_address(self._name.strip("[]")))]
        asking = self._asking = self._asking or self._asked()
        asking.join(min(wait_s, _PATIENCE_S) if self._known else wait_s)
        if not asking.is_alive():
            self._asking = None
        elif not self._known:
            raise TimeoutError(f"no name server told who {self._name} is within {wait_s:g} s")
        if not self._known and self._failed is not None:
            raise self._failed
        return self._known

    def _asked(self) -> threading.Thread:
        thread = threading.Thread(target=self._ask, daemon=True, name="look-up")
        thread.start()
        return thread

    def _ask(self) -> None:
        try:
            found = socket.getaddrinfo(self._name, self._port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            self._failed = OSError(getattr(error, "strerror", None) or str(error))
            return
        self._known = list(dict.fromkeys(str(one[4][0]) for one in found))
