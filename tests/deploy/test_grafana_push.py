"""`zcf grafana push` against a strict double, and a real Grafana where ZCF_TEST_GRAFANA_URL and _TOKEN name one."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.fakegrafana import FakeGrafana
from zcf.grafana_push import DASHBOARDS, REVISION, Grafana, PushError, data_sources, push

ROOT = Path(__file__).resolve().parents[2]
SOURCES = data_sources("http://influxdb:8086")
UIDS = sorted(f"zcf-{file.stem}" for file in DASHBOARDS.glob("*.json"))


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGrafana]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    found = FakeGrafana()
    yield found
    found.stop()


def pushed(fake: FakeGrafana, *, token: str = "read-me", dry_run: bool = False, renew: bool = False) -> list[str]:
    steps = push(Grafana(fake.url, fake.token), SOURCES, token, dry_run=dry_run, renew=renew)
    return [step.action for step in steps]


def test_an_empty_grafana_gets_all_and_a_second_push_writes_nothing(fake: FakeGrafana):
    assert pushed(fake) == ["created"] * (3 + len(UIDS))
    assert sorted(fake.boards) == UIDS
    assert {board["meta"]["folderUid"] for board in fake.boards.values()} == {"zcf"}
    assert fake.secrets == {uid: {"httpHeaderValue1": "Token read-me"} for uid in ("zcf-readings", "zcf-results")}
    databases = {uid: source["jsonData"]["dbName"] for uid, source in fake.sources.items()}
    assert databases == {"zcf-readings": "readings", "zcf-results": "results"}
    named = json.dumps([board["dashboard"] for board in fake.boards.values()])
    assert set(re.findall(r'"uid": "(zcf-(?:readings|results))"', named)) == databases.keys()
    fake.log.clear()
    assert pushed(fake) == ["unchanged"] * (3 + len(UIDS))
    assert fake.writes() == []
    assert pushed(fake, token="") == ["unchanged"] * (3 + len(UIDS))


def test_a_dry_run_says_the_same_and_writes_nothing(fake: FakeGrafana):
    assert pushed(fake, dry_run=True) == ["created"] * (3 + len(UIDS))
    assert fake.writes() == []
    assert (fake.folders, fake.sources, fake.boards) == ({}, {}, {})


def test_what_a_person_changed_stays_until_the_shipped_dashboard_changes(fake: FakeGrafana):
    pushed(fake)
    board = fake.boards["zcf-pv"]["dashboard"]
    board["title"], board["version"] = "Our roofs", 9
    assert set(pushed(fake)) == {"unchanged"}
    board["tags"] = ["zcf", REVISION + "of an older release"]
    assert pushed(fake).count("updated") == 1
    assert fake.boards["zcf-pv"]["dashboard"]["title"] == "PV and storage"
    assert fake.boards["zcf-pv"]["dashboard"]["version"] == 10


def test_somebody_who_saves_in_between_is_met_once(fake: FakeGrafana):
    pushed(fake)
    board = fake.boards["zcf-pv"]["dashboard"]
    board["tags"] = []

    def meanwhile() -> None:
        board["version"] += 1

    fake.before_save = [meanwhile]
    assert pushed(fake).count("updated") == 1
    fake.boards["zcf-pv"]["dashboard"]["tags"] = []
    board = fake.boards["zcf-pv"]["dashboard"]
    fake.before_save = [meanwhile, meanwhile]
    with pytest.raises(PushError, match="somebody saved at the same time"):
        pushed(fake)


def test_a_folder_made_meanwhile_is_taken_and_a_name_taken_is_told(fake: FakeGrafana):
    fake.before_folder = [lambda: fake.folders.update(zcf={"uid": "zcf", "title": "Made by hand"})]
    pushed(fake)
    assert fake.folders["zcf"]["title"] == "Made by hand"
    fake.folders = {"other": {"uid": "other", "title": "Zero-carbon factory"}}
    fake.unique_names = True
    with pytest.raises(PushError, match="rename it"):
        pushed(fake)


def test_a_dashboard_of_the_same_name_is_not_overwritten(fake: FakeGrafana):
    pushed(fake)
    mine = fake.boards.pop("zcf-pv")
    fake.boards["mine"] = mine | {"dashboard": mine["dashboard"] | {"uid": "mine"}}
    fake.unique_names = True
    with pytest.raises(PushError, match="same name"):
        pushed(fake)
    assert fake.boards["mine"]["dashboard"]["title"] == "PV and storage"


def test_where_names_are_free_ours_stand_beside_others_of_the_same_name(fake: FakeGrafana):
    fake.folders = {"other": {"uid": "other", "title": "Zero-carbon factory"}}
    pushed(fake)
    mine = fake.boards.pop("zcf-pv")
    fake.boards["mine"] = mine | {"dashboard": mine["dashboard"] | {"uid": "mine"}}
    assert pushed(fake).count("created") == 1
    assert sorted(fake.folders) == ["other", "zcf"]
    assert fake.boards["mine"]["dashboard"]["title"] == fake.boards["zcf-pv"]["dashboard"]["title"]


def test_a_data_source_of_the_same_name_is_told_and_left(fake: FakeGrafana):
    fake.sources["theirs"] = {"uid": "theirs", "name": "ZCF readings", "url": "http://theirs", "readOnly": False}
    with pytest.raises(PushError, match="same name already exists; something else has that name already: rename it"):
        pushed(fake)
    assert fake.sources.keys() == {"theirs"}


def test_a_data_source_that_differs_is_put_right_and_keeps_its_token(fake: FakeGrafana):
    pushed(fake)
    fake.sources["zcf-readings"]["url"] = "http://old:8086"
    fake.empty_puts = True  # an empty 204 is success
    assert pushed(fake, token="").count("updated") == 1
    assert fake.sources["zcf-readings"]["url"] == "http://influxdb:8086"
    assert fake.secrets["zcf-readings"] == {"httpHeaderValue1": "Token read-me"}


def test_the_token_is_sent_again_only_when_asked(fake: FakeGrafana):
    pushed(fake)
    assert set(pushed(fake, token="newer")) == {"unchanged"}
    assert pushed(fake, token="newer", renew=True).count("updated") == 2
    assert fake.secrets["zcf-readings"] == {"httpHeaderValue1": "Token newer"}
    with pytest.raises(PushError, match="ZCF_INFLUX_READ_TOKEN"):
        pushed(fake, token="", renew=True)


def test_a_new_data_source_needs_a_token(fake: FakeGrafana):
    with pytest.raises(PushError, match="ZCF_INFLUX_READ_TOKEN"):
        pushed(fake, token="")
    assert fake.sources == {}


def test_a_provisioned_data_source_or_dashboard_is_left_alone_and_told(fake: FakeGrafana):
    pushed(fake)
    fake.sources["zcf-readings"] |= {"readOnly": True, "url": "http://old"}
    with pytest.raises(PushError, match="provisioned by files"):
        pushed(fake)
    fake.sources["zcf-readings"]["url"] = SOURCES[0]["url"]
    fake.boards["zcf-pv"]["meta"]["provisioned"] = True
    fake.boards["zcf-pv"]["dashboard"]["tags"] = []
    with pytest.raises(PushError, match="provisioned dashboard"):
        pushed(fake)


def test_a_wrong_token_is_told(fake: FakeGrafana):
    with pytest.raises(PushError, match="ZCF_GRAFANA_TOKEN"):
        list(push(Grafana(fake.url, "wrong"), SOURCES, "t", dry_run=False))


@pytest.mark.parametrize("role", ["Viewer", "Editor"])
def test_a_token_without_the_role_is_told(fake: FakeGrafana, role: str):
    fake.role = role
    with pytest.raises(PushError, match="the token needs the role Admin"):
        pushed(fake)
    assert (fake.sources, fake.boards) == ({}, {})


@pytest.mark.parametrize(
    ("front", "told"),
    [
        ((200, b"<html>please log in</html>", {}), "is it Grafana"),
        ((302, b"", {"Location": "http://127.0.0.1:9/elsewhere"}), "not to be reached"),
        ((502, b"bad gateway", {}), "502"),
    ],
)
def test_what_is_not_grafana_is_no_success(fake: FakeGrafana, front: tuple[int, bytes, dict[str, str]], told: str):
    fake.front = front
    with pytest.raises(PushError, match=told):
        pushed(fake)


@pytest.mark.parametrize(
    "url", ["grafana:3000", "ftp://grafana", "http://admin:admin@grafana", "http://grafana/?token=1"]
)
def test_an_odd_address_is_refused(url: str):
    with pytest.raises(PushError):
        Grafana(url, "t")


def test_nobody_there_is_told():
    with pytest.raises(PushError, match="not to be reached"):
        list(push(Grafana("http://127.0.0.1:9", "t"), SOURCES, "t", dry_run=True))


def command(fake: FakeGrafana, *words: str, **env: str) -> "subprocess.CompletedProcess[str]":
    keep = {key: value for key, value in os.environ.items() if not key.startswith("ZCF_")}
    line = [sys.executable, "-m", "zcf", "grafana", "push", *words, "--to", fake.url]
    return subprocess.run(line, cwd=ROOT, env=keep | env, capture_output=True, text=True, check=False)


def test_the_command_pushes_what_a_site_file_forwards(fake: FakeGrafana, tmp_path: Path):
    site = tmp_path / "site.yaml"
    text = (ROOT / "deploy" / "example" / "site.yaml").read_text(encoding="utf-8")
    forward = "forward: {url: 'http://influx:8086/', bucket: works, results_bucket: balance}\n"
    site.write_text(f"{text}\n{forward}", encoding="utf-8")
    (tmp_path / "token").write_text(fake.token + "\n")
    secrets = {"ZCF_GRAFANA_TOKEN_FILE": str(tmp_path / "token"), "ZCF_INFLUX_READ_TOKEN": "read-me"}
    dry = command(fake, str(site), "--dry-run", **secrets)
    assert dry.returncode == 0, dry.stderr
    assert "would be created: data source zcf-readings" in dry.stdout
    assert fake.writes() == []
    done = command(fake, str(site), "--json", **secrets)
    told = json.loads(done.stdout.splitlines()[-1])
    assert [step["uid"] for step in told["steps"]] == ["zcf", "zcf-readings", "zcf-results", *UIDS]
    assert fake.sources["zcf-readings"]["jsonData"]["dbName"] == "works"
    assert fake.sources["zcf-results"]["jsonData"]["dbName"] == "balance"
    assert fake.sources["zcf-readings"]["url"] == "http://influx:8086"
    assert "read-me" not in done.stdout + done.stderr + dry.stdout + dry.stderr


def test_the_command_wants_its_tokens_and_a_site_that_forwards(fake: FakeGrafana):
    without = command(fake, "http://influx:8086")
    assert (without.returncode, "ZCF_GRAFANA_TOKEN" in without.stderr) == (1, True)
    example = command(fake, str(ROOT / "deploy" / "example" / "site.yaml"), ZCF_GRAFANA_TOKEN=fake.token)
    assert (example.returncode, "forward" in example.stderr) == (1, True)


def test_a_real_grafana_takes_it_twice():
    url, token = (os.environ.get(f"ZCF_TEST_GRAFANA_{word}", "") for word in ("URL", "TOKEN"))
    if not url or not token:
        pytest.skip("no real Grafana: set ZCF_TEST_GRAFANA_URL and ZCF_TEST_GRAFANA_TOKEN (admin) to test against one")
    list(push(Grafana(url, token), SOURCES, "read-me", dry_run=False))
    again = list(push(Grafana(url, token), SOURCES, "read-me", dry_run=False))
    assert {step.action for step in again} == {"unchanged"}
