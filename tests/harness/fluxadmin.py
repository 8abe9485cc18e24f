"""The management API of an InfluxDB 2, strict: what it does not know it refuses, a token is told once."""

import json
from dataclasses import dataclass, field
from typing import Any

KEYS = {
    "buckets": ({"orgID", "name"}, {"orgID", "name", "retentionRules", "description"}),
    "dbrps": ({"bucketID", "database", "retention_policy"},
              {"orgID", "bucketID", "database", "retention_policy", "default"}),
    "authorizations": ({"orgID", "permissions"}, {"orgID", "description", "status", "permissions"}),
}  # fmt: skip

Answer = tuple[int, dict[str, Any] | None]


def refused(status: int, code: str, message: str) -> Answer:
    return status, {"code": code, "message": message}


@dataclass
class FluxAdmin:
    """One organisation's buckets, mappings and tokens."""

    org: str = "zcf"
    org_id: str = "0a0a0a0a0a0a0a0a"
    token: str = "operator-token"
    buckets: dict[str, dict[str, Any]] = field(default_factory=dict)  # by id
    dbrps: dict[str, dict[str, Any]] = field(default_factory=dict)
    authorizations: dict[str, dict[str, Any]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)  # token -> id of its authorization
    changes: int = 0
    _numbers: int = 0

    def may(self, token: str, action: str, bucket: str) -> bool:
        """Whether a token may read or write a bucket of that name."""
        if token == self.token:
            return True
        held = self.authorizations.get(self.tokens.get(token, ""), {"permissions": []})
        ids = {id_ for id_, one in self.buckets.items() if one["name"] == bucket}
        return any(
            p["action"] == action and p["resource"]["type"] == "buckets" and p["resource"].get("id", "*") in {*ids, "*"}
            for p in held["permissions"]
        )

    def answer(self, method: str, path: str, query: dict[str, str], token: str, raw: bytes) -> Answer:
        kind, _, id_ = path.removeprefix("/api/v2/").partition("/")
        if method == "GET" and kind == "buckets" and token in self.tokens:
            seen = [one for one in self.buckets.values() if self.may(token, "read", one["name"])]
            return 200, {"buckets": seen}
        if token != self.token:
            return refused(401, "unauthorized", "unauthorized access")
        if method == "GET":
            return self._get(kind, query)
        self.changes += 1
        if method == "DELETE" and kind == "authorizations" and id_ in self.authorizations:
            del self.authorizations[id_]
            self.tokens = {token: one for token, one in self.tokens.items() if one != id_}
            return 204, None
        body = json.loads(raw)
        if method == "PATCH" and kind == "buckets" and id_ in self.buckets:
            return self._patch(self.buckets[id_], body)
        if method == "POST" and kind in KEYS:
            return self._post(kind, body)
        return refused(404, "not found", "path not found")

    def _get(self, kind: str, query: dict[str, str]) -> Answer:
        if kind == "orgs":
            if query.get("org") != self.org:
                return refused(404, "not found", f'organization name "{query.get("org")}" not found')
            return 200, {"orgs": [{"id": self.org_id, "name": self.org}]}
        if query.get("orgID") != self.org_id:
            return refused(400, "invalid", "orgID is needed")
        if kind == "buckets":
            named = [one for one in self.buckets.values() if one["name"] == query.get("name", one["name"])]
            if not named and "name" in query:
                return refused(404, "not found", f'bucket "{query["name"]}" not found')
            return 200, {"buckets": named}
        if kind == "dbrps":
            found = [one for one in self.dbrps.values() if one["bucketID"] == query.get("bucketID", one["bucketID"])]
            return 200, {"content": found}
        if kind == "authorizations":  # as from 2.9 on: a token is hashed, and shown at its making alone
            return 200, {"authorizations": list(self.authorizations.values())}
        return refused(404, "not found", "path not found")

    def _patch(self, bucket: dict[str, Any], body: dict[str, Any]) -> Answer:
        if set(body) != {"retentionRules"} or not self._sound(body["retentionRules"]):
            return refused(400, "invalid", "unknown or malformed keys")
        bucket.update(body)
        return 200, bucket

    @staticmethod
    def _sound(rules: list[dict[str, Any]]) -> bool:
        return all(set(r) == {"type", "everySeconds"} and r["type"] == "expire" and r["everySeconds"] >= 3600
                   for r in rules)  # fmt: skip

    def _post(self, kind: str, body: dict[str, Any]) -> Answer:
        needed, known = KEYS[kind]
        if not needed <= set(body) <= known or body.get("orgID", self.org_id) != self.org_id:
            return refused(400, "invalid", f"keys {sorted(body)}")
        if kind == "buckets" and body["name"] in {one["name"] for one in self.buckets.values()}:
            return refused(422, "conflict", f"bucket with name {body['name']} already exists")
        if kind == "buckets" and not self._sound(body.get("retentionRules", [])):
            return refused(400, "invalid", "retention")
        if kind == "dbrps" and body["bucketID"] not in self.buckets:
            return refused(400, "invalid", "no such bucket")
        if kind == "authorizations" and not all(
            p["action"] in {"read", "write"} and p["resource"]["id"] in self.buckets for p in body["permissions"]
        ):
            return refused(400, "invalid", "permissions")
        self._numbers += 1
        made = {**body, "id": f"{self._numbers:016x}"}
        getattr(self, kind)[made["id"]] = made
        if kind != "authorizations":
            return 201, made
        token = f"token-{self._numbers}=="
        self.tokens[token] = made["id"]
        return 201, {**made, "token": token}
