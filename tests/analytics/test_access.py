"""Who may ask what: every route and role, tokens, log-in failures, limits, entries under a name, the audit."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from starlette.routing import Mount, Route

from analytics.access import PUBLIC, RULES, Caller, Role
from analytics.alert_site import site_alerts
from analytics.api import make_app
from analytics.audit import START, Audit, AuditError
from analytics.entering import revoked, said
from analytics.holdings import position
from analytics.ledger import Ledger
from analytics.throttle import BURST, Buckets, Failures
from analytics.tokens import MADE, digest, make, tokens_of
from metering.sitefile import SiteConfig, load_site
from metering.store.entries import EntriesReader
from metering.store.source import StoreSource
from tests.analytics.electronics_works import Works

NOW = 1_795_230_000_000
SITE = """
site: {id: works, timezone: Asia/Shanghai}
links: [{id: hall, type: tcp, port: 1502}]
devices: [{id: m1, profile: eastron-sdm630, link: hall}]
points: [{id: grid, role: grid, device: m1}]
alerts: [{id: no_data, kind: absence, after: 2min}]
"""
OUTSIDE = ("203.0.113.7", 40_000)
AT_HOME = {"base_url": "http://127.0.0.1", "client": ("127.0.0.1", 50_000)}


class Clerk(Works):
    """The works' documents over a store of its own, which holds the entries."""

    def __init__(self, config: SiteConfig) -> None:
        super().__init__(self.clock)
        self.config, self.source = config, StoreSource(config.store_dir)
        self.alerts_looked_ms, self.receivers_failing = NOW, {}

    def clock(self) -> int:
        return NOW

    def point_name(self, point: str) -> tuple[str, str]:
        return (point, point)

    def alerts(self) -> dict:
        return site_alerts(self)

    def score(self, standard: str | None, **_: object) -> dict:
        return super().score(standard)

    def holdings(self) -> dict:
        return {"lots": [], "refused": [], "totals": {}}

    def position(self, year: int | None = None, basis: str = "scope1") -> dict:
        return position(Ledger({}), year or 2026, None) | {"basis": basis}

    def orders(self, period: str) -> dict:
        return {"period": {"label": period}, "orders": [], "sets": []}

    def __getattr__(self, name: str):
        """Views the works do not tell of: here only who may ask counts."""
        return lambda *_, **__: {"view": name}


@pytest.fixture
def config(tmp_path: Path) -> SiteConfig:
    (tmp_path / "site.yaml").write_text(SITE)
    return load_site(tmp_path / "site.yaml")


def token(config: SiteConfig, role: Role, *, expires_ms: int = NOW + 10**9, views: tuple[str, ...] = ()) -> str:
    shown, body = make(f"the {role}", role, expires_ms, views)
    said(config, NOW, MADE, body, ("Li", "test"), "test")
    return shown


@pytest.fixture
def app(config: SiteConfig):
    return make_app(Clerk(config), local_reading=True)


