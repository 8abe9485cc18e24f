"""compose.yaml and the Dockerfile by our own checks: there is no Docker engine where these tests run."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from zcf.__main__ import app

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "compose"
TEXT = (FOLDER / "compose.yaml").read_text(encoding="utf-8")
FILE = YAML(typ="safe").load(TEXT)
SERVICES: dict[str, Any] = {name: dict(body) for name, body in FILE["services"].items()}
STAYING = {name for name, body in SERVICES.items() if body["restart"] == "unless-stopped"}
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
SECRET = re.compile(r"\$\{(ZCF_[A-Z_]+)(:\?[^}]+)?\}")


def test_the_services_are_all_there():
    assert SERVICES.keys() == {"mosquitto", "influxdb", "influx-roles", "grafana", "collector", "analytics"}
    assert SERVICES.keys() - {"influx-roles"} == STAYING


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_an_image_has_a_whole_version(name: str):
    assert re.fullmatch(r"[a-z/-]+:\d+\.\d+\.\d+", SERVICES[name]["image"])


@pytest.mark.parametrize("name", sorted(STAYING))
def test_what_stays_has_a_health_check_a_limit_and_bounded_logs(name: str):
    body = SERVICES[name]
    assert body["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert {"interval", "timeout", "retries", "start_period"} <= body["healthcheck"].keys()
    assert "mem_limit" in body
    assert body["logging"]["options"]["max-size"]


def test_every_variable_refuses_to_be_empty():
    found = SECRET.findall(TEXT)
    assert all(refusal for _, refusal in found), found
    example = (FOLDER / ".env.example").read_text(encoding="utf-8")
    listed = re.findall(r"^(ZCF_[A-Z_]+)=(.*)$", example, re.MULTILINE)
    assert {name for name, _ in listed} == {name for name, _ in found}
    assert all(value == "" for _, value in listed)  # the example holds no default


def test_no_secret_stands_in_the_file():
    for body in SERVICES.values():
        for key, value in body.get("environment", {}).items():
            if re.search(r"PASSWORD|TOKEN$", key):
                assert SECRET.fullmatch(value)[2], key


@pytest.mark.parametrize("name", ["mosquitto", "grafana", "collector", "analytics"])
def test_ours_and_the_faces_run_without_rights(name: str):
    body = SERVICES[name]
    assert not body["user"].startswith("0")
    assert body["cap_drop"] == ["ALL"]
    assert body["read_only"] is True
    assert body["security_opt"] == ["no-new-privileges:true"]


def test_only_three_ports_are_published_two_of_them_on_this_machine_alone():
    published = {name: body["ports"] for name, body in SERVICES.items() if "ports" in body}
    assert published == {
        "mosquitto": ["8883:8883"], "grafana": ["127.0.0.1:3000:3000"], "analytics": ["127.0.0.1:8080:8080"],
    }  # fmt: skip
    assert FILE["networks"]["inside"]["internal"] is True


def test_analytics_cannot_write_readings_and_each_token_goes_to_one_service():
    assert "readings:/store/readings:ro" in SERVICES["analytics"]["volumes"]
    assert "readings:/store/readings" in SERVICES["collector"]["volumes"]
    holders: dict[str, list[str]] = {}
    for name, body in SERVICES.items():
        for volume in body.get("volumes", []):
            if isinstance(volume, str) and volume.startswith("token-") and volume.endswith(":ro"):
                holders.setdefault(volume.split(":")[0], []).append(name)
    assert holders == {
        "token-grafana-readings": ["grafana"], "token-grafana-results": ["grafana"], "token-collector": ["collector"],
        "token-analytics": ["analytics"],
    }  # fmt: skip


def test_volumes_and_bind_mounts_exist():
    for body in SERVICES.values():
        for volume in body.get("volumes", []):
            if isinstance(volume, str):
                assert volume.split(":")[0] in FILE["volumes"]
            else:
                assert volume["bind"] == {"create_host_path": False}  # else a missing file becomes an empty folder
                assert volume["read_only"] is True
                assert SECRET.match(volume["source"]) or (FOLDER / volume["source"]).exists()


def test_who_depends_on_whom_is_there():
    for body in SERVICES.values():
        for name, how in body.get("depends_on", {}).items():
            expected = "service_healthy" if name in STAYING else "service_completed_successfully"
            assert how == {"condition": expected}


@pytest.mark.parametrize("name", ["collector", "analytics"])
def test_our_services_run_commands_that_there_are(name: str):
    command, *words = SERVICES[name]["command"]
    told = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).output
    assert all(word in told for word in words if word.startswith("--"))


@pytest.mark.parametrize(("password", "status"), [("admin", 78), ("", 78), ("a-long-enough-one", 0)])
def test_grafana_does_not_start_with_a_short_password(password: str, status: int, tmp_path: Path):
    shell, flag, script = SERVICES["grafana"]["entrypoint"]
    script = script.replace("$$", "$").replace("exec /run.sh", "exec true")
    done = subprocess.run([shell, flag, script], env={"GF_SECURITY_ADMIN_PASSWORD": password}, check=False)
    assert done.returncode == status


def test_grafana_is_closed_to_strangers():
    environment = SERVICES["grafana"]["environment"]
    assert environment["GF_AUTH_ANONYMOUS_ENABLED"] == "false"
    assert environment["GF_USERS_ALLOW_SIGN_UP"] == "false"
    assert environment["GF_SECURITY_ALLOW_EMBEDDING"] == "false"


def test_the_data_sources_find_their_token_files():
    text = (ROOT / "deploy" / "grafana" / "provisioning" / "datasources" / "zcf.yaml").read_text(encoding="utf-8")
    for path in re.findall(r"\$__file\{(.+?)/token\}", text):
        assert any(str(volume).endswith(f":{path}:ro") for volume in SERVICES["grafana"]["volumes"])


FAKE_INFLUX = """#!/bin/bash
echo "$*" >>"$CALLS"
case "$1 $2" in
'bucket list') grep -qs "create --name $4 " "$CALLS" || [[ $4 == readings ]] && printf 'id-%s\\t%s\\n' "$4" "$4" ;;
'auth create') printf '{\\n  "id": "1",\\n  "token": "secret-%s"\\n}\\n' "${4// /-}" ;;
esac
exit 0
"""


def test_each_role_gets_one_token_with_the_rights_it_needs(tmp_path: Path):
    """The script itself, with a stand-in for the `influx` command and, where not root, for chown."""
    for name, text in (("influx", FAKE_INFLUX), ("chown", "#!/bin/sh\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    tokens, calls = tmp_path / "tokens", tmp_path / "calls"
    for role in ("collector", "analytics", "grafana-readings", "grafana-results"):
        (tokens / role).mkdir(parents=True)
    script = tmp_path / "roles.sh"
    script.write_text((FOLDER / "influx-roles.sh").read_text(encoding="utf-8").replace("/tokens/", f"{tokens}/"))
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "CALLS": str(calls)}
    for _ in range(2):
        subprocess.run(["bash", script], env=env, check=True)
    made = [line for line in calls.read_text().splitlines() if line.startswith("auth create")]
    rights = [line.split("--description ")[1] for line in made]
    assert rights == [  # once each, though the script ran twice
        "zcf collector --write-bucket id-readings --json",
        "zcf analytics --read-bucket id-readings --write-bucket id-results --json",
        "grafana readings --read-bucket id-readings --json",
        "grafana results --read-bucket id-results --json",
    ]
    assert (tokens / "collector" / "token").read_text() == "secret-zcf-collector"
    assert (tokens / "collector" / "token").stat().st_mode & 0o777 == 0o400
    for folder in tokens.iterdir():
        folder.chmod(0o700)


def test_the_image_is_pinned_hashed_and_not_root():
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) == ["python:3.11.13-slim-bookworm"] * 2
    assert "--require-hashes" in DOCKERFILE
    assert re.search(r"^USER 10001:10001$", DOCKERFILE, re.MULTILINE)
    assert not re.search(r"^(ADD|ARG) |curl|wget", DOCKERFILE, re.MULTILINE)


def test_what_the_image_copies_is_there_and_let_through():
    through = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    for source in re.findall(r"^COPY (?!--)(\S+) ", DOCKERFILE, re.MULTILINE):
        assert (ROOT / source).exists(), source
        assert f"!{source}" in through, source


def test_docker_compose_itself_agrees(tmp_path: Path):
    docker = shutil.which("docker")
    probe = [docker or "docker", "compose", "version"]
    if docker is None or subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("needs the docker client with its compose plug-in; no engine")
    file = str(FOLDER / "compose.yaml")
    line = [docker, "compose", "-f", file, "--env-file", "/dev/null", "config", "--format", "json"]
    bare = {key: value for key, value in os.environ.items() if not key.startswith("ZCF_")}
    refused = subprocess.run(line, env=bare, capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    values = {name: str(tmp_path) for name, _ in SECRET.findall(TEXT)}
    done = subprocess.run(line, env=bare | values, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["services"].keys() == SERVICES.keys()
