"""What each channel really puts on the wire: a real SMTP server, a real broker, and doubles of the chat robots."""

import base64
import email
import email.header
import email.policy
import hashlib
import hmac
import json
import socket
import ssl
import subprocess
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from analytics.channels import Mail, address, send
from metering.alerting import ReceiverSection
from metering.config import ConfigError, Document, validate
from metering.sitefile import SiteFile
from tests.conftest import needs_program, require
from tests.harness.ports import free_port, wait_for

# apprise's own imports; ours are not excused
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
TITLE, TEXT = "[告警] 巢湖 · 无数据", "链路 smt_hall 整体无应答 2 分钟：100 台设备"
MAIL = Mail("17", "no_data-3", "firing", TITLE, TEXT, ("no_data-3",), 1_795_230_000_000)
EVIL = Mail(
    "18", "x-1", "firing", "a\r\nBcc: thief@example.org", "{{7*7}} <script>alert(1)</script>\r\n.\r\nQUIT", (), 0
)


def receiver(channel: str, **more: object) -> ReceiverSection:
    return ReceiverSection.model_validate({"id": "shift-1", "channel": channel, **more})


class Kept(Message):
    """Keeps what came."""

    def __init__(self) -> None:
        super().__init__()
        self.envelopes: list = []

    def prepare_message(self, session, envelope):
        self.envelopes.append(envelope)
        return super().prepare_message(session, envelope)

    def handle_message(self, message) -> None:
        """Nothing more to do."""


@pytest.fixture
def smtp():
    kept = Kept()
    controller = Controller(kept, hostname="127.0.0.1", port=free_port(), ready_timeout=90)
    controller.start()
    yield kept, controller.port
    controller.stop()


def mail_to(port: int) -> ReceiverSection:
    more = {"to": ["shift@example.org", "boss@example.org"], "sender": "zcf@example.org", "tls": False}
    return receiver("email", host="127.0.0.1", port=port, **more)


def test_an_e_mail_arrives_as_written_with_its_key(smtp) -> None:
    kept, port = smtp
    assert send(mail_to(port), MAIL) == ""
    assert {to for one in kept.envelopes for to in one.rcpt_tos} == {"shift@example.org", "boss@example.org"}
    told = email.message_from_bytes(kept.envelopes[0].content, policy=email.policy.default)
    assert told["subject"] == TITLE
    assert told["from"].addresses[0].addr_spec == "zcf@example.org"
    body = told.get_body(("plain",)).get_content()
    assert TEXT in body
    assert "[no_data-3]" in body


def test_a_title_cannot_bring_a_header_nor_a_body_end_the_message(smtp) -> None:
    kept, port = smtp
    assert send(mail_to(port), EVIL) == ""
    told = email.message_from_bytes(kept.envelopes[0].content, policy=email.policy.default)
    assert told["bcc"] is None
    assert told["subject"] == "a Bcc: thief@example.org"
    assert "thief@example.org" not in {to for one in kept.envelopes for to in one.rcpt_tos}
    assert "{{7*7}}" in told.get_body(("plain",)).get_content()


def test_a_mail_server_that_is_away_is_no_delivery() -> None:
    assert send(mail_to(1), MAIL) == "email did not take it"


class Robot:
    """A double of one robot's HTTPS door."""

    def __init__(self, server: HTTPServer) -> None:
        self.server, self.got, self.reply = server, [], Response("{}", content_type="application/json")
        server.expect_request("/hook").respond_with_handler(self.take)

    def take(self, request: Request) -> Response:
        self.got.append(request)
        return self.reply


@pytest.fixture
def robot(httpserver: HTTPServer) -> Robot:
    return Robot(httpserver)


@pytest.fixture
def dingtalk(robot: Robot, monkeypatch) -> Robot:
    from apprise.plugins.dingtalk import NotifyDingTalk

    url = robot.server.url_for("/hook") + "?access_token={token}"
    monkeypatch.setattr(NotifyDingTalk, "notify_url", url)
    monkeypatch.setenv("ZCF_RECEIVER_SHIFT_1", "abc123 SECxyz789")
    return robot


