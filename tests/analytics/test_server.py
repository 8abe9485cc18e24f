"""Whoever attacks the server: slow and large heads and bodies, many sockets, smuggling, ways out of its folder; TLS."""

import contextlib
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from analytics import server
from analytics.api import make_app, serve
from metering.sitefile import load_site
from tests.analytics.test_access import SITE, Clerk
from tests.conftest import needs_program

HOST = b"Host: 127.0.0.1\r\n"
CLOSE = b"\r\nConnection: close\r\n\r\n"
LATE_S = 90.0  # a busy machine; a server that never hangs up fails by this


@contextmanager
def listening(folder: Path, tls: tuple[Path, Path] | None = None) -> Iterator[int]:
    """The works behind the real server, with a store to log in to."""
    (folder / "site.yaml").write_text(SITE)
    told = threading.Event()
    held: dict = {}

    def ready(url: str, stop) -> None:
        held.update(port=int(url.rsplit(":", 1)[1]), stop=stop)
        told.set()

    app = make_app(Clerk(load_site(folder / "site.yaml")))
    thread = threading.Thread(target=serve, args=(app, "127.0.0.1", 0, ready, tls))
    thread.start()
    assert told.wait(LATE_S)
    yield held["port"]
    held["stop"]()
    thread.join(LATE_S)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with listening(tmp_path_factory.mktemp("site")) as found:
        yield found


@pytest.fixture
def hasty(port: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """The same server, with deadlines that a test can wait for and a busy computer's client might miss."""
    monkeypatch.setattr(server, "HEAD_S", 1.2)
    monkeypatch.setattr(server, "BODY_S", 1.2)
    return port


@contextmanager
def dialled(port: int, source: str = "127.0.0.1") -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), LATE_S, source_address=(source, 0)) as found:
        yield found


def rest(connection: socket.socket) -> bytes:
    """Everything until the other side hangs up; a timeout means it never did."""
    found = b""
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(65_536):
            found += part
    return found


def asked(port: int, said: bytes) -> bytes:
    with dialled(port) as connection:
        connection.sendall(said)
        return rest(connection)


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize(
    "begun",
    [b"", b"GET /healthz HTTP/1.1\r\n", b"GET /healthz HTTP/1.1\r\n" + HOST],
    ids=["silent", "first line", "half a head"],
)
def test_a_head_that_does_not_come_is_not_waited_for(hasty: int, begun: bytes) -> None:
    with dialled(hasty) as connection:
        connection.sendall(begun)
        assert rest(connection) == b""


def test_a_head_that_drips_is_cut_off_at_its_deadline(hasty: int) -> None:
    with dialled(hasty) as connection, pytest.raises(ConnectionError):
        _drip(connection, b"GET /healthz HTTP/1.1\r\nX-Slow: " + b"a" * 600)


def _drip(connection: socket.socket, text: bytes) -> None:
    for byte in text:
        connection.sendall(bytes([byte]))
        time.sleep(0.05)


def test_the_second_head_of_a_connection_has_the_same_deadline(hasty: int) -> None:
    with dialled(hasty) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")
        assert b"200 OK" in connection.recv(65_536)
        connection.sendall(b"GET /healthz HTTP/1.1\r\n")
        assert rest(connection) in (b"", b'{"status":"ok"}')


def test_a_body_that_does_not_come_is_not_waited_for(hasty: int) -> None:
    head = (
        b"POST /api/v1/session HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\nContent-Length: 90\r\n\r\n{"
    )
    assert asked(hasty, head) == b""


def test_a_stream_outlives_every_deadline(hasty: int) -> None:
    with dialled(hasty) as connection:
        connection.sendall(b"GET /api/v1/stream HTTP/1.1\r\n" + HOST + b"\r\n")
        heard = b""
        while b"event: live" not in heard:
            heard += connection.recv(65_536)
        time.sleep(1.5)  # longer than both deadlines here
        connection.setblocking(False)
        assert not _ended(connection)
        assert heard.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"GET /healthz HTTP/1.1\r\n" + HOST + b"X-Large: " + b"a" * 1_000_000 + CLOSE, 431),
        (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n" + HOST.strip() + CLOSE, 431),
        (b"POST /api/v1/session HTTP/1.1\r\n" + HOST + b"Content-Length: 1000000000" + CLOSE, 413),
        (b"POST /api/v1/session HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", 400),
        (b"POST /healthz HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n", 501),
        (b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\n" + HOST + b"X: a\x00b\r\n\r\n", 400),
        (b"nonsense\r\n\r\n", 400),
    ],
    ids=["large head", "large target", "large body", "two lengths", "odd coding", "two hosts", "nul", "nonsense"],
)
def test_a_request_nobody_sane_sends_is_refused(port: int, said: bytes, code: int) -> None:
    with dialled(port) as connection:
        with contextlib.suppress(ConnectionError):  # it may hang up while we are still talking
            connection.sendall(said)
        answer = rest(connection)
    assert not answer or status(answer) in {code, 400}
    assert b"tianjin" not in answer


