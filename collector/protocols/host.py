"""A host by name or address: looked up beside the event loop, remembered for when no name server answers, all tried.

asyncio's own look-up runs in a pool that a dead name server fills, and that a process waits for at its end.
"""

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

_PATIENCE_S = 1.0  # so long a known host's name server is waited for

Addresses = list[str]


class Host:
    """One end of TCP connections."""

    def __init__(self, name: str, port: int) -> None:
        self._name, self._port = name, port
        self._known: Addresses = []  # what it was last, the one that took the last connection first
        self._asking: asyncio.Future[Addresses] | None = None  # one at a time, however long it takes

    async def connect(self, made_by: Callable[[], asyncio.BaseProtocol], timeout_s: float) -> None:
        """Connect to the first of its addresses that takes it, each given its share of the time; OSError otherwise."""
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout_s
        addresses = await self._addresses(timeout_s)
        failed = OSError("the name has no address")
        for tried, address in enumerate(addresses):
            try:
                async with asyncio.timeout((until - loop.time()) / (len(addresses) - tried)):
                    await loop.create_connection(made_by, address, self._port)
            except OSError as error:
                failed = error
            else:
                self._known = [address, *(other for other in addresses if other != address)]
                return
        raise failed

    async def _addresses(self, timeout_s: float) -> Addresses:
        """The addresses now, the known ones first; where nobody can tell, those it had."""
        with suppress(ValueError):
            return [str(ipaddress.ip_address(self._name))]
        try:
            async with asyncio.timeout(_PATIENCE_S if self._known else timeout_s):
                found = await asyncio.shield(self._looked_up())
        except OSError:  # TimeoutError is one
            if not self._known:
                raise
            return self._known
        return sorted(found, key=lambda address: address not in self._known[:1])

    def _looked_up(self) -> "asyncio.Future[Addresses]":
        if self._asking is None:
            loop = asyncio.get_running_loop()
            self._asking = loop.create_future()
            self._asking.add_done_callback(self._told)
            threading.Thread(target=self._look_up, args=(loop, self._asking), daemon=True, name="look-up").start()
        return self._asking

    def _told(self, asked: "asyncio.Future[Addresses]") -> None:
        self._asking = None
        if not asked.cancelled():
            asked.exception()  # whoever waited has it; where nobody does, it is no news

    def _look_up(self, loop: asyncio.AbstractEventLoop, asked: "asyncio.Future[Addresses]") -> None:
        try:
            found = socket.getaddrinfo(self._name, self._port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            told = OSError(getattr(error, "strerror", None) or str(error))
            with suppress(RuntimeError):  # the loop is gone
                loop.call_soon_threadsafe(_fail, asked, told)
            return
        addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_tell, asked, addresses)


def _tell(asked: "asyncio.Future[Addresses]", addresses: Addresses) -> None:
    if not asked.done():
        asked.set_result(addresses)


def _fail(asked: "asyncio.Future[Addresses]", error: OSError) -> None:
    if not asked.done():
        asked.set_exception(error)