def test_dingtalk_gets_a_signed_text(dingtalk: Robot) -> None:
    assert send(receiver("dingtalk", to=["13800138000"]), MAIL) == ""
    [request] = dingtalk.got
    asked = parse_qs(urlsplit(request.url).query)
    assert asked["access_token"] == ["abc123"]
    signed = hmac.new(b"SECxyz789", f"{asked['timestamp'][0]}\nSECxyz789".encode(), hashlib.sha256).digest()
    assert asked["sign"] == [base64.b64encode(signed).decode()]  # encoded once, as DingTalk documents it
    told = request.get_json()
    assert (told["msgtype"], told["at"]["atMobiles"]) == ("text", ["13800138000"])
    assert TITLE in told["text"]["content"]
    assert TEXT in told["text"]["content"]
    assert "[no_data-3]" in told["text"]["content"]


def test_a_robot_that_says_200_and_an_error_code_took_nothing(dingtalk: Robot) -> None:
    dingtalk.reply = Response('{"errcode": 310000, "errmsg": "sign not match"}', content_type="application/json")
    assert "310000" in send(receiver("dingtalk"), MAIL)
    dingtalk.reply = Response("busy", status=503)
    assert send(receiver("dingtalk"), MAIL) == "dingtalk did not take it"


def test_a_redirect_of_a_robot_is_not_followed(dingtalk: Robot) -> None:
    dingtalk.reply = Response("", status=302, headers={"Location": dingtalk.server.url_for("/elsewhere")})
    assert send(receiver("dingtalk"), MAIL) == "dingtalk did not take it"
    assert len(dingtalk.got) == 1


def test_wecom_gets_a_text(robot: Robot, monkeypatch) -> None:
    from apprise.plugins.wecombot import NotifyWeComBot

    monkeypatch.setattr(NotifyWeComBot, "notify_url", robot.server.url_for("/hook") + "?key={key}")
    monkeypatch.setenv("ZCF_RECEIVER_SHIFT_1", "botkey-1")
    assert send(receiver("wecom"), MAIL) == ""
    assert parse_qs(urlsplit(robot.got[0].url).query)["key"] == ["botkey-1"]
    said = json.dumps(robot.got[0].get_json(), ensure_ascii=False)
    assert TEXT in said
    robot.reply = Response('{"errcode": 93000}', content_type="application/json")
    assert "93000" in send(receiver("wecom"), MAIL)


def test_feishu_gets_a_text(robot: Robot, monkeypatch) -> None:
    from apprise.plugins.feishu import NotifyFeishu

    robot.reply = Response('{"code": 0, "StatusCode": 0}', content_type="application/json")
    monkeypatch.setattr(NotifyFeishu, "notify_url", robot.server.url_for("/hook") + "?t={token}")
    monkeypatch.setenv("ZCF_RECEIVER_SHIFT_1", "abc-123")
    assert send(receiver("feishu"), MAIL) == ""
    assert TEXT in json.dumps(robot.got[0].get_json(), ensure_ascii=False)
    robot.reply = Response('{"code": 19021, "msg": "sign match fail"}', content_type="application/json")
    assert "19021" in send(receiver("feishu"), MAIL)


def test_slack_gets_a_text(robot: Robot, monkeypatch) -> None:
    from apprise.plugins.slack import NotifySlack

    robot.server.expect_request("/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ").respond_with_handler(
        robot.take
    )
    robot.reply = Response("ok")
    monkeypatch.setattr(NotifySlack, "webhook_url", robot.server.url_for("/services"))
    monkeypatch.setenv("ZCF_RECEIVER_SHIFT_1", "T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ")
    assert send(receiver("slack"), MAIL) == ""
    assert TEXT in json.dumps(robot.got[0].get_json(), ensure_ascii=False)


TEAMS = {
    "prod-7.westus.logic.azure.com": "",
    "default4fa001.5c.environment.api.powerplatform.com": "/powerautomate/automations/direct",
}
FLOW, SIGNATURE = "0123456789abcdef0123456789abcdef", "sQ-x_Y9kLm0nPqRsTuVwXyZ0123456789abcdefghij"


