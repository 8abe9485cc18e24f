"""Other collectors beside ours: told the same points, counted by what arrives; here played by small programs."""

import gzip
import http.client
import json
import re
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest

from tests.zcf.typed import run
from zcf.bench import peers
from zcf.bench.collect import compare, not_measured
from zcf.bench.peer_files import node_red, telegraf, thingsboard
from zcf.bench.peers import PEERS, run_peer
from zcf.bench.receivers import Receivers, Taken, fields_in, receiving, values_in

LINES = b"electricity,device=d1 v0=1.5,v1=2 1700000000000000000\nelectricity,device=d2 v0=3 1700000000000000000\n"
PLAY = """\
import re, sys, time, urllib.request
text = open(sys.argv[2]).read()
url = re.search(r'urls=\\["(.*?)"', text)[1]
fields = text.count("name=\\"v")
line = "m,device=d " + ",".join(f"v{i}=1.5" for i in range(fields)) + " 1\\n"
while True:
    urllib.request.urlopen(urllib.request.Request(url, line.encode())).close()
    sum(range(2_000_000))
    time.sleep(0.2)
"""


def program(folder: Path, text: str) -> str:
    """A Python program that can be started by its path."""
    path = folder / "peer"
    path.write_text(f"#!{sys.executable} -P\n{text}", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def nobody() -> Receivers:
    return Receivers(8086, 1883, Taken())


@pytest.mark.parametrize("manner", ["whole", "gzipped", "in chunks"])
def test_what_is_written_is_counted_however_it_comes(manner: str):
    with receiving() as receivers:
        connection = http.client.HTTPConnection("127.0.0.1", receivers.http_port, timeout=30)
        body = gzip.compress(LINES) if manner == "gzipped" else LINES
        coding = {"Content-Encoding": "gzip"} if manner == "gzipped" else {}
        parts = iter([body[:20], body[20:]]) if manner == "in chunks" else body
        for times in (1, 2):
            if times == 2 and manner == "in chunks":
                parts = iter([body])
            connection.request("POST", "/api/v2/write", parts, coding, encode_chunked=manner == "in chunks")
            with connection.getresponse() as answer:
                assert answer.status == 204
            assert receivers.taken.values == 3 * times
        connection.close()


@pytest.mark.parametrize("version", [mqtt.MQTTv311, mqtt.MQTTv5])
def test_telemetry_is_acknowledged_counted_and_unlimited(version: mqtt.MQTTProtocolVersion):
    """By a real client: the double speaks as much MQTT as it needs, and tells that it limits nothing."""
    limits: list[dict[str, object]] = []
    with receiving() as receivers:
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, "bench", protocol=version)
        client.on_message = lambda _client, _data, message: limits.append(json.loads(message.payload))
        client.connect("127.0.0.1", receivers.mqtt_port)
        client.loop_start()
        client.subscribe([("v1/devices/me/rpc/response/+", 1), ("v1/gateway/rpc", 1)])
        client.publish("v1/devices/me/rpc/request/1", '{"method": "getSessionLimits"}', 1).wait_for_publish(30)
        rows = [{"ts": 1, "values": {f"v{i}": 1.5 for i in range(300)}}, {"ts": 2, "values": {"v0": 2}}]
        client.publish("v1/gateway/telemetry", json.dumps({"d0": rows}), 1).wait_for_publish(30)
        client.publish("v1/gateway/connect", '{"device": "d0"}', 1).wait_for_publish(30)
        client.disconnect()
        client.loop_stop()
        assert receivers.taken.values == 301
    assert [told["rateLimits"] for told in limits] == [{}]


def test_values_are_counted_by_hand():
    assert fields_in(LINES) == 3
    assert fields_in(b"") == 0
    assert values_in(b'{"a": [{"ts": 1, "values": {"x": 1, "y": 2}}], "b": [{"ts": 1, "values": {"x": 3}}]}') == 3


def test_everyone_is_told_all_points_of_all_devices_once_a_second(tmp_path: Path, nobody: Receivers):
    ports = [5001, 5002, 5003]
    assert thingsboard(tmp_path, ports, 100, nobody) == []
    slaves = json.loads((tmp_path / "modbus.json").read_text())["master"]["slaves"]
    assert [(s["port"], s["pollPeriod"], len(s["timeseries"])) for s in slaves] == [(p, 1000, 100) for p in ports]
    assert {tag["address"] for tag in slaves[0]["timeseries"]} == set(range(0, 200, 2))
    telegraf(tmp_path, ports, 100, nobody)
    told = tomllib.loads((tmp_path / "telegraf.conf").read_text())
    assert [one["controller"] for one in told["inputs"]["modbus"]] == [f"tcp://127.0.0.1:{p}" for p in ports]
    assert {len(one["holding_registers"]) for one in told["inputs"]["modbus"]} == {100}
    assert told["agent"]["interval"] == "1s"
    node_red(tmp_path, ports, 100, nobody)
    reads = [one for one in json.loads((tmp_path / "flows.json").read_text()) if one["type"] == "modbus-read"]
    assert sum(int(one["quantity"]) for one in reads) == 3 * 200
    assert {one["rate"] + one["rateUnit"] for one in reads} == {"1s"}


def test_a_peer_that_ends_or_is_not_there_is_named_with_its_reason(tmp_path: Path):
    _, why = run_peer("Telegraf", program(tmp_path, "print('no plugin modbus'); raise SystemExit(3)"), [5001], 10, 1)
    assert why == "it ended with 3: 0 values had come; no plugin modbus"
    assert run_peer("Node-RED", str(tmp_path / "nothing"), [5001], 10, 1)[1].endswith("No such file or directory")


def test_a_peer_that_will_not_stop_is_ended_with_its_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(peers, "_END_S", 0.2)
    pids = tmp_path / "pids"
    stubborn = (
        "import os, pathlib, signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nchild = os.fork()\n"
        f"pathlib.Path({str(pids)!r}).open('a').write(f'{{os.getpid()}} ')\ntime.sleep(600)\n"
    )
    with peers._started([program(tmp_path, stubborn)], tmp_path):
        until(lambda: pids.exists() and len(pids.read_text().split()) == 2)
    for pid in pids.read_text().split():
        until(lambda stat=Path(f"/proc/{pid}/stat"): gone(stat))


def gone(stat: Path) -> bool:
    """Whether a process has ended, though nobody may have asked yet how."""
    try:
        return re.search(r"\) [ZX]", stat.read_text()) is not None
    except OSError:
        return True


def until(condition: Callable[[], bool]) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_without_their_programs_they_are_not_measured_and_it_says_how(capsys: pytest.CaptureFixture[str]):
    assert set(not_measured()) == set(PEERS)
    assert not_measured({"Node-RED", "Telegraf"}) == {
        "ThingsBoard gateway": "install thingsboard-gateway and give its program by --thingsboard"
    }
    assert "--thingsboard" in run("bench", "collect", "--help")


def test_a_peer_is_measured_by_what_arrives_and_by_its_own_processor_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(peers, "WARM_UP_S", 0.2)
    found = compare(2, 10, 3, (), {"Telegraf": program(tmp_path, PLAY)})
    row = found["contestants"]["Telegraf"]
    assert row["values"] > 0
    assert row["values"] % 20 == 0
    assert row["cpu_s_per_million_values"] > 0
    assert row["rss_mb"] > 1
    assert set(found["not_measured"]) == {"ThingsBoard gateway", "Node-RED"}
