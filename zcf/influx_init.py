"""What our InfluxDB 2 needs: two buckets, how InfluxQL finds them, and one token a role with no right too many."""

import http.client
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from metering.sitefile import ForwardSection
from metering.store import StoreError
from metering.store.influxdb import InfluxSource
from zcf.influx_api import ApiError, Body, InfluxApi

RETENTION_POLICY: Final = "autogen"  # what InfluxQL calls a bucket's data where nobody gave it another name

Action = Literal["created", "changed", "unchanged", "fault"]
Right = tuple[str, str]  # (read or write, bucket)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was to be so, and what was done for it."""

    kind: str
    name: str
    action: Action
    note: str = ""


@dataclass(frozen=True, slots=True)
class Role:
    """Who gets a token, for what."""

    name: str
    rights: tuple[Right, ...]


def roles(section: ForwardSection) -> tuple[Role, ...]:
    """One token a role: the collector cannot read, Grafana cannot write."""
    readings, results = section.bucket, section.results_bucket
    return (
        Role("collector", (("write", readings),)),
        Role("reconciler", (("read", readings),)),
        Role("analytics", (("write", results),)),
        Role("grafana", (("read", readings), ("read", results))),
    )


class Init:
    """Makes what is not there; a second time nothing is left to do."""

    def __init__(
        self, api: InfluxApi, section: ForwardSection, site: str, secrets: Path, *, dry_run: bool, renew: bool
    ) -> None:
        self._api, self._section, self._site, self._secrets = api, section, site, secrets
        self._dry_run, self._renew = dry_run, renew
        self._buckets: dict[str, str] = {}  # name -> id

    def run(self, retention_s: int, oldest_s: float | None, now_s: float) -> Iterator[Step]:
        """Every step; `oldest_s` is when the store's first reading was made."""
        found = self._api.get("/api/v2/orgs", org=self._section.org).get("orgs") or []
        if not found:
            raise ApiError(f"{self._api.url} has no organisation {self._section.org!r}: make it, or mend forward.org")
        org = str(found[0]["id"])
        for name in (self._section.bucket, self._section.results_bucket):
            yield self._bucket(org, name, retention_s, oldest_s, now_s)
            yield self._mapping(org, name)
        held = self._api.get("/api/v2/authorizations", orgID=org).get("authorizations") or []
        for role in roles(self._section):
            yield self._token(org, role, held)
        yield self.cannot_read()

    def _bucket(self, org: str, name: str, retention_s: int, oldest_s: float | None, now_s: float) -> Step:
        found = [b for b in self._api.get("/api/v2/buckets", orgID=org, name=name).get("buckets") or []
                 if b.get("name") == name]  # fmt: skip
        if not found:
            if not self._dry_run:
                rules = [{"type": "expire", "everySeconds": retention_s}] if retention_s else []
                made = self._api.post("/api/v2/buckets", {"orgID": org, "name": name, "retentionRules": rules})
                self._buckets[name] = str(made["id"])
            return Step("bucket", name, "created", _kept_for(retention_s))
        self._buckets[name] = str(found[0]["id"])
        return self._retention(name, found[0], retention_s, oldest_s, now_s)

    def _retention(self, name: str, found: Body, retention_s: int, oldest_s: float | None, now_s: float) -> Step:
        """Kept for longer where asked; never for shorter, which deletes: that is for a person to do."""
        held_s = next((int(r["everySeconds"]) for r in found.get("retentionRules") or [] if r.get("everySeconds")), 0)
        wanted = max(retention_s, 0)
        if held_s and (not wanted or wanted > held_s):
            if not self._dry_run:
                rules = [{"type": "expire", "everySeconds": wanted}] if wanted else []
                self._api.patch(f"/api/v2/buckets/{found['id']}", {"retentionRules": rules})
            return Step("bucket", name, "changed", f"{_kept_for(held_s)} -> {_kept_for(wanted)}")
        history_s = now_s - oldest_s + 2 * 86_400 if oldest_s is not None else 0.0
        if held_s and name == self._section.bucket and held_s < history_s:
            note = f"{_kept_for(held_s)}, but the store holds {history_s / 86_400:.0f} days: older readings are refused"
            return Step("bucket", name, "fault", note)
        return Step("bucket", name, "unchanged", _kept_for(held_s))

    def _mapping(self, org: str, name: str) -> Step:
        """InfluxQL asks for a database and a retention policy; newer servers map a bucket's name by themselves."""
        bucket = self._buckets.get(name, "")
        held = self._api.get("/api/v2/dbrps", orgID=org, bucketID=bucket).get("content") or [] if bucket else []
        if any(one.get("database") == name and one.get("default") for one in held):
            return Step("dbrp", name, "unchanged")
        if not self._dry_run:
            body = {"orgID": org, "bucketID": bucket, "database": name, "retention_policy": RETENTION_POLICY}
            self._api.post("/api/v2/dbrps", {**body, "default": True})
        return Step("dbrp", name, "created")

    def _token(self, org: str, role: Role, held: list[Body]) -> Step:
        described = f"zcf {role.name} {self._site}"
        wanted = {(action, self._buckets.get(bucket, bucket)) for action, bucket in role.rights}
        ours = [one for one in held if one.get("description") == described and one.get("status") == "active"]
        file = self._secrets / f"influx_{role.name}"
        if len(ours) == 1 and _rights(ours[0]) == wanted and not self._renew:
            lost = "" if file.exists() else f"its token is not in {file}, and cannot be shown again: --renew-tokens"
            return Step("token", role.name, "unchanged", lost)
        if ours and not self._renew:
            note = f"{len(ours)} tokens {described!r} with other rights: --renew-tokens"
            return Step("token", role.name, "fault", note)
        if not self._dry_run:
            for one in ours:
                self._api.delete("/api/v2/authorizations", str(one["id"]))
            self._write(file, str(self._api.post("/api/v2/authorizations", self._wanted(org, role))["token"]))
        return Step("token", role.name, "changed" if ours else "created", str(file))

    def _wanted(self, org: str, role: Role) -> Body:
        permissions = [
            {"action": action, "resource": {"type": "buckets", "id": self._buckets[bucket], "orgID": org}}
            for action, bucket in role.rights
        ]
        described = f"zcf {role.name} {self._site}"
        return {"orgID": org, "description": described, "status": "active", "permissions": permissions}

    def _write(self, file: Path, token: str) -> None:
        self._secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = file.with_name(f"{file.name}.new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(token)
        fresh.replace(file)

    def cannot_read(self) -> Step:
        """The collector's token must not read: who steals it from a gateway learns nothing by it."""
        file = self._secrets / "influx_collector"
        if self._dry_run or not file.exists():
            return Step("check", "collector cannot read", "unchanged", "not tried: no token at hand")
        token = file.read_text().strip()
        api = InfluxApi(self._api.url, token)
        status, listed = api.ask("GET", "/api/v2/buckets", {"org": self._section.org})
        answered, values = self._read_with(token)
        if values or (status == http.client.OK and listed.get("buckets")):
            note = f"it reads {'values' if values else 'the list of buckets'}: revoke it, and --renew-tokens"
            return Step("check", "collector cannot read", "fault", note)
        note = "asked for values it got an empty answer: try again when there are some" if answered else "refused"
        return Step("check", "collector cannot read", "unchanged", note)

    def _read_with(self, token: str) -> tuple[bool, bool]:
        """Whether a question for readings is answered, and with any."""
        try:
            return True, bool(InfluxSource(self._api.url, self._section.bucket, self._site, token).latest())
        except StoreError:
            return False, False


def _rights(held: Body) -> set[Right]:
    """What a token may; a right without a bucket's id is one for all of them."""
    permissions = held.get("permissions") or []
    return {(str(p["action"]), str(p["resource"].get("id") or p["resource"].get("type"))) for p in permissions}


def _kept_for(seconds: int) -> str:
    return f"kept for {seconds / 86_400:g} days" if seconds else "kept for ever"
