"""What each other collector is told: the same devices, points and period, in its own words; all else as delivered."""

import json
import socket
from pathlib import Path
from typing import Any

from zcf.bench.contestants import SCALE
from zcf.bench.receivers import Receivers

_A_READ = 50  # float32 a request of Node-RED's, whose user cuts the registers himself


def thingsboard(folder: Path, ports: list[int], values: int, receivers: Receivers) -> list[str]:
    """Every point a tag, as its manual has it; telemetry goes to a ThingsBoard without limits of rate."""
    limits = ("rateLimits", "dpRateLimits", "messagesRateLimits", "deviceMessagesRateLimits", "deviceRateLimits",
              "deviceDpRateLimits")  # fmt: skip
    platform = {
        "host": "127.0.0.1", "port": receivers.mqtt_port, "remoteShell": False, "remoteConfiguration": False,
        "security": {"type": "accessToken", "accessToken": "bench"}, "qos": 1, "maxPayloadSizeBytes": 8196,
        "minPackSendDelayMS": 50, "minPackSizeToSend": 500, "statistics": {"enable": False},
        "checkConnectorsConfigurationInSeconds": 60, "reportStrategy": {"type": "ON_RECEIVED"},
        **dict.fromkeys(limits, "0:0,"),
    }  # fmt: skip
    storage = {"type": "memory", "read_records_count": 100, "max_records_count": 100_000}
    connector = {"type": "modbus", "name": "Modbus", "configuration": "modbus.json"}
    _write(folder / "tb_gateway.json", {"thingsboard": platform, "storage": storage, "grpc": {"enabled": False},
                                        "connectors": [connector]})  # fmt: skip
    _write(folder / "modbus.json", {"master": {"slaves": [_slave(i, port, values) for i, port in enumerate(ports)]}})
    quiet = {"level": "ERROR", "handlers": ["console"], "propagate": False}
    _write(folder / "logs.json", {
        "version": 1, "disable_existing_loggers": False, "root": {"level": "ERROR", "handlers": ["console"]},
        "handlers": {"console": {"class": "logging.StreamHandler", "level": 0, "stream": "ext://sys.stdout"}},
        "loggers": dict.fromkeys(("service", "connector", "converter", "tb_connection", "storage", "extension",
                                  "database"), quiet),
    })  # fmt: skip
    return []


def _slave(number: int, port: int, values: int) -> dict[str, Any]:
    tags = [
        {"tag": f"v{i}", "type": "32float", "functionCode": 3, "objectsCount": 2, "address": 2 * i, "multiplier": SCALE}
        for i in range(values)
    ]
    return {
        "host": "127.0.0.1", "port": port, "type": "tcp", "method": "socket", "unitId": 1, "deviceName": f"d{number}",
        "deviceType": "default", "timeout": 3, "byteOrder": "BIG", "wordOrder": "BIG", "retries": 3,
        "retryOnEmpty": True, "retryOnInvalid": True, "pollPeriod": 1000, "connectAttemptTimeMs": 5000,
        "connectAttemptCount": 5, "waitAfterFailedAttemptsMs": 5000, "attributes": [], "timeseries": tags,
        "attributeUpdates": [], "rpc": [],
    }  # fmt: skip


def telegraf(folder: Path, ports: list[int], values: int, receivers: Receivers) -> list[str]:
    """One modbus input a device, one influxdb_v2 output."""
    fields = "".join(
        f'  {{name="v{i}", byte_order="ABCD", data_type="FLOAT32", scale={SCALE}, address=[{2 * i},{2 * i + 1}]}},\n'
        for i in range(values)
    )
    inputs = "".join(
        f'[[inputs.modbus]]\nname="d{i}"\nslave_id=1\ntimeout="1s"\ncontroller="tcp://127.0.0.1:{port}"\n'
        f"holding_registers=[\n{fields}]\n"
        for i, port in enumerate(ports)
    )
    (folder / "telegraf.conf").write_text(
        '[agent]\ninterval="1s"\nflush_interval="1s"\nomit_hostname=true\nquiet=true\n'
        f'[[outputs.influxdb_v2]]\nurls=["http://127.0.0.1:{receivers.http_port}"]\n'
        f'token="t"\norganization="o"\nbucket="b"\n{inputs}',
        encoding="utf-8",
    )
    return ["--config", str(folder / "telegraf.conf")]


def node_red(folder: Path, ports: list[int], values: int, receivers: Receivers) -> list[str]:
    """A client a device, a read node a block, one function node that makes lines, one request node that posts them."""
    url = f"http://127.0.0.1:{receivers.http_port}/api/v2/write?org=o&bucket=b"
    flows: list[dict[str, Any]] = [
        {"id": "tab", "type": "tab", "label": "bench"},
        {"id": "post", "type": "http request", "z": "tab", "method": "POST", "ret": "txt", "paytoqs": "ignore",
         "url": url, "persist": True, "senderr": False, "headers": [], "wires": [[]]},
        {"id": "lines", "type": "function", "z": "tab", "func": _LINES, "outputs": 1, "wires": [["post"]]},
    ]  # fmt: skip
    for number, port in enumerate(ports):
        flows += [_client(number, port), *(_read(number, first, values) for first in range(0, values, _A_READ))]
    _write(folder / "flows.json", flows)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    (folder / "settings.js").write_text(
        f'module.exports = {{uiPort: {port}, uiHost: "127.0.0.1", flowFile: "flows.json", credentialSecret: false, '
        'logging: {console: {level: "warn"}}}\n',
        encoding="utf-8",
    )
    return ["--userDir", str(folder), "--settings", str(folder / "settings.js")]


def _client(number: int, port: int) -> dict[str, Any]:
    return {
        "id": f"c{number}", "type": "modbus-client", "name": f"d{number}", "clienttype": "tcp", "bufferCommands": True,
        "tcpHost": "127.0.0.1", "tcpPort": str(port), "tcpType": "DEFAULT", "unit_id": "1", "commandDelay": "1",
        "clientTimeout": "1000", "reconnectOnTimeout": True, "reconnectTimeout": "2000", "parallelUnitIdsAllowed": True,
        "failureLogEnabled": True,
    }  # fmt: skip


def _read(number: int, first: int, values: int) -> dict[str, Any]:
    return {
        "id": f"r{number}x{first}", "type": "modbus-read", "z": "tab", "name": f"d{number}x{first}",
        "topic": f"d{number} {first}", "unitid": "1", "dataType": "HoldingRegister", "adr": str(2 * first),
        "quantity": str(2 * min(_A_READ, values - first)), "rate": "1", "rateUnit": "s", "server": f"c{number}",
        "showErrors": True, "wires": [["lines"], []],
    }  # fmt: skip


_LINES = f"""
const [device, first] = msg.topic.split(" "), buffer = msg.responseBuffer.buffer, fields = [];
for (let i = 0; i < buffer.length / 4; i++) fields.push(`v${{+first + i}}=${{buffer.readFloatBE(4 * i) * {SCALE}}}`);
return {{payload: `electricity,device=${{device}} ${{fields.join(",")}} ${{Date.now()}}000000`}};
"""


def _write(path: Path, body: Any) -> None:
    path.write_text(json.dumps(body), encoding="utf-8")