@needs_program("openssl")
@pytest.mark.parametrize("host", TEAMS)
def test_teams_gets_a_card_with_the_text(host: str, tmp_path: Path, monkeypatch) -> None:
    words = f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN={host[:40]}"
    files = ["-addext", f"subjectAltName=DNS:{host}", "-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "crt")]
    subprocess.run(["openssl", *words.split(), *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "crt", tmp_path / "key")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "crt"))
    monkeypatch.setenv("ZCF_RECEIVER_SHIFT_1", f"{FLOW} {SIGNATURE}")
    with HTTPServer(host="127.0.0.1", ssl_context=context) as server:
        dialled: list[tuple[str, int]] = []

        def here(address: tuple[str, int], *_words: object, **_more: object) -> socket.socket:
            dialled.append(address)
            return socket.create_connection(("127.0.0.1", server.port), 10)

        monkeypatch.setattr("urllib3.util.connection.create_connection", here)
        got: list[Request] = []
        path = f"{TEAMS[host]}/workflows/{FLOW}/triggers/manual/paths/invoke"
        server.expect_request(path, method="POST").respond_with_handler(lambda r: got.append(r) or Response("", 202))
        assert send(receiver("teams", host=host), MAIL) == ""
        [request] = got
        assert dialled == [(host, 443)]
        assert parse_qs(urlsplit(request.url).query)["sig"] == [SIGNATURE]
        [card] = request.get_json()["attachments"]
        title, body = card["content"]["body"]  # two blocks of text: no picture is fetched from elsewhere
        assert title["text"] == TITLE
        assert body["text"].replace("\\", "") == f"{TEXT}\n[no_data-3]"  # Markdown signs are escaped, as cards want it
        server.clear()
        server.expect_request(path).respond_with_data("", status=429)
        assert send(receiver("teams", host=host), MAIL) == "teams did not take it"


