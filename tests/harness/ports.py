"""Free loopback ports, and programs that open them."""

import secrets
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

_LOWEST = 10_000


def free_port() -> int:
    """A port that nobody listens on now, and none of those that the system gives to outgoing connections.

    Whoever is to listen there later, or again after a restart, would else find it taken now and then.
    """
    while True:
        port = _LOWEST + secrets.randbelow(_outgoing() - _LOWEST)
        with socket.socket() as found, suppress(OSError):
            found.bind(("127.0.0.1", port))
            return port


def _outgoing() -> int:
    """The lowest port that an outgoing connection may get."""
    given = Path("/proc/sys/net/ipv4/ip_local_port_range")
    return max(int(given.read_text().split()[0]) if given.exists() else 32_768, 2 * _LOWEST)


def wait_for(port: int, process: "subprocess.Popen[bytes]", seconds: float = 90) -> None:
    """Return when a program listens on its port; fail when it ended or took too long."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args} ended with {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError(f"{process.args} does not listen on {port}")