def test_length_and_chunks_together_are_read_as_one_request_alone(port: int) -> None:
    smuggled = b"0\r\n\r\nGET /api/v1/site HTTP/1.1\r\n" + HOST + b"\r\n"
    head = b"POST /api/v1/session HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\nContent-Length: %d\r\n\r\n"
    answer = asked(port, head % len(smuggled) + smuggled)
    assert b"tianjin" not in answer


def test_one_address_has_twenty_connections_and_another_is_still_served(port: int) -> None:
    with_many: list[socket.socket] = []
    try:
        for _ in range(server.MOST_BY_ADDRESS + 5):
            one = socket.create_connection(("127.0.0.1", port), LATE_S, source_address=("127.0.0.2", 0))
            one.sendall(b"GET /api/v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            with_many.append(one)
        answers = [_first(one) for one in with_many]
        assert sum(answer.startswith(b"HTTP/1.1 200") for answer in answers) == server.MOST_BY_ADDRESS
        assert answers.count(b"") == 5
        assert status(asked(port, b"GET /healthz HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")) == 200
    finally:
        for one in with_many:
            one.close()


def _ended(connection: socket.socket) -> bool:
    try:
        while connection.recv(65_536):
            pass
    except BlockingIOError:  # open, and nothing more is there yet
        return False
    return True


def _first(connection: socket.socket) -> bytes:
    try:
        return connection.recv(4_096)
    except ConnectionError:
        return b""


SECRET = ("etc/passwd", "api.py", "../api.py", "pyproject.toml")
UP = ("../", "..%2f", "%2e%2e/", "%2e%2e%2f", "..%5c", "..\\", "....//", "..%c0%af", "..%252f", "%2e%2e%252f", "./../")
PATHS = [f"/{up * times}{name}" for up in UP for times in (1, 2, 6) for name in SECRET] + [
    f"/{folder}/{up * 3}{name}" for folder in ("js", "css", "vendor", "i18n/..") for up in UP for name in SECRET
]


def test_no_path_leads_out_of_the_folder_of_the_page(port: int) -> None:
    assert len(PATHS) > 200
    found = {}
    with dialled(port) as connection:
        reader = connection.makefile("rb")
        for path in PATHS:
            connection.sendall(b"GET " + path.encode() + b" HTTP/1.1\r\n" + HOST + b"\r\n")
            found[path] = _answered(reader)
    assert {path: one for path, one in found.items() if one not in (400, 404, 405)} == {}


def _answered(reader) -> int:
    """The status of the next answer; its body is read away."""
    code = int(reader.readline().split()[1])
    length = 0
    while line := reader.readline().strip():
        name, _, value = line.partition(b":")
        length = int(value) if name.lower() == b"content-length" else length
    reader.read(length)
    return code


def test_a_link_in_the_folder_is_not_followed_out_of_it(tmp_path: Path, monkeypatch) -> None:
    folder = tmp_path / "web"
    folder.mkdir()
    (tmp_path / "secret").write_text("secret")
    (folder / "index.html").write_text("page")
    (folder / "out").symlink_to(tmp_path / "secret")
    monkeypatch.setattr("analytics.api.WEB", folder)
    with listening(tmp_path) as port:
        close = HOST + b"Connection: close\r\n\r\n"
        assert b"page" in asked(port, b"GET / HTTP/1.1\r\n" + close)
        assert status(asked(port, b"GET /out HTTP/1.1\r\n" + close)) == 404


@needs_program("openssl")
def test_over_tls_the_page_asks_browsers_to_stay_there_and_old_versions_are_refused(tmp_path: Path) -> None:
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    files = ["-addext", "subjectAltName=DNS:localhost", "-keyout", tmp_path / "key", "-out", tmp_path / "crt"]
    subprocess.run(["openssl", *words.split(), *files], check=True, capture_output=True)
    trusted = ssl.create_default_context(cafile=str(tmp_path / "crt"))
    with listening(tmp_path, (tmp_path / "crt", tmp_path / "key")) as port:
        with dialled(port) as plain, trusted.wrap_socket(plain, server_hostname="localhost") as line:
            assert line.version() in {"TLSv1.2", "TLSv1.3"}
            line.sendall(b"GET /healthz HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
            answer = rest(line).lower()
        assert b"strict-transport-security: max-age=31536000" in answer
        old = ssl.create_default_context(cafile=str(tmp_path / "crt"))
        old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with dialled(port) as plain, pytest.raises((ssl.SSLError, ConnectionError)):
            old.wrap_socket(plain, server_hostname="localhost")
        with dialled(port) as plain:
            plain.sendall(b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")
            assert b"200 OK" not in rest(plain)
