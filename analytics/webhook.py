"""A message to a webhook: https alone, the address looked up once, judged and then dialled; no redirect, 64 kB, 10 s.

OWASP SSRF prevention: the host stands in the site file, what its name means is not trusted.
"""

import ipaddress
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPException, HTTPSConnection
from typing import Any, Final

TIMEOUT_S: Final = 10.0
MOST_REPLY: Final = 65_536
# of the clouds; 169.254.169.254 is link-local and refused as such
METADATA: Final = frozenset(map(ipaddress.ip_address, ("100.100.100.200", "fd00:ec2::254", "192.0.0.192")))
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")

Resolve = Callable[[str, int], Sequence[str]]  # (host, port) -> addresses
Dial = Callable[[str, int, float], socket.socket]  # (address, port, timeout [s])
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class RefusedAddressError(OSError):
    """A name that leads where no webhook may go."""


def resolve(host: str, port: int) -> list[str]:
    """What the system says a name means."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def dial(address: str, port: int, timeout: float) -> socket.socket:
    """A connection to an address that was judged before."""
    return socket.create_connection((address, port), timeout)


def judged(address: str, networks: Sequence[str]) -> str:
    """The address, if a webhook may go there; RefusedAddressError otherwise."""
    written = ipaddress.ip_address(address.partition("%")[0])
    for one in _meant(written):
        if one.is_loopback or one.is_link_local or one.is_multicast or one.is_unspecified or one in METADATA:
            raise RefusedAddressError(f"{address} is never a webhook's")
        inside = any(one in ipaddress.ip_network(n) for n in networks)
        if not inside and not one.is_global:
            raise RefusedAddressError(f"{address} is private; allow its network under networks:")
    return address


def _meant(written: Address) -> list[Address]:
    """The address, and the IPv4 address inside it where it carries one."""
    if not isinstance(written, ipaddress.IPv6Address):
        return [written]
    if written.ipv4_mapped:
        return [written.ipv4_mapped]
    if written.sixtofour:
        return [written, written.sixtofour]
    if written.teredo:
        return [written, *written.teredo]
    return [written, ipaddress.IPv4Address(int(written) & 0xFFFFFFFF)] if written in _NAT64 else [written]


class _Pinned(HTTPSConnection):
    """A connection to one judged address; the name is only what the certificate must hold."""

    def __init__(self, host: str, port: int, address: str, dialled: Dial, context: ssl.SSLContext) -> None:
        super().__init__(host, port, timeout=TIMEOUT_S, context=context)
        self._address, self._dial, self._tls = address, dialled, context

    def connect(self) -> None:
        plain = self._dial(self._address, self.port, TIMEOUT_S)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)


class Webhook:
    """Posts JSON to one host and path."""

    def __init__(
        self, host: str, port: int | None = None, path: str = "/", networks: Sequence[str] = (), *,
        resolver: Resolve = resolve, dialer: Dial = dial, context: ssl.SSLContext | None = None,
    ) -> None:  # fmt: skip
        self._host, self._port, self._path, self._networks = host, port or 443, path, networks
        self._resolve, self._dial = resolver, dialer
        self._context = context or ssl.create_default_context()

    def post(self, body: bytes, headers: Mapping[str, str]) -> str:
        """Empty when a 2xx came back, else why not; what the server replied is shown to nobody."""
        try:
            addresses = [judged(one, self._networks) for one in self._resolve(self._host, self._port)]
            if not addresses:
                return f"{self._host} means no address"
            return self._ask(addresses[0], body, headers)
        except RefusedAddressError as error:
            return f"refused: {error}"
        except (OSError, HTTPException, ValueError) as error:
            return f"{type(error).__name__} from {self._host}"

    def _ask(self, address: str, body: bytes, headers: Mapping[str, str]) -> str:
        connection: Any = _Pinned(self._host, self._port, address, self._dial, self._context)
        try:
            connection.request("POST", self._path, body, {"Content-Type": "application/json", **headers})
            answer = connection.getresponse()
            if len(answer.read(MOST_REPLY + 1)) > MOST_REPLY:
                return f"{self._host} replied more than 64 kB"
        finally:
            connection.close()
        if 300 <= answer.status < 400:
            return f"{self._host} redirects ({answer.status}); a webhook follows nobody"
        return "" if 200 <= answer.status < 300 else f"{self._host} answered {answer.status}"