@needs_program("mosquitto")
@needs_program("mosquitto_sub")
def test_mqtt_gets_the_text_at_qos_1(tmp_path: Path) -> None:
    port = free_port()
    config = tmp_path / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
    with subprocess.Popen([require("mosquitto"), "-c", str(config)], stderr=subprocess.DEVNULL) as broker:
        wait_for(port, broker)
        words = [require("mosquitto_sub"), "-h", "127.0.0.1", "-p", str(port), "-t", "zcf/alerts", "-C", "1", "-q", "1"]
        with subprocess.Popen([*words, "-F", "%q %p"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as listening:
            deadline = time.monotonic() + 60
            why = "not yet"
            while listening.poll() is None and time.monotonic() < deadline:  # until the subscription stands
                why = again(receiver("mqtt", host="127.0.0.1", port=port, topic="zcf/alerts", tls=False), MAIL)
                time.sleep(0.2)
            listening.terminate()
            said = listening.stdout.read().decode()
        broker.terminate()
    assert why == ""
    assert said.startswith("1 ")
    assert TEXT in said
    assert "[no_data-3]" in said


def again(receiver: ReceiverSection, mail: Mail) -> str:
    try:
        return send(receiver, mail)
    except Exception as error:  # noqa: BLE001 - the broker must be stopped whatever happens here
        return repr(error)


def test_without_its_secret_a_robot_says_where_to_put_it(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ZCF_RECEIVER_SHIFT_1", raising=False)
    assert "ZCF_RECEIVER_SHIFT_1_FILE" in send(receiver("wecom"), MAIL)
    monkeypatch.setenv("ZCF_RECEIVER_SHIFT_1_FILE", str(tmp_path / "none"))
    assert "No such file" in send(receiver("wecom"), MAIL)


def test_a_secret_cannot_become_another_part_of_the_address() -> None:
    assert (
        address(receiver("wecom"), "key/../@evil.example.org?x=1#y")
        == "wecombot://key%2F..%2F%40evil.example.org%3Fx%3D1%23y"
    )
    mail = receiver("email", host="mail.example.org", to=["a@b.c"], sender="z@b.c", user="me")
    assert address(mail, "p@ss/w:rd").startswith("mailtos://me:p%40ss%2Fw%3Ard@mail.example.org/?")


BAD = [
    ({"channel": "email", "host": "m", "sender": "z@b.c", "to": ["a@b.c\nBcc: x@y.z"]}, "line break"),
    ({"channel": "email", "host": "m", "sender": "z@b.c\r\nX: 1", "to": ["a@b.c"]}, "e-mail address"),
    ({"channel": "email", "host": "m", "sender": "z@b.c", "to": ["nobody"]}, "e-mail address"),
    ({"channel": "email", "host": "m"}, "needs sender, to"),
    ({"channel": "webhook", "host": "https://x.org/a"}, "no host"),
    ({"channel": "webhook", "host": "x.org", "path": "no slash"}, "begin it with /"),
    ({"channel": "webhook", "host": "x.org", "networks": ["127.0.0.0/8"]}, "cannot be allowed"),
    ({"channel": "webhook", "host": "x.org", "networks": ["169.254.0.0/16"]}, "cannot be allowed"),
    ({"channel": "webhook", "host": "x.org", "networks": ["0.0.0.0/0"]}, "cannot be allowed"),
    ({"channel": "mqtt", "host": "b", "topic": "a/#"}, "wildcard"),
    ({"channel": "wecom", "host": "evil.org"}, "says nothing to wecom"),
    ({"channel": "teams", "host": "logic.azure.com.evil.org"}, "none of Teams"),
    ({"channel": "teams", "host": "169.254.169.254"}, "none of Teams"),
    ({"channel": "dingtalk", "to": ["@all"]}, "mobile numbers"),
    ({"channel": "slack", "heartbeat": "1min"}, "every 10 minutes"),
    ({"channel": "slack", "alerts": ["nothing"]}, "no alert 'nothing'"),
]  # fmt: skip


@pytest.mark.parametrize(("section", "said"), BAD)
def test_a_receiver_that_cannot_be_right_is_refused(section: dict, said: str) -> None:
    from metering.alerting import alert_faults

    data = {"site": {"id": "s", "timezone": "UTC"}, "receivers": [{"id": "r", **section}]}
    document = Document("site.yaml", data, {("receivers",): 7, ("receivers", 0): 7})
    try:
        faults = [str(f) for f in alert_faults(document, validate(document, SiteFile), {})]
    except ConfigError as error:
        faults = [str(fault) for fault in error.faults]
    assert any(said in fault and fault.startswith("site.yaml:7") for fault in faults), faults


RULES = [
    ({"kind": "threshold", "point": "grid", "quantity": "active_power"}, "needs a limit"),
    ({"kind": "threshold", "quantity": "active_power", "above": 1}, "needs point"),
    ({"kind": "threshold", "point": "grid", "quantity": "active_power", "above": 5, "clear": 6}, "bad side"),
    ({"kind": "threshold", "point": "grid", "quantity": "active_power", "above": 5, "below": 6}, "swap"),
    ({"kind": "threshold", "point": "none", "quantity": "active_power", "above": 5}, "no point 'none'"),
    ({"kind": "threshold", "point": "grid", "quantity": "active_energy_import", "above": 5}, "is a counter"),
    ({"kind": "threshold", "point": "grid", "quantity": "weight", "above": 5}, "weight"),
    ({"kind": "absence", "after": "2min", "above": 3}, "above says nothing to absence"),
    ({"kind": "absence"}, "needs after"),
    ({"kind": "demand"}, "no demand limit"),
    ({"kind": "verdict", "standard": "none"}, "not in force"),
    ({"kind": "thresold", "above": 3}, "Input should be 'threshold'"),
]  # fmt: skip


@pytest.mark.parametrize(("section", "said"), RULES)
def test_a_rule_that_cannot_be_right_is_refused(section: dict, said: str) -> None:
    from metering.alerting import alert_faults

    points = [{"id": "grid", "role": "grid", "device": "m"}]
    data = {"site": {"id": "s", "timezone": "UTC"}, "points": points, "alerts": [{"id": "r", **section}]}
    document = Document("site.yaml", data, {("alerts",): 9, ("alerts", 0): 9})
    try:
        faults = [str(f) for f in alert_faults(document, validate(document, SiteFile), {})]
    except ConfigError as error:
        faults = [str(fault) for fault in error.faults]
    assert any(said in fault and fault.startswith("site.yaml:9") for fault in faults), faults
