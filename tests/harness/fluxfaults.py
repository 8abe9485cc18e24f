"""What FakeFlux may do to a write instead of what it should, under the names that tests and the harness use."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Fault:
    """What the server does to one write instead of what it should."""

    status: int = 503
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    apply: bool = False  # the points are stored all the same
    drop: bool = False  # the connection is closed without an answer
    hang: bool = False  # no answer until the server stops
    drip: bool = False  # an answer that never ends, a byte at a time


CAPTIVE = Fault(200, {"Content-Type": "text/html"}, "<html>Welcome to the guest network</html>")
COMMIT_THEN_DROP = Fault(apply=True, drop=True)
COMMIT_THEN_500 = Fault(500, body='{"code":"internal error","message":"timeout"}', apply=True)
REVOKED = Fault(401, body='{"code":"unauthorized","message":"unauthorized access"}')
FORBIDDEN = Fault(403, body='{"code":"forbidden","message":"insufficient permissions for write"}')
NO_BUCKET = Fault(404, body='{"code":"not found","message":"bucket \\"readings\\" not found"}')
RESET, HANG, DRIP = Fault(drop=True), Fault(hang=True), Fault(drip=True)


def busy(retry_after: str, status: int = 503) -> Fault:
    """A server that names its time, or something that should be one."""
    return Fault(status, {"Retry-After": retry_after} if retry_after else {})


def elsewhere(status: int = 307, url: str = "http://127.0.0.1:9/") -> Fault:
    """A redirect."""
    return Fault(status, {"Location": url})
