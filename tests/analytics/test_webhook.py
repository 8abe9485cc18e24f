"""Where a webhook may go: stub resolver and stub dialer alone, the only real packets go to a server on loopback."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from analytics.channels import Mail, post
from analytics.webhook import RefusedAddressError, Webhook, judged
from tests.conftest import needs_program

PUBLIC = "93.184.215.14"  # example.org; never dialled here
REFUSED = [
    "127.0.0.1", "127.9.9.9", "0.0.0.0", "::1", "::", "169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%eth0",
    "fd00:ec2::254", "100.100.100.200", "192.0.0.192", "224.0.0.1", "ff02::1", "::ffff:127.0.0.1",
    "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "255.255.255.255", "240.0.0.1",
]  # fmt: skip
PRIVATE = ["10.1.2.3", "172.16.0.9", "192.168.1.1", "100.64.0.1", "fd12::1", "::ffff:10.1.2.3", "64:ff9b::a01:203"]


class Net:
    """A resolver and a dialer that note what they are asked; nothing leaves."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers, self.asked, self.dialled = list(answers), [], []

    def resolve(self, host: str, port: int) -> list[str]:
        self.asked.append((host, port))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def dial(self, address: str, port: int, timeout: float) -> socket.socket:
        self.dialled.append((address, port))
        raise ConnectionRefusedError


def hook(net: Net, host: str = "hooks.example.org", networks: tuple[str, ...] = ()) -> Webhook:
    return Webhook(host, None, "/x", networks, resolver=net.resolve, dialer=net.dial)


@pytest.mark.parametrize("address", [*REFUSED, *PRIVATE])
def test_a_name_that_means_an_inner_address_is_not_dialled(address: str) -> None:
    net = Net([address])
    assert hook(net).post(b"{}", {}).startswith("refused")
    assert net.dialled == []


@pytest.mark.parametrize("address", REFUSED)
def test_some_addresses_stay_refused_whatever_the_file_allows(address: str) -> None:
    with pytest.raises(RefusedAddressError):
        judged(address, ["10.0.0.0/8", "fd00::/8", "100.64.0.0/10", "192.0.0.0/24"])


def test_a_private_network_is_reached_where_the_file_names_it() -> None:
    net = Net(["10.1.2.3"])
    hook(net, networks=("10.1.0.0/16",)).post(b"{}", {})
    assert net.dialled == [("10.1.2.3", 443)]
    assert judged("10.1.2.3", ["10.1.0.0/16"]) == "10.1.2.3"
    with pytest.raises(RefusedAddressError, match="networks"):
        judged("10.2.0.1", ["10.1.0.0/16"])


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "017700000001", "127.1", "localhost", "metadata.internal"])
def test_other_ways_to_write_an_address_are_judged_by_what_they_mean(host: str) -> None:
    net = Net(["127.0.0.1"])
    assert hook(net, host).post(b"{}", {}).startswith("refused")
    assert net.dialled == []


def test_one_bad_address_among_good_ones_refuses_them_all() -> None:
    net = Net([PUBLIC, "169.254.169.254"])
    assert hook(net).post(b"{}", {}).startswith("refused")
    assert net.dialled == []


def test_a_name_is_looked_up_once_and_that_address_is_dialled() -> None:
    net = Net([PUBLIC], ["127.0.0.1"])  # rebinding: the second answer would be inside
    hook(net).post(b"{}", {})
    assert (net.asked, net.dialled) == ([("hooks.example.org", 443)], [(PUBLIC, 443)])


def test_what_the_resolver_says_in_error_is_no_address() -> None:
    assert "no address" in hook(Net([])).post(b"{}", {})
    assert "ValueError" in hook(Net(["not an address"])).post(b"{}", {})


class _Answers(BaseHTTPRequestHandler):
    status, headers_out, body, got = 200, (), b"ok", []

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        type(self).got.append((self.path, dict(self.headers), self.rfile.read(length)))
        self.send_response(self.status)
        for name, value in self.headers_out:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *words: object) -> None:
        """Stay silent."""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=hooks.example.org"
    more = ["-addext", "subjectAltName=DNS:hooks.example.org", "-keyout", folder / "key", "-out", folder / "crt"]
    subprocess.run(["openssl", *words.split(), *more], check=True, capture_output=True)
    return folder


@pytest.fixture
def served(certificate: Path) -> Iterator[tuple[type[_Answers], Webhook, ssl.SSLContext]]:
    handler = type("Handler", (_Answers,), {"got": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate / "crt", certificate / "key")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        port = server.server_address[1]

        def dial(address: str, _port: int, timeout: float) -> socket.socket:
            assert address == PUBLIC
            return socket.create_connection(("127.0.0.1", port), timeout)

        trusted = ssl.create_default_context(cafile=str(certificate / "crt"))
        yield handler, Webhook("hooks.example.org", None, "/z?c=1", resolver=lambda *_: [PUBLIC], dialer=dial,
                               context=trusted), dial  # fmt: skip
        server.shutdown()
        thread.join()


MAIL = Mail(
    "17", "no_data-3", "firing", "[告警] 厂 · 无数据", "链路 hall 整体无应答", ("no_data-3",), 1_795_230_000_000
)


@needs_program("openssl")
def test_the_payload_is_json_with_the_key_and_an_idempotency_key(served) -> None:
    handler, webhook, _ = served
    assert post(webhook, MAIL, "s3cret") == ""
    [(path, headers, body)] = handler.got
    assert (path, headers["Idempotency-Key"], headers["Authorization"]) == ("/z?c=1", "17", "Bearer s3cret")
    assert headers["Host"] == "hooks.example.org"
    import json

    assert json.loads(body) == {
        "version": 1, "id": "17", "key": "no_data-3", "happening": "firing", "title": "[告警] 厂 · 无数据",
        "text": "链路 hall 整体无应答", "keys": ["no_data-3"], "made_ms": 1_795_230_000_000,
    }  # fmt: skip


@needs_program("openssl")
def test_a_redirect_an_error_and_a_flood_are_no_delivery_and_show_no_reply(served) -> None:
    handler, webhook, _ = served
    handler.status, handler.headers_out = 302, (("Location", "http://169.254.169.254/"),)
    assert "redirects" in webhook.post(b"{}", {})
    handler.status, handler.headers_out, handler.body = 500, (), b"secret inside"
    assert webhook.post(b"{}", {}) == "hooks.example.org answered 500"
    handler.status, handler.body = 200, b"x" * 70_000
    assert "64 kB" in webhook.post(b"{}", {})
    assert len(handler.got) == 3


@needs_program("openssl")
def test_a_certificate_nobody_trusts_or_of_another_name_is_refused(served, certificate: Path) -> None:
    handler, _, dial = served
    stranger = Webhook("hooks.example.org", resolver=lambda *_: [PUBLIC], dialer=dial)
    assert "SSLCertVerificationError" in stranger.post(b"{}", {})
    trusted = ssl.create_default_context(cafile=str(certificate / "crt"))
    other = Webhook("other.example.org", resolver=lambda *_: [PUBLIC], dialer=dial, context=trusted)
    assert "SSLCertVerificationError" in other.post(b"{}", {})
    assert handler.got == []


@pytest.mark.parametrize("bad", ["a\r\nX-Evil: 1", "a\nb"])
def test_a_header_with_a_line_break_is_not_sent(bad: str) -> None:
    net = Net([PUBLIC])
    assert hook(net).post(b"{}", {"Idempotency-Key": bad}) != ""
