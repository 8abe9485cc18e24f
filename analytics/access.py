"""Who may ask what: three roles, and one rule a route; a route without a rule is refused (IEC 62443-4-2 CR 2.1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What a token may do; each may do what those before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def may(self, needed: "Role") -> bool:
        """Whether this role is enough."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the name on the token, or of the reader at the machine itself."""

    name: str
    role: Role
    token: str = ""  # its id
    views: frozenset[str] = frozenset()  # the only routes it may ask; empty = all of its role

    def may(self, method: str, path: str) -> bool:
        """Whether the rules let this caller ask this."""
        needed = RULES.get((method, path))
        view = path.removeprefix("/api/v1/")
        return needed is not None and self.role.may(needed) and (not self.views or view in self.views)


LOCAL: Final = Caller("this machine", Role.VIEWER)

PUBLIC: Final = frozenset({("GET", "/healthz"), ("POST", "/api/v1/session"), ("DELETE", "/api/v1/session")})
_VIEWS = (
    "site", "live", "balance", "energy", "tree", "score", "quality", "alerts", "stream", "openapi.json", "entries",
    "whoami", "matching", "indicators", "claims", "targets", "selftest", "ledger", "position",
    "orders",
)  # fmt: skip
RULES: Final[Mapping[tuple[str, str], Role]] = {
    **{("GET", f"/api/v1/{view}"): Role.VIEWER for view in _VIEWS},
    ("HEAD", "/api/v1/openapi.json"): Role.VIEWER,
    ("POST", "/api/v1/entries"): Role.OPERATOR,
    ("POST", "/api/v1/alerts/acknowledge"): Role.OPERATOR,
    ("POST", "/api/v1/alerts/silence"): Role.OPERATOR,
    ("GET", "/api/v1/tokens"): Role.ADMIN,
    ("POST", "/api/v1/tokens/revoke"): Role.ADMIN,
    ("GET", "/api/v1/audit"): Role.ADMIN,
}