@pytest.fixture
def lan(app) -> Iterator[TestClient]:
    """A client from elsewhere."""
    with TestClient(app, base_url="http://zcf.example.org", client=OUTSIDE, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def here(app) -> Iterator[TestClient]:
    """A client at the machine itself."""
    with TestClient(app, raise_server_exceptions=False, **AT_HOME) as client:
        yield client


def bearer(shown: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {shown}"}


def places(app) -> list[tuple[str, str]]:
    """Every method and route of the application, but for the files of the page."""
    found = []
    for route in app.routes:
        if isinstance(route, Mount):
            assert route.path == ""
            continue
        assert isinstance(route, Route)
        found += [(method, route.path) for method in sorted(route.methods or ())]
    return found


def test_every_route_has_a_rule_and_every_rule_a_route(app) -> None:
    assert set(places(app)) == {*RULES, *PUBLIC}


def test_a_route_somebody_adds_without_a_rule_is_refused_to_everybody(app, config: SiteConfig) -> None:
    app.router.routes.insert(0, Route("/api/v1/forgotten", lambda _: 1 / 0))
    with TestClient(app, raise_server_exceptions=False, **AT_HOME) as client:
        assert client.get("/api/v1/forgotten").status_code == 403
        assert client.get("/api/v1/forgotten", headers=bearer(token(config, Role.ADMIN))).status_code == 403


LONG = {"/api/v1/stream"}  # never ends; its door is the same


def test_the_table_of_routes_and_roles(app, config: SiteConfig, monkeypatch) -> None:
    monkeypatch.setattr("analytics.throttle.BURST", 10_000.0)
    app = make_app(Clerk(config))
    app.state.live.stop()
    shown = {role: token(config, role) for role in Role}
    with TestClient(app, base_url="http://zcf.example.org", client=OUTSIDE, raise_server_exceptions=False) as client:
        client.get("/healthz")
        app.state.guard._buckets = Buckets(lambda: 0.0, burst=10_000.0)
        for method, path in places(app):
            for role in (None, *Role):
                headers = bearer(shown[role]) if role else {}
                status = client.request(
                    method, path, headers=headers, json={} if method == "POST" else None
                ).status_code
                needed = RULES.get((method, path))
                if needed is None:
                    assert status not in (401, 403), (method, path, role)
                elif role is None:
                    assert status == 401, (method, path, role)
                elif not role.may(needed):
                    assert status == 403, (method, path, role)
                else:
                    assert status not in (401, 403, 429, 500), (method, path, role, status)


def test_at_the_machine_reading_needs_no_token_and_writing_does(here: TestClient) -> None:
    assert here.get("/api/v1/site").status_code == 200
    assert here.get("/api/v1/whoami").json() == {"name": "this machine", "role": "viewer", "token": None}
    assert here.post("/api/v1/entries", json={}).status_code == 401
    assert here.get("/api/v1/audit").status_code == 403


@pytest.mark.parametrize("headers", [
    {"Host": "evil.example.org"}, {"X-Forwarded-For": "127.0.0.1"}, {"Forwarded": "for=127.0.0.1"}, {"Via": "1.1 p"},
    {"Host": "127.0.0.1.evil.example.org"}, {"Host": ""},
])  # fmt: skip
def test_a_rebound_name_or_a_proxy_is_not_the_machine_itself(here: TestClient, headers: dict[str, str]) -> None:
    assert here.get("/api/v1/site", headers=headers).status_code == 401


def test_a_server_that_listens_wider_wants_a_token_from_everybody(config: SiteConfig) -> None:
    app = make_app(Clerk(config), local_reading=False)
    with TestClient(app, **AT_HOME) as client:
        assert client.get("/api/v1/site").status_code == 401
        assert client.get("/healthz").json() == {"status": "ok"}
        assert client.get("/").status_code == 200  # the page itself holds no data


def test_wrong_expired_and_revoked_tokens_open_nothing(lan: TestClient, config: SiteConfig, app) -> None:
    good, old = token(config, Role.VIEWER), token(config, Role.VIEWER, expires_ms=NOW)
    number = good.split("_")[1]
    wrong = [good[:-1] + ("A" if good[-1] != "A" else "B"), good.split("_")[0], "zcf__", f"zcf_{number}_", old]
    for shown in wrong:
        assert lan.get("/api/v1/site", headers=bearer(shown)).status_code == 401
    assert lan.get("/api/v1/site", headers={"Authorization": f"Basic {good}"}).status_code == 401
    assert lan.get("/api/v1/site", headers=bearer(good)).status_code == 200
    revoked(config, NOW, number, ("Li", "lost"), "test")
    app.state.book._looked = float("-inf")
    assert lan.get("/api/v1/site", headers=bearer(good)).status_code == 401


def test_a_scoped_token_opens_its_views_alone(lan: TestClient, config: SiteConfig) -> None:
    shown = token(config, Role.ADMIN, views=("site",))
    assert lan.get("/api/v1/site", headers=bearer(shown)).status_code == 200
    assert lan.get("/api/v1/live", headers=bearer(shown)).status_code == 403


def test_the_store_keeps_a_hash_and_no_document_tells_even_that(lan: TestClient, config: SiteConfig) -> None:
    shown = token(config, Role.ADMIN)
    secret = shown.split("_", 2)[2]
    assert len(secret) == 43  # 256 bits in base64url
    stored = b"".join(file.read_bytes() for file in config.store_dir.rglob("*") if file.is_file())
    assert secret.encode() not in stored
    assert digest(secret).encode() in stored
    for view in ("tokens", "entries", "audit"):
        said_of_it = lan.get(f"/api/v1/{view}", headers=bearer(shown)).text
        assert secret not in said_of_it
        assert digest(secret) not in said_of_it


@pytest.mark.parametrize("name", ["token", "access_token", "API_KEY", "password"])
def test_a_secret_in_a_url_is_refused_even_when_it_is_right(lan: TestClient, config: SiteConfig, name: str) -> None:
    shown = token(config, Role.VIEWER)
    answer = lan.get("/api/v1/site", params={name: shown}, headers=bearer(shown))
    assert answer.status_code == 400
    assert shown not in answer.text


def test_ten_failures_a_minute_and_then_even_a_good_token_waits(lan: TestClient, config: SiteConfig) -> None:
    good = token(config, Role.VIEWER)
    told = [lan.get("/api/v1/site", headers=bearer(f"zcf_{n:08x}_x")).status_code for n in range(12)]
    assert told == [401] * 10 + [429] * 2
    answer = lan.get("/api/v1/site", headers=bearer(good))
    assert (answer.status_code, int(answer.headers["retry-after"]) > 0) == (429, True)
    failed = [line for line in Audit(config.store_dir).newest(100) if line["event"] == "login.failed"]
    assert len(failed) == 10
    assert failed[0]["who"] == OUTSIDE[0]


def test_one_token_is_not_guessed_from_many_addresses() -> None:
    now = [0.0]
    failures = Failures(lambda: now[0], 20, 3_600.0)
    for _ in range(20):
        assert failures.wait_s("1a2b3c4d") == 0
        failures.add("1a2b3c4d")
    assert failures.wait_s("1a2b3c4d") == 3_600
    now[0] = 3_601
    assert failures.wait_s("1a2b3c4d") == 0


def test_a_burst_passes_and_a_flood_does_not() -> None:
    now = [0.0]
    buckets = Buckets(lambda: now[0])
    assert sum(buckets.wait_s("a") == 0 for _ in range(200)) == BURST
    assert buckets.wait_s("b") == 0
    now[0] = 1.0
    assert sum(buckets.wait_s("a") == 0 for _ in range(200)) == 20
    for n in range(5_000):
        buckets.wait_s(str(n))
    assert len(buckets._held) == 1_000


def test_a_large_body_is_refused(lan: TestClient, config: SiteConfig) -> None:
    shown = token(config, Role.OPERATOR)
    answer = lan.post("/api/v1/entries", content=b"x" * 1_000_001, headers=bearer(shown))
    assert answer.status_code == 413
    pieces = (b"x" * 100_000 for _ in range(20))
    assert lan.post("/api/v1/entries", content=pieces, headers=bearer(shown)).status_code in (400, 413)


def test_a_session_is_a_cookie_no_script_reads_and_no_other_page_uses(lan: TestClient, config: SiteConfig) -> None:
    shown = token(config, Role.OPERATOR)
    assert lan.post("/api/v1/session", json={"token": "zcf_00000000_x"}).status_code == 401
    answer = lan.post("/api/v1/session", json={"token": shown})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert lan.get("/api/v1/whoami").json()["role"] == "operator"
    body = {"rule": "no_data", "minutes": 5, "why": "work on the line"}
    assert lan.post("/api/v1/alerts/silence", json=body).status_code == 403
    evil = {"Origin": "https://evil.example.org"}
    assert lan.post("/api/v1/alerts/silence", json=body, headers=evil).status_code == 403
    own = {"Origin": "http://zcf.example.org"}
    assert lan.post("/api/v1/alerts/silence", json=body, headers=own).status_code == 201


def test_a_silence_is_an_entry_under_the_token_s_name_and_the_page_shows_it(
    lan: TestClient, config: SiteConfig
) -> None:
    shown = bearer(token(config, Role.OPERATOR))
    body = {"rule": "no_data", "minutes": 60, "why": "work on the line"}
    made = lan.post("/api/v1/alerts/silence", json=body, headers=shown).json()
    assert (made["kind"], made["who"], made["why"]) == ("silence", "the operator", "work on the line")
    [row] = lan.get("/api/v1/alerts", headers=shown).json()["silences"]
    assert (row["rule"], row["end_ms"], row["who"]) == ("no_data", NOW + 3_600_000, "the operator")
    line = Audit(config.store_dir).newest(1)[0]
    assert (line["event"], line["who"], line["body"]["entry"]) == ("entry.silence", "the operator", made["id"])


WRONG = [
    ({"kind": "bad_range", "words": {}, "why": "x"}, "words"),
    ({"kind": "bad_range", "words": {"point": "none", "from": "x", "to": "y"}, "why": "x"}, "point"),
    ({"kind": "undo", "words": {"entry": "none"}, "why": "x"}, "no entry"),
    (
        {
            "kind": "bad_range",
            "words": {"point": "grid", "from": "2026-10-01", "to": "2026-10-02", "x": "1"},
            "why": "x",
        },
        "words",
    ),
]


@pytest.mark.parametrize(("body", "named"), WRONG)
def test_a_wrong_entry_is_refused_with_its_faults(lan: TestClient, config: SiteConfig, body: dict, named: str) -> None:
    before = len(EntriesReader(config.store_dir).entries())
    answer = lan.post("/api/v1/entries", json=body, headers=bearer(token(config, Role.OPERATOR)))
    assert answer.status_code == 422
    assert any(named in fault for fault in answer.json()["faults"])
    assert len(EntriesReader(config.store_dir).entries()) == before + 1  # the token alone


def test_where_the_audit_cannot_be_written_nothing_is_entered(
    lan: TestClient, config: SiteConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = bearer(token(config, Role.OPERATOR))
    before = len(EntriesReader(config.store_dir).entries())

    def full(*_: object, **__: object) -> None:
        raise AuditError("cannot write audit.jsonl: No space left on device")

    monkeypatch.setattr(Audit, "append", full)
    body = {"rule": "no_data", "minutes": 60, "why": "work on the line"}
    assert lan.post("/api/v1/alerts/silence", json=body, headers=shown).status_code == 503
    assert lan.get("/api/v1/site", headers=shown).status_code == 200  # reading goes on
    assert len(EntriesReader(config.store_dir).entries()) == before


@pytest.fixture
def log(tmp_path: Path) -> Audit:
    log = Audit(tmp_path)
    for n in range(5):
        assert log.append("login", f"p{n}", n=n) == n + 1
    return log


def test_a_whole_chain_has_no_faults(log: Audit) -> None:
    assert list(log.faults()) == []
    assert [line["body"]["n"] for line in log.newest(2)] == [4, 3]
    assert json.loads(log.path.read_bytes().splitlines()[0])["before"] == START


TAMPERED = {
    "altered": (
        lambda lines: [*lines[:2], lines[2].replace(b'"p2"', b'"p9"'), *lines[3:]],
        "audit.jsonl:3: line 3 was altered",
    ),
    "removed": (lambda lines: lines[:2] + lines[3:], "audit.jsonl:3: line 4 does not follow line 2"),
    "swapped": (lambda lines: [lines[1], lines[0], *lines[2:]], "audit.jsonl:1: line 2 does not follow line 0"),
    "cut": (lambda lines: lines[:3], "ends with line 3, but line 5 was written"),
    "torn": (lambda lines: [*lines[:4], lines[4][:40]], "audit.jsonl:5: not a line of the log"),
    "first": (lambda lines: lines[1:], "audit.jsonl:1: line 2 does not follow line 0"),
}


@pytest.mark.parametrize("how", TAMPERED)
def test_verify_says_where_the_chain_breaks(log: Audit, how: str) -> None:
    change, said_of_it = TAMPERED[how]
    log.path.write_bytes(b"\n".join(change(log.path.read_bytes().splitlines())) + b"\n")
    assert any(said_of_it in fault for fault in log.faults()), list(log.faults())


def test_a_grown_log_goes_on_in_another_file_with_the_same_chain(log: Audit, monkeypatch) -> None:
    monkeypatch.setattr("analytics.audit.LARGEST", 100)
    log.append("login", "p5")
    assert [file.name for file in log.files()] == ["audit-0000000005.jsonl", "audit.jsonl"]
    assert list(log.faults()) == []


def test_a_killed_writer_that_could_not_tell_the_head_leaves_a_whole_chain(log: Audit, tmp_path: Path) -> None:
    head = tmp_path / "entries/audit.head"
    head.write_text(json.dumps({"seq": 4, "hash": "f" * 64}))
    assert log.append("login", "p5") == 6
    assert list(log.faults()) == []


def test_a_name_cannot_bring_a_line_of_its_own(log: Audit) -> None:
    log.append("login", 'x\n{"seq": 99}\x1b[31m')
    assert len(log.path.read_bytes().splitlines()) == 6
    assert list(log.faults()) == []


def test_roles_hold_each_other() -> None:
    assert [[a.may(b) for b in Role] for a in Role] == [[True, False, False], [True, True, False], [True] * 3]
    assert not Caller("x", Role.ADMIN).may("GET", "/api/v1/forgotten")


def test_two_tokens_differ_and_are_told_apart(config: SiteConfig) -> None:
    first, second = token(config, Role.VIEWER), token(config, Role.VIEWER)
    assert first != second
    assert len(tokens_of(EntriesReader(config.store_dir).entries())) == 2
