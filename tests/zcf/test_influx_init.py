"""zcf influx init against a strict double: everything made once, nothing more on the second run, no right too many."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from tests.harness.fakeflux import FakeFlux
from tests.harness.fluxadmin import FluxAdmin
from tests.harness.sample import sampled
from zcf.__main__ import app

SITE = "site: {id: works, timezone: Asia/Shanghai}\nforward: {url: URL, org: zcf}\n"


class Server:
    """A double with nothing in it but its organisation, a site file, and a folder for the tokens."""

    def __init__(self, folder: Path) -> None:
        self.flux, self.folder = FakeFlux(), folder
        self.admin = self.flux.admin = FluxAdmin()
        (folder / "site.yaml").write_text(SITE.replace("URL", self.flux.url))

    def init(self, *more: str) -> Result:
        words = ["influx", "init", str(self.folder / "site.yaml"), "--secrets", str(self.folder / "secrets"), *more]
        return CliRunner().invoke(app, words)

    def steps(self, *more: str) -> dict[tuple[str, str], tuple[str, str]]:
        found: list[dict[str, Any]] = json.loads(self.init("--json", *more).stdout)["steps"]
        return {(one["kind"], one["name"]): (one["action"], one["note"]) for one in found}

    def token(self, role: str) -> str:
        return (self.folder / "secrets" / f"influx_{role}").read_text()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("ZCF_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("ZCF_INFLUX_ADMIN_TOKEN", "operator-token")
    found = Server(tmp_path)
    yield found
    found.flux.stop()


def test_it_makes_buckets_mappings_and_one_token_a_role(server: Server) -> None:
    steps = server.steps("--retention", "400")
    made = {name: action for (kind, name), (action, _) in steps.items() if kind != "check"}
    assert set(made.values()) == {"created"}
    kept = {one["name"]: one["retentionRules"] for one in server.admin.buckets.values()}
    assert kept == {name: [{"type": "expire", "everySeconds": 400 * 86_400}] for name in ("readings", "results")}
    assert {(one["database"], one["default"]) for one in server.admin.dbrps.values()} == {
        ("readings", True),
        ("results", True),
    }
    may = {
        role: {
            (action, bucket)
            for action in ("read", "write")
            for bucket in ("readings", "results")
            if server.admin.may(server.token(role), action, bucket)
        }
        for role in ("collector", "reconciler", "analytics", "grafana")
    }
    assert may == {
        "collector": {("write", "readings")},
        "reconciler": {("read", "readings")},
        "analytics": {("write", "results")},
        "grafana": {("read", "readings"), ("read", "results")},
    }
    assert steps["check", "collector cannot read"] == ("unchanged", "refused")
    for file in (server.folder / "secrets").iterdir():
        assert file.stat().st_mode & 0o777 == 0o600


def test_a_second_time_nothing_is_left_to_do(server: Server) -> None:
    server.init()
    before, token = server.admin.changes, server.token("collector")
    result = server.init()
    assert result.exit_code == 0
    assert "created" not in result.stdout
    assert "changed: " not in result.stdout.replace("unchanged: ", "")
    assert (server.admin.changes, server.token("collector")) == (before, token)


def test_a_dry_run_changes_nothing_and_says_what_would_be(server: Server) -> None:
    result = server.init("--dry-run")
    assert result.exit_code == 0
    assert result.stdout.count("would be created") == 2 + 2 + 4
    assert (server.admin.changes, server.admin.buckets, (server.folder / "secrets").exists()) == (0, {}, False)


def test_a_shorter_retention_is_made_longer_and_never_a_longer_one_shorter(server: Server) -> None:
    server.init("--retention", "30")
    longer = server.steps("--retention", "90")["bucket", "readings"]
    assert longer == ("changed", "kept for 30 days -> kept for 90 days")
    assert server.steps("--retention", "60")["bucket", "readings"] == ("unchanged", "kept for 90 days")


def test_t7_a_retention_shorter_than_the_history_is_a_fault(server: Server) -> None:
    sample = sampled(server.folder / "store", seed=1, count=20)
    sample.writer.close()
    server.init("--retention", "1")
    for one in server.admin.buckets.values():
        one["retentionRules"] = [{"type": "expire", "everySeconds": 86_400}]
    action, note = server.steps("--retention", "1")["bucket", "readings"]
    assert action == "fault"
    assert "older readings are refused" in note


def test_a_token_with_other_rights_is_told_and_renewed_when_asked(server: Server) -> None:
    server.init()
    [held] = [one for one in server.admin.authorizations.values() if one["description"] == "zcf collector works"]
    held["permissions"].append({"action": "read", "resource": held["permissions"][0]["resource"]})
    result = server.init()
    assert result.exit_code == 1
    assert "with other rights" in result.stdout
    assert server.steps("--renew-tokens")["token", "collector"][0] == "changed"
    assert server.init().exit_code == 0
    assert len(server.admin.authorizations) == len(server.admin.tokens) == 4


def test_a_collectors_token_that_reads_is_found_out(server: Server) -> None:
    server.init()
    server.flux.buckets["readings"] = {
        ("electricity", (("point", "grid"), ("site", "works"))): {"active_power": {1_795_219_200 * 10**9: 1.0}}
    }
    (server.folder / "secrets" / "influx_collector").write_text(server.token("grafana"))
    action, note = server.steps()["check", "collector cannot read"]
    assert action == "fault"
    assert "reads values" in note


def test_a_token_file_that_is_lost_is_told(server: Server) -> None:
    server.init()
    (server.folder / "secrets" / "influx_grafana").unlink()
    assert "cannot be shown again" in server.steps()["token", "grafana"][1]


def test_a_wrong_organisation_token_or_url_is_one_clear_line(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.admin.org = "other"
    assert "no organisation 'zcf'" in str(server.init().exception)
    monkeypatch.setenv("ZCF_INFLUX_ADMIN_TOKEN", "wrong")
    assert "401" in str(server.init().exception)
    server.flux.stop()
    assert server.flux.url in str(server.init().exception)
    monkeypatch.delenv("ZCF_INFLUX_ADMIN_TOKEN")
    assert "ZCF_INFLUX_ADMIN_TOKEN" in str(server.init().exception)
